"""The options of the command line.

Options that are parameters of the estimators have their names and no default: where an option is not given, the
estimator's default holds, which is therefore written once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from zandloper.cli.estimator_options import PLAIN, Parameter, TypeOption, in_words, type_options, types
from zandloper.cli.values import read_latent_dims, read_row_range, read_size, read_type, reader_of

# Parameters without an option: objects, those that other options set (--modality and its like, --seed, --quiet), and
# targets, which no command reads.
NO_OPTION = {"autoencoder", "modality", "random_state", "verbose", "corrupt", "bottleneck", "target", "target_modality"}
OF_TRAINING = {
    *("max_epochs", "max_minutes", "validation", "patience", "batch_size", "lr", "optimizer", "weight_decay"),
    *("device", "precision", "checkpoint"),
}
EXAMPLES = {"noise": " For example gaussian(0.2), or in order blur(1), gaussian(0.05)."}
CHOICES = ("auto", "table", "image", "series", "audio", "text")  # of --modality


def option(name: str, annotation: str, help: str, heading: str) -> inspect.Parameter | None:
    """The option of an estimator's parameter; None where no text stands for its values."""
    reader = None if name in NO_OPTION else reader_of(name, annotation)
    if reader is None:
        return None
    kind, settings = reader
    flags = f"{flag(name)}/--no-{name.replace('_', '-')}" if kind is bool else flag(name)
    declared = typer.Option(flags, help=help + EXAMPLES.get(name, ""), rich_help_panel=heading, **settings)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, declared]
    )


def option_of_parameter(parameter: Parameter) -> inspect.Parameter | None:
    """The option of a constructor's parameter."""
    heading = "Training" if parameter.name in OF_TRAINING else "Model"
    return option(parameter.name, parameter.annotation, in_words(parameter), heading)


def option_of_type(parameter: TypeOption) -> inspect.Parameter | None:
    """The option of a parameter that only some of the types have, under a heading that names them."""
    several = len(parameter.help) > 1
    help_ = " ".join(f"{type_}: {text}" if several else text for type_, text in parameter.help.items())
    heading = f"Type{'s' if several else ''} {', '.join(parameter.help)}"
    return option(parameter.name, parameter.annotation, help_, heading)


def options_of_types() -> list[inspect.Parameter]:
    """An option for each parameter that only some of the types have."""
    return [made for each in type_options().values() if (made := option_of_type(each)) is not None]


def option_type() -> Any:
    """The option `--type`."""
    return Annotated[
        Any,
        typer.Option(
            metavar="NAME",
            help=f"Kind of autoencoder: {', '.join(types())}. By default {PLAIN}.",
            parser=read_type,
            autocompletion=lambda: list(types()),
            rich_help_panel="Model",
        ),
    ]


def flag(parameter: str) -> str:
    """The option of a parameter."""
    return f"--{parameter.replace('_', '-')}"


def _data(metavar: str, help: str, parser: Callable[[str], Any] | None = None, **settings: Any) -> Any:
    return typer.Option(metavar=metavar, help=help, parser=parser, rich_help_panel="Data", **settings)


def _training(metavar: str, help: str) -> Any:
    return typer.Option(metavar=metavar, help=help, rich_help_panel="Training")


Data = Annotated[
    Path, typer.Argument(metavar="DATA", help="CSV, Parquet, NPY, NPZ, image, sound, or folder of images or sounds.")
]
DataOrStream = Annotated[
    Path | None,
    typer.Argument(metavar="DATA", help="As for fit; for a detector also -, rows of CSV from standard input."),
]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder, as `zandloper fit` writes it.")]
ModelOut = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The model to write.")]
_to = typer.Option(
    "--output",
    "-o",
    metavar="FILE",
    help="The file to write: .csv, .parquet, .npy or .png; without ending, a folder of images.",
)
DataOut = Annotated[Path, _to]
DataOutOrStream = Annotated[Path | None, _to]
StudyData = Annotated[
    Path | None,
    typer.Argument(metavar="DATA", help="A table of numbers, an array or images; left out, three curves are drawn."),
]
StudyOut = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="The picture (.png) or the numbers (.csv, .parquet) to write."),
]
PageOut = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The page to write, .html.")]
Labels = Annotated[
    str | None, typer.Option(metavar="COLUMN|FILE", help="Colors and names on the map; nothing is measured with them.")
]
Target = Annotated[str | None, typer.Option(metavar="COLUMN|FILE", help="The values that a supervised model predicts.")]
ComparePCA = Annotated[
    bool,
    typer.Option("--compare-pca", help="Compare with PCA at several latent sizes, each of which is trained."),
]
Folder = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder to write.")]
What = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="latent (the default), reconstruction or error; with a quantized model also symbols, with a variational "
        "one elbo and log_likelihood, in nats.",
    ),
]
Number = Annotated[
    int, typer.Option("--number", "-n", metavar="N", help="Number of samples, with --like of each item.")
]
Like = Annotated[Path | None, typer.Option(metavar="DATA", help="Vary these items instead of drawing new ones.")]
SampleSeed = Annotated[int | None, typer.Option("--seed", metavar="N", help="The same seed gives the same samples.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")]
Version = Annotated[bool, typer.Option("--version", "-V", help="Print the version.")]

Columns = Annotated[str | None, _data("NAMES", "The columns of a table to read: a,b,c.")]
Drop = Annotated[str | None, _data("NAMES", "The columns of a table to leave out.")]
Modality = Annotated[
    str | None,
    _data("NAME", f"Modality of the data: {', '.join(CHOICES)}.", autocompletion=lambda: list(CHOICES)),
]
Size = Annotated[Any, _data("HEIGHTxWIDTH", "Resize images that come from files.", read_size)]
Window = Annotated[int | None, _data("STEPS", "Steps in a window of a series; by default from the period of the data.")]
Time = Annotated[str | None, _data("NAME", "The column of a series' time stamps, where it is not found automatically.")]
Channels = Annotated[int | None, _data("1|3|4", "Make images from files gray, colored, or colored with opacity.")]

LatentDims = Annotated[
    Any,
    typer.Option(
        metavar="N,N",
        help="Sizes of the latent space to try. By default 1,2,4 ... up to 32.",
        parser=read_latent_dims,
        rich_help_panel="Model",
    ),
]

ModelOption = Annotated[Path, typer.Option("--model", "-m", metavar="MODEL", help="A model of `fit compress`.")]
Packed = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The compressed file to write.")]
PackedIn = Annotated[Path, typer.Argument(metavar="FILE", help="A file that `zandloper compress` wrote.")]
RowRange = Annotated[
    Any,
    typer.Option(
        "--rows", metavar="FIRST:END", help="Rows to decompress, counted from 0, END excluded.", parser=read_row_range
    ),
]
Damaged = Annotated[
    str,
    typer.Option("--damaged", metavar="WHAT", help="Damaged blocks: error, or skip them with a warning."),
]

MaxEpochs = Annotated[int | None, _training("N", "Passes over the data at most.")]
MaxMinutes = Annotated[float | None, _training("N", "Minutes at most.")]
Seed = Annotated[int | None, _training("N", "The same seed gives the same model.")]
