"""Fitting of a `ContextModel`: taps, linear weights by least absolute errors, the network, and the tables.

The parameters take space in the model, so that their number depends on the number of values to be coded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zandloper.applications.compression.context_model import (
    CLASSES,
    EXTRA,
    FINE,
    NEAR,
    REACH,
    UNIT,
    ContextFeatures,
    ContextModel,
)
from zandloper.applications.compression.context_network import fit_context_network
from zandloper.applications.compression.context_tables import learn_tables

MOST_TAPS = 24


def fit_context_model(
    values: np.ndarray,
    prediction: np.ndarray,
    present: np.ndarray,
    height: int,
    width: int,
    kinds: tuple[str, ...],
    total: int,
    period: int = 0,
    seed: int = 0,
    net: bool = True,
) -> ContextModel:
    """Fit a context model to a sample block.

    Parameters
    ----------
    values, prediction, there : ndarray (steps, channels, sequences)
        Integers, their external predictions in eighths of a step, and flags of the present ones.
    height, width : int
        Of an image; 1 and 0 for series; 1 and 1 for rows of a table.
    kinds : tuple of {"number", "category"}
        Of the channels. Categories are integers without order.
    total : int
        Number of values to be coded.
    period : int
        Period of series in steps, or 0.
    seed : int
    net : bool
        False: the network outputs a constant, which is fast, for comparisons.
    """
    channels = values.shape[1]
    context = _blank(_taps(values, prediction, present, height, width, kinds, period), channels, height, width)
    state = ContextFeatures(context, prediction)
    _features_of_known(state, values)
    for c in range(channels):
        _learn_linear(context, state, values, present, c)
    state = ContextFeatures(context, prediction)
    features = _features_of_known(state, values)
    if net and len(values) > 4 and width:
        usual = np.where(present, state.missed, 0).sum(2) / np.maximum(present.sum(2), 1)
        context.position_errors = np.rint(16 * np.log2(1 + usual)).clip(0, 255).astype(np.int64)
    _normalize(context, state, features, present, prediction)
    state = ContextFeatures(context, prediction)
    features = _features_of_known(state, values)
    fit_context_network(context, features, values, present, total if net else 0, seed)
    state = ContextFeatures(context, prediction)
    return learn_tables(context, _features_of_known(state, values), state, values, prediction, present, kinds, total)


def _blank(taps: np.ndarray, channels: int, height: int, width: int) -> ContextModel:
    """A context model with taps, whose other parts are zeros."""
    count, near = taps.shape[1], min(NEAR, taps.shape[1])

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.int64)

    inputs = near + EXTRA
    return ContextModel(
        height=height,
        width=width,
        taps=taps,
        weights=zeros(channels, count + 2),
        bias=zeros(channels),
        precision=zeros(channels),
        unit=zeros(channels),
        level=zeros(channels),
        shifts=zeros(channels, inputs),
        position_errors=zeros(0, channels),
        w1=zeros(channels, 0, inputs),
        b1=zeros(channels, 0),
        w2=zeros(channels, 2, 0),
        b2=zeros(channels, 2),
        mode=zeros(channels),
        low=zeros(channels),
        first=zeros(channels),
        shape=zeros(channels, 3),
        center_edges=zeros(channels, 1),
        scale_edges=zeros(channels, 1, 1),
        distance_tables=zeros(CLASSES, 2 * REACH + 2),
        values=zeros(1, 2),
    )


def _features_of_known(state: ContextFeatures, values: np.ndarray) -> list[list[Any]]:
    """Features of known values: center, scale, network inputs, linear center and first tap of each."""
    out: list[list[Any]] = []
    for step in range(len(values)):
        row: list[Any] = []
        for c in range(values.shape[1]):
            center, scale, inputs = state.features_at(step, c)
            row.append((center, scale, inputs.astype(np.float32), state.linear_center.copy(), state.first_tap(step, c)))
            state.update(step, c, values[step, c])
        out.append(row)
    return out


def _taps(
    values: np.ndarray,
    prediction: np.ndarray,
    present: np.ndarray,
    height: int,
    width: int,
    kinds: tuple[str, ...],
    period: int,
) -> np.ndarray:
    """Choose the taps of each channel, the most informative first: (channels, taps, 3)."""
    steps, channels, _ = values.shape
    every: list[list[tuple[int, int, int]]] = []
    off = np.where(present, FINE * values - prediction, 0).reshape(steps * channels, -1) if steps == 1 else values
    strength = np.zeros((channels, channels))
    if steps == 1 and channels > 1:
        strength = _strength(off, kinds)
    for c in range(channels):
        before = sorted(range(c), key=lambda j: -strength[c, j])
        if width == 0:
            lags = range(1, 33 if channels == 1 else 5)
            mine = [(0, -lag, c) for lag in lags]
            if period > 4:
                mine += [(0, -lag, c) for lag in (period, period + 1, period - 1) if lag not in lags]
            mine += [(0, 0, j) for j in before[-6:]] + [(0, -1, j) for j in range(channels) if j != c][:6]
        elif steps > 1:
            around = [(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, 2), (-2, -1), (-2, 1), (0, -3)]
            mine = [(dy, dx, c) for dy, dx in around if -dy < height and abs(dx) < width]
            mine[2:2] = [(0, 0, j) for j in before[-2:]]
            mine += [(dy, dx, j) for j in before[-2:] for dy, dx in around[:2]]
        else:
            mine = [(0, 0, j) for j in before[:MOST_TAPS] if strength[c, j] > 0.03]
        every.append(mine[:40])
    out = np.full((channels, max(1, *map(len, every)) if every else 1, 3), -1, np.int64)
    for c, mine in enumerate(every):
        out[c, : len(mine)] = np.array(mine).reshape(-1, 3)
    return out


def _strength(off: np.ndarray, kinds: tuple[str, ...]) -> np.ndarray:
    """Strength of the dependence between columns: correlation, or mutual information if one is categorical."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.nan_to_num(abs(np.corrcoef(off)))
    for c, kind in enumerate(kinds):
        for j in range(c):
            if kind == "category":
                found[c, j] = _shared(off[c], off[j])
            elif kinds[j] == "category":
                found[c, j] = 0
    return found


def _shared(a: np.ndarray, b: np.ndarray) -> float:
    """Mutual information of two columns in nats, of their first 24 levels."""
    a, b = (np.unique(v, return_inverse=True)[1].clip(0, 23) for v in (a, b))
    joint = np.bincount(a * 24 + b, minlength=576).reshape(24, 24) / len(a)
    outer = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    return float((joint[joint > 0] * np.log(joint[joint > 0] / outer[joint > 0])).sum())


def _learn_linear(
    context: ContextModel, state: ContextFeatures, values: np.ndarray, present: np.ndarray, c: int
) -> None:
    """Fit the weights of a channel by least absolute errors, iteratively reweighted (Schlossmacher 1973)."""
    steps, _, sequences = values.shape
    count = context.taps.shape[1] + 2
    room = max(1, 200_000 // max(1, sequences))
    chosen = np.unique(np.linspace(0, steps - 1, min(steps, room)).astype(int))
    A = np.concatenate([np.vstack([state.linear(s, c), np.ones(sequences)])[:, present[s, c]] for s in chosen], axis=1)
    target = np.concatenate([state.off[s, c][present[s, c]] for s in chosen])
    A, target = A[:, :200_000], target[:200_000]
    if not target.size:
        return
    used = np.append((context.taps[c, :, 2] >= 0), [True, True, True])
    used[:-1] &= abs(A[:-1]).any(1)
    A = A[used]
    size = np.sqrt((A**2).mean(1)) + 1e-12
    B = A / size[:, None]
    weight, solution = np.ones(len(target)), np.zeros(len(A))
    for _ in range(4):
        gram = (B * weight) @ B.T
        gram[np.diag_indices(len(gram))] += 1e-4 * weight.sum()
        solution = np.linalg.solve(gram, (B * weight) @ target)
        weight = 1 / np.maximum(abs(target - solution @ B), FINE / 2)
    solution /= size
    precision = int(np.clip(20 - np.log2(np.abs(solution[:-1]).sum() + 1e-9), 4, 14))
    whole = np.rint(solution * 2.0**precision).astype(np.int64)
    full = np.zeros(count + 1, np.int64)
    full[used] = whole
    context.weights[c], context.bias[c], context.precision[c] = full[:-1], full[-1], precision
    missed = np.median(abs(target - solution @ A)) + abs(target - solution @ A).mean()
    context.unit[c] = int(np.clip(np.rint(np.log2(missed / 2 + 1)), 0, 30))


def _normalize(
    context: ContextModel, state: ContextFeatures, features: Any, present: np.ndarray, prediction: np.ndarray
) -> None:
    """Scale the network's inputs to about 64."""
    near = context.shifts.shape[1] - EXTRA
    for c in range(context.channels):
        inputs = np.concatenate([row[c][2] for row in features[:: max(1, len(features) // 64)]], axis=1)
        size = abs(inputs).mean(1)
        shown = prediction[:, c][present[:, c]]
        if shown.size:
            context.level[c] = int(np.rint(shown.mean()))
            size[near + 2] = shown.std()
        shift = np.rint(np.log2(np.maximum(size, 1e-6) / UNIT)).clip(-8, 40)
        shift[near + 3 :] = 0
        context.shifts[c] = shift.astype(np.int64)
