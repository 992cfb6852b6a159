"""A table that is written part by part: what does not fit in memory at once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from zandloper.errors import FileError
from zandloper.io.atomic import atomic, check_place, ending, in_one_sentence

WRITERS = {
    ".csv": lambda file, schema: pa_csv.CSVWriter(file, schema),
    ".tsv": lambda file, schema: pa_csv.CSVWriter(file, schema, write_options=pa_csv.WriteOptions(delimiter="\t")),
    ".parquet": lambda file, schema: pq.ParquetWriter(file, schema),
}


def write_parts(path: str | os.PathLike[str], parts: Iterable[Any], force: bool = False) -> int:
    """Write tables of the same columns one below the other, and say how many rows there were.

    Parameters
    ----------
    path : path
        `.csv`, `.tsv` or `.parquet`.
    parts : iterable of pyarrow tables
    force : bool
        Replace what is there.

    Raises
    ------
    FileError
        In one sentence. Nothing half-written is left behind.
    """
    path = Path(path)
    check_place(path, force, tuple(WRITERS))
    if ending(path) not in WRITERS:
        raise FileError(f"{path}: rows are written part by part to {', '.join(WRITERS)}")
    rows, writer, schema = 0, None, None
    with in_one_sentence(path, "written"), atomic(path) as file:
        for part in parts:
            if writer is None:
                schema = pa.schema([(f.name, _plain(f.type)) for f in part.schema])
                writer = WRITERS[ending(path)](file, schema)
            writer.write_table(part.cast(schema))
            rows += len(part)
        if writer is not None:
            writer.close()
    return rows


def _plain(kind: Any) -> Any:
    """Dictionaries may differ from part to part: their values do not."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
