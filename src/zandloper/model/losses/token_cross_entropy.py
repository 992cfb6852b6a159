"""Symbols: the cross-entropy of each, over as many as its place has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from zandloper.errors import DataError
from zandloper.model.losses import Loss
from zandloper.spec import Spec

RARE = 1e-4  # the share that the best constant gives to what was never seen


@dataclass(frozen=True)
class TokenCrossEntropy(Spec):
    """Settings of the error of symbols.

    Parameters
    ----------
    sizes : tuple of int
        How many symbols there are at each place.
    """

    name: ClassVar[str] = "token_cross_entropy"
    sizes: tuple[int, ...]

    def build(self, target_shape: tuple[int, ...]) -> Loss:
        """The module; the target is (n, places), whole numbers."""
        return TokenCrossEntropyLoss(self)


class TokenCrossEntropyLoss(Loss):
    """`-log p(symbol)` in nats, p the softmax of a place's logits, which lie side by side."""

    in_target_units = False

    def __init__(self, spec: TokenCrossEntropy) -> None:
        super().__init__((len(spec.sizes),))
        self.sizes, self.params_shape = list(spec.sizes), (sum(spec.sizes),)

    def point(self, params: Tensor) -> Tensor:
        """The likeliest symbol of each place."""
        return torch.stack([part.argmax(1) for part in params.split(self.sizes, 1)], 1).to(params.dtype)

    def expected(self, params: Tensor) -> Tensor:
        """The probability of every symbol."""
        return torch.cat([part.softmax(1) for part in params.split(self.sizes, 1)], 1)

    def start(self, mean: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Logarithms of the shares, and what changes them to first order."""
        share = mean.clamp(min=RARE)
        return share.log(), directions / share[:, None]

    def check(self, target: Tensor) -> None:
        """Targets are whole numbers from 0 to below the largest size: those that count come without their places."""
        if target.numel() == 0:
            return
        if bool((target != target.round()).any()) or target.min() < 0 or target.max() >= max(self.sizes):
            raise DataError(
                f"loss='token_cross_entropy' needs whole numbers from 0 to {max(self.sizes) - 1} as symbols, "
                f"got values from {target.min().item():.6g} to {target.max().item():.6g}"
            )

    def forward(self, params: Tensor, target: Tensor) -> Tensor:
        """The error map, (n, places)."""
        target = target.long()
        parts = [F.cross_entropy(p, target[:, i], reduction="none") for i, p in enumerate(params.split(self.sizes, 1))]
        return torch.stack(parts, 1)
