"""Which part of the data trains each model of a detector, and which part, held back, says what is usual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from zandloper.data.series_lists import each_of
from zandloper.errors import DataError
from zandloper.modality.series import SeriesSchema

FEW_ROWS = 1_000  # below, five models, so that each trains on most of the rows; above, two are enough
MANY_ROWS = 20_000  # above, one part of the rows calibrates and one model is enough
BLOCKS = 4  # of time that single steps are parted into
LONG_BLOCKS = 3  # of time that windows are parted into


@dataclass(frozen=True)
class Fold:
    """Data that train, data that are held back, and which rows those are (None: windows of series)."""

    train: Any
    held: Any
    rows: Any

    def without(self, odd: np.ndarray) -> Fold:
        """The same, held back without some rows."""
        return Fold(self.train, _safe_indexing(self.held, np.flatnonzero(~odd)), self.rows[~odd])


def of_rows(X: Any, rows: int, fast: bool, seed: int) -> list[Fold]:
    """Every row is held back once, or as many as are enough."""
    if rows < 4:
        raise DataError(f"Found array with {rows} sample(s) while a minimum of 4 is required by AnomalyDetector")
    order = np.random.default_rng(seed).permutation(rows)
    parts = min(5 if rows < FEW_ROWS else 2, rows // 2)
    if fast or rows > MANY_ROWS:
        parts = 5 if rows < FEW_ROWS else 3
        cuts = [np.sort(np.array_split(order, min(parts, rows // 2))[0])]
    else:
        cuts = [np.sort(cut) for cut in np.array_split(order, parts)]
    return [Fold(_safe_indexing(X, np.setdiff1d(order, cut)), _safe_indexing(X, cut), cut) for cut in cuts]


def in_time(X: np.ndarray, lengths: list[int], gap: int) -> list[Fold]:
    """Rows that are steps of series, one series after the other: blocks of time, with a gap around those held back."""
    n = sum(lengths)
    if n < 4 * BLOCKS:
        raise DataError(
            f"Found series of {n} steps in all while a minimum of {4 * BLOCKS} is required by AnomalyDetector: "
            "pass longer ones"
        )
    if len(lengths) >= BLOCKS:  # whole series are held back
        series = np.repeat(np.arange(len(lengths)), lengths)
        return [_cut(X, np.flatnonzero(series % BLOCKS == k), 0) for k in range(BLOCKS)]
    begins, out = np.cumsum([0, *lengths[:-1]]), []
    for k in range(BLOCKS):
        held = [np.arange(b + n * k // BLOCKS, b + n * (k + 1) // BLOCKS) for b, n in zip(begins, lengths)]
        out.append(_cut(X, np.concatenate(held), gap))
    return out


def _cut(X: np.ndarray, held: np.ndarray, gap: int) -> Fold:
    near = np.zeros(len(X) + 2 * gap + 1, np.int64)  # how many held rows lie within a gap
    np.add.at(near, held, 1)
    np.add.at(near, held + 2 * gap + 1, -1)
    free = np.cumsum(near)[gap : gap + len(X)] == 0
    if not free.any():  # of short series: better no gap than no rows
        free = np.ones(len(X), bool)
        free[held] = False
    return Fold(X[free], X[held], held)


def of_series(X: Any, schema: SeriesSchema, caller: str) -> list[Fold]:
    """Series that are read in windows: blocks of time, with a gap of a window between what trains and what measures."""
    out = []
    for k in range(LONG_BLOCKS):
        train, held = [], []
        for one in each_of(X, caller):
            n = len(one)
            low, high = n * k // LONG_BLOCKS, n * (k + 1) // LONG_BLOCKS
            held.append(_safe_indexing(one, np.arange(low, high)))
            for a, b in ((0, low - schema.window), (high + schema.window, n)):
                if b - a >= schema.window:
                    train.append(_safe_indexing(one, np.arange(a, b)))
        if not train:
            raise DataError(
                f"series of {max(map(len, each_of(X, caller)))} steps are too short to be parted into {LONG_BLOCKS} "
                f"blocks of time with a window of {schema.window} steps between them: pass longer ones, or a shorter "
                "window, modality=zl.modality.Series(window=...)"
            )
        out.append(Fold(train, held, None))
    return out
