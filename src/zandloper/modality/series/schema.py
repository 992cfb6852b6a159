"""Series: numbers over time, one or several channels, read as overlapping windows and given back step by step.

An array (time,) or (time, channels), a frame with a time column or index, or a collection of those: a list, where
lengths may differ, or an array (n, time, channels). A raw row is one window (channels, steps), cut when it is asked
for. Gaps in the grid of time stamps, missing values and what a short series lacks are NaN, and count nothing.
"""

from __future__ import annotations

import numbers
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import narwhals as nw
import numpy as np
from torch import Tensor

from zandloper.data import timestamps
from zandloper.data.columns import (
    Column,
    backend_of,
    dims_of,
    give_column,
    give_frame,
    give_numbers,
    is_frame,
    learn_column,
    numbers_of,
    read_column,
)
from zandloper.data.seasonality import LONGEST, stride_of, window_of
from zandloper.data.series_lists import as_given, each_of
from zandloper.data.windows import Windows, blocks_of_time, lay_out
from zandloper.errors import DataError, DataTypeError, bad_parameter
from zandloper.modality import Modality, Scaler, Schema
from zandloper.modality.series.scaler import SCALES
from zandloper.model.losses.gaussian import GaussianNLL
from zandloper.model.losses.mae import MAE
from zandloper.model.losses.mse import MSE
from zandloper.spec import Spec

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
            schema = schema.replaced(step=timestamps.step_of([p.times for p in parts if p.times is not None]))
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
        schema = schema.replaced(
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


@dataclass(frozen=True)
class Part:
    """One of the user's series, read: values (rows, channels), and its time stamps as numbers."""

    values: np.ndarray
    times: np.ndarray | None = None


@dataclass(frozen=True)
class SeriesSchema(Schema):
    """What series look like.

    Parameters
    ----------
    backend : {"array", "pandas", "polars", "pyarrow"}
        Where they came from and go back to.
    columns : tuple of Column
        The channels.
    dtype : str
        Of the raw windows.
    given : str
        Of the user's array, before it was read.
    flat : bool
        Of one channel, and no dimension for it.
    where, time : str
        "index" or "column", or "" without time stamps; and its name.
    step : float
        From one time stamp to the next: in microseconds, or as the numbers are.
    in_time : bool
        Whether stamps are points in time.
    window, stride, score_stride : int
        In steps.
    scaling : str
        See `Series`.
    """

    name: ClassVar[str] = "series_schema"
    backend: str
    columns: tuple[Column, ...]
    dtype: str = "float64"
    given: str = "float64"
    flat: bool = False
    where: str = ""
    time: str = ""
    step: float = 0.0
    in_time: bool = False
    window: int = 1
    stride: int = 1
    score_stride: int = 1
    scaling: str = "standard"

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """As for every spec; the columns are specs too."""
        plain: Any = lambda c: {k: tuple(v) if isinstance(v, list) else v for k, v in c.items()}  # noqa: E731
        return super().from_dict({**settings, "columns": tuple(Column(**plain(c)) for c in settings["columns"])})

    def replaced(self, **settings: Any) -> SeriesSchema:
        """The same with some settings changed."""
        return SeriesSchema(**{**vars(self), **settings})

    @property
    def in_shape(self) -> tuple[int, ...]:
        """(channels, steps), as torch has it."""
        return (len(self.columns), self.window)

    @property
    def n_features(self) -> int:
        """The channels."""
        return len(self.columns)

    def feature_names(self) -> list[str]:
        """channel_step."""
        return [f"{c.name}_{t}" for c in self.columns for t in range(self.window)]

    def column_names(self) -> list[str]:
        """The time column and the channels of a frame."""
        names = [] if self.backend == "array" else [str(c.name) for c in self.columns]
        return [self.time, *names] if self.where == "column" else names

    def in_words(self) -> str:
        """Channels, windows, and how far apart the steps are."""
        apart = f", {timestamps.step_in_words(self.step, self.in_time)} a step" if self.step else ""
        c = len(self.columns)
        return f"series of {c} channel{'s' if c > 1 else ''} in windows of {self.window} steps{apart}"

    def loss(self, given: str) -> Spec:
        """MSE, unless another is named."""
        chosen = "mse" if given == "auto" else given
        choices: dict[str, Any] = {"mse": MSE, "mae": MAE, "gaussian": GaussianNLL}
        if chosen not in choices:
            raise bad_parameter("the model", "loss", f"'auto', one of {sorted(choices)} or an nn.Module", given)
        return choices[chosen]()

    def scaler(self) -> Scaler:
        """The scale of these channels."""
        return SCALES[self.scaling](self)

    # -------------------------------------------------------------------------------------------- in: series to windows

    def read(self, X: Any, caller: str) -> Windows:
        """Windows that cover all steps; series shorter than a window are padded with what counts nothing."""
        return self.lay(self.parse(X, caller), caller, self.window, self.window, self.score_stride)

    def read_to_train(self, X: Any, caller: str) -> Windows:
        """Windows at the stride that training takes."""
        return self.lay(self.parse(X, caller), caller, self.window, self.window, self.stride).with_something()

    def parse(self, X: Any, caller: str) -> list[Part]:
        """Each of the user's series as numbers."""
        return [self._frame(one, caller) if is_frame(one) else self._array(one, caller) for one in each_of(X, caller)]

    def lay(self, parts: list[Part], caller: str, gap: int, window: int, stride: int) -> Windows:
        """Windows over series on their grids; a gap of so many steps parts a series in two."""
        grids = [
            np.arange(len(p.values))
            if p.times is None
            else timestamps.on_grid(p.times, self.step, self.in_time, caller)
            for p in parts
        ]
        return lay_out([p.values for p in parts], grids, np.dtype(self.dtype), gap, window, stride)

    def _array(self, X: Any, caller: str) -> Part:
        values = _numbers(X, caller)
        if values.shape[1] != len(self.columns):
            raise DataError(
                f"X has {values.shape[1]} features, but {caller} is expecting {len(self.columns)} features as input: "
                "series are (time, channels)"
            )
        return Part(values)

    def _frame(self, X: Any, caller: str) -> Part:
        frame = nw.from_native(X, eager_only=True)
        names = [c.name for c in self.columns]
        if self.backend == "array":
            where, time = timestamps.find_time(X, None, caller)
            names = [c for c in frame.columns if where != "column" or c != time]
            return self._array(frame.select(*map(frame.get_column, names)).to_numpy(), caller)
        known = {*names, self.time} if self.where == "column" else set(names)
        lost, new = [c for c in known if c not in frame.columns], [c for c in frame.columns if c not in known]
        if lost or new:
            raise DataError(
                f"The feature names should match those that were passed during fit: {caller} got a frame "
                f"with other columns; missing: {sorted(map(str, lost))[:8]}, unknown: {new[:8]}"
            )
        if len(frame) == 0:
            raise DataError(f"Found array with 0 sample(s) (shape={frame.shape}) while a minimum of 1 is required")
        values = np.stack([read_column(c, frame.get_column(c.name), caller) for c in self.columns], axis=1)
        column = timestamps.stamps(X, self.where, self.time, caller)
        if column is None:
            return Part(values)
        times = timestamps.as_numbers(column, caller)
        timestamps.check_order(times, lambda row: column[row], caller)
        return Part(values, times)

    # ------------------------------------------------------------------------------------- out: windows to single steps

    def give(self, values: np.ndarray, like: Any = None) -> Any:
        """Windows (n, channels, steps) as series of their own: an array (n, steps, channels), or a list of frames."""
        moved = np.moveaxis(np.asarray(values), 1, 2)
        if self.backend != "array":
            return [self._one(v) for v in moved]
        out = give_numbers(moved, self.given)
        return out[..., 0] if self.flat else out

    def readable(self, raw: np.ndarray) -> Any:
        """Windows as an array (n, steps, channels), which needs no time stamps."""
        return np.moveaxis(np.asarray(raw), 1, 2)

    def rebuild(self, values: np.ndarray, like: Any, rows: Any) -> Any:
        """Series as `like` has them: each step the mean of what its windows say.

        Predicted from rows of another kind, each window is a series of its own.
        """
        if not isinstance(rows, Windows):
            return self.give(values)
        return self.give_steps(rows.fold(values), like)

    def give_steps(self, steps: list[np.ndarray], like: Any) -> Any:
        """Steps (steps, channels) of each series as `like` has them."""
        return as_given([self._one(v, one) for v, one in zip(steps, each_of(like, ""))], like)

    def errors(self, error: Tensor, weight: Tensor, per_feature: bool, like: Any, rows: Windows) -> Any:
        """Errors of time steps: their mean over channels that are there, (steps,), or all, (steps, channels)."""
        steps = rows.fold(error.numpy())
        if not per_feature:
            steps = [e.sum(1) / np.maximum(there.sum(1), 1) for e, there in zip(steps, rows.present())]
        return as_given(steps, like)

    def split(self, rows: Windows, share: float, seed: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Blocks of time with a gap of a window; without a gap where series are short, and none in the last resort."""
        for gap in (self.window, 0):
            found = blocks_of_time(rows, share, gap, self.stride, np.random.default_rng(seed))
            if found is not None:
                return found
        warnings.warn(
            f"series of {rows.store.shape[1]} steps are too short to validate on other steps than those that train, in "
            f"windows of {self.window}: all of them train, and the last weights are kept. Pass a smaller window, "
            "modality=zl.modality.Series(window=...), or validation=0",
            UserWarning,
            stacklevel=2,
        )
        return None, None

    def split_by(self, splitter: Any, rows: Windows, y: Any, caller: str) -> tuple[np.ndarray, np.ndarray]:
        """A splitter splits time steps: windows count on the side that all their steps are on."""
        at, sides = np.concatenate(rows.at), []
        for mine in next(iter(splitter.split(np.zeros((len(at), 1))))):
            other = np.zeros(rows.store.shape[1] + 1, bool)
            other[at + 1] = True
            other[at[mine] + 1] = False
            before = np.cumsum(other)
            sides.append(np.flatnonzero(before[rows.starts + self.window] == before[rows.starts]))
        if not all(map(len, sides)):
            raise DataError(
                f"the splitter given to {caller} leaves {len(sides[0])} windows of {self.window} steps to train on and "
                f"{len(sides[1])} to validate with: it must cut series into blocks of time, as TimeSeriesSplit does"
            )
        return sides[0], sides[1]

    def labels(self, labels: Any, rows: Windows) -> Any:
        """Of windows, the labels of the steps in their middle; labels of windows stay."""
        values = labels.to_numpy() if hasattr(labels, "to_numpy") else np.asarray(labels)
        at = np.concatenate(rows.at)
        if len(values) != len(at):
            return labels
        return values[np.minimum(np.searchsorted(at, rows.starts + self.window // 2), len(at) - 1)]

    def places(self, like: Any, rows: Windows, per_sample: bool) -> dict[str, Any]:
        """Of steps their time stamps; of windows the stamps, or else the numbers, of their first and last steps."""
        if len(rows.at) > 1:
            return {}
        stamps = timestamps.stamps(like, self.where, self.time, "run")
        if per_sample:
            return {} if stamps is None else {self.time or "time": stamps.to_arrow()}
        at = rows.at[0]
        ends = (
            np.searchsorted(at, rows.starts),
            np.minimum(np.searchsorted(at, rows.starts + self.window) - 1, len(at) - 1),
        )
        return {
            name: rows_at if stamps is None else stamps[rows_at.tolist()].to_arrow()
            for name, rows_at in zip(("start", "end"), ends)
        }

    def _one(self, values: np.ndarray, like: Any = None) -> Any:
        """One series (steps, channels) as the user's own kind."""
        if self.backend == "array":
            out = give_numbers(values, self.given)
            flat = self.flat if like is None or is_frame(like) else dims_of(like) == 1
            return out[:, 0] if flat else out
        made = {c.name: give_column(c, values[:, i].astype(float), self.backend) for i, c in enumerate(self.columns)}
        if like is None or not is_frame(like):
            return give_frame(made, self.backend)
        if self.where == "column":  # stands where it stood
            frame = nw.from_native(like, eager_only=True)
            stamps = frame.get_column(self.time).to_native()
            stamps = stamps.reset_index(drop=True) if hasattr(stamps, "reset_index") else stamps
            made = {name: made.get(name, stamps) for name in frame.columns}
        return give_frame(made, self.backend, like)


def _numbers(X: Any, caller: str) -> np.ndarray:
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


def _learn_array(X: Any, caller: str) -> SeriesSchema:
    raw, given = _numbers(X, caller), getattr(X, "dtype", None)
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
