"""Colored noise: not as strong at all frequencies. Pink hiss, brown rumble, the grain of film."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from zandloper.errors import bad_parameter
from zandloper.model.corruptions import Corruption, SNRNoise, Strength, mix, normal, space

EXPONENTS = {"white": 0.0, "pink": 1.0, "brown": 2.0, "blue": -1.0, "violet": -2.0}


@dataclass(frozen=True)
class Colored(SNRNoise):
    """Gaussian noise of a given power spectrum, over time or, in images, over distance in any direction.

    Parameters
    ----------
    spectrum : "white", "pink", "brown", "blue", "violet" or tuple of float
        The power density falls with the frequency f as 1, 1/f, 1/f^2, or rises as f, f^2. A tuple: densities at
        frequencies spread evenly from 0 to half the sampling rate, joined by lines; only their ratios matter.
    snr : float or (float, float), optional
        Signal-to-noise ratio in dB, met by each sample; 10 where neither is given.
    level : float or (float, float), optional
        Standard deviation in model units, instead of `snr`.

    References
    ----------
    Timmer and Koenig 1995, "On generating power law noise", Astronomy and Astrophysics 300: normal numbers shaped in
    the frequency domain. They are drawn for twice the length, so that a window's ends do not meet.
    """

    name: ClassVar[str] = "colored"
    spectrum: Any = "pink"
    snr: Strength | None = None
    level: Strength | None = None

    def __post_init__(self) -> None:
        self._check_mix()
        if isinstance(self.spectrum, str):
            self._one_of("spectrum", tuple(EXPONENTS))
            return
        try:
            powers = tuple(float(p) for p in self.spectrum)
        except (TypeError, ValueError):
            powers = ()
        if len(powers) < 2 or not all(0 <= p < float("inf") for p in powers) or not any(powers):
            raise bad_parameter(
                "Colored", "spectrum", f"one of {list(EXPONENTS)} or two or more power densities >= 0", self.spectrum
            )
        self._set("spectrum", powers)

    def build(self) -> ColoredCorruption:
        """The module."""
        return ColoredCorruption(self)


class ColoredCorruption(Corruption):
    """Shapes white noise and mixes it in; the level is its standard deviation."""

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` with noise, and its standard deviation (n, 1)."""
        spec, axes = self.spec, space(x)
        sizes = [2 * x.shape[axis] for axis in axes]
        gain = _power(spec.spectrum, sizes, x).sqrt()
        white = normal((*x.shape[: axes[0]], *sizes), x, rng)
        noise = torch.fft.irfftn(torch.fft.rfftn(white, dim=axes) * gain, s=sizes, dim=axes)
        for axis in axes:
            noise = noise.narrow(axis, 0, x.shape[axis])
        return mix(x, noise, spec.snr, spec.level, rng, valid)


def _power(spectrum: str | tuple[float, ...], sizes: list[int], x: Tensor) -> Tensor:
    """The power density over the half grid of frequencies of a real transform, its mean over the whole grid 1."""
    kinds = [torch.fft.fftfreq(size, dtype=x.dtype, device=x.device) for size in sizes[:-1]]
    kinds.append(torch.fft.rfftfreq(sizes[-1], dtype=x.dtype, device=x.device))
    f = torch.stack(torch.meshgrid(*kinds, indexing="ij")).square().sum(0).sqrt()
    if isinstance(spectrum, str):
        exponent = EXPONENTS[spectrum]
        power = torch.where(f > 0, f.clamp(min=1e-12) ** -exponent, 1.0 if exponent == 0 else 0.0)
    else:
        powers = torch.tensor(spectrum, dtype=x.dtype, device=x.device)
        place = (2 * f).clamp(max=1) * (len(powers) - 1)
        low = place.floor().long().clamp(max=len(powers) - 2)
        power = powers[low] + (powers[low + 1] - powers[low]) * (place - low)
    twice = torch.full_like(power, 2.0)  # the other half of the grid mirrors this one, but for its first and last
    twice[..., 0] = 1.0
    if sizes[-1] % 2 == 0:
        twice[..., -1] = 1.0
    return power / ((power * twice).sum() / twice.sum())
