"""Error bounds of the channels, and the sample of the data that coding is learned from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zandloper.applications.compression.layout import DataBlock, Layout

DEFAULT_ERROR = 0.01  # of a column's range: the bound without max_error and quality
LEARNED = 2**20  # values that the coding learns from
FLOAT_STEP = 2.0**-16  # of a column's range: the precision of floats without a bound


def error_bounds(compressor: Any, layout: Layout, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The largest error of each channel, (channels,)."""
    span = high - low
    if layout.image:
        span = np.full(len(span), high.max() - low.min())
    if compressor.quality is not None:
        bounds = np.where([np.dtype(d).kind in "iu" for d in layout.dtypes], 0.0, FLOAT_STEP * span)
    elif compressor.max_error is None:
        bounds = DEFAULT_ERROR * span
    else:
        bounds = (
            float(compressor.max_error) * span
            if compressor.relative
            else np.full(len(span), float(compressor.max_error))
        )
    return np.where(layout.exact, 0.0, bounds)


def ranges(layout: Layout, raw: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """The smallest and the largest value of each channel, and how many values there are."""
    low, high = np.full(layout.channels, np.inf), np.full(layout.channels, -np.inf)
    count = 0
    for block in layout.blocks(raw):
        values = layout.values(block)[0].reshape(layout.channels, -1)
        present = ~np.isnan(values)
        low = np.minimum(low, np.where(present, values, np.inf).min(1))
        high = np.maximum(high, np.where(present, values, -np.inf).max(1))
        count += int(present.sum())
    empty = low > high
    return np.where(empty, 0, low), np.where(empty, 0, high), count


def sample_block(layout: Layout, raw: Any, seed: int) -> DataBlock:
    """A block of rows or of pieces of series, drawn at random."""
    rng = np.random.default_rng(seed)
    if not isinstance(raw, list):
        n = min(len(raw), max(256, LEARNED // max(1, math.prod(raw.shape[1:]))))
        return DataBlock(raw[np.sort(rng.permutation(len(raw))[:n])])
    span = layout.span  # type: ignore[attr-defined]
    pieces = [one.raw[0][at : at + span] for one in raw for at in range(0, max(1, len(one.raw[0])), span)]
    n = min(len(pieces), max(8, LEARNED // (span * layout.channels)))
    chosen = np.sort(rng.permutation(len(pieces))[:n])
    return DataBlock([pieces[i] for i in chosen], tuple(range(n)))
