"""Compression: learn to keep data in few bytes that only the model reads."""

from __future__ import annotations

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import fit_app
from zandloper.cli.applications import Application, Job
from zandloper.errors import ParameterError


@fit_app.command()
def compress(
    data: opt.Data,
    output: opt.ModelOut,
    columns: opt.Columns = None,
    drop: opt.Drop = None,
    modality: opt.Modality = None,
    size: opt.Size = None,
    channels: opt.Channels = None,
    window: opt.Window = None,
    time: opt.Time = None,
    max_error: opt.MaxError = None,
    relative: opt.Relative = False,
    quality: opt.Quality = None,
    max_epochs: opt.MaxEpochs = None,
    max_minutes: opt.MaxMinutes = None,
    seed: opt.Seed = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Learn to keep data in few bytes, within a bound that holds for every value."""
    inputs.check_model_output(output, data, force)
    if relative and max_error is None:
        raise ParameterError("--relative says what --max-error is a share of: give --max-error too")
    import zandloper
    from zandloper import io

    X = inputs.read(data, columns, drop)
    settings = inputs.settings(
        modality=inputs.modality(X, modality, size, channels, window, time),
        max_error=max_error,
        relative=relative,
        quality=quality,
        max_epochs=max_epochs,
        max_minutes=max_minutes,
        random_state=seed,
    )
    say = inputs.speaker(quiet)
    say(f"data     {io.in_words(X)}")
    compressor = zandloper.Compressor(**settings).fit(X)
    compressor.save(output, overwrite=force)
    say(str(compressor.describe()))
    say(f"written  {output}\nnext     zandloper compress {data} -m {output} -o {data.stem}.zl")


def run(job: Job) -> None:
    """Models of this kind have commands of their own."""
    raise ParameterError(
        "a compressor runs both ways: zandloper compress FILE -m MODEL -o FILE.zl, and zandloper decompress"
    )


APPLICATION = Application(
    name="compress",
    model="compressor",
    estimator="Compressor",
    gives="has commands of its own, compress and decompress",
    run=run,
)
