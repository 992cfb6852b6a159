"""Three ways to learn to take noise away: from clean data, from pairs, from noisy data alone.

A lesson turns a batch into what the net sees and what it shall make of that: `(seen, target, weight)`.
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

# Noises whose mean is the signal: what they add can be drawn once more on top of itself, at the size that it has there.
CENTERED = {"gaussian_noise", "poisson", "poisson_gaussian", "speckle", "colored", "mains_hum"}
MOST_WEIGHT = 5.0  # of errors where noise is weak, beside those where it is as strong as on average


@dataclass(frozen=True)
class Objective(Spec):
    """Settings of a way to learn. `loss` names the comparison that it needs where it needs one."""

    loss: ClassVar[str | None] = None

    def parts(self, batch: Batch, rng: torch.Generator | None, noise: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """What is seen, what is wanted, and what errors weigh; `noise` is the module of the lesson's noise, if any."""
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
    """Noise is added to clean data.

    Parameters
    ----------
    noise : Noise
    steps : int
        How many values the data's dtype tells apart; 0 for floats. A quarter of the samples then is rounded and cut
        off as it would be stored, so that the net knows both kinds.
    low, high : float
        What the dtype holds.
    """

    name: ClassVar[str] = "from_clean"
    steps: int = 0
    low: float = 0.0
    high: float = 1.0

    def parts(self, batch: Batch, rng: torch.Generator | None, noise: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """The noisy batch, the clean one."""
        rng = generator(rng, batch.x.device)
        made = noise(batch, rng)
        seen, weight = made.x, None
        if made.level is not None and all(part.name in CENTERED for part in parts_of(self.noise)):
            # Errors grow with the level: weak noise is to count as much as strong.
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
    """Noisy data and the clean ones that belong to them."""

    name: ClassVar[str] = "from_pairs"

    def parts(self, batch: Batch, rng: torch.Generator | None, noise: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """The pair."""
        assert batch.target is not None
        return batch.x, batch.target, None


@dataclass(frozen=True)
class Recorrupted(_WithNoise):
    """Noisy data alone, of a noise that is known or was estimated: it is drawn once more.

    With z drawn as the noise n in y = x + n is, `y + a z` and `y - z / a` have noises that are not correlated (of
    Gaussian noise: that are independent), so that the mean of the second, seen from the first, is that of x. Where the
    strength depends on the signal, z is as strong as y says; on average that is as strong as x says.

    Parameters
    ----------
    noise : Noise
        Of mean zero.
    share : float
        a above: what is seen is noisier than the data by sqrt(1 + a^2), and the smaller, the noisier is the target.

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
    """Noisy data alone, of any noise that is independent from value to value: some are hidden, and told by the rest.

    A hidden value is replaced by one of its neighbors; errors count where values are hidden. Absolute errors, since
    the noises that go this way hit few values and far: their median is the signal.

    Parameters
    ----------
    share : float
        How many values are hidden.

    References
    ----------
    Krull, Buchholz and Jug 2019, "Noise2Void", CVPR. Batson and Royer 2019, "Noise2Self", ICML.
    """

    name: ClassVar[str] = "blind_spot"
    loss: ClassVar[str | None] = "mae"
    share: float = 0.1

    def parts(self, batch: Batch, rng: torch.Generator | None, noise: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """The batch with blind spots, itself, and where they are."""
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


def lesson_alone(noise: Noise) -> Objective:
    """The lesson for noisy data alone: noise of mean zero is drawn once more, other noise hidden from."""
    return Recorrupted(noise) if all(part.name in CENTERED for part in parts_of(noise)) else BlindSpot()


def parts_of(noise: Noise) -> tuple[Any, ...]:
    """The noises that follow each other in one."""
    return noise.noises if isinstance(noise, Chain) else (noise,)
