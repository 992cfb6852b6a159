"""Inputs of commands: names, data and paths, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zandloper.cli import options as opt
from zandloper.errors import DataError, FileError, ParameterError


def names(text: str | None) -> list[str]:
    """The names in a list with commas."""
    return [name.strip() for name in text.split(",")] if text is not None else []


def settings(**values: Any) -> dict[str, Any]:
    """The parameters that were given: where one was not, the estimator's default holds."""
    return {name: value for name, value in values.items() if value is not None}


def read(path: Path, columns: str | None, drop: str | None) -> Any:
    """Data to train on, of a table the columns that were asked for."""
    from zandloper import io

    return io.choose_columns(io.read(path), names(columns), names(drop))


def modality(
    X: Any,
    given: str | None,
    size: tuple[int, int] | None,
    channels: int | None,
    window: int | None = None,
    time: str | None = None,
) -> Any:
    """The value of `modality=`: images and sounds from files are recognized, series may have windows."""
    from zandloper import io

    if window is not None or time is not None:
        if given != "series":
            raise ParameterError("--window and --time are for series: give --modality series too")
        from zandloper import modality

        return modality.Series(window=window, time=time)
    if isinstance(X, io.Sounds) and not size:
        from zandloper import modality

        return modality.Audio(channels=channels) if channels else given or "audio"
    if not isinstance(X, io.Images):
        if size or channels:
            raise DataError(f"--size and --channels change images from files, and the data are: {io.in_words(X)}")
        return given
    if channels not in (None, 1, 3, 4):
        raise ParameterError(f"--channels must be 1, 3 or 4, got {channels}")
    sizes, kinds = X.sizes(), X.kinds()
    if len(sizes) > 1 and not size:
        raise DataError(f"the images differ in size: {_two(sizes)}; bring them to one with --size HEIGHTxWIDTH")
    if len(kinds) > 1 and not channels:
        raise DataError(f"some images are gray and some colored: {_two(kinds)}; make them alike with --channels 1 or 3")
    from zandloper import modality

    return modality.Image(size=size, channels=channels) if size or channels else given or "image"


def _two(examples: Mapping[str, str]) -> str:
    return " and ".join(f"{name} ({what})" for what, name in list(examples.items())[:2])


def values(text: str, X: Any, option: str) -> Any:
    """One value a row: a column of the data, or a file that holds one column or a one-dimensional array."""
    from zandloper import io

    names = list(getattr(X, "column_names", []))
    if text in names:
        return X[text]
    if not Path(text).exists():
        columns = f"the data have the columns {', '.join(names[:12])}" if names else "the data have no named columns"
        raise DataError(f"--{option} {text} is neither a column of the data nor a file: {columns}")
    read = io.read(Path(text))
    if hasattr(read, "column_names") and read.num_columns == 1:
        return read[read.column_names[0]]
    if getattr(read, "ndim", 0) != 1:
        raise DataError(f"--{option} {text} must hold one value a row, and holds: {io.in_words(read)}")
    return read


def check_model_output(output: Path, data: Path, force: bool) -> None:
    """Refuse, before hours of training, an output that is not new or an earlier model."""
    from zandloper.io.atomic import check_place

    check_place(output, force)
    if output.exists() and not output.is_dir():
        raise FileError(f"{output} is a file, and a model is a folder: give another name")
    if output.is_dir() and any(output.iterdir()) and not (output / "recipe.json").exists():
        raise FileError(f"{output} is no model, and only models are replaced: give another name")
    if data.exists() and data.resolve().is_relative_to(output.resolve()):
        raise FileError(f"the data {data} are in {output}, which would be replaced: give another name")


def check_apart(output: Path, source: Path) -> None:
    """Refuse an output that is or holds the input, or lies among the images that are read."""
    from zandloper.io.atomic import ending

    out, read = output.resolve(), source.resolve()
    if out == read or out in read.parents or (read in out.parents and ending(out) in ("", ".png")):
        raise FileError(f"{output} is or holds or lies in what is read, {source}: choose another place")


def check_type(type_: str, given: Mapping[str, Any]) -> None:
    """Refuse an option of another type."""
    for name in given:
        having = list(opt.type_options()[name].help) if name in opt.type_options() else [type_]
        if type_ not in having:
            wanted = " or ".join(f"--type {other}" for other in having)
            raise ParameterError(f"{opt.flag(name)} belongs to {wanted}, and this is --type {type_}")
