"""Salt and pepper: a share of the values jumps to white or black. Dead pixels, bits that flipped on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from zandloper.model.corruptions import Corruption, Noise, Strength, draw, uniform


@dataclass(frozen=True)
class SaltAndPepper(Noise):
    """Impulse noise: each value becomes `high` or `low` with a probability of `amount`, and is left alone otherwise.

    Parameters
    ----------
    amount : float or (float, float)
        The share of values that is hit.
    salt : float
        The share of the hit values that becomes `high`.
    low, high : float
        Pepper and salt, in model units.

    References
    ----------
    Gonzalez and Woods 2018, "Digital image processing", 4th ed., section 5.2, eq. 5-16.
    """

    name: ClassVar[str] = "salt_and_pepper"
    amplitudes: ClassVar[tuple[str, ...]] = ("low", "high")
    amount: Strength = 0.05
    salt: float = 0.5
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        self._strength("amount", 0, 1)
        self._number("salt", 0, 1)
        self._number("low", -1e9, 1e9)
        self._number("high", self.low, 1e9)

    def build(self) -> SaltAndPepperCorruption:
        """The module."""
        return SaltAndPepperCorruption(self)


class SaltAndPepperCorruption(Corruption):
    """Throws it; the level is the amount."""

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` with impulses, and their share (n, 1)."""
        spec = self.spec
        amount, u = draw(spec.amount, x, rng), uniform(x.shape, x, rng)
        hit = torch.where(u < spec.salt * amount, spec.high, spec.low).to(x.dtype)
        return torch.where(u < amount, hit, x), amount.flatten(1)
