"""Nothing is done: the encoder sees the input as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from zandloper.model.batch import Batch, CorruptedInput
from zandloper.spec import Spec


@dataclass(frozen=True)
class Identity(Spec):
    """Settings of the corruption that does nothing."""

    name: ClassVar[str] = "identity"

    def build(self) -> IdentityCorruption:
        """The module."""
        return IdentityCorruption()


class IdentityCorruption(nn.Module):
    """Passes the batch on."""

    def forward(self, batch: Batch, rng: torch.Generator | None = None) -> CorruptedInput:
        """What the encoder sees: the input and its weights, with no noise level."""
        return CorruptedInput(batch.x, batch.valid)
