"""Absolute error: less moved by outliers than the squared one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from zandloper.model.losses import Loss
from zandloper.spec import Spec


@dataclass(frozen=True)
class MAE(Spec):
    """Settings of the absolute error: bounds of the target, where it has any."""

    name: ClassVar[str] = "mae"
    low: float | None = None
    high: float | None = None

    def build(self, target_shape: tuple[int, ...]) -> Loss:
        """The module."""
        return AbsoluteError(self, target_shape)


class AbsoluteError(Loss):
    """`|prediction - target|`; bounds clip the prediction alone: the error's gradient points back to them anyway."""

    statistic = "median"

    def __init__(self, spec: MAE, target_shape: tuple[int, ...]) -> None:
        super().__init__(target_shape)
        self.low, self.high = spec.low, spec.high

    def point(self, params: Tensor) -> Tensor:
        """The clipped prediction."""
        return params if self.low is None and self.high is None else params.clamp(self.low, self.high)

    def forward(self, params: Tensor, target: Tensor) -> Tensor:
        """The error map, of the target's shape."""
        return (params - target).abs()
