"""A scale that gives channels the shape of a bell: values by their rank, as the normal distribution has it there.

The normal scores of van der Waerden 1952, "Order tests for the two-sample problem and their power", interpolated
between quantiles and straight on beyond the last. Channels that are distributed alike share a map. What moves in steps
as large as its level, prices or volumes, then moves evenly, and nothing lies twenty deviations away from the rest: a
prior draws such data far better.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

KNOTS = 256  # quantiles, evenly spaced in normal scores
SKEWED, HEAVY = 0.5, 4.0  # skewness and kurtosis from which a channel is mapped; others are only standardized
ALIKE = 0.05  # deviations: how far apart, on average, quantiles of channels that share a map may be
TAIL = 0.02  # share of the values at either end that say how steeply the map goes on


def maps(channels: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Rising values of each channel and their scores, (channels, KNOTS + 2) each.

    Those that are skewed or heavy-tailed get normal scores, the others their distance from the mean in deviations.

    Parameters
    ----------
    channels : list of Tensor
        Values of each, none of them missing.

    Examples
    --------
    >>> knots, scores = maps([torch.arange(1000.0).exp2()[:20].repeat(9)])
    >>> along(torch.full((1, 1, 1), 512.0), knots, scores).abs().item() < 0.1  # the tenth of twenty
    True
    """
    knots, scores = (torch.empty(len(channels), KNOTS + 2, dtype=channels[0].dtype) for _ in range(2))
    for alike in _alike(channels):
        knots[alike], scores[alike] = _map(torch.cat([channels[i] for i in alike]))
    return knots, scores


def along(x: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Channels (n, channels, steps) from rising places (channels, knots) to others, straight between and beyond."""
    flat = x.transpose(0, 1).flatten(1).contiguous()
    at = torch.searchsorted(start, flat).clamp(1, start.shape[1] - 1)
    low, high = start.gather(1, at - 1), start.gather(1, at)
    a, b = end.gather(1, at - 1), end.gather(1, at)
    moved = a + (flat - low) / (high - low) * (b - a)
    return moved.reshape(x.shape[1], x.shape[0], x.shape[2]).transpose(0, 1)


def _alike(channels: list[Tensor]) -> list[list[int]]:
    """Channels in groups of nearly the same distribution.

    One map for all of a group leaves the order between them as it is: a day's highest price is above its lowest.
    """
    at = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    groups: list[tuple[Tensor, list[int]]] = []
    for i, values in enumerate(channels):
        marks = torch.quantile(values.double()[:: -(-len(values) // 1_000_000)], at) if len(values) else at * torch.nan
        for first, members in groups:
            if (marks - first).abs().mean() < ALIKE * marks.std():
                members.append(i)
                break
        else:
            groups.append((marks, [i]))
    return [members for _, members in groups]


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
    knots = knots.to(values.dtype).double()  # what would round to one value is one
    where, which = torch.unique_consecutive(knots, return_inverse=True)  # values that come often have one score
    count = torch.bincount(which).double()
    scores = torch.zeros(len(where), dtype=torch.float64).index_add_(0, which, scores) / count
    reach = max(1, math.ceil(TAIL * len(where)))
    slopes = [
        (where[a] - where[b]).abs() / (scores[a] - scores[b]).abs() if len(where) > 1 else deviation.double()
        for a, b in ((0, min(reach, len(where) - 1)), (-1, max(-1 - reach, -len(where))))
    ]
    least = 1e-5 * float(where.abs().max())  # a step that values of this size can make
    slopes = [slope.clamp(min=least) for slope in slopes]
    below, above = 1.0, torch.arange(1.0, KNOTS + 2 - len(where), dtype=torch.float64)
    knots = torch.cat([where[:1] - slopes[0] * below, where, where[-1] + slopes[1] * above])
    scores = torch.cat([scores[:1] - below, scores, scores[-1] + above])
    return knots.to(values.dtype), scores.to(values.dtype)
