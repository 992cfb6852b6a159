"""Hum: the mains and their harmonics, picked up by cables and coils. In images, bands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from zandloper.model.corruptions import Corruption, SNRNoise, Strength, mix, uniform


@dataclass(frozen=True)
class MainsHum(SNRNoise):
    """Sines at the mains frequency and its multiples, the k-th of amplitude k^-decay, each at a phase of its own.

    Parameters
    ----------
    mains : float
        Frequency in Hz: 50 in Europe, 60 in America.
    sample_rate : float
        Samples a second of the data.
    harmonics : int
        How many multiples, those from half the sampling rate on left out.
    decay : float
        How fast they fade.
    snr : float or (float, float), optional
        Signal-to-noise ratio in dB, met by each sample; 10 where neither is given.
    level : float or (float, float), optional
        Standard deviation (root mean square over whole periods) in model units, instead of `snr`.

    References
    ----------
    Fourier's series of a periodic disturbance; the frequencies: IEC 60038, "Standard voltages".
    """

    name: ClassVar[str] = "mains_hum"
    mains: float = 50.0
    sample_rate: float = 8000.0
    harmonics: int = 5
    decay: float = 1.0
    snr: Strength | None = None
    level: Strength | None = None

    def __post_init__(self) -> None:
        self._check_mix()
        self._number("sample_rate", 1e-9, 1e12)
        self._number("mains", 1e-12 * self.sample_rate, self.sample_rate / 2)
        self._whole("harmonics", 1, 10_000)
        self._number("decay", 0, 100)

    def build(self) -> MainsHumCorruption:
        """The module."""
        return MainsHumCorruption(self)


class MainsHumCorruption(Corruption):
    """Hums, in all channels alike; the level is its standard deviation."""

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` with hum, and its standard deviation (n, 1)."""
        spec, length = self.spec, x.shape[-1]
        heard = max(1, min(spec.harmonics, math.ceil(spec.sample_rate / 2 / spec.mains) - 1))
        time = torch.arange(length, dtype=torch.float64, device=x.device) * (spec.mains / spec.sample_rate)
        phases, hum, power = uniform((heard, len(x), 1), x, rng), torch.zeros_like(x[:, :1]).flatten(1)[:, :1], 0.0
        for k in range(1, heard + 1):  # whole turns are taken off in double precision: hours of sound stay in tune
            turns = (k * time % 1).to(x.dtype)
            hum = hum + k**-spec.decay * torch.sin(2 * math.pi * (turns + phases[k - 1]))
            power += 0.5 * k ** (-2 * spec.decay)
        shape = (len(x), *(1 for _ in x.shape[1:-1]), length)
        noise = (hum / math.sqrt(power)).reshape(shape).expand(x.shape)
        return mix(x, noise, spec.snr, spec.level, rng, valid)
