"""The frequency tables of a `ContextModel`: counts of distances or values in each class."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from zandloper.applications.compression.context_model import (
    BUCKETS,
    CLASSES,
    FINE,
    REACH,
    SMALLEST,
    SPLIT,
    THIRDS,
    UNIT,
    ContextFeatures,
    ContextModel,
    distance_classes,
    log_of,
)

MOST_VALUES = 256  # largest number of values in a table of values


def learn_tables(
    context: ContextModel,
    features: Any,
    state: ContextFeatures,
    values: np.ndarray,
    prediction: np.ndarray,
    present: np.ndarray,
    kinds: tuple[str, ...],
    total: int,
) -> ContextModel:
    """Learn tables of distances for all channels, and of values for channels with few values if that is shorter."""
    channels = values.shape[1]
    prior = _logistic_tables()
    counts = np.zeros(prior.shape)
    found = []
    for c in range(channels):
        keep = present[:, c]
        center, scale, tap = (np.stack([row[c][i] for row in features])[keep] for i in (0, 1, 4))
        known, mine = values[:, c][keep], prediction[:, c][keep]
        classes, base, sign, shift = distance_classes(center, scale)
        distance = np.floor(sign * (known - base) / 2**shift)
        symbols = np.where(abs(distance) > REACH, 2 * REACH + 1, distance + REACH).astype(np.int64)
        np.add.at(counts, (classes, symbols), 1)
        found.append((center, scale, mine, tap, known, classes, symbols, shift))
    weight = np.minimum(64, 8 + counts.sum(1, keepdims=True) / 50)
    shares = (counts + weight * prior) / (counts.sum(1, keepdims=True) + weight)
    context.distance_tables = log_of(shares)
    bits = -np.log2(np.maximum(shares, 1e-9))
    amount = total / max(1, present.sum())
    tables: list[np.ndarray] = []
    for c, (center, scale, mine, tap, known, classes, symbols, shift) in enumerate(found):
        if not known.size:
            continue
        plain = bits[classes, symbols].sum() + shift.sum() + 32 * (symbols == 2 * REACH + 1).sum()
        low, n = int(known.min()), int(known.max() - known.min()) + 1
        if n > MOST_VALUES:
            continue
        first = sum(map(len, tables))
        made, cost = _value_tables(context, c, kinds[c], first, center, scale, mine, tap, known, low, n, amount)
        if kinds[c] == "category" or cost < plain * amount:
            tables.append(made)
        else:
            context.mode[c] = 0
    if tables:
        widest = max(t.shape[1] for t in tables)
        padded = [np.hstack([t[:, :-1], np.zeros((len(t), widest - t.shape[1]), np.uint8), t[:, -1:]]) for t in tables]
        context = replace(context, values=np.concatenate(padded))
    return context


def _value_tables(
    context: ContextModel,
    c: int,
    kind: str,
    first: int,
    center: np.ndarray,
    scale: np.ndarray,
    mine: np.ndarray,
    tap: np.ndarray,
    known: np.ndarray,
    low: int,
    n: int,
    amount: float,
) -> tuple[np.ndarray, float]:
    """Tables of a channel's values, and their cost: bits of values and of tables."""
    size = known.size * amount
    rows = int(np.clip((size / (32 * n)) ** 0.5, 1, 24))
    columns = int(np.clip(size / (32 * n * rows), 1, 8))
    if kind == "category":
        rows, columns = int(min(n, rows, 8)), int(min(24, max(1, size / (32 * n * min(n, rows, 8)))))
    else:
        worth = np.exp2(scale / UNIT).clip(0.02, 4)
        edges = _quantiles(center, worth, rows)
        cuts = np.full((len(edges) + 1, columns - 1), 2**40, np.int64)
        row = np.searchsorted(edges, center, side="right")
        for r in range(len(edges) + 1):
            inner = _quantiles(scale[row == r], worth[row == r], columns)
            cuts[r, : len(inner)] = inner
        rows = len(edges) + 1
        context.center_edges = _room(context.center_edges, (context.channels, max(1, rows - 1)))
        context.scale_edges = _room(context.scale_edges, (context.channels, max(1, rows), max(1, columns - 1)))
        context.center_edges[c, : rows - 1], context.scale_edges[c, :rows, : columns - 1] = edges, cuts
    context.mode[c] = 2 if kind == "category" else 1
    context.low[c], context.first[c], context.shape[c] = low, first, (rows, columns, n)
    classes = context.value_classes(c, center, scale, mine, tap)[0] - first
    counts = np.zeros((rows * columns, n + 1))
    np.add.at(counts, (classes, (known - low).astype(np.int64)), 1)
    marginal = counts.sum(0) + 0.5 / (n + 1)
    by_row = counts.reshape(rows, columns, -1).sum(1) + 4 * marginal / marginal.sum()
    prior = np.repeat(by_row / by_row.sum(1, keepdims=True), columns, axis=0)
    shares = (counts + 4 * prior) / (counts.sum(1, keepdims=True) + 4)
    made = log_of(shares)
    bits = -(counts * np.log2(np.maximum(shares, 1e-9))).sum() * amount
    return made, bits + 4.0 * np.minimum(counts > 0, 1).sum()


def _room(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Enlarge an array to at least a shape, with zeros."""
    out = np.zeros(tuple(map(max, array.shape, shape)), np.int64)
    out[tuple(map(slice, array.shape))] = array
    return out


def _quantiles(x: np.ndarray, weight: np.ndarray, parts: int) -> np.ndarray:
    """Integers that separate parts of equal weight, at most parts - 1, rising."""
    if not x.size or parts < 2:
        return np.zeros(0, np.int64)
    order = np.argsort(x, kind="stable")
    reached = np.cumsum(weight[order])
    at = np.searchsorted(reached, reached[-1] * np.arange(1, parts) / parts)
    return np.unique(x[order][at.clip(0, len(x) - 1)]).astype(np.int64)


def _logistic_tables() -> np.ndarray:
    """Probabilities of a logistic distribution in the tables of distances: (classes, symbols)."""
    edges = np.arange(-REACH, REACH + 2) - 0.5
    out = np.empty((CLASSES, 2 * REACH + 2))
    for k in range(CLASSES):
        if k < 4 * SPLIT:
            bucket, part = divmod(k, 4)
            center = (FINE / 2 - 0.5 - part) / FINE  # mirrored, so that it lies above the step's middle
        else:
            bucket, center = SPLIT + k - 4 * SPLIT, 0.0
        plain = k >= CLASSES - THIRDS
        if plain:
            bucket, center = BUCKETS - THIRDS + k - (CLASSES - THIRDS), 0.0
        s = 2.0 ** (SMALLEST + (bucket + 0.5) / THIRDS)
        at = (edges + (0.5 if plain else 0) - center) / s
        share = np.diff(1 / (1 + np.exp(-at.clip(-500, 500))))
        out[k, :-1], out[k, -1] = share, max(1 - share.sum(), 1e-7)
    out = np.maximum(out, 1e-7)
    return out / out.sum(1, keepdims=True)
