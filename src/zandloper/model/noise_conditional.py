"""An hourglass conditioned on the noise level, whose output mixes its input with the output of its networks.

With s the noise level in standard deviations of the data, the networks receive `x / sqrt(1 + s^2)` and `log s`; the
output is

    x / (1 + s^2) + s / sqrt(1 + s^2) * networks

(Karras, Aittala, Aila and Laine 2022, "Elucidating the design space of diffusion-based generative models", table 1,
with data of unit spread). So the networks work at unit scale at every level: at low levels they
predict the noise, and at high levels the signal. Before its first step the output is the best that a factor can do
(Wiener 1949). Squared errors weigh `(1 + s^2) / s^2`, which makes all levels count alike.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from zandloper.model.batch import Batch, BottleneckOutput, CorruptedInput
from zandloper.model.hourglass import Hourglass

MIN_LEVEL = 0.01  # standard deviations: lower levels are clamped to this


class NoiseConditionalHourglass(Hourglass):
    """As `Hourglass`, without a linear path; input passes by the bottleneck, so that codes alone decode to nothing."""

    zero_init_decoder = True

    @property
    def clean_level(self) -> float:
        """The level that clean data are taken for, in model units: the lowest that it was trained at."""
        sigma: Any = getattr(getattr(self.corrupt, "spec", None), "sigma", 0.0)
        return float(sigma[0] if isinstance(sigma, tuple) else sigma)

    def encode(
        self,
        corrupted: CorruptedInput,
        condition: Tensor | None = None,
        rng: torch.Generator | None = None,
        progress: float = 1.0,
    ) -> tuple[BottleneckOutput, tuple[Tensor, ...]]:
        """The code of what was seen at its level, and the input with the level for the decoder."""
        level = (
            corrupted.x.new_full((len(corrupted.x), 1), self.clean_level)
            if corrupted.level is None
            else corrupted.level
        )
        s = (level / self.spread).clamp(min=MIN_LEVEL)
        factor = s.reshape(-1, *(1 for _ in corrupted.x.shape[1:]))
        x = self.centered(corrupted.x)
        context = s.log() if condition is None else torch.cat([condition, s.log()], dim=1)
        encoded = self.encoder(x / (1 + factor.square()).sqrt(), context)
        return self.bottleneck(encoded.value, None, rng, progress), (x, factor)

    def decode(self, z: Tensor, skips: tuple[Tensor, ...] = (), condition: Tensor | None = None) -> Tensor:
        """What the input was without noise, (n, *shape of the input)."""
        x, s = skips
        nets = self.decoder(z, (), condition).reshape(x.shape).float()
        out = x / (1 + s.square()) + nets * s / (1 + s.square()).sqrt()
        return out if self.unit else out * self.spread + self.center

    def reweight(self, batch: Batch, corrupted: CorruptedInput) -> Batch:
        """Errors in the nets' own units: all levels count alike."""
        if corrupted.level is None:
            return batch
        s = (corrupted.level / self.spread).clamp(min=MIN_LEVEL).reshape(-1, *(1 for _ in batch.x.shape[1:]))
        weight = ((1 + s.square()) / s.square()).expand_as(batch.x)
        return replace(batch, target_valid=weight if batch.target_valid is None else batch.target_valid * weight)

    def dummy_context(self, x: Tensor, condition: Tensor | None = None) -> Tensor | None:
        """A level of one, beside what the condition says."""
        level = x.new_zeros(len(x), 1)
        return level if condition is None else torch.cat([condition, level], dim=1)

    def residuals(self, batch: Batch, levels: tuple[float, ...]) -> tuple[Tensor, Tensor | None]:
        """What the model would change at clean raw samples taken for noisy, in units of the spread, and their weights.

        Of n samples n times as many as there are levels: each sample at all levels, then the next. At a level s that is
        `s^2` times the slope of the log-density of the data with noise of that level added (Miyasawa 1961; Vincent
        2011, "A connection between score matching and denoising autoencoders").
        """
        batch = self.scaled(batch).map(lambda t: t.repeat_interleave(len(levels), 0))
        denoised = self._denoise(batch, batch.x.new_tensor(levels).repeat(len(batch.x) // len(levels))[:, None])
        return (denoised.float() - batch.x) / self.spread, batch.valid

    def expected(self, batch: Batch, level: Tensor) -> Tensor:
        """What clean raw samples would be if they had noise of a level (n, 1), in units of the spread: raw units."""
        return self.restore(self._denoise(self.scaled(batch), level))

    def _denoise(self, batch: Batch, level: Tensor) -> Tensor:
        code, skips = self.encode(CorruptedInput(batch.x, batch.valid, level * self.spread), batch.condition)
        return self.decode(code.z, skips, batch.condition)


def levels(low: float, high: float, number: int) -> list[float]:
    """Noise levels evenly spaced in the logarithm."""
    return [low * math.exp(math.log(high / low) * i / max(1, number - 1)) for i in range(number)]
