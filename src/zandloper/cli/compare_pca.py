"""`zandloper compare-pca`: an autoencoder and PCA compared, over sizes of the latent space."""

from __future__ import annotations

from typing import Any

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import app
from zandloper.cli.printer import Printer
from zandloper.errors import FileError, ParameterError


@app.command()
def compare_pca(
    data: opt.StudyData = None,
    output: opt.StudyOut = None,
    columns: opt.Columns = None,
    drop: opt.Drop = None,
    modality: opt.Modality = None,
    size: opt.Size = None,
    channels: opt.Channels = None,
    latent_dims: opt.LatentDims = None,
    max_epochs: opt.MaxEpochs = None,
    max_minutes: opt.MaxMinutes = None,
    seed: opt.Seed = 0,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Compare PCA and an autoencoder on held-out rows, over sizes of the latent space."""
    from rich.console import Console

    from zandloper import compare_with_pca, curves_table, io

    show = Printer(quiet)
    found: Any  # curves or a comparison, which both print, plot and have a frame
    if output is not None:
        io.check_output(output, force)
        if io.ending(output) not in (".png", *io.tables.ENDINGS):
            raise FileError(f"{output}: the picture is written to .png, the numbers to .csv or .parquet")
    if data is None:
        of_data = {"--latent-dims": latent_dims, "--columns": columns, "--drop": drop, "--modality": modality}
        given = next((name for name, value in of_data.items() if value is not None), None)
        if given:
            raise ParameterError(
                f"{given} is for data of your own, and no file is named: zandloper compare-pca DATA {given} ..."
            )
        found = curves_table(max_epochs=max_epochs, random_state=seed)
    else:
        if output is not None:
            inputs.check_apart(output, data)
        X = inputs.read(data, columns, drop)
        show(f"data     {io.in_words(X)}")
        found = compare_with_pca(
            X,
            latent_dims,
            modality=inputs.modality(X, modality, size, channels),
            max_epochs=max_epochs,
            max_minutes=max_minutes,
            random_state=seed,
        )
    Console(highlight=False, soft_wrap=True, quiet=quiet).print(found)
    if output is not None:
        if io.ending(output) == ".png":
            io.write_figure(output, found.plot(), force)
        else:
            io.write(output, found.frame, force=force)
        show(f"written  {output}")
