"""Captions from a table: one a picture, in the pictures' order, or beside the names of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zandloper.errors import DataError

TEXTS, FILES = ("text", "caption", "captions"), ("file", "file_name", "filename", "name", "image")


def read_captions(path: Path, X: Any) -> list[str]:
    """The caption of every picture of X.

    Parameters
    ----------
    path : path
        A table with a column text or caption, or with one column. Where it has a column file too, each picture gets the
        caption that stands beside its file's name; else the order decides.
    X : data, such as the pictures of a folder

    Raises
    ------
    DataError
        The table has no such column, or not a caption for every picture.
    """
    from zandloper import files

    table = files.read(path)
    columns = list(getattr(table, "column_names", []))
    found = [name for name in columns if name.lower() in TEXTS] or (columns if len(columns) == 1 else [])
    if len(found) != 1:
        raise DataError(f"{path} wants one column named {' or '.join(TEXTS[:2])}, and has: {', '.join(columns)}")
    texts = table.column(found[0]).to_pylist()
    beside = next((name for name in columns if name.lower() in FILES), None)
    names = getattr(X, "names", None)
    if beside is not None and names is not None:
        by_name = dict(zip(map(str, table.column(beside).to_pylist()), texts))
        lost = [name for name in names if name not in by_name]
        if lost:
            raise DataError(f"{path} has no caption for {len(lost)} of {len(names)} images, such as {lost[0]}")
        return [by_name[name] for name in names]
    if len(texts) != len(X):
        raise DataError(f"{path} has {len(texts)} captions and there are {len(X)} images: they must be as many")
    return texts
