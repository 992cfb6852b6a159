"""Quantization: what storing does to a value. Numbers are rounded to a few bits and cut off at both ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from zandloper.model.corruptions import Corruption, Noise


@dataclass(frozen=True)
class Quantization(Noise):
    """Rounding to 2^bits values and saturation at the ends: the last step of a camera, a sound card, a file.

    Noise that passed through it is no longer symmetric near black and white, and a model that is to see such data has
    to train on such noise. `DenoisingAutoencoder` adds this step by itself for integer images.

    Parameters
    ----------
    bits : int
        8 for ordinary images, 12 to 14 for raw ones.
    low, high : float
        The ends, in model units: 0 and 1 for images, -1 and 1 for sounds.

    References
    ----------
    Widrow and Kollar 2008, "Quantization noise", Cambridge University Press, eq. 1.3: of variance step^2 / 12.
    """

    name: ClassVar[str] = "quantization"
    amplitudes: ClassVar[tuple[str, ...]] = ("low", "high")
    bits: int = 8
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        self._whole("bits", 1, 32)
        self._number("low", -1e9, 1e9)
        self._number("high", self.low + 1e-9, 1e9)

    def build(self) -> QuantizationCorruption:
        """The module."""
        return QuantizationCorruption(self)


class QuantizationCorruption(Corruption):
    """Rounds and saturates; there is no level."""

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` as it is stored."""
        low, span = self.spec.low, self.spec.high - self.spec.low
        x = x.clamp(low, self.spec.high)
        if self.spec.bits > 23:  # finer than floats are
            return x, None
        step = span / (2**self.spec.bits - 1)
        return low + ((x - low) / step).round() * step, None
