"""Series: numbers over time, one or several channels, read as overlapping windows and returned step by step.

An array (time,) or (time, channels), a frame with a time column or index, or a collection of those: a list, where
lengths may differ, or an array (n, time, channels). A raw row is one window (channels, steps), cut when a batch needs
it. Gaps in the grid of time stamps, missing values and the padding of short series are NaN and have weight 0.
"""

from __future__ import annotations

import dataclasses
import numbers
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw
import numpy as np

from zandloper.data import timestamps
from zandloper.data.columns import Column, learn_column
from zandloper.data.frames import backend_of, dims_of, is_frame
from zandloper.data.seasonality import LONGEST, stride_of, window_of
from zandloper.data.series_lists import each_of
from zandloper.data.windows import Windows
from zandloper.errors import DataError, bad_parameter
from zandloper.modality import Modality, Schema
from zandloper.modality.series.reading import read_numbers
from zandloper.modality.series.scaler import SCALES, QuantileScaler, SeriesScaler
from zandloper.modality.series.schema import SeriesSchema

__all__ = ["QuantileScaler", "Series", "SeriesScaler", "SeriesSchema"]

MOST_WINDOW = 65_536


@dataclass(frozen=True)
class Series(Modality):
    """Numbers over time.

    Parameters
    ----------
    window : int or None
        Steps in a window. None: the data's own period, where one is found (16 to 512 steps and at most a quarter of the
        longest series; of a period shorter than that several), else 64; 30 or more series of one length of at most 512
        steps are windows themselves.
    stride : int or None
        Steps from one window that trains to the next. None: 1, or so many that about 20,000 windows train.
    score_stride : int or None
        The same where a model is used: smaller is smoother and dearer. None: a quarter of a window.
    time : str or None
        The column or index of a frame that holds the time stamps. None: a time index, else the one column of times,
        else a column called time, timestamp, date, datetime or ts; without any, rows follow each other step by step.
    scaling : {"standard", "quantile"} or None
        How nets see channels: with mean 0 and deviation 1, or those that are skewed or heavy-tailed by their normal
        scores, see `zandloper.data.quantile_transform`. None: standard, of a `Generator` quantile.

    Examples
    --------
    >>> import numpy as np
    >>> import zandloper as zl
    >>> X = np.sin(np.arange(480) * 2 * np.pi / 24)
    >>> form, raw = zl.modality.Series().learn(X, "me")
    >>> form.window, form.in_shape, raw.shape
    (24, (1, 24), (457, 1, 24))
    """

    name: ClassVar[str] = "series"
    window: int | None = None
    stride: int | None = None
    score_stride: int | None = None
    time: str | None = None
    scaling: str | None = None

    def learn(self, X: Any, caller: str, loss: str = "auto", target: bool = False) -> tuple[Schema, Windows]:
        """The form of series, and their windows that train, (n, channels, steps)."""
        self._check()
        first = each_of(X, caller)[0]
        schema = _learn_frame(first, self.time, caller) if is_frame(first) else _learn_array(first, caller)
        parts = schema.parse(X, caller)
        if schema.where:
            schema = dataclasses.replace(
                schema, step=timestamps.step_of([p.times for p in parts if p.times is not None])
            )
        whole = schema.lay(parts, caller, LONGEST, 1, 1)  # a "window" of one step: nothing is padded
        store = whole.store.numpy()
        silent = np.isnan(store).all(1)
        if silent.all():
            raise DataError(
                f"all {store.size} values of {caller}'s series are missing (NaN): there is nothing to learn"
            )
        if silent.any():
            names = [schema.columns[i].name for i in np.flatnonzero(silent)[:8]]
            raise DataError(f"channels {names} of {caller}'s series have no value at all: drop them")
        pieces = [store[:, low:high].T for low, high in zip(whole.firsts, [*whole.firsts[1:], store.shape[1]])]
        longest = max(map(len, pieces))
        window = self.window or window_of(pieces)
        if longest < window:
            raise DataError(
                f"a series must be as long as a window to learn from: the longest of {caller}'s has {longest} steps"
                f"{' without a long gap' if len(pieces) > len(parts) else ''} and a window {window}; "
                "pass a longer series, or modality=zl.modality.Series(window=...) with fewer steps"
            )
        for name in ("stride", "score_stride"):
            if (getattr(self, name) or 1) > window:
                raise bad_parameter("Series", name, f"at most a window, {window}", getattr(self, name))
        schema = dataclasses.replace(
            schema,
            window=int(window),
            stride=int(self.stride or stride_of(store.shape[1], window)),
            score_stride=int(self.score_stride or max(1, window // 4)),
            scaling=self.scaling or "standard",
        )
        return schema, schema.lay(parts, caller, schema.window, schema.window, schema.stride).with_something()

    def beside(self, schema: Schema) -> Modality:
        """With the windows of an input that is series too, so that targets keep step with it."""
        if not isinstance(schema, SeriesSchema):
            return self
        return Series(
            self.window or schema.window,
            self.stride or schema.stride,
            self.score_stride or schema.score_stride,
            self.time,
            self.scaling,
        )

    def _check(self) -> None:
        for name, low in (("window", 2), ("stride", 1), ("score_stride", 1)):
            value = getattr(self, name)
            whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            if value is not None and not (whole and low <= int(value) <= MOST_WINDOW):
                raise bad_parameter("Series", name, f"an integer from {low} to {MOST_WINDOW} or None", value)
        if self.time is not None and not isinstance(self.time, str):
            raise bad_parameter("Series", "time", "the name of a column or None", self.time)
        if self.scaling not in (None, *SCALES):
            raise bad_parameter("Series", "scaling", f"one of {list(SCALES)} or None", self.scaling)


def _learn_array(X: Any, caller: str) -> SeriesSchema:
    raw, given = read_numbers(X, caller), getattr(X, "dtype", None)
    numeric = isinstance(given, np.dtype) and given.kind in "fiub"
    columns = tuple(Column(f"x{i}", "number", str(raw.dtype)) for i in range(raw.shape[1]))
    return SeriesSchema(
        "array",
        columns,
        dtype=str(np.result_type(raw.dtype, np.float32)),
        given=str(given) if numeric else "float64",
        flat=dims_of(X) == 1,
    )


def _learn_frame(X: Any, time: str | None, caller: str) -> SeriesSchema:
    try:
        frame = nw.from_native(X, eager_only=True)
        names = frame.columns
    except nw.exceptions.NarwhalsError as error:
        raise DataError(f"the frame given to {caller} cannot be read: {error}") from error
    where, name = timestamps.find_time(X, time, caller)
    columns = [learn_column(frame.get_column(c), caller) for c in names if where != "column" or c != name]
    odd = next((c for c in columns if c.kind not in ("number", "truth")), None)
    if odd is not None:
        raise DataError(
            f"column {odd.name!r} of {caller}'s series is a {odd.kind}, and series are numbers over time: drop it, "
            "turn it into numbers, or say that it holds the time stamps with modality=zl.modality.Series(time=...)"
        )
    if not columns or not len(frame):
        raise DataError(f"{caller} got a frame of shape {frame.shape}: there is nothing in it but the time, or nothing")
    stamps = timestamps.stamps(X, where, name, caller)
    in_time = stamps is not None and timestamps.is_time(stamps)
    return SeriesSchema(backend_of(frame), tuple(columns), where=where, time=name, in_time=in_time)
