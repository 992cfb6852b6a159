"""Gaussian noise: as strong everywhere, independent from value to value. The noise of amplifiers and of many causes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from zandloper.errors import bad_parameter
from zandloper.model.corruptions import Corruption, Noise, Strength, draw, normal


@dataclass(frozen=True)
class Gaussian(Noise):
    """Additive white Gaussian noise: y = x + sigma n, with n standard normal.

    Parameters
    ----------
    sigma : float or (float, float)
        Standard deviation in model units: of [0, 1] for images, of a column's deviation for tables. A pair: each
        sample draws its own from between.
    spacing : "even" or "log"
        Whether those are drawn evenly, or evenly in their logarithms (then the lower end must be above 0).

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
    spacing: str = "even"

    def __post_init__(self) -> None:
        self._strength("sigma", 0)
        self._one_of("spacing", ("even", "log"))
        if self.spacing == "log" and isinstance(self.sigma, tuple) and self.sigma[0] <= 0:
            raise bad_parameter("Gaussian", "sigma", "a pair of numbers above 0 with spacing='log'", self.sigma)

    def __repr__(self) -> str:
        spacing = "" if self.spacing == "even" else f", spacing={self.spacing!r}"  # of one strength it says nothing
        return f"Gaussian(sigma={self.sigma!r}{spacing})"

    def in_data_units(self, like: Any) -> dict[str, Any]:
        """As `Noise.in_data_units`, of the strength: the spacing has no units."""
        return {"sigma": super().in_data_units(like)["sigma"]}

    def build(self) -> GaussianCorruption:
        """The module."""
        return GaussianCorruption(self)


class GaussianCorruption(Corruption):
    """Adds it; the level is sigma."""

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` with noise, and sigma (n, 1)."""
        sigma = self.spec.sigma
        if self.spec.spacing == "log" and isinstance(sigma, tuple):
            sigma = draw((math.log(sigma[0]), math.log(sigma[1])), x, rng).exp()
        else:
            sigma = draw(sigma, x, rng)
        return x + sigma * normal(x.shape, x, rng), sigma.flatten(1)
