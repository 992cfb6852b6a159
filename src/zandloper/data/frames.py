"""Frames and arrays of the user: their library, their dimensions, and the way back to them."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
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
