"""BlockMasking: stretches of a series that are lost, or where a sensor is stuck at its last reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zandloper.errors import bad_parameter
from zandloper.model.batch import Batch, CorruptedInput
from zandloper.model.corruptions import Noise, Strength, draw, generator, uniform


@dataclass(frozen=True)
class BlockMasking(Noise):
    """Gaps along time, in each channel by itself, that begin anywhere with the same probability.

    Parameters
    ----------
    rate : float or (float, float)
        The share of time that is lost, on average.
    length : float or (float, float)
        Steps that a gap lasts; gaps may run into each other. A pair: each sample draws its own.
    fill : float or "hold"
        What is read in a gap: a number in model units, which then weighs nothing, or the last value before the gap,
        as of a stuck sensor, which nobody can tell from a reading and which weighs as before.

    References
    ----------
    Coverage of a line by intervals of length L that start with probability p a step: 1 - (1 - p)^L; Hall 1988,
    "Introduction to the theory of coverage processes", section 2.1.
    """

    name: ClassVar[str] = "block_masking"
    rate: Strength = 0.1
    length: Strength = (5.0, 20.0)
    fill: Any = 0.0

    def __post_init__(self) -> None:
        self._strength("rate", 0, 0.999)
        self._strength("length", 1, 1e6)
        if self.fill != "hold":
            if isinstance(self.fill, str):
                raise bad_parameter("BlockMasking", "fill", "a number or 'hold'", self.fill)
            self._number("fill", -1e9, 1e9)

    def build(self) -> BlockMaskingCorruption:
        """The module."""
        return BlockMaskingCorruption(self)

    def at(self, share: float) -> Noise:
        """Lengths stay a range: they are no strength."""
        if not isinstance(self.rate, tuple):
            return self
        return BlockMasking(self.rate[0] + (self.rate[1] - self.rate[0]) * share, self.length, self.fill)


class BlockMaskingCorruption(nn.Module):
    """Drops; the level is the rate."""

    def __init__(self, spec: BlockMasking) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, batch: Batch, rng: torch.Generator | None = None) -> CorruptedInput:
        """What is read, its weights, and the rate (n, 1)."""
        x, rng = batch.x, generator(rng, batch.x.device)
        rate, lasts = draw(self.spec.rate, x, rng), draw(self.spec.length, x, rng).round()
        longest = int(self.spec.length[1] if isinstance(self.spec.length, tuple) else self.spec.length) + 1
        begins = 1 - (1 - rate) ** (1 / lasts)
        # Gaps may have begun before the window, so that its first steps are lost as often as its last.
        starts = uniform((*x.shape[:-1], x.shape[-1] + longest), x, rng) < begins
        so_far = starts.cumsum(-1)
        end = torch.arange(x.shape[-1], device=x.device) + longest
        before = (end - lasts.long()).expand(x.shape)
        lost = so_far[..., longest:] > so_far.gather(-1, before)
        if batch.valid is not None:
            lost = lost & (batch.valid > 0)
        if self.spec.fill == "hold":
            return CorruptedInput(_held(x, lost), batch.valid, rate.flatten(1))
        weight = torch.ones_like(x) if batch.valid is None else batch.valid
        return CorruptedInput(torch.where(lost, self.spec.fill, x), torch.where(lost, 0.0, weight), rate.flatten(1))


def _held(x: Tensor, lost: Tensor) -> Tensor:
    """The last value that was there; before the first one, the first."""
    step = torch.arange(x.shape[-1], device=x.device).expand(x.shape)
    last = torch.where(lost, -1, step).cummax(-1).values
    first = torch.where(lost, x.shape[-1], step).amin(-1, keepdim=True).clamp(max=x.shape[-1] - 1)
    return x.gather(-1, torch.where(last < 0, first, last))
