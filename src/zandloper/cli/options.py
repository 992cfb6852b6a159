"""The options of the command line. Those that are parameters of the estimators have their names and no default of
their own: where an option is not given, the estimator's default holds, which therefore stands in one place only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from zandloper.cli.estimator_options import PLAIN, TypeOption, spelled, type_options, types
from zandloper.errors import ParameterError


def read_latent_dim(text: str) -> int | float:
    """A number of latents, or a fraction of the variance."""
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        wanted = "a number of latents (8) or a fraction of the variance (0.9)"
        raise typer.BadParameter(f"{text!r} is not {wanted}") from None


def read_row_range(text: str) -> tuple[int, int]:
    """Two whole numbers with a colon between."""
    first, colon, end = text.partition(":")
    if not (colon and first.isdigit() and end.isdigit()):
        raise typer.BadParameter(f"{text} is no range of rows: wanted is FIRST:END, such as 100:200")
    return int(first), int(end)


def read_latent_dims(text: str) -> list[int]:
    """Several numbers of latents."""
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no list of sizes: write 1,2,4,8") from None


def read_size(text: str) -> tuple[int, int]:
    """Height and width of images."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.strip().isdecimal() and int(side) for side in sides):
        raise typer.BadParameter(f"{text!r} is no height and width: write 32x48")
    return int(sides[0]), int(sides[1])


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


def read_type(text: str) -> str:
    """The name of a type."""
    if spelled(text) not in types():
        raise typer.BadParameter(f"{text!r} is no type: write {', '.join(types())}")
    return spelled(text)


def read_word_or_number(text: str) -> str | int | float:
    """A number where it is one, else the word."""
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return text


def read_numbers(text: str) -> tuple[int, ...]:
    """Several whole numbers."""
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no list of numbers: write 8,6,5") from None


def read_noise(text: str) -> Any:
    """A noise by its name and settings."""
    if text == "auto":
        return text
    from zandloper.noise.parsing import from_text

    try:
        return from_text(text)
    except ParameterError as error:
        raise typer.BadParameter(str(error)) from None


def _data(metavar: str, help: str, parser: Callable[[str], Any] | None = None) -> Any:
    return typer.Option(metavar=metavar, help=help, parser=parser, rich_help_panel="Data")


def _model(metavar: str, help: str, parser: Callable[[str], Any] | None = None) -> Any:
    return typer.Option(metavar=metavar, help=help, parser=parser, rich_help_panel="Model")


# How the option of a parameter that only some types have is read: by the parameter's name, else by its annotation.
READERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "noise": (Any, {"metavar": "NOISE", "parser": read_noise}),
    "noisy": (Path, {"metavar": "DATA"}),
    "bool": (bool, {}),
    "int": (int, {"metavar": "N"}),
    "float": (float, {"metavar": "NUMBER"}),
    "str": (str, {"metavar": "NAME"}),
    "Any": (Any, {"metavar": "VALUE", "parser": read_word_or_number}),
    "tuple[int, ...]": (Any, {"metavar": "N,N", "parser": read_numbers}),
}
EXAMPLES = {"noise": " For example gaussian(0.2), or in order blur(1), gaussian(0.05)."}


def parameters_of_types() -> list[inspect.Parameter]:
    """An option for each parameter that only some of the types have, under a heading that names them."""
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotated(option))
        for name, option in type_options().items()
    ]


def with_options_of_types(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command with `**of_types` an option for each of these parameters: typer reads them from the signature."""
    signature = inspect.signature(command, eval_str=True)
    shared = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    command.__signature__ = signature.replace(parameters=[*shared, *parameters_of_types()])  # type: ignore[attr-defined]
    return command


def flag(parameter: str) -> str:
    """The option of a parameter."""
    return f"--{parameter.replace('_', '-')}"


def _annotated(option: TypeOption) -> Any:
    kind, how = READERS.get(option.name) or READERS[option.annotation]
    several = len(option.help) > 1
    told = " ".join(f"{type_}: {text}" if several else text for type_, text in option.help.items())
    heading = f"Type{'s' if several else ''} {', '.join(option.help)}"
    told += EXAMPLES.get(option.name, "")
    return Annotated[kind | None, typer.Option(_flags(option), help=told, rich_help_panel=heading, **how)]


def _flags(option: TypeOption) -> str:
    """A switch is turned off by another name."""
    return (
        f"{flag(option.name)}/--no-{option.name.replace('_', '-')}"
        if option.annotation == "bool"
        else flag(option.name)
    )


def _training(metavar: str, help: str, *names: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=help, rich_help_panel="Training")


Data = Annotated[
    Path, typer.Argument(metavar="DATA", help="CSV, Parquet, NPY, NPZ, image, sound, or folder of images or sounds.")
]
DataOrStream = Annotated[
    Path | None,
    typer.Argument(metavar="DATA", help="As for fit; of a detector also -, rows of CSV from standard input."),
]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder, as `zandloper fit` writes it.")]
ModelOut = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The model to write.")]
_to = typer.Option(
    "--output",
    "-o",
    metavar="FILE",
    help="What to write: .csv, .parquet, .npy or .png; without ending, a folder of images.",
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
Target = Annotated[str | None, typer.Option(metavar="COLUMN|FILE", help="Of a supervised model, what it predicts.")]
ComparePCA = Annotated[
    bool, typer.Option("--compare-pca", help="Also train at several latent sizes and measure beside PCA. Takes long.")
]
Folder = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder to write.")]
What = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="latent (the default), reconstruction or error; of a quantized model also symbols, of a variational one "
        "elbo and log_likelihood, in nats.",
    ),
]
Number = Annotated[int, typer.Option("--number", "-n", metavar="N", help="How many; with --like, of each item.")]
Like = Annotated[Path | None, typer.Option(metavar="DATA", help="Vary these items instead of drawing new ones.")]
SampleSeed = Annotated[int | None, typer.Option("--seed", metavar="N", help="The same seed gives the same samples.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.")]
Version = Annotated[bool, typer.Option("--version", help="Print the version.")]

Columns = Annotated[str | None, _data("NAMES", "Of a table, only these columns: a,b,c.")]
Drop = Annotated[str | None, _data("NAMES", "Of a table, all but these columns.")]
Modality = Annotated[str | None, _data("NAME", "How the data are read: auto, table, image, series, audio or text.")]
Size = Annotated[Any, _data("HEIGHTxWIDTH", "Resize images that come from files.", read_size)]
Window = Annotated[int | None, _data("STEPS", "Of series, the steps in a window; by default from their own period.")]
Time = Annotated[str | None, _data("NAME", "Of series, the column of time stamps, where it is not found by itself.")]
Channels = Annotated[int | None, _data("1|3|4", "Make images from files gray, colored, or colored with opacity.")]

Type = Annotated[
    Any,
    typer.Option(
        metavar="NAME",
        help=f"What kind of autoencoder: {', '.join(types())}. By default {PLAIN}.",
        parser=read_type,
        rich_help_panel="Model",
    ),
]
LatentDim = Annotated[
    Any,
    _model(
        "N",
        "How many latents to keep; as a fraction, which share of the variance PCA would "
        "keep with them. By default 0.9, within 2 to 64 latents.",
        read_latent_dim,
    ),
]
LatentDims = Annotated[
    Any, _model("N,N", "Sizes of the latent space to try. By default 1,2,4 ... up to 32.", read_latent_dims)
]
Hidden = Annotated[Any, _model("WIDTHS", "Hidden layers: auto, none, or widths such as 64,32.", read_hidden)]
Activation = Annotated[str | None, _model("NAME", "silu, relu, gelu, tanh, linear ...")]
Encoder = Annotated[
    str | None, _model("NAME", "Kind of nets: auto, dense, conv1d, conv2d, residual, unet2d, attention or grid.")
]
LossOutput = Annotated[str | None, _model("NAME", "How the error is measured: auto, mse, mae, bce ...")]

FalseAlarmRate = Annotated[
    float | None, _model("RATE", "Which share of normal rows may be called odd. By default 0.01.")
]
Neighbors = Annotated[int | None, _model("N", "How many of the nearest training rows tell how far a row is; 0: none.")]
Fast = Annotated[
    bool,
    typer.Option("--fast", help="One model that looks once: many times as fast, less sharp.", rich_help_panel="Model"),
]

MaxError = Annotated[
    float | None, _model("E", "No value comes back further off; 0: lossless. By default a hundredth of each range.")
]
Relative = Annotated[
    bool, typer.Option("--relative", help="--max-error is a share of each column's range.", rich_help_panel="Model")
]
Quality = Annotated[float | None, _model("Q", "From 0 to 1, instead of a bound: how finely latents are kept.")]
ModelOption = Annotated[Path, typer.Option("--model", "-m", metavar="MODEL", help="A model of `fit compress`.")]
Packed = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The compressed file to write.")]
PackedIn = Annotated[Path, typer.Argument(metavar="FILE", help="What `zandloper compress` wrote.")]
RowRange = Annotated[
    Any,
    typer.Option(
        "--rows", metavar="FIRST:END", help="Only these rows, from 0; END is not among them.", parser=read_row_range
    ),
]
Damaged = Annotated[
    str, typer.Option("--damaged", metavar="WHAT", help="About damaged blocks: error, or skip them with a warning.")
]

MaxEpochs = Annotated[int | None, _training("N", "At most so many passes over the data.")]
MaxMinutes = Annotated[float | None, _training("N", "At most so long.")]
Validation = Annotated[float | None, _training("SHARE", "Share of the data that decides when to stop.")]
BatchSize = Annotated[int | None, _training("N", "Samples in a step.")]
LR = Annotated[float | None, _training("RATE", "Learning rate.", "--lr")]
Seed = Annotated[int | None, _training("N", "The same seed gives the same model.")]
Device = Annotated[str | None, _training("NAME", "auto, cpu or cuda.")]
Precision = Annotated[str | None, _training("NAME", "auto, float32 or bfloat16.")]
Checkpoint = Annotated[Path | None, _training("FOLDER", "Where progress is saved; a killed run goes on from there.")]
