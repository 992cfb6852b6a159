"""Speckle: noise that multiplies the signal. Radar, ultrasound and laser light, where waves interfere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, _standard_gamma  # the public sampler of gamma variates takes no generator

from zandloper.model.corruptions import Corruption, Noise, Strength, draw, normal


@dataclass(frozen=True)
class Speckle(Noise):
    """Multiplicative noise: y = x m, where m has mean 1 and standard deviation sigma.

    Parameters
    ----------
    sigma : float or (float, float)
        Standard deviation relative to the signal.
    law : "normal" or "gamma"
        The distribution of m. Gamma, which is never negative, is that of radar intensity averaged over
        L = 1 / sigma^2 looks.

    References
    ----------
    Goodman 1976, "Some fundamental properties of speckle", J. Opt. Soc. Am. 66, eq. 14 (gamma law of summed patterns).
    """

    name: ClassVar[str] = "speckle"
    sigma: Strength = 0.2
    law: str = "normal"

    def __post_init__(self) -> None:
        self._strength("sigma", 1e-6 if self.law == "gamma" else 0)
        self._one_of("law", ("normal", "gamma"))

    def build(self) -> SpeckleCorruption:
        """The module."""
        return SpeckleCorruption(self)


class SpeckleCorruption(Corruption):
    """Multiplies; the level is sigma."""

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` with noise, and sigma (n, 1)."""
        sigma = draw(self.spec.sigma, x, rng)
        if self.spec.law == "normal":
            return x * (1 + sigma * normal(x.shape, x, rng)), sigma.flatten(1)
        looks = sigma.square().reciprocal()
        return x * _standard_gamma(looks.expand(x.shape).contiguous(), generator=rng) / looks, sigma.flatten(1)
