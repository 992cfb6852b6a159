"""Steps of series as rows of a table: each channel's mean over the last 1, 8 and 32 steps, and those a period earlier.

A spike shows in the value itself, a drift in the means over more steps, from which the noise has gone, and a change of
shape in how the value lies beside the means. Where the data have a period, what was there one period earlier says what
to expect now. So what is known of tables holds for steps of series, and every step has a row of its own, which only
looks back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zandloper.data.seasonality import LONGEST, find_period
from zandloper.modality.series import SeriesSchema

SPANS = (1, 8, 32)  # steps
SHARE = 12  # a span is at most this part of the longest series


@dataclass(frozen=True)
class Spans:
    """How series become rows.

    Parameters
    ----------
    form : SeriesSchema
        What the series look like.
    spans : tuple of int
        How many steps back each mean goes, 1 first.
    period : int
        In steps; 0: none was found.
    """

    schema: SeriesSchema
    spans: tuple[int, ...]
    period: int = 0

    @classmethod
    def of(cls, schema: SeriesSchema, X: Any, caller: str) -> Spans:
        """What suits series."""
        steps = cls(schema, (1,)).rows(X, caller)
        spans = tuple(s for s in SPANS if s == 1 or s * SHARE <= max(map(len, steps)))
        return cls(schema, spans, find_period(steps) or 0)

    @property
    def longest(self) -> int:
        """Steps that scores say much the same over."""
        return self.spans[-1]

    @property
    def back(self) -> int:
        """Steps that a row looks back, itself included."""
        return self.spans[-1] + self.period

    def rows(self, X: Any, caller: str) -> list[np.ndarray]:
        """Of each series (steps, looks x channels), in float64, NaN where no value is known.

        A look is a span, or a span one period earlier.
        """
        laid = self.schema.lay(self.schema.parse(X, caller), caller, LONGEST, 1, 1)
        store = laid.store.numpy().astype(np.float64)
        looks = len(self.spans) * (2 if self.period else 1)
        out = np.full((looks * len(store), store.shape[1]), np.nan)
        now = len(self.spans) * len(store)
        for low, high in zip(laid.firsts, [*laid.firsts[1:], store.shape[1]]):
            piece = store[:, low:high]
            out[:now, low:high] = np.concatenate([_trailing(piece, span) for span in self.spans])
            if self.period and high - low > self.period:
                out[now:, low + self.period : high] = out[:now, low : high - self.period]
        return [out[:, at].T for at in laid.at]

    def by_channel(self, values: np.ndarray) -> np.ndarray:
        """The largest over what is looked at now, (..., looks x channels) to (..., channels)."""
        channels = len(self.schema.columns)
        now = values[..., : len(self.spans) * channels]
        return now.reshape(*now.shape[:-1], len(self.spans), channels).max(-2)


def _trailing(piece: np.ndarray, span: int) -> np.ndarray:
    """Means over the last steps that are known, (channels, steps); over fewer at the start."""
    if span == 1:
        return piece
    there = ~np.isnan(piece)
    middle = np.nanmean(np.where(there.any(1, keepdims=True), piece, 0), axis=1, keepdims=True)  # sums cancel less
    sums, counts = (np.cumsum(a, axis=1) for a in (np.where(there, piece - middle, 0), there.astype(np.float64)))
    late = lambda a: np.concatenate([a[:, :span], a[:, span:] - a[:, :-span]], axis=1)  # noqa: E731
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(late(counts) > 0, late(sums) / late(counts) + middle, np.nan)
