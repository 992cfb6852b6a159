"""Columns of a frame: what each one is, its numbers, and the way back to its own dtype."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zandloper.errors import DataError, DataTypeError

MOST_LEVELS = 200  # rarer levels of a category are read as missing


@dataclass(frozen=True)
class Column:
    """One column, JSON-ready.

    Parameters
    ----------
    name : str
        As in the frame.
    kind : {"number", "truth", "category", "time"}
        Time is a number of microseconds, or days for dates.
    dtype : str
        The frame library's own word for the type.
    integer : bool
        Whole numbers stay whole.
    levels : tuple
        The levels of a category, the commonest first.
    detail : tuple of str
        Of a time: its kind, unit and zone. Of a category with categories of its own: all of them, in order.
    ordered : bool
        Whether that order means something.
    """

    name: Any
    kind: str
    dtype: str
    integer: bool = False
    levels: tuple[Any, ...] = ()
    detail: tuple[Any, ...] = ()
    ordered: bool = False

    @property
    def width(self) -> int:
        """How many inputs a net gets for it."""
        return max(2, len(self.levels)) if self.kind == "category" else 1


def learn_column(series: nw.Series, caller: str) -> Column:
    """What a column is, by its type; the values decide only for columns of Python objects."""
    dtype, name, native = series.dtype, series.name, _native_type(series.to_native())
    name = name.item() if isinstance(name, np.generic) else name  # JSON knows Python's numbers alone
    if dtype == nw.Boolean:
        return Column(name, "truth", native)
    if dtype.is_numeric() and dtype not in (nw.Decimal, nw.Int128, nw.UInt128):
        return Column(name, "number", native, integer=dtype.is_integer())
    if isinstance(dtype, nw.Datetime):
        return Column(name, "time", native, True, detail=("datetime", dtype.time_unit, dtype.time_zone))
    if dtype == nw.Date:
        return Column(name, "time", native, True, detail=("date", "", None))
    if isinstance(dtype, nw.Duration):
        return Column(name, "time", native, True, detail=("duration", dtype.time_unit, None))
    if isinstance(dtype, nw.Enum) and native != "category":
        return Column(name, "category", native, levels=_levels(series, name), detail=tuple(dtype.categories))
    if dtype in (nw.String, nw.Categorical) or native == "category":
        own = getattr(series.to_native(), "dtype", None) if native == "category" else None
        if own is not None and not all(isinstance(v, str | int | float) for v in own.categories.tolist()):
            raise DataTypeError(
                f"column {name!r} of {caller}'s data has categories of type {own.categories.dtype}, which are not "
                "understood: wanted are text or numbers; convert the column with astype(str)"
            )
        detail = () if own is None else tuple(own.categories)
        return Column(name, "category", native, False, _levels(series, name), detail, own is not None and own.ordered)
    if native == "null":  # Arrow's column of nothing
        return Column(name, "number", native)
    if dtype == nw.Object:
        return _learn_objects(series, name, native, caller)
    raise DataTypeError(
        f"column {name!r} of {caller}'s data has type {native}, which is not understood: "
        "wanted are numbers, truth values, text or categories, dates and times; convert or drop the column"
    )


def _native_type(native: Any) -> str:
    """The frame library's own word for a column's type; pandas' Arrow types share words with its own."""
    dtype = native.dtype if hasattr(native, "dtype") else native.type
    return f"arrow:{dtype.pyarrow_dtype}" if hasattr(dtype, "pyarrow_dtype") else str(dtype)


def _learn_objects(series: nw.Series, name: Any, native: str, caller: str) -> Column:
    values = [v for v in series.to_list() if v is not None and v == v]
    if all(isinstance(v, bool | np.bool_) for v in values) and values:
        return Column(name, "truth", native)
    if all(isinstance(v, int | float | np.number) for v in values):
        return Column(name, "number", native)
    if all(isinstance(v, str) for v in values):
        return Column(name, "category", native, levels=_levels(series, name))
    kinds = sorted({type(v).__name__ for v in values})
    raise DataTypeError(
        f"column {name!r} of {caller}'s data mixes {', '.join(kinds)}: wanted is one kind; "
        "convert it to text or to numbers, or drop it"
    )


def _levels(series: nw.Series, name: Any) -> tuple[Any, ...]:
    counts = pc.value_counts(_arrow(series).drop_null())
    ranked = sorted(
        zip(counts.field("counts").to_pylist(), counts.field("values").to_pylist()), key=lambda c: (-c[0], c[1])
    )
    if len(ranked) > MOST_LEVELS:
        warnings.warn(
            f"column {name!r} has {len(ranked)} levels: the {MOST_LEVELS} commonest are kept, others read as missing; "
            "drop the column if it is an identifier",
            UserWarning,
            stacklevel=2,
        )
    return tuple(level for _, level in ranked[:MOST_LEVELS])


def _arrow(series: nw.Series) -> pa.Array:
    """The column as one plain Arrow array, dictionaries unrolled."""
    native = series.to_native()
    if series.dtype == nw.Object:
        array = pa.array([None if v is None or v != v else v for v in series.to_list()])
    elif isinstance(native, pa.ChunkedArray):
        array = native
    else:
        array = series.to_arrow()
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array


def read_column(column: Column, series: nw.Series, caller: str) -> np.ndarray:
    """The column's numbers, float64, NaN where nothing (or nothing known) is: (n,)."""
    try:
        if column.kind == "category":
            array = _arrow(series)
            levels = pa.array(column.levels, type=pa.string() if not column.levels else None)
            # A file whose later rows hold only "1" and "2" is read as numbers: they are those texts all the same.
            return _floats(pc.index_in(array.cast(levels.type), value_set=levels))
        if column.kind == "time":
            kind = column.detail[0]
            if kind == "datetime":
                return _floats(pa.chunked_array(series.dt.timestamp("us").to_arrow()))
            if kind == "date":
                return _floats(_arrow(series).cast(pa.int32()))
            return _floats(pa.chunked_array(series.dt.total_microseconds().to_arrow()))
        if column.kind == "truth" and series.dtype != nw.Object and series.dtype != nw.Boolean:
            raise ValueError(f"got type {series.dtype}")
        nothing = len(series) == series.null_count()
        if column.kind == "number" and not (
            nothing or series.dtype.is_numeric() or series.dtype in (nw.Object, nw.Boolean)
        ):
            raise ValueError(f"got type {series.dtype}")
        values = _floats(_arrow(series))
    except (ValueError, TypeError, AttributeError, pa.ArrowException) as error:
        wanted = {"number": "numbers", "truth": "truth values", "category": "categories", "time": "times"}[column.kind]
        raise DataError(
            f"column {column.name!r} of {caller}'s data held {wanted} ({column.dtype}) when the model was "
            f"fitted and cannot be read as such now: {error}"
        ) from error
    if np.isinf(values).any():
        raise DataError(
            f"Input X contains infinity or a value too large for dtype('float64') in column {column.name!r}: "
            "replace infinite values, or mark them missing"
        )
    return values


def _floats(array: pa.Array | pa.ChunkedArray) -> np.ndarray:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return np.array(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
