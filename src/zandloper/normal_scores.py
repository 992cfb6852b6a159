"""A scale that gives channels the shape of a bell: values by their rank, as the normal distribution has it there.

The normal scores of van der Waerden 1952, "Order tests for the two-sample problem and their power", interpolated
between quantiles and straight on beyond the last. What moves in steps as large as its level, prices or volumes, then
moves evenly, and nothing lies twenty deviations away from the rest: a prior draws such data far better.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from zandloper.modality import Chunks, Scale, masked

KNOTS = 256  # quantiles, evenly spaced in normal scores
VALUES = 20_000  # of a channel that a chunk contributes, at most
SKEWED, HEAVY = 0.5, 4.0  # skewness and kurtosis from which a channel is mapped; others are only standardised
TAIL = 0.02  # share of the values at either end that say how steeply the map goes on


class NormalScores(Scale):
    """Channels (n, channels, steps) to normal scores where they are skewed or heavy-tailed, else to mean 0 and
    deviation 1; missing values to 0 with weight 0."""

    unit = True
    knots: Tensor
    scores: Tensor

    def __init__(self, form: Any) -> None:
        super().__init__()
        shape, dtype = (len(form.columns), KNOTS + 2), getattr(torch, form.dtype)
        line = torch.linspace(-1, 1, shape[1], dtype=dtype).repeat(shape[0], 1)
        self.register_buffer("knots", line)
        self.register_buffer("scores", line.clone())

    @torch.no_grad()
    def learn(self, chunks: Chunks) -> None:
        """Quantiles of the channels in the training windows."""
        parts = []
        for chunk in chunks():
            values = chunk.transpose(0, 1).flatten(1)
            parts.append(values[:, :: -(-values.shape[1] // VALUES)])
        if not parts:
            return
        for i, values in enumerate(torch.cat(parts, 1).to(self.knots.dtype)):
            self.knots[i], self.scores[i] = _map(values[~values.isnan()])

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, channels, steps), and what is there."""
        return masked(_along(raw.to(self.knots.dtype), self.knots, self.scores).float())

    def restore(self, point: Tensor) -> Tensor:
        """(n, channels, steps) in the channels' own numbers."""
        return _along(point.to(self.knots.dtype), self.scores, self.knots)


def _map(values: Tensor) -> tuple[Tensor, Tensor]:
    """Rising knots of a channel and their scores, (KNOTS + 2,) each: its quantiles, and how it goes on beyond."""
    n = len(values)
    mean, deviation = (values.mean(), values.std(correction=0)) if n else (values.new_zeros(()), values.new_zeros(()))
    if n == 0 or not deviation > 1e-9 * values.abs().max():
        line = torch.linspace(-1, 1, KNOTS + 2, dtype=values.dtype)
        return mean + line, line
    shape = (values - mean) / deviation
    skew, kurtosis = shape.pow(3).mean().abs(), shape.pow(4).mean()
    if skew < SKEWED and kurtosis < HEAVY:
        line = torch.linspace(-4, 4, KNOTS + 2, dtype=values.dtype)
        return mean + deviation * line, line
    most = float(torch.special.ndtri(torch.tensor(1 - 0.5 / n, dtype=torch.float64)))
    scores = torch.linspace(-most, most, KNOTS, dtype=torch.float64)
    knots = torch.quantile(values.double()[:: -(-n // 1_000_000)], torch.special.ndtr(scores))
    where, which = torch.unique_consecutive(knots, return_inverse=True)  # values that come often have one score
    count = torch.bincount(which).double()
    scores = torch.zeros(len(where), dtype=torch.float64).index_add_(0, which, scores) / count
    reach = max(1, math.ceil(TAIL * len(where)))
    slopes = [
        (where[a] - where[b]).abs() / (scores[a] - scores[b]).abs() if len(where) > 1 else deviation.double()
        for a, b in ((0, min(reach, len(where) - 1)), (-1, max(-1 - reach, -len(where))))
    ]
    below, above = 1.0, torch.arange(1.0, KNOTS + 2 - len(where), dtype=torch.float64)
    knots = torch.cat([where[:1] - slopes[0] * below, where, where[-1] + slopes[1] * above])
    scores = torch.cat([scores[:1] - below, scores, scores[-1] + above])
    return knots.to(values.dtype), scores.to(values.dtype)


def _along(x: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Channels (n, channels, steps) from rising places (channels, knots) to others, straight between and beyond."""
    flat = x.transpose(0, 1).flatten(1).contiguous()
    at = torch.searchsorted(start, flat).clamp(1, start.shape[1] - 1)
    low, high = start.gather(1, at - 1), start.gather(1, at)
    a, b = end.gather(1, at - 1), end.gather(1, at)
    moved = a + (flat - low) / (high - low) * (b - a)
    return moved.reshape(x.shape[1], x.shape[0], x.shape[2]).transpose(0, 1)
