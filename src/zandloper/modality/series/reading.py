"""Series of the user as numbers: arrays and frames in, values and time stamps out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from zandloper.data import timestamps
from zandloper.data.columns import read_column
from zandloper.data.frames import dims_of, numbers_of
from zandloper.errors import DataError, DataTypeError

if TYPE_CHECKING:
    from zandloper.modality.series.schema import SeriesSchema


@dataclass(frozen=True)
class Part:
    """One of the user's series, read: values (rows, channels), and its time stamps as numbers."""

    values: np.ndarray
    times: np.ndarray | None = None


def read_numbers(X: Any, caller: str) -> np.ndarray:
    """One series as an array of floats (time, channels)."""
    if (
        hasattr(getattr(X, "index", None), "to_timestamp")
        or type(getattr(X, "index", None)).__name__ == "DatetimeIndex"
    ):
        raise DataTypeError(
            f"{caller} got one pandas column with a time index: pass X.to_frame(), so that its times count"
        )
    if dims_of(X) == 1:
        X = np.ma.asarray(X)[:, None] if isinstance(X, np.ma.MaskedArray) else np.asarray(X)[:, None]
    elif dims_of(X) != 2:
        raise DataError(
            f"{caller} got a series as an array of shape {np.shape(X)}: wanted are (time,), (time, channels), a frame, "
            "a list of those, or (n, time, channels)"
        )
    return numbers_of(X, caller)


def read_array(schema: SeriesSchema, X: Any, caller: str) -> Part:
    """Read one series from an array (time,) or (time, channels)."""
    values = read_numbers(X, caller)
    if values.shape[1] != len(schema.columns):
        raise DataError(
            f"X has {values.shape[1]} features, but {caller} is expecting {len(schema.columns)} features as input: "
            "series are (time, channels)"
        )
    return Part(values)


def read_frame(schema: SeriesSchema, X: Any, caller: str) -> Part:
    """Read one series from a frame with the columns of the schema."""
    frame = nw.from_native(X, eager_only=True)
    names = [c.name for c in schema.columns]
    if schema.backend == "array":
        where, time = timestamps.find_time(X, None, caller)
        names = [c for c in frame.columns if where != "column" or c != time]
        return read_array(schema, frame.select(*map(frame.get_column, names)).to_numpy(), caller)
    known = {*names, schema.time} if schema.where == "column" else set(names)
    lost, new = [c for c in known if c not in frame.columns], [c for c in frame.columns if c not in known]
    if lost or new:
        raise DataError(
            f"The feature names should match those that were passed during fit: {caller} got a frame "
            f"with other columns; missing: {sorted(map(str, lost))[:8]}, unknown: {new[:8]}"
        )
    if len(frame) == 0:
        raise DataError(f"Found array with 0 sample(s) (shape={frame.shape}) while a minimum of 1 is required")
    values = np.stack([read_column(c, frame.get_column(c.name), caller) for c in schema.columns], axis=1)
    column = timestamps.stamps(X, schema.where, schema.time, caller)
    if column is None:
        return Part(values)
    times = timestamps.as_numbers(column, caller)
    timestamps.check_order(times, lambda row: column[row], caller)
    return Part(values, times)
