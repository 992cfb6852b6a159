"""Readers of option values: text from the command line as the value that an estimator's parameter takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from zandloper.cli.estimator_options import types
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
    name = text.strip().lower()
    if name not in types():
        raise typer.BadParameter(f"{text!r} is no type: write {', '.join(types())}")
    return name


def read_value(text: str) -> str | int | float | bool:
    """A number or a truth value where it is one, else the word."""
    if text.lower() in ("true", "yes", "false", "no"):
        return text.lower() in ("true", "yes")
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


Reader = tuple[Any, dict[str, Any]]
# The type and the settings of a parameter's option: by its name where the annotation allows more than a command line
# can express.
BY_NAME: dict[str, Reader] = {
    "latent_dim": (Any, {"metavar": "N", "parser": read_latent_dim}),
    "hidden": (Any, {"metavar": "WIDTHS", "parser": read_hidden}),
    "noise": (Any, {"metavar": "NOISE", "parser": read_noise}),
    "noisy": (Path, {"metavar": "DATA"}),
    "checkpoint": (Path, {"metavar": "FOLDER"}),
    "validation": (float, {"metavar": "SHARE"}),
    "max_epochs": (int, {"metavar": "N"}),
    "max_minutes": (float, {"metavar": "N"}),
    "patience": (int, {"metavar": "N"}),
    "batch_size": (int, {"metavar": "N"}),
    "lr": (float, {"metavar": "RATE"}),
    "encoder": (str, {"metavar": "NAME"}),
    "decoder": (str, {"metavar": "NAME"}),
    "loss": (str, {"metavar": "NAME"}),
    "optimizer": (str, {"metavar": "NAME"}),
    "prior": (str, {"metavar": "NAME"}),
    "class_weight": (str, {"metavar": "NAME"}),
    "patch_matching": (bool, {}),
}
WORD, NUMBERS = (str, {"metavar": "NAME"}), (Any, {"metavar": "N,N", "parser": read_numbers})
ANYTHING: Reader = (Any, {"metavar": "VALUE", "parser": read_value})
BY_ANNOTATION: dict[frozenset[str], Reader] = {
    frozenset({"bool"}): (bool, {}),
    frozenset({"int"}): (int, {"metavar": "N"}),
    frozenset({"float"}): (float, {"metavar": "NUMBER"}),
    frozenset({"int", "float"}): (float, {"metavar": "NUMBER"}),
    frozenset({"str"}): WORD,
    frozenset({"tuple", "int", "..."}): NUMBERS,
}


def reader_of(name: str, annotation: str) -> Reader | None:
    """The reader of a parameter's option; None where no text stands for its values.

    >>> reader_of("beta", "float")[1], reader_of("bottleneck", "nn.Module | None")
    ({'metavar': 'NUMBER'}, None)
    """
    if name in BY_NAME:
        return BY_NAME[name]
    words = re.findall(r"[\w.]+", re.sub(r"'[^']*'|\"[^\"]*\"", "str", annotation))
    kinds = frozenset(words) - {"None", "Literal", "Optional", "Union"}
    if kinds in BY_ANNOTATION:
        return BY_ANNOTATION[kinds]
    return ANYTHING if kinds & {"Any", "str", "int", "float"} else None
