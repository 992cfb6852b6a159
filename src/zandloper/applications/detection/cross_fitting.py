"""Folds of cross-fitting: data that train each model of a detector, and held-out data that calibrate it."""

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
TIME_BLOCKS = 4  # for single steps
WINDOW_BLOCKS = 3  # for windows, which need longer blocks


@dataclass(frozen=True)
class Fold:
    """Training data, held-out data, and the positions of the held-out rows (None: windows of series)."""

    train: Any
    held_out: Any
    rows: Any

    def without(self, removed: np.ndarray) -> Fold:
        """Copy without some of the held-out rows, given as a mask."""
        return Fold(self.train, _safe_indexing(self.held_out, np.flatnonzero(~removed)), self.rows[~removed])


def row_folds(X: Any, rows: int, fast: bool, seed: int) -> list[Fold]:
    """Folds of rows at random: every row is held out once, or one fold of many rows."""
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


def time_folds(X: np.ndarray, lengths: list[int], gap: int) -> list[Fold]:
    """Blocks of time for rows that are steps of series, with a gap around the held-out block.

    Parameters
    ----------
    X : ndarray (steps, features)
        One series after the other.
    lengths : list of int
        Steps of each series.
    gap : int
        Steps next to a held-out block that do not train.
    """
    n = sum(lengths)
    if n < 4 * TIME_BLOCKS:
        raise DataError(
            f"Found series of {n} steps in all while a minimum of {4 * TIME_BLOCKS} is required by AnomalyDetector: "
            "pass longer ones"
        )
    if len(lengths) >= TIME_BLOCKS:  # whole series are held out
        series = np.repeat(np.arange(len(lengths)), lengths)
        return [_time_fold(X, np.flatnonzero(series % TIME_BLOCKS == k), 0) for k in range(TIME_BLOCKS)]
    begins, out = np.cumsum([0, *lengths[:-1]]), []
    for k in range(TIME_BLOCKS):
        held_out = [
            np.arange(b + n * k // TIME_BLOCKS, b + n * (k + 1) // TIME_BLOCKS) for b, n in zip(begins, lengths)
        ]
        out.append(_time_fold(X, np.concatenate(held_out), gap))
    return out


def _time_fold(X: np.ndarray, held_out: np.ndarray, gap: int) -> Fold:
    near = np.zeros(len(X) + 2 * gap + 1, np.int64)  # number of held-out rows within a gap
    np.add.at(near, held_out, 1)
    np.add.at(near, held_out + 2 * gap + 1, -1)
    train = np.cumsum(near)[gap : gap + len(X)] == 0
    if not train.any():  # of short series: better no gap than no rows
        train = np.ones(len(X), bool)
        train[held_out] = False
    return Fold(X[train], X[held_out], held_out)


def window_folds(X: Any, schema: SeriesSchema, caller: str) -> list[Fold]:
    """Blocks of time for series that are read in windows, with a gap of one window around the held-out block."""
    out = []
    for k in range(WINDOW_BLOCKS):
        train, held_out = [], []
        for series in each_of(X, caller):
            n = len(series)
            low, high = n * k // WINDOW_BLOCKS, n * (k + 1) // WINDOW_BLOCKS
            held_out.append(_safe_indexing(series, np.arange(low, high)))
            for a, b in ((0, low - schema.window), (high + schema.window, n)):
                if b - a >= schema.window:
                    train.append(_safe_indexing(series, np.arange(a, b)))
        if not train:
            raise DataError(
                f"series of {max(map(len, each_of(X, caller)))} steps are too short to be divided into {WINDOW_BLOCKS} "
                f"blocks of time with a window of {schema.window} steps between them: pass longer ones, or a shorter "
                "window, modality=zl.modality.Series(window=...)"
            )
        out.append(Fold(train, held_out, None))
    return out
