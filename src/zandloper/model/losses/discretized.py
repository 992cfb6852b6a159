"""A likelihood for integer pixels in nats: the mass that a logistic distribution puts on each step of the scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.model.losses import Loss
from zandloper.spec import Spec


@dataclass(frozen=True)
class Discretized(Spec):
    """Settings of the discretized logistic: the number of steps between 0 and 1 (255 for uint8)."""

    name: ClassVar[str] = "discretized"
    steps: int = 255

    def build(self, target_shape: tuple[int, ...]) -> Loss:
        """The module."""
        return DiscretizedLogistic(self, target_shape)


class DiscretizedLogistic(Loss):
    """`-log(F(t + half a step) - F(t - half a step))`, F logistic, its scale learned; the outer steps take the tails.

    Kingma et al. 2016, "Inverse autoregressive flow", appendix; Salimans et al. 2017, "PixelCNN++", eq. 2.
    """

    exact_start = False
    from_zero = False
    log_scale: nn.Parameter

    def __init__(self, spec: Discretized, target_shape: tuple[int, ...]) -> None:
        super().__init__(target_shape)
        self.half_step = 0.5 / spec.steps
        self.log_scale = nn.Parameter(torch.full(target_shape, -2.0))

    def point(self, params: Tensor) -> Tensor:
        """The mean within the pixels' bounds."""
        return params.clamp(0.0, 1.0)

    def forward(self, params: Tensor, target: Tensor) -> Tensor:
        """The error map in nats, of the target's shape."""
        inverse = torch.exp(-self.log_scale.clamp(-7.0, 4.0))
        upper, lower = (target + self.half_step - params) * inverse, (target - self.half_step - params) * inverse
        # log(sigmoid(u) - sigmoid(l)) = logsigmoid(u) + logsigmoid(-l) + log(1 - exp(l - u)), safe in both tails.
        inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(lower - upper) + 1e-12)
        first, last = F.logsigmoid(upper), F.logsigmoid(-lower)
        return -torch.where(target < self.half_step, first, torch.where(target > 1 - self.half_step, last, inside))
