"""Time stamps of series: which column or index holds them, and the regular grid of steps that they lie on."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np

from zandloper.data.columns import learn_column, read_column
from zandloper.data.frames import is_frame
from zandloper.errors import DataError

NAMES = {"time", "timestamp", "timestamps", "date", "datetime", "date_time", "date-time", "ts"}
DAY = 86_400e6  # microseconds
UNITS = (("days", DAY), ("hours", 3600e6), ("minutes", 60e6), ("seconds", 1e6), ("milliseconds", 1e3))
OFF = 0.25  # of a step: stamps that are further from where they should be are off the grid
MOST_OFF = 0.05  # of all stamps


def find_time(X: Any, wanted: str | None, caller: str) -> tuple[str, str]:
    """Where a frame's time stamps are and what they are called: ("index", name), ("column", name) or ("", "").

    A time index comes first, then the one column of times, then a column called time, timestamp, date ...
    """
    frame = nw.from_native(X, eager_only=True)
    if wanted is not None:
        if wanted in frame.columns:
            return "column", wanted
        if _index(X) is not None and X.index.name == wanted:
            return "index", wanted
        raise DataError(
            f"{caller} got no column {wanted!r} of times: there are {frame.columns[:12]}; see Series(time=)"
        )
    index = _index(X)
    if index is not None:
        return "index", str(X.index.name or "")
    timed = [c for c in frame.columns if isinstance(frame[c].dtype, nw.Datetime | nw.Date)]
    timed = timed or [c for c in frame.columns if str(c).lower() in NAMES]
    named = [c for c in timed if str(c).lower() in NAMES]
    if len(timed) > 1 and len(named) != 1:
        raise DataError(
            f"{caller} got a frame with {len(timed)} columns of times, {timed[:8]}: say which one orders the rows, "
            f"modality=zl.modality.Series(time={timed[0]!r}), and drop the others"
        )
    return ("column", (named if len(timed) > 1 else timed)[0]) if timed else ("", "")


def stamps(X: Any, where: str, name: str, caller: str) -> nw.Series | None:
    """The time stamps of a frame as a column of times or numbers; None where there are none."""
    if not where or not is_frame(X):
        return None
    if where == "index":
        index = _index(X)
        return None if index is None else nw.from_native(index.to_series().reset_index(drop=True), series_only=True)
    column = nw.from_native(X, eager_only=True).get_column(name)
    if column.dtype in (nw.String, nw.Categorical, nw.Object):
        try:
            return column.cast(nw.String).str.to_datetime()
        except Exception as error:  # each frame library has its own
            raise DataError(
                f"column {name!r} of {caller}'s data should hold times and holds text that cannot be read as such "
                f"({str(error).splitlines()[0][:100]}): convert it to times, or name another with Series(time=)"
            ) from error
    return column


def as_numbers(column: nw.Series, caller: str) -> np.ndarray:
    """Time stamps as microseconds, or as the numbers that they are: float64 (n,)."""
    known = learn_column(column, caller)
    if known.kind not in ("time", "number"):
        raise DataError(
            f"column {known.name!r} of {caller}'s data should hold times and holds {known.dtype}: convert it"
        )
    values = read_column(known, column, caller)
    return values * DAY if known.detail[:1] == ("date",) else values


def is_time(column: nw.Series) -> bool:
    """Whether stamps are points in time, not plain numbers."""
    return not column.dtype.is_numeric()


def step_of(times: list[np.ndarray]) -> float:
    """The usual distance of time stamps that follow each other: their median; 0 for single stamps."""
    apart = np.concatenate([np.diff(t) for t in times])
    return float(np.median(apart)) if len(apart) else 0.0


def check_order(times: np.ndarray, shown: Any, caller: str) -> None:
    """Refuse missing, repeated and falling time stamps, and say which row; `shown` has the stamps in words."""
    if np.isnan(times).any():
        raise DataError(
            f"row {int(np.isnan(times).argmax())} (from 0) of {caller}'s series has no time: fill or drop it"
        )
    apart = np.diff(times)
    if (apart <= 0).any():
        row = int((apart <= 0).argmax()) + 1
        what, mend = ("is earlier than", "sort the rows by time")
        if apart[row - 1] == 0:
            what, mend = ("repeats", "keep one row a time, or pass series that were mixed as a list, one each")
        raise DataError(
            f"time stamps must rise from row to row: row {row} (from 0) of {caller}'s series, {shown(row)}, {what} the "
            f"row before, {shown(row - 1)}; {mend}"
        )


def on_grid(times: np.ndarray, step: float, in_time: bool, caller: str) -> np.ndarray:
    """The number of steps from the first stamp to each, rising: (n,). Left out numbers are gaps.

    Distances are rounded one by one, so that a clock that runs a little fast or slow does not lose its grid.
    """
    if len(times) < 2 or step <= 0:
        return np.arange(len(times))
    apart = np.diff(times) / step
    steps = np.maximum(np.round(apart), 1)
    off = np.abs(apart - steps) > OFF
    usual = float(np.median(apart))
    if off.sum() > max(1, MOST_OFF * len(off)) or (len(apart) >= 8 and usual >= 1.5):
        got, wanted = step_in_words(usual * step, in_time), step_in_words(step, in_time)
        if abs(usual - 1) > OFF:
            raise DataError(f"{caller} was fitted on steps of {wanted} and got steps of {got}: resample to {wanted}")
        raise DataError(
            f"time stamps are irregular: in {caller}'s series {int(off.sum()):,} of {len(off):,} rows are not on the "
            f"grid of their median step, {wanted}; resample first, e.g. in pandas "
            "frame.resample('1h').mean()"
        )
    return np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)


def step_in_words(step: float, in_time: bool) -> str:
    """A distance in time: 30 minutes."""
    if not in_time:
        return f"{step:g}"
    name, size = next(((n, s) for n, s in UNITS if step >= s), ("microseconds", 1.0))
    return f"{step / size:g} {name if step != size else name[:-1]}"


def _index(X: Any) -> Any:
    """The index of a pandas frame, if it holds times, or numbers under a name that says so."""
    index = getattr(X, "index", None)
    if index is None or not hasattr(index, "to_series"):
        return None
    kind = type(index).__name__
    if kind == "PeriodIndex":
        return index.to_timestamp()
    named = str(index.name).lower() in NAMES and getattr(index, "dtype", None) is not None and index.dtype.kind in "iuf"
    return index if kind in ("DatetimeIndex", "TimedeltaIndex") or named else None
