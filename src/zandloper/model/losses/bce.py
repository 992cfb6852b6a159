"""Binary cross-entropy, in nats: a likelihood for 0 and 1, a sensible error for anything between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from zandloper.errors import DataError
from zandloper.model.losses import Loss
from zandloper.spec import Spec


@dataclass(frozen=True)
class BCE(Spec):
    """Settings of the binary cross-entropy: there are none."""

    name: ClassVar[str] = "bce"

    def build(self, target_shape: tuple[int, ...]) -> Loss:
        """The module."""
        return BinaryCrossEntropy(target_shape)


class BinaryCrossEntropy(Loss):
    """`-t log p - (1 - t) log(1 - p)` with `p = sigmoid(params)`; the parameters are logits."""

    in_target_units = False

    def point(self, params: Tensor) -> Tensor:
        """The probability."""
        return torch.sigmoid(params)

    def start(self, mean: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """The logit of the mean, and the directions divided by the sigmoid's slope there (first order)."""
        p = mean.clamp(0.02, 0.98)
        return torch.logit(p), directions / (p * (1 - p)).unsqueeze(-1)

    def check(self, target: Tensor) -> None:
        """Targets outside [0, 1] have no cross-entropy."""
        low, high = target.min().item(), target.max().item()
        if low < 0 or high > 1:
            raise DataError(
                f"loss='bce' needs values within [0, 1], got values from {low:.6g} to {high:.6g}: "
                "scale the data to [0, 1], or take loss='mse'"
            )

    def forward(self, params: Tensor, target: Tensor) -> Tensor:
        """The error map in nats, of the target's shape."""
        return F.binary_cross_entropy_with_logits(params, target, reduction="none")
