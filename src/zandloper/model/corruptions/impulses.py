"""Impulses: now and then a reading that is far out. Loose contacts, lost digits, clicks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from zandloper.model.corruptions import Corruption, Noise, Strength, draw, uniform


@dataclass(frozen=True)
class Impulses(Noise):
    """Additive outliers: with a probability of `rate` a value jumps up or down by `size`.

    Parameters
    ----------
    rate : float or (float, float)
        The share of values that is hit.
    size : float or (float, float)
        How far they jump, in model units. A pair: each spike draws its own size from between.

    References
    ----------
    Fox 1972, "Outliers in time series", J. Royal Statistical Society B 34, type I (additive) outliers.
    """

    name: ClassVar[str] = "impulses"
    amplitudes: ClassVar[tuple[str, ...]] = ("size",)
    rate: Strength = 0.01
    size: Strength = (2.0, 8.0)

    def __post_init__(self) -> None:
        self._strength("rate", 0, 1)
        self._strength("size", 0)

    def build(self) -> ImpulsesCorruption:
        """The module."""
        return ImpulsesCorruption(self)

    def at(self, share: float) -> Noise:
        """Sizes stay a range: they differ from spike to spike, not from sample to sample."""
        if not isinstance(self.rate, tuple):
            return self
        return Impulses(self.rate[0] + (self.rate[1] - self.rate[0]) * share, self.size)


class ImpulsesCorruption(Corruption):
    """Adds them; the level is the rate."""

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` with spikes, and their rate (n, 1)."""
        low, high = self.spec.size if isinstance(self.spec.size, tuple) else (self.spec.size, self.spec.size)
        rate, u = draw(self.spec.rate, x, rng), uniform(x.shape, x, rng)
        size = low + (high - low) * uniform(x.shape, x, rng)
        jump = torch.where(u < rate / 2, size, -size)
        return torch.where(u < rate, x + jump, x), rate.flatten(1)
