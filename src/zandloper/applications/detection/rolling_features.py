"""Steps of series as table rows: rolling means of each channel, and the same means one period earlier.

A spike shows in the value itself, a drift in the means over more steps, which are less noisy, and a change of shape in
the difference between the value and the means. Where the data are periodic, the values one period earlier predict the
current ones. Every step becomes one row that depends on earlier steps only, and is scored as rows of tables are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zandloper.data.seasonality import LONGEST, find_period
from zandloper.modality.series import SeriesSchema

LENGTHS = (1, 8, 32)  # steps
MIN_LENGTHS_PER_SERIES = 12  # the longest series must be this many times as long as a mean


@dataclass(frozen=True)
class RollingFeatures:
    """Rolling means of series, and their values one period earlier.

    Parameters
    ----------
    schema : SeriesSchema
        Schema of the series.
    lengths : tuple of int
        Number of steps of each rolling mean, 1 first.
    period : int
        In steps; 0 where the data have none.
    """

    schema: SeriesSchema
    lengths: tuple[int, ...]
    period: int = 0

    @classmethod
    def fit(cls, schema: SeriesSchema, X: Any, caller: str) -> RollingFeatures:
        """Choose lengths and period from the training series."""
        steps = cls(schema, (1,)).rows(X, caller)
        longest = max(map(len, steps))
        lengths = tuple(n for n in LENGTHS if n == 1 or n * MIN_LENGTHS_PER_SERIES <= longest)
        return cls(schema, lengths, find_period(steps) or 0)

    @property
    def longest(self) -> int:
        """Steps of the longest mean; scores of steps closer than that are dependent."""
        return self.lengths[-1]

    @property
    def context_steps(self) -> int:
        """Steps that a row depends on, its own included."""
        return self.lengths[-1] + self.period

    def rows(self, X: Any, caller: str) -> list[np.ndarray]:
        """Features of each series, (steps, features x channels), in float64, NaN where no value is known."""
        laid = self.schema.lay(self.schema.parse(X, caller), caller, LONGEST, 1, 1)
        store = laid.store.numpy().astype(np.float64)
        features = len(self.lengths) * (2 if self.period else 1)
        out = np.full((features * len(store), store.shape[1]), np.nan)
        now = len(self.lengths) * len(store)
        for low, high in zip(laid.firsts, [*laid.firsts[1:], store.shape[1]]):
            piece = store[:, low:high]
            out[:now, low:high] = np.concatenate([_rolling_mean(piece, length) for length in self.lengths])
            if self.period and high - low > self.period:
                out[now:, low + self.period : high] = out[:now, low : high - self.period]
        return [out[:, at].T for at in laid.at]

    def by_channel(self, values: np.ndarray) -> np.ndarray:
        """Maximum over the means of the current steps, (..., features x channels) to (..., channels)."""
        channels = len(self.schema.columns)
        now = values[..., : len(self.lengths) * channels]
        return now.reshape(*now.shape[:-1], len(self.lengths), channels).max(-2)


def _rolling_mean(piece: np.ndarray, length: int) -> np.ndarray:
    """Means over the last `length` steps that are known, (channels, steps); over fewer at the start."""
    if length == 1:
        return piece
    known = ~np.isnan(piece)
    # Sums of deviations from the mean lose fewer digits than sums of values.
    middle = np.nanmean(np.where(known.any(1, keepdims=True), piece, 0), axis=1, keepdims=True)
    sums = _rolling_sum(np.where(known, piece - middle, 0), length)
    counts = _rolling_sum(known.astype(np.float64), length)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts > 0, sums / counts + middle, np.nan)


def _rolling_sum(values: np.ndarray, length: int) -> np.ndarray:
    total = np.cumsum(values, axis=1)
    return np.concatenate([total[:, :length], total[:, length:] - total[:, :-length]], axis=1)
