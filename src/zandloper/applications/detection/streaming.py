"""Results for rows as they arrive on standard input."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from zandloper.applications.detection.results import answers, schema_of
from zandloper.errors import UnsupportedError
from zandloper.io.csv_stream import RowReader, arriving
from zandloper.modality.image import ImageSchema
from zandloper.modality.series import SeriesSchema


def answer_stream(detector: Any, source: int, write: Callable[[bytes], Any]) -> int:
    """Score CSV rows as they arrive, after a header, and return the number of rows.

    Steps of series are scored together with the earlier steps that they depend on.

    Parameters
    ----------
    detector : fitted detector of tables or series
    source : int
        File descriptor to read from.
    write : function of bytes
        Receives CSV; it should not buffer it.
    """
    schema = schema_of(detector)
    if isinstance(schema, ImageSchema):
        raise UnsupportedError("this detector scores images, and standard input holds rows: name a folder")
    reader: RowReader | None = None
    context: pa.Table | None = None
    first, answered = True, 0
    for text in arriving(source):
        if reader is None:
            text = text.lstrip(b"\r\n")
            header, _, text = text.partition(b"\n")
            if not header:
                continue
            reader = RowReader(header, types_of(schema))
        if not text.strip():
            continue
        rows = new = reader.read(text)
        if isinstance(schema, SeriesSchema):
            rows = new if context is None else pa.concat_tables([context, new])
            context = rows.slice(max(0, len(rows) - detector.ensemble_.context_steps + 1))
        # A model without column names gets none.
        data = np.stack([c.to_numpy() for c in rows.columns], axis=1) if schema.backend == "array" else rows
        out = answers(detector, data).slice(len(rows) - len(new))
        if isinstance(schema, SeriesSchema) and not schema.where:
            out = out.set_column(0, "step", [np.arange(answered, answered + len(new))])
        file = io.BytesIO()
        csv.write_csv(out, file, csv.WriteOptions(include_header=first))
        write(file.getvalue())
        first, answered = False, answered + len(new)
    return answered


def types_of(schema: Any) -> Any:
    """Arrow types of the columns of CSV rows: by name, or one for all where columns have no names."""
    if schema.backend == "array":
        return pa.float64()
    kinds: dict[str, Any] = {"number": pa.float64(), "truth": pa.bool_(), "category": pa.string()}
    types = {str(c.name): kinds.get(c.kind) or _time_type(c.detail) for c in schema.columns}
    if getattr(schema, "where", "") == "column":
        types = {schema.time: pa.timestamp("us") if schema.in_time else pa.float64(), **types}
    return types


def _time_type(detail: tuple[Any, ...]) -> pa.DataType:
    kind, unit, zone = detail
    if kind == "date":
        return pa.date32()
    return pa.duration(unit) if kind == "duration" else pa.timestamp("us", tz=zone)


def to_standard_output(text: bytes) -> None:
    """Write bytes without buffering."""
    while text:
        text = text[os.write(1, text) :]
