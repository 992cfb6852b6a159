"""Blur with a Gaussian kernel: out of focus, or a sensor slower than what it measures. No noise, yet undone as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from zandloper.model.corruptions import Corruption, Noise, Strength, draw, space


@dataclass(frozen=True)
class Blur(Noise):
    """Convolution with a Gaussian kernel over height and width, time, or the columns of a table.

    Parameters
    ----------
    width : float or (float, float)
        Standard deviation of the kernel in pixels or time steps; at the borders the signal is mirrored.

    References
    ----------
    Gonzalez and Woods 2018, "Digital image processing", 4th ed., section 3.5, eq. 3-46.
    """

    name: ClassVar[str] = "blur"
    width: Strength = 1.0

    def __post_init__(self) -> None:
        self._strength("width", 0)

    def build(self) -> BlurCorruption:
        """The module."""
        return BlurCorruption(self)


class BlurCorruption(Corruption):
    """Blurs axis after axis; the level is the kernel's width."""

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` blurred, and the width (n, 1)."""
        width = draw(self.spec.width, x, rng)
        for axis in space(x):
            x = _along(x, axis, width)
        return x, width.flatten(1)


def _along(x: Tensor, axis: int, width: Tensor) -> Tensor:
    """One axis, through the spectrum of the mirrored signal: any width and length at the cost of two transforms."""
    length = x.shape[axis]
    mirrored = torch.cat([x, x.flip(axis)], axis).movedim(axis, -1)
    step = torch.arange(2 * length, dtype=x.dtype, device=x.device)
    distance = torch.minimum(step, 2 * length - step)
    kernel = torch.exp(-0.5 * (distance / width.clamp(min=1e-3)).square())
    gain = torch.fft.rfft(kernel / kernel.sum(-1, keepdim=True)).real
    blurred = torch.fft.irfft(torch.fft.rfft(mirrored) * gain, n=2 * length)
    return blurred[..., :length].movedim(-1, axis)
