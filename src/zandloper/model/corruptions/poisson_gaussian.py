"""Mixed Poisson-Gaussian noise: what a camera's sensor adds, photons counted and then read out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from zandloper.model.corruptions import Corruption, Noise, Strength, draw, normal, unit_of


@dataclass(frozen=True)
class PoissonGaussian(Noise):
    """Sensor noise: y = Poisson(peak x) / peak + sigma n, of variance a x + b with a = 1 / peak and b = sigma^2.

    Parameters
    ----------
    peak : float or (float, float)
        Photons at full light, x = 1.
    sigma : float or (float, float)
        Standard deviation of the read-out noise, in model units.

    Examples
    --------
    >>> PoissonGaussian(51, 0.2).in_data_units("uint8")
    {'peak': 51.0, 'sigma': 51.0, 'gain': 5.0}

    References
    ----------
    Foi, Trimeche, Katkovnik and Egiazarian 2008, "Practical Poissonian-Gaussian noise modeling and fitting for
    single-image raw-data", IEEE Trans. Image Processing 17, eq. 1 to 3.
    """

    name: ClassVar[str] = "poisson_gaussian"
    amplitudes: ClassVar[tuple[str, ...]] = ("sigma",)
    peak: Strength = 30.0
    sigma: Strength = 0.05

    def __post_init__(self) -> None:
        self._strength("peak", 1e-6, 1e9)
        self._strength("sigma", 0)

    def build(self) -> PoissonGaussianCorruption:
        """The module."""
        return PoissonGaussianCorruption(self)

    def in_data_units(self, like: Any) -> dict[str, Any]:
        """Peak, read-out noise, and the gain: units of the data a photon."""
        unit = unit_of(like)
        gain = tuple(unit / p for p in self.peak[::-1]) if isinstance(self.peak, tuple) else unit / self.peak
        return {**super().in_data_units(like), "gain": gain}


class PoissonGaussianCorruption(Corruption):
    """Counts photons and reads them out; the level is the standard deviation at full light."""

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` with noise, and the level (n, 1)."""
        peak, sigma = draw(self.spec.peak, x, rng), draw(self.spec.sigma, x, rng)
        light = x.clamp(min=0)
        counted = x - light + torch.poisson(light * peak, generator=rng) / peak
        return counted + sigma * normal(x.shape, x, rng), (1 / peak + sigma.square()).sqrt().flatten(1)
