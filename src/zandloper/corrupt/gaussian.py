"""Gaussian noise: as strong everywhere, independent from value to value. The noise of amplifiers and of many causes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zandloper.corrupt import Corruption, Noise, Strength, draw, normal


@dataclass(frozen=True)
class Gaussian(Noise):
    """Additive white Gaussian noise: y = x + sigma n, with n standard normal.

    Parameters
    ----------
    sigma : float or (float, float)
        Standard deviation in model units: of [0, 1] for images, of a column's deviation for tables. A pair: each
        sample draws its own from between.

    Examples
    --------
    >>> Gaussian(0.1).in_data_units("uint8")
    {'sigma': 25.5}

    References
    ----------
    Vincent, Larochelle, Bengio and Manzagol 2008, "Extracting and composing robust features with denoising
    autoencoders", ICML, section 3.
    """

    name: ClassVar[str] = "gaussian_noise"
    amplitudes: ClassVar[tuple[str, ...]] = ("sigma",)
    sigma: Strength = 0.1

    def __post_init__(self) -> None:
        self._strength("sigma", 0)

    def build(self) -> nn.Module:
        """The module."""
        return GaussianCorruption(self)


class GaussianCorruption(Corruption):
    """Adds it; the level is sigma."""

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` with noise, and sigma (n, 1)."""
        sigma = draw(self.spec.sigma, x, rng)
        return x + sigma * normal(x.shape, x, rng), sigma.flatten(1)
