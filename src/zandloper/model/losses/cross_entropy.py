"""Categorical cross-entropy, in nats: one class out of several for every element of the target."""

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
class CrossEntropy(Spec):
    """Settings of the categorical error: the number of classes."""

    name: ClassVar[str] = "cross_entropy"
    classes: int = 2

    def build(self, target_shape: tuple[int, ...]) -> Loss:
        """The module; targets hold class numbers from 0 on."""
        return CrossEntropyLoss(self, target_shape)


class CrossEntropyLoss(Loss):
    """`-log softmax(params)[target]`: parameters are (n, *target_shape, classes), targets class numbers."""

    in_target_units = False

    def __init__(self, spec: CrossEntropy, target_shape: tuple[int, ...]) -> None:
        super().__init__(target_shape)
        self.classes = spec.classes
        self.params_shape = (*target_shape, spec.classes)

    def point(self, params: Tensor) -> Tensor:
        """The likeliest class."""
        return params.argmax(-1).to(params.dtype)

    def expected(self, params: Tensor) -> Tensor:
        """The probability of every class, (n, *target_shape, classes)."""
        return params.softmax(-1)

    def start(self, mean: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """From class rates (flat, elements x classes): their logarithm, and directions divided by the rates."""
        rare = min(0.02, 0.1 / self.classes)  # of many classes most are rare
        return torch.log(mean.clamp(min=rare)), directions / mean.clamp(min=0.02).unsqueeze(-1)

    def check(self, target: Tensor) -> None:
        """Targets are whole numbers from 0 to classes - 1."""
        if bool((target != target.round()).any()) or target.min() < 0 or target.max() >= self.classes:
            raise DataError(
                f"loss='cross_entropy' needs whole numbers from 0 to {self.classes - 1} as classes, "
                f"got values from {target.min().item():.6g} to {target.max().item():.6g}"
            )

    def forward(self, params: Tensor, target: Tensor) -> Tensor:
        """The error map in nats, of the target's shape."""
        flat = F.cross_entropy(
            params.reshape(-1, self.classes), target.reshape(-1).long().clamp(min=0), reduction="none"
        )
        return flat.reshape(target.shape)
