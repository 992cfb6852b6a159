"""A `Context` from examples: taps, the linear part by least absolute errors, the net by the training loop, tables.

What it learns costs room in the model, so the number of values that the model is for decides how much it may learn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.batch import Batch, Loss
from zandloper.context import (
    BUCKETS,
    CLASSES,
    EXTRA,
    FINE,
    NEAR,
    REACH,
    SMALLEST,
    SPLIT,
    THIRDS,
    UNIT,
    Context,
    Walk,
    distance_classes,
    log_of,
)
from zandloper.source import ArraySource, mixed_seed
from zandloper.training import Training, train

MOST_TAPS = 24
MOST_VALUES = 256  # a table of values holds at most so many
EXAMPLES = 2**18  # values that the net learns from
VALUES_A_WEIGHT = 96  # of the data, for one weight of the net
HIDDEN = 24  # neurons of the net, at most
EPOCHS = 6


def learn_context(
    values: np.ndarray,
    prediction: np.ndarray,
    there: np.ndarray,
    height: int,
    width: int,
    kinds: tuple[str, ...],
    total: int,
    period: int = 0,
    seed: int = 0,
    net: bool = True,
) -> Context:
    """The context of blocks like the one given.

    Parameters
    ----------
    values, prediction, there : ndarray (steps, channels, lanes)
        Integers, what was predicted for them from outside in eighths of a step, and which there are.
    height, width : int
        Of an image; 1 and 0 for series; 1 and 1 for rows of a table.
    kinds : tuple of {"number", "category"}
        Of the channels. Categories are integers without order.
    total : int
        How many values the model is for.
    period : int
        A number of steps after which series repeat, or 0.
    seed : int
    net : bool
        Without, the net only says a constant: quick, to compare with.
    """
    channels = values.shape[1]
    taps = _taps(values, prediction, there, height, width, kinds, period)
    count, near = taps.shape[1], min(NEAR, taps.shape[1])
    zeros = lambda *shape: np.zeros(shape, np.int64)  # noqa: E731
    inputs = near + EXTRA
    context = Context(
        height=height,
        width=width,
        taps=taps,
        weights=zeros(channels, count + 2),
        bias=zeros(channels),
        precision=zeros(channels),
        unit=zeros(channels),
        level=zeros(channels),
        shifts=zeros(channels, inputs),
        place=zeros(0, channels),
        w1=zeros(channels, 0, inputs),
        b1=zeros(channels, 0),
        w2=zeros(channels, 2, 0),
        b2=zeros(channels, 2),
        mode=zeros(channels),
        low=zeros(channels),
        first=zeros(channels),
        shape=zeros(channels, 3),
        centres=zeros(channels, 1),
        scales=zeros(channels, 1, 1),
        distances=zeros(CLASSES, 2 * REACH + 2),
        values=zeros(1, 2),
    )
    walk = Walk(context, prediction)
    _follow(walk, values)
    for c in range(channels):
        _learn_linear(context, walk, values, there, c)
    walk = Walk(context, prediction)
    looks = _follow(walk, values)
    if net and len(values) > 4 and width:
        usual = np.where(there, walk.missed, 0).sum(2) / np.maximum(there.sum(2), 1)
        context.place = np.rint(16 * np.log2(1 + usual)).clip(0, 255).astype(np.int64)
    _normalise(context, walk, looks, there, prediction)
    walk = Walk(context, prediction)
    looks = _follow(walk, values)
    _learn_net(context, looks, values, there, total if net else 0, seed)
    walk = Walk(context, prediction)
    return _learn_tables(context, _follow(walk, values), walk, values, prediction, there, kinds, total)


def _follow(walk: Walk, values: np.ndarray) -> list[list[Any]]:
    """What a walk over known values looks at: centre, scale, inputs, linear centre and first tap of each."""
    out: list[list[Any]] = []
    for step in range(len(values)):
        row: list[Any] = []
        for c in range(values.shape[1]):
            centre, scale, inputs = walk.look(step, c)
            row.append((centre, scale, inputs.astype(np.float32), walk._centre.copy(), walk.tapped(step, c)))
            walk.learn(step, c, values[step, c])
        out.append(row)
    return out


def _taps(
    values: np.ndarray,
    prediction: np.ndarray,
    there: np.ndarray,
    height: int,
    width: int,
    kinds: tuple[str, ...],
    period: int,
) -> np.ndarray:
    """Which values before it each channel looks at, the most telling first: (channels, taps, 3)."""
    steps, channels, _ = values.shape
    every: list[list[tuple[int, int, int]]] = []
    off = np.where(there, FINE * values - prediction, 0).reshape(steps * channels, -1) if steps == 1 else values
    strength = np.zeros((channels, channels))
    if steps == 1 and channels > 1:
        strength = _strength(off, kinds)
    for c in range(channels):
        before = sorted(range(c), key=lambda j: -strength[c, j])
        if width == 0:
            own = range(1, 33 if channels == 1 else 5)
            mine = [(0, -lag, c) for lag in own]
            if period > 4:
                mine += [(0, -lag, c) for lag in (period, period + 1, period - 1) if lag not in own]
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
    """How much columns tell of each other: correlation, or where one is a category, the information that they share."""
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
    """The mutual information of two columns in nats, of their first 24 levels."""
    a, b = (np.unique(v, return_inverse=True)[1].clip(0, 23) for v in (a, b))
    joint = np.bincount(a * 24 + b, minlength=576).reshape(24, 24) / len(a)
    outer = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    return float((joint[joint > 0] * np.log(joint[joint > 0] / outer[joint > 0])).sum())


def _learn_linear(context: Context, walk: Walk, values: np.ndarray, there: np.ndarray, c: int) -> None:
    """The weights of a channel by least absolute errors, iteratively reweighted (Schlossmacher 1973)."""
    steps, _, lanes = values.shape
    count = context.taps.shape[1] + 2
    room = max(1, 200_000 // max(1, lanes))
    chosen = np.unique(np.linspace(0, steps - 1, min(steps, room)).astype(int))
    A = np.concatenate([np.vstack([walk.linear(s, c), np.ones(lanes)])[:, there[s, c]] for s in chosen], axis=1)
    target = np.concatenate([walk.off[s, c][there[s, c]] for s in chosen])
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


def _normalise(context: Context, walk: Walk, looks: Any, there: np.ndarray, prediction: np.ndarray) -> None:
    """Bring the net's inputs to about 64."""
    near = context.shifts.shape[1] - EXTRA
    for c in range(context.channels):
        inputs = np.concatenate([row[c][2] for row in looks[:: max(1, len(looks) // 64)]], axis=1)
        size = abs(inputs).mean(1)
        shown = prediction[:, c][there[:, c]]
        if shown.size:
            context.level[c] = int(np.rint(shown.mean()))
            size[near + 2] = shown.std()
        shift = np.rint(np.log2(np.maximum(size, 1e-6) / UNIT)).clip(-8, 40)
        shift[near + 3 :] = 0
        context.shifts[c] = shift.astype(np.int64)


class _Net(nn.Module):
    """The small nets of all channels, trained with the bits that a logistic distribution would need."""

    natural_loss = 0.0

    def __init__(self, channels: int, inputs: int, hidden: int, start: Tensor, unit: Tensor, seed: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(mixed_seed(seed, 11))
        self.inputs = inputs
        self.w1 = nn.Parameter(torch.randn(channels, hidden, inputs, generator=rng) / inputs**0.5)
        self.b1 = nn.Parameter(torch.zeros(channels, hidden))
        self.w2 = nn.Parameter(torch.zeros(channels, 2, hidden))
        self.b2 = nn.Parameter(torch.stack([torch.zeros_like(start), start], dim=1))
        self.register_buffer("unit", unit)
        self.unit: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Shift and scale, (n, channels, 2), of inputs (n, channels, inputs) in units of 64."""
        h = torch.relu(torch.einsum("nci,chi->nch", x / UNIT, self.w1) + self.b1)
        return torch.einsum("nch,coh->nco", h, self.w2) + self.b2

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> Loss:
        """The mean number of nats a value. The last two of each row are the distance in steps, and its weight."""
        x, distance, weight = batch.x[..., : self.inputs], batch.x[..., -2], batch.x[..., -1]
        shift, scale = self(x).unbind(-1)
        nats = logistic_nats(distance - shift * self.unit, scale)
        error = (nats * weight).sum() / weight.sum().clamp(min=1)
        return Loss(error, error.detach(), error.new_zeros(()))


def logistic_nats(distance: Tensor, scale: Tensor) -> Tensor:
    """`-log(F(distance + 1/2) - F(distance - 1/2))` of a logistic distribution F of scale 2^scale, in steps."""
    s = torch.exp2(scale.clamp(-7, 30))
    upper, lower = (distance + 0.5) / s, (distance - 0.5) / s
    return F.softplus(-upper) + F.softplus(lower) - torch.log(-torch.expm1(-1 / s))


def _learn_net(context: Context, looks: Any, values: np.ndarray, there: np.ndarray, total: int, seed: int) -> None:
    steps, channels, lanes = values.shape
    inputs = context.shifts.shape[1]
    hidden = int(min(HIDDEN, total / VALUES_A_WEIGHT / channels / (inputs + 3)))
    rng = np.random.default_rng(mixed_seed(seed, 12))
    keep = min(steps * lanes, max(64, EXAMPLES // channels))
    chosen = np.sort(rng.permutation(steps * lanes)[:keep])
    x = np.zeros((keep, channels, inputs + 2), np.float32)
    at, lane = np.divmod(chosen, lanes)
    cuts = np.searchsorted(at, np.arange(steps + 1))
    for s in range(steps):
        part, mine = slice(cuts[s], cuts[s + 1]), lane[cuts[s] : cuts[s + 1]]
        for c in range(channels):
            _, _, seen, linear, _ = looks[s][c]
            x[part, c, :inputs] = seen[:, mine].T
            x[part, c, -2] = values[s, c][mine] - linear[mine] / FINE
            x[part, c, -1] = there[s, c][mine]
    unit = 2.0**context.unit / FINE
    mean = (abs(x[..., -2]) * x[..., -1]).sum(0) / np.maximum(x[..., -1].sum(0), 1)
    start = np.log2(np.maximum(0.72 * mean, 0.05))
    net = _Net(channels, inputs, max(0, hidden), torch.from_numpy(start).float(), torch.from_numpy(unit).float(), seed)
    held = max(1, keep // 10)
    order = rng.permutation(keep)
    source = ArraySource(x, rows=order[held:], batch_size=256 if keep > 4096 else 64, seed=seed)
    validation = ArraySource(x, rows=order[:held], seed=seed)
    settings = Training(max_epochs=EPOCHS if hidden else 2, lr=5e-3 if hidden else 5e-2, block=4096, seed=seed)
    if keep > 20:
        train(net, source, validation, settings)
    whole = lambda w, size: np.rint(w.detach().double().numpy() * size).clip(-(2**23), 2**23).astype(np.int64)  # noqa: E731
    context.w1, context.b1 = whole(net.w1, 256), whole(net.b1, 256 * UNIT)
    context.w2, context.b2 = whole(net.w2, 256), whole(net.b2, 256 * UNIT)


def _learn_tables(
    context: Context,
    looks: Any,
    walk: Walk,
    values: np.ndarray,
    prediction: np.ndarray,
    there: np.ndarray,
    kinds: tuple[str, ...],
    total: int,
) -> Context:
    """Tables of distances for all channels together, and tables of values for channels that have few and gain by it."""
    channels = values.shape[1]
    prior = _logistic_tables()
    counts = np.zeros(prior.shape)
    found = []
    for c in range(channels):
        keep = there[:, c]
        pick = lambda i: np.stack([row[c][i] for row in looks])[keep]  # noqa: B023, E731
        centre, scale, tap = pick(0), pick(1), pick(4)
        known, mine = values[:, c][keep], prediction[:, c][keep]
        classes, base, sign, shift = distance_classes(centre, scale)
        distance = np.floor(sign * (known - base) / 2**shift)
        symbols = np.where(abs(distance) > REACH, 2 * REACH + 1, distance + REACH).astype(np.int64)
        np.add.at(counts, (classes, symbols), 1)
        found.append((centre, scale, mine, tap, known, classes, symbols, shift))
    weight = np.minimum(64, 8 + counts.sum(1, keepdims=True) / 50)
    shares = (counts + weight * prior) / (counts.sum(1, keepdims=True) + weight)
    context.distances = log_of(shares)
    bits = -np.log2(np.maximum(shares, 1e-9))
    amount = total / max(1, there.sum())
    tables: list[np.ndarray] = []
    for c, (centre, scale, mine, tap, known, classes, symbols, shift) in enumerate(found):
        if not known.size:
            continue
        plain = bits[classes, symbols].sum() + shift.sum() + 32 * (symbols == 2 * REACH + 1).sum()
        low, n = int(known.min()), int(known.max() - known.min()) + 1
        if n > MOST_VALUES:
            continue
        first = sum(map(len, tables))
        made, cost = _value_tables(context, c, kinds[c], first, centre, scale, mine, tap, known, low, n, amount)
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
    context: Context,
    c: int,
    kind: str,
    first: int,
    centre: np.ndarray,
    scale: np.ndarray,
    mine: np.ndarray,
    tap: np.ndarray,
    known: np.ndarray,
    low: int,
    n: int,
    amount: float,
) -> tuple[np.ndarray, float]:
    """Tables of a channel's values, and what they cost: bits of values and of tables."""
    size = known.size * amount
    rows = int(np.clip((size / (32 * n)) ** 0.5, 1, 24))
    columns = int(np.clip(size / (32 * n * rows), 1, 8))
    if kind == "category":
        rows, columns = int(min(n, rows, 8)), int(min(24, max(1, size / (32 * n * min(n, rows, 8)))))
    else:
        worth = np.exp2(scale / UNIT).clip(0.02, 4)
        edges = _quantiles(centre, worth, rows)
        cuts = np.full((len(edges) + 1, columns - 1), 2**40, np.int64)
        row = np.searchsorted(edges, centre, side="right")
        for r in range(len(edges) + 1):
            inner = _quantiles(scale[row == r], worth[row == r], columns)
            cuts[r, : len(inner)] = inner
        rows = len(edges) + 1
        context.centres = _room(context.centres, (context.channels, max(1, rows - 1)))
        context.scales = _room(context.scales, (context.channels, max(1, rows), max(1, columns - 1)))
        context.centres[c, : rows - 1], context.scales[c, :rows, : columns - 1] = edges, cuts
    context.mode[c] = 2 if kind == "category" else 1
    context.low[c], context.first[c], context.shape[c] = low, first, (rows, columns, n)
    classes = context.value_classes(c, centre, scale, mine, tap)[0] - first
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
    """An array of at least a shape, with an array in its corner."""
    out = np.zeros(tuple(map(max, array.shape, shape)), np.int64)
    out[tuple(map(slice, array.shape))] = array
    return out


def _quantiles(x: np.ndarray, weight: np.ndarray, parts: int) -> np.ndarray:
    """Integers between `parts` parts of equal weight, at most parts - 1, rising."""
    if not x.size or parts < 2:
        return np.zeros(0, np.int64)
    order = np.argsort(x, kind="stable")
    reached = np.cumsum(weight[order])
    at = np.searchsorted(reached, reached[-1] * np.arange(1, parts) / parts)
    return np.unique(x[order][at.clip(0, len(x) - 1)]).astype(np.int64)


def _logistic_tables() -> np.ndarray:
    """What a logistic distribution would put into the tables of distances: (classes, symbols) shares."""
    edges = np.arange(-REACH, REACH + 2) - 0.5
    out = np.empty((CLASSES, 2 * REACH + 2))
    for k in range(CLASSES):
        if k < 4 * SPLIT:
            bucket, part = divmod(k, 4)
            centre = (FINE / 2 - 0.5 - part) / FINE  # mirrored, so that it lies above the step's middle
        else:
            bucket, centre = SPLIT + k - 4 * SPLIT, 0.0
        plain = k >= CLASSES - THIRDS
        if plain:
            bucket, centre = BUCKETS - THIRDS + k - (CLASSES - THIRDS), 0.0
        s = 2.0 ** (SMALLEST + (bucket + 0.5) / THIRDS)
        at = (edges + (0.5 if plain else 0) - centre) / s
        share = np.diff(1 / (1 + np.exp(-at.clip(-500, 500))))
        out[k, :-1], out[k, -1] = share, max(1 - share.sum(), 1e-7)
    out = np.maximum(out, 1e-7)
    return out / out.sum(1, keepdims=True)
