"""The options of the command line. Those that are parameters of the estimators have their names and no default of
their own: where an option is not given, the estimator's default holds, which therefore stands in one place only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

DATA, MODEL, TRAINING = "Data", "Model", "Training"


def read_latent_dim(text: str) -> int | float:
    """A number of latents, or a fraction of the variance."""
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        wanted = "a number of latents (8) or a fraction of the variance (0.9)"
        raise typer.BadParameter(f"{text!r} is not {wanted}") from None


def read_hidden(text: str) -> str | tuple[int, ...]:
    """Widths of hidden layers."""
    if text.strip().lower() == "auto":
        return "auto"
    if text.strip().lower() in ("", "none"):
        return ()
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no list of widths: write 64,32 or none or auto") from None


Data = Annotated[Path, typer.Argument(metavar="DATA", help="CSV, Parquet, NPY or NPZ file, an image, or a folder of "
                 "images.")]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder, as `zandloper fit` writes it.")]
ModelOut = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The model to write.")]
DataOut = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="What to write: .csv, .parquet, .npy, .png, "
                    "or for images a folder (no ending).")]
Folder = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder to write.")]
What = Annotated[str | None, typer.Option(metavar="NAME", help="latent (the default), reconstruction or error.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.")]
Version = Annotated[bool, typer.Option("--version", help="Print the version.")]

Columns = Annotated[str | None, typer.Option(metavar="NAMES", rich_help_panel=DATA, help="Of a table, only these columns: "
                    "a,b,c.")]
Drop = Annotated[str | None, typer.Option(metavar="NAMES", rich_help_panel=DATA, help="Of a table, all but these columns.")]
Modality = Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=DATA, help="How the data are read: auto, "
                     "table, image.")]

LatentDim = Annotated[Any, typer.Option(parser=read_latent_dim, metavar="N", rich_help_panel=MODEL, help="How many latents "
                      "to keep, or as a fraction which share of the variance PCA would keep with them. By default 0.9, "
                      "within 2 to 64 latents.")]
Hidden = Annotated[Any, typer.Option(parser=read_hidden, metavar="WIDTHS", rich_help_panel=MODEL, help="Hidden layers: "
                   "auto, 64,32, or none.")]
Activation = Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=MODEL, help="silu, relu, gelu, tanh, "
                       "linear ...")]
Encoder = Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=MODEL, help="Kind of nets: auto, dense, "
                    "conv2d.")]
Loss = Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=MODEL, help="How the error is measured: auto, mse, "
                 "mae, bce ...")]

MaxEpochs = Annotated[int | None, typer.Option(metavar="N", rich_help_panel=TRAINING, help="At most so many passes over the "
                      "data.")]
MaxMinutes = Annotated[float | None, typer.Option(metavar="N", rich_help_panel=TRAINING, help="At most so long.")]
Validation = Annotated[float | None, typer.Option(metavar="SHARE", rich_help_panel=TRAINING, help="Share of the data that "
                       "decides when to stop; 0: all of it trains.")]
BatchSize = Annotated[int | None, typer.Option(metavar="N", rich_help_panel=TRAINING, help="Samples in a step.")]
LR = Annotated[float | None, typer.Option("--lr", metavar="RATE", rich_help_panel=TRAINING, help="Learning rate.")]
Seed = Annotated[int | None, typer.Option(metavar="N", rich_help_panel=TRAINING, help="The same seed gives the same model.")]
Device = Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=TRAINING, help="auto, cpu, cuda.")]
Precision = Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=TRAINING, help="auto, float32, bfloat16.")]
Checkpoint = Annotated[Path | None, typer.Option(metavar="FOLDER", rich_help_panel=TRAINING, help="Progress is saved here, "
                       "and a run that was killed goes on from it.")]
