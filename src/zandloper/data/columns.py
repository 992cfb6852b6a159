"""Columns of a frame: what each one is, its numbers, and the way back to its own dtype."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.utils.validation import check_array

from zandloper.errors import DataError, DataTypeError


def is_frame(X: Any) -> bool:
    """Whether narwhals takes it for a data frame in memory."""
    return nw.dependencies.is_into_dataframe(X)


def dims_of(X: Any) -> int:
    """How many dimensions data have."""
    shape = getattr(X, "shape", None)
    if shape is not None:
        return len(shape)
    try:
        return np.asarray(X).ndim
    except ValueError as error:  # lists of unequal lengths
        raise DataError(
            f"data in nested lists of unequal lengths are no table: {error}; for series of different lengths pass a "
            'list of arrays and modality="series"'
        ) from error


def backend_of(frame: nw.DataFrame) -> str:
    """The library of a frame, if it is one that columns can be given back to."""
    backend = str(frame.implementation).lower()
    if backend not in ("pandas", "polars", "pyarrow"):
        raise DataTypeError(f"frames of {backend} are not understood: convert to pandas, polars or pyarrow")
    return backend


def numbers_of(X: Any, caller: str) -> np.ndarray:
    """A 2-D array of numbers in a type that torch knows, through scikit-learn's checks; read-only arrays are copied."""
    if isinstance(X, np.ma.MaskedArray):
        X = np.ma.filled(X.astype(np.float64), np.nan)  # what is masked is missing
    try:
        raw = check_array(
            X, dtype="numeric", ensure_all_finite="allow-nan", ensure_min_samples=1, estimator=caller, input_name="X"
        )
    except (ValueError, OverflowError) as error:
        text = "could not convert" in str(error) or "bytes/strings" in str(error)
        hint = "; text belongs in a frame, where columns of text are read as categories" if text else ""
        first = str(error).split("\n")[0] if "Complex" in str(error) else error
        raise DataError(f"{first}{hint}") from error
    except TypeError as error:
        raise DataTypeError(str(error).split("\n")[0]) from error
    if raw.dtype == np.float16 or raw.dtype.kind == "b" or raw.dtype in (np.uint16,):
        raw = raw.astype(np.float32)
    elif raw.dtype not in (np.float32, np.float64, np.uint8, np.int8, np.int16, np.int32, np.int64):
        raw = raw.astype(np.float64)
    usable = raw.flags.writeable and raw.flags.c_contiguous and min(raw.strides) >= 0  # X[::-1][:1] is backwards
    return raw if usable else np.array(raw, order="C")


def give_numbers(values: np.ndarray, given: str) -> np.ndarray:
    """Numbers as an array of the dtype that it had: whole numbers stay whole, truth values what they are."""
    dtype = np.dtype(given)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        values = np.clip(np.round(values), info.min, info.max)
    elif dtype.kind == "b":
        values = values > 0.5
    return values.astype(dtype if dtype.kind in "fiub" else np.float64)


def give_frame(columns: dict[Any, Any], backend: str, like: Any = None) -> Any:
    """Columns of a frame library as a frame, with the index of `like` where it has one of that length."""
    if backend == "pandas":
        import pandas as pd

        index = getattr(like, "index", None)
        frame = pd.DataFrame(columns)
        return frame.set_axis(index) if index is not None and len(index) == len(frame) else frame
    if backend == "polars":
        import polars as pl

        return pl.DataFrame(columns)
    return pa.table(columns)


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
