"""The schema of series: windows in, single time steps out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
from torch import Tensor

from zandloper.data import timestamps
from zandloper.data.column_dtypes import give_column
from zandloper.data.columns import Column
from zandloper.data.frames import dims_of, give_frame, give_numbers, is_frame
from zandloper.data.series_lists import as_given, each_of
from zandloper.data.windows import Windows, blocks_of_time, lay_out
from zandloper.errors import DataError, bad_parameter
from zandloper.modality import Scaler, Schema
from zandloper.modality.series.reading import Part, read_array, read_frame
from zandloper.modality.series.scaler import SCALES
from zandloper.model.losses.gaussian import GaussianNLL
from zandloper.model.losses.mae import MAE
from zandloper.model.losses.mse import MSE
from zandloper.spec import Spec

MOST_WINDOW = 65_536


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
        return [
            read_frame(self, one, caller) if is_frame(one) else read_array(self, one, caller)
            for one in each_of(X, caller)
        ]

    def lay(self, parts: list[Part], caller: str, gap: int, window: int, stride: int) -> Windows:
        """Windows over series on their grids; a gap of so many steps parts a series in two."""
        grids = [
            np.arange(len(p.values))
            if p.times is None
            else timestamps.on_grid(p.times, self.step, self.in_time, caller)
            for p in parts
        ]
        return lay_out([p.values for p in parts], grids, np.dtype(self.dtype), gap, window, stride)

    # ------------------------------------------------------------------------------------- out: windows to single steps

    def give(self, values: np.ndarray, like: Any = None) -> Any:
        """Windows (n, channels, steps) as series of their own: an array (n, steps, channels), or a list of frames."""
        moved = np.moveaxis(np.asarray(values), 1, 2)
        if self.backend != "array":
            return [give_one(self, v) for v in moved]
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
        return as_given([give_one(self, v, one) for v, one in zip(steps, each_of(like, ""))], like)

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


def give_one(schema: SeriesSchema, values: np.ndarray, like: Any = None) -> Any:
    """Return one series (steps, channels) as the kind of data that the user passed."""
    if schema.backend == "array":
        out = give_numbers(values, schema.given)
        flat = schema.flat if like is None or is_frame(like) else dims_of(like) == 1
        return out[:, 0] if flat else out
    made = {c.name: give_column(c, values[:, i].astype(float), schema.backend) for i, c in enumerate(schema.columns)}
    if like is None or not is_frame(like):
        return give_frame(made, schema.backend)
    if schema.where == "column":  # stands where it stood
        frame = nw.from_native(like, eager_only=True)
        stamps = frame.get_column(schema.time).to_native()
        stamps = stamps.reset_index(drop=True) if hasattr(stamps, "reset_index") else stamps
        made = {name: made.get(name, stamps) for name in frame.columns}
    return give_frame(made, schema.backend, like)
