"""Captions and labels of items, from a table: in the order of the items, or by the names of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zandloper.errors import DataError

TEXTS, FILES = ("text", "caption", "captions"), ("file", "file_name", "filename", "name", "image", "sound")
LABELS = ("label", "class", "condition", "target")


def read_captions(path: Path, X: Any) -> list[str]:
    """The caption of every picture of X, out of a column text or caption."""
    return read_per_item(path, X, TEXTS, "caption")


def read_labels(path: Path, X: Any) -> list[Any]:
    """The class or number of every item of X, out of a column label or class."""
    return read_per_item(path, X, LABELS, "label")


def read_per_item(path: Path, X: Any, wanted: tuple[str, ...], what: str) -> list[Any]:
    """One value for every item of X, out of a table.

    Parameters
    ----------
    path : path
        A table with a column of one of the wanted names, or with one column, or with one and the files' names. With a
        column of file names each item gets the value in its file's row; else the order decides.
    X : data, such as the pictures of a folder

    Raises
    ------
    DataError
        The table has no such column, or not a row for every item.
    """
    from zandloper import io

    table = io.read(path)
    columns = list(getattr(table, "column_names", []))
    file_column = next((name for name in columns if name.lower() in FILES), None)
    rest = [name for name in columns if name != file_column]
    found = [name for name in columns if name.lower() in wanted] or (rest if len(rest) == 1 else [])
    if len(found) != 1:
        raise DataError(f"{path} wants one column named {' or '.join(wanted[:2])}, and has: {', '.join(columns)}")
    values = table.column(found[0]).to_pylist()
    names = getattr(X, "names", None)
    if file_column is not None and names is not None:
        by_name = dict(zip(map(str, table.column(file_column).to_pylist()), values))
        lost = [name for name in names if name not in by_name]
        if lost:
            raise DataError(f"{path} has no {what} for {len(lost)} of {len(names)} items, such as {lost[0]}")
        return [by_name[name] for name in names]
    if len(values) != len(X):
        raise DataError(f"{path} has {len(values)} {what}s and there are {len(X)} items: they must be as many")
    return values


def folders_of(X: Any) -> list[str]:
    """The folder that each file of X lies in, its class.

    Raises
    ------
    DataError
        The data do not come from a folder with at least two folders in it.
    """
    names = [Path(name).parent.as_posix() for name in getattr(X, "names", [])]
    if len(set(names)) < 2:
        raise DataError("--condition folder wants a folder with a folder of files for each class: there is only one")
    return names
