"""Training objectives of denoisers: from clean data, from pairs, and from noisy data alone.

An objective turns a batch into the input, the target and the error weights: `(seen, target, weight)`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

import zandloper.model.corruptions
from zandloper.model.batch import Batch
from zandloper.model.corruptions import Noise, generator, uniform
from zandloper.model.corruptions.chain import Chain
from zandloper.spec import Spec, build_spec

# Noises of mean zero, which can be added once more to noisy data at the strength that it has there.
CENTERED = {"gaussian_noise", "poisson", "poisson_gaussian", "speckle", "colored", "mains_hum"}
MOST_WEIGHT = 5.0  # largest weight of errors, for samples with weak noise


@dataclass(frozen=True)
class Objective(Spec):
    """Settings of an objective; `loss` is the loss that it requires, if any."""

    loss: ClassVar[str | None] = None

    def parts(self, batch: Batch, rng: torch.Generator | None, noise: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """Input, target and error weights; `noise` is the module of the objective's noise, if any."""
        raise NotImplementedError


@dataclass(frozen=True)
class _WithNoise(Objective):
    noise: Any

    def to_dict(self) -> dict[str, Any]:
        """The settings, the noise's among them."""
        return {**super().to_dict(), "noise": self.noise.to_dict()}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return super().from_dict({**settings, "noise": build_spec(zandloper.model.corruptions, settings["noise"])})


@dataclass(frozen=True)
class FromClean(_WithNoise):
    """Add noise to clean data.

    Parameters
    ----------
    noise : Noise
    steps : int
        Number of values of the data's dtype; 0 for floats. Of integers, a quarter of the samples is rounded and clipped
        as it would be stored, so that the network is trained on both.
    low, high : float
        Range of the dtype.
    """

    name: ClassVar[str] = "from_clean"
    steps: int = 0
    low: float = 0.0
    high: float = 1.0

    def parts(self, batch: Batch, rng: torch.Generator | None, noise: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """The noisy batch and the clean one."""
        rng = generator(rng, batch.x.device)
        made = noise(batch, rng)
        seen, weight = made.x, None
        if made.level is not None and all(part.name in CENTERED for part in parts_of(self.noise)):
            # Errors grow with the level: the weights make weak noise count as much as strong noise.
            level = made.level.reshape(-1, *(1 for _ in seen.shape[1:])).clamp(min=1e-6)
            weight = (level.mean() / level).clamp(max=MOST_WEIGHT).expand_as(seen)
        if self.steps:
            step = (self.high - self.low) / (self.steps - 1)
            kept = self.low + ((seen.clamp(self.low, self.high) - self.low) / step).round() * step
            which = uniform((len(seen), *(1 for _ in seen.shape[1:])), seen, rng) < 0.25
            seen = torch.where(which, kept, seen)
        return seen, batch.x, weight


@dataclass(frozen=True)
class FromPairs(Objective):
    """Pairs of noisy and clean data."""

    name: ClassVar[str] = "from_pairs"

    def parts(self, batch: Batch, rng: torch.Generator | None, noise: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """The pair."""
        assert batch.target is not None
        return batch.x, batch.target, None


@dataclass(frozen=True)
class Recorrupted(_WithNoise):
    """Recorrupted-to-recorrupted: from noisy data alone, with a known or estimated noise of mean zero.

    If z is distributed as the noise n in y = x + n, then `y + a z` and `y - z / a` have uncorrelated noise (independent
    noise if it is Gaussian), so that the mean of the second given the first is that of x. If the strength depends on
    the signal, z is as strong as at y, which is on average as strong as at x.

    Parameters
    ----------
    noise : Noise
        Of mean zero.
    share : float
        The number a: the input is noisier than the data by sqrt(1 + a^2); the smaller a, the noisier the target.

    References
    ----------
    Pang, Zheng, Quan and Ji 2021, "Recorrupted-to-recorrupted: unsupervised deep learning for image denoising", CVPR,
    eq. 6 to 9.
    """

    name: ClassVar[str] = "recorrupted"
    loss: ClassVar[str | None] = "mse"
    share: float = 0.5

    def parts(self, batch: Batch, rng: torch.Generator | None, noise: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """Two noisier versions."""
        z = noise(batch, generator(rng, batch.x.device)).x - batch.x
        return batch.x + self.share * z, batch.x - z / self.share, None


@dataclass(frozen=True)
class BlindSpot(Objective):
    """Blind spots: from noisy data alone, with noise that is independent between values.

    Some values are replaced by one of their neighbors and predicted from the others; errors count there alone. They are
    absolute errors, since noises for this objective change few values by much: their median is the signal.

    Parameters
    ----------
    share : float
        Share of the values that are replaced.

    References
    ----------
    Krull, Buchholz and Jug 2019, "Noise2Void", CVPR. Batson and Royer 2019, "Noise2Self", ICML.
    """

    name: ClassVar[str] = "blind_spot"
    loss: ClassVar[str | None] = "mae"
    share: float = 0.1

    def parts(self, batch: Batch, rng: torch.Generator | None, noise: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """The batch with blind spots, the batch, and the mask of the spots."""
        x = batch.x
        rng = generator(rng, x.device)
        spots = uniform((len(x), 1, *x.shape[2:]), x, rng) < self.share
        axes = tuple(range(2, x.dim()))
        moves = [move for move in itertools.product(range(-2, 3), repeat=len(axes)) if any(move)]
        which = torch.randint(len(moves), spots.shape, generator=rng, device=x.device)
        other = x
        for i, move in enumerate(moves):
            other = torch.where(which == i, x.roll(move, axes), other)
        return torch.where(spots, other, x), x, spots.to(x.dtype).expand_as(x) / self.share


def objective_for_noisy(noise: Noise) -> Objective:
    """The objective for noisy data alone: `Recorrupted` for noise of mean zero, else `BlindSpot`."""
    return Recorrupted(noise) if all(part.name in CENTERED for part in parts_of(noise)) else BlindSpot()


def parts_of(noise: Noise) -> tuple[Any, ...]:
    """The noises of a chain in order, or the noise itself."""
    return noise.noises if isinstance(noise, Chain) else (noise,)
