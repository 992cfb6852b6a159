"""Numbers back to columns of a frame library, in the dtype that the column had."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa

from zandloper.data.columns import Column


def give_column(column: Column, values: np.ndarray, backend: str) -> Any:
    """Numbers as a column of the frame library, in the dtype that it had."""
    missing = np.isnan(values)
    if column.kind == "category":
        codes = np.where(missing, 0, values).astype(int).clip(0, max(0, len(column.levels) - 1))
        found: list[Any] = [None if gone or not column.levels else column.levels[c] for c, gone in zip(codes, missing)]
        array = pa.array(found, type=None if column.levels else pa.string())
    elif column.kind == "truth":
        array = pa.array(values > 0.5, mask=missing)
    elif column.kind == "time":
        array = _give_time(column, values, missing)
    elif column.integer:
        range_of = np.iinfo(column.dtype.removeprefix("arrow:").lower())
        whole = np.round(np.where(missing, 0, values)).clip(float(range_of.min), float(range_of.max))
        if range_of.max > 2**62:  # beyond 2^53 floats are whole anyway, but not all of them fit
            whole = whole.clip(-(2.0**63), 2.0**63 - 1024)
        array = pa.array(whole.astype(np.int64), mask=missing)
    else:
        array = pa.array(values)
    return _in_backend(column, array, backend)


def _give_time(column: Column, values: np.ndarray, missing: np.ndarray) -> pa.Array:
    whole = np.round(np.where(missing, 0, values)).astype(np.int64)
    kind, unit, zone = column.detail
    if kind == "date":
        return pa.array(whole.astype(np.int32), mask=missing).cast(pa.date32())
    micro = pa.array(whole, mask=missing)
    if kind == "duration":
        return micro.cast(pa.duration("us")).cast(pa.duration(unit), safe=False)
    return micro.cast(pa.timestamp("us", tz=zone)).cast(pa.timestamp(unit, tz=zone), safe=False)


def _dictionary(column: Column, array: pa.Array) -> pa.Array:
    """Text as Arrow's dictionary, its indices of the width that they had."""
    encoded = array.dictionary_encode()
    width = re.search(r"indices=(\w+)", column.dtype)
    indices = encoded.indices.cast(pa.type_for_alias(width[1] if width else "int32"))
    return pa.DictionaryArray.from_arrays(indices, encoded.dictionary, ordered="ordered=1" in column.dtype)


def _in_backend(column: Column, array: pa.Array, backend: str) -> Any:
    if backend == "pyarrow":
        if column.kind in ("number", "truth", "category") and not column.dtype.startswith("dictionary"):
            return array.cast(pa.type_for_alias(column.dtype), safe=False)
        return _dictionary(column, array) if column.kind == "category" else array
    if backend == "polars":
        import polars as pl

        series = pl.Series(column.name, array)
        if column.kind == "category" and column.dtype.startswith("Enum"):
            return series.cast(pl.Enum(list(column.detail)))
        if column.kind in ("number", "category"):
            return series.cast(getattr(pl, column.dtype.split("(")[0]), strict=False)
        return series
    import pandas as pd

    if column.dtype.startswith("arrow:"):
        kind = array.type if column.kind in ("category", "time") else pa.type_for_alias(column.dtype[6:])
        kind = pa.type_for_alias(column.dtype[6:]) if column.dtype[6:] in ("string", "large_string") else kind
        return pd.Series(pd.array(array.cast(kind, safe=False), dtype=pd.ArrowDtype(kind)))
    if column.kind == "category" and column.dtype == "category":
        return pd.Series(pd.Categorical(array.to_pylist(), categories=list(column.detail), ordered=column.ordered))
    if column.kind == "number" and column.integer:  # int64 cannot hold a gap, Int64 can
        dtype = column.dtype if not array.null_count or column.dtype[0].isupper() else "float64"
        return (
            pd.Series(array.to_pandas().astype(dtype))
            if array.null_count == 0
            else pd.array(array.to_pylist(), dtype=dtype)
        )
    series = pd.Series(array.to_pandas())
    if column.kind == "truth" and array.null_count and not column.dtype.startswith("boolean"):
        return series.astype(object)
    return series.astype(column.dtype)
