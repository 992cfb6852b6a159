"""Data files part by part: as much memory as a part takes, however long the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zandloper.errors import FileError
from zandloper.io.atomic import ending, in_one_sentence

VALUES = 2**20  # in a part, about


def chunks_of_file(path: str | Path) -> Iterator[Any]:
    """The data in a file in order: arrays of an NPY file, tables of Parquet and CSV; other files in one part.

    Raises
    ------
    FileError
        In one sentence, if the file is missing or damaged.
    """
    path = Path(path)
    with in_one_sentence(path, "read"):
        if ending(path) == ".npy" and path.is_file():
            yield from _arrays(path)
        elif ending(path) == ".parquet" and path.is_file():
            yield from _row_groups(path)
        elif ending(path) in (".csv", ".tsv") and path.is_file():
            yield from _lines(path)
        else:
            from zandloper import io

            yield io.read(path)


def _arrays(path: Path) -> Iterator[np.ndarray]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise FileError(f"{path} is damaged, or not a NumPy file: {error}") from error
    step = max(1, VALUES // max(1, int(np.prod(array.shape[1:]))))
    for start in range(0, len(array), step):
        yield np.array(array[start : start + step])


def _row_groups(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(max(1, VALUES // max(1, len(file.schema_arrow.names)))):
                yield pa.Table.from_batches([batch])
    except pa.ArrowException as error:
        raise FileError(f"{path} is damaged, or not a Parquet file: {str(error).splitlines()[0][:120]}") from error


def _lines(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv as pc

    from zandloper.io.tables import csv_options

    try:
        read, parse, convert = csv_options(path, block=2**24)
        with pc.open_csv(path, read, parse, convert) as reader:
            for batch in reader:
                if batch.num_rows:
                    yield pa.Table.from_batches([batch])
    except pa.ArrowException as error:
        raise FileError(f"{path} cannot be read as a table: {str(error).splitlines()[0][:160]}") from error
