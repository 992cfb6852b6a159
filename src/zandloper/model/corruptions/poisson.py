"""Poisson noise, of counted photons: the brighter, the noisier, and yet the clearer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from zandloper.model.corruptions import Corruption, Noise, Strength, draw, unit_of


@dataclass(frozen=True)
class Poisson(Noise):
    """Photon noise: y = Poisson(peak x) / peak, of variance x / peak. Values below 0 count no photons and stay.

    Parameters
    ----------
    peak : float or (float, float)
        Photons at full light, x = 1: the fewer, the noisier. A pair: each sample draws its own from between.

    Examples
    --------
    >>> Poisson(51).in_data_units("uint8")  # gain: gray levels a photon
    {'peak': 51.0, 'gain': 5.0}

    References
    ----------
    Foi, Trimeche, Katkovnik and Egiazarian 2008, "Practical Poissonian-Gaussian noise modeling and fitting for
    single-image raw-data", IEEE Trans. Image Processing 17, eq. 1 to 3.
    """

    name: ClassVar[str] = "poisson"
    peak: Strength = 30.0

    def __post_init__(self) -> None:
        self._strength("peak", 1e-6, 1e9)

    def build(self) -> PoissonCorruption:
        """The module."""
        return PoissonCorruption(self)

    def in_data_units(self, like: Any) -> dict[str, Any]:
        """The peak, and the gain: units of the data a photon."""
        unit = unit_of(like)
        gain = tuple(unit / p for p in self.peak[::-1]) if isinstance(self.peak, tuple) else unit / self.peak
        return {**super().in_data_units(like), "gain": gain}


class PoissonCorruption(Corruption):
    """Counts photons; the level is the standard deviation at full light."""

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` with noise, and the level (n, 1)."""
        peak = draw(self.spec.peak, x, rng)
        light = x.clamp(min=0)
        return x - light + torch.poisson(light * peak, generator=rng) / peak, peak.rsqrt().flatten(1)
