"""What travels between the slots: one typed value per hop.

Batch -> corrupt -> Seen -> encode -> Neck -> bottleneck -> Code -> decode -> parameters -> compare -> error map -> Loss
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """What travels: n samples with their target. `None` for a weight means that everything counts.

    Before the scale, `x` and `target` are raw numbers (uint8 pixels, category codes, NaN for what is missing);
    after it they are floats of unit size, and `valid` and `target_valid` weigh each value: 0 for missing, padded or
    hidden ones.
    """

    x: Tensor
    valid: Tensor | None = None
    target: Tensor | None = None
    target_valid: Tensor | None = None
    condition: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return self.map(lambda t: t.to(device, non_blocking=True))

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with a function applied to every tensor in it."""
        fields = (self.x, self.valid, self.target, self.target_valid, self.condition)
        return Batch(*(None if t is None else function(t) for t in fields))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class CorruptedInput:
    """What the encoder gets to see: the corrupted input, its weights, and the noise level where there is one.

    `loss_weight`, where the corruption says so, is what the errors weigh: those of what it hid, for one.
    """

    x: Tensor
    valid: Tensor | None = None
    level: Tensor | None = None
    loss_weight: Tensor | None = None


@dataclass(frozen=True, slots=True)
class EncoderOutput:
    """What an encoder emits: its summary, and the skips that travel forward beside it (none unless loss_weight for)."""

    value: Tensor
    skips: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class BottleneckOutput:
    """A point in the latent space, (n, *latent_shape), and its cost per sample in the units of the error, (n,).

    With `draws` > 1, each sample of the batch stands `draws` times in a row with another point, and the loss is the
    importance-weighted bound over them.
    """

    z: Tensor
    cost: Tensor | None = None
    draws: int = 1


@dataclass(frozen=True, slots=True)
class LossOutput:
    """What training gets: the scalar to minimize and its two parts, all means over samples per element."""

    total: Tensor
    error: Tensor
    cost: Tensor
