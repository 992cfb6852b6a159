"""Squared error: the negative log-likelihood of a Gaussian with fixed variance, up to constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from zandloper.model.losses import Loss
from zandloper.spec import Spec


@dataclass(frozen=True)
class MSE(Spec):
    """Settings of the squared error.

    Parameters
    ----------
    low, high : float or None
        Bounds of the target where it has any, as pixels have: predictions are clipped to them.
    """

    name: ClassVar[str] = "mse"
    low: float | None = None
    high: float | None = None

    def build(self, target_shape: tuple[int, ...]) -> Loss:
        """The module."""
        return SquaredError(self, target_shape)


class SquaredError(Loss):
    """`(point - target)^2`.

    With bounds, the gradient passes straight through the clipping. That is the gradient of a convex function (the
    matching loss of the clip, Auer, Herbster and Warmuth 1996, eq. 1), zero exactly where the clipped prediction is
    right, so that no output gets stuck outside the bounds; and clipping towards a range that holds the target never
    raises the error, so that a PCA start stays a bound.
    """

    def __init__(self, spec: MSE, target_shape: tuple[int, ...]) -> None:
        super().__init__(target_shape)
        self.low, self.high = spec.low, spec.high

    def point(self, params: Tensor) -> Tensor:
        """The clipped prediction."""
        return params if self.low is None and self.high is None else params.clamp(self.low, self.high)

    def forward(self, params: Tensor, target: Tensor) -> Tensor:
        """The error map, of the target's shape."""
        if self.low is not None or self.high is not None:
            params = params + (self.point(params) - params).detach()
        return F.mse_loss(params, target, reduction="none")
