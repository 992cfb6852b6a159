"""A Gaussian likelihood in nats, its variance learned: a real likelihood for real numbers, unlike the squared error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zandloper.model.losses import Loss
from zandloper.spec import Spec


@dataclass(frozen=True)
class GaussianNLL(Spec):
    """Settings of the Gaussian likelihood.

    Parameters
    ----------
    shared : bool
        One variance for all elements, else one for each element of the target; either is the same for all samples.
    """

    name: ClassVar[str] = "gaussian"
    shared: bool = False

    def build(self, target_shape: tuple[int, ...]) -> Loss:
        """The module."""
        return GaussianLikelihood(self, target_shape)


class GaussianLikelihood(Loss):
    """`0.5 ((target - mean)^2 / variance + log(2 pi variance))`.

    Rybkin, Daniilidis and Levine 2021, "Simple and effective VAE training with calibrated decoders", eq. 4: a learned
    variance weighs error and divergence as the likelihood has it. It is kept above e^-10 of the model's units, since
    a constant column has no density.
    """

    from_zero = False
    log_variance: nn.Parameter

    def __init__(self, spec: GaussianNLL, target_shape: tuple[int, ...]) -> None:
        super().__init__(target_shape)
        self.log_variance = nn.Parameter(torch.zeros(() if spec.shared else target_shape))

    def forward(self, params: Tensor, target: Tensor) -> Tensor:
        """The error map in nats, of the target's shape; it may be negative, as densities may be above 1."""
        log_variance = self.log_variance.clamp(-10.0, 10.0)
        return 0.5 * ((params - target).square() * torch.exp(-log_variance) + log_variance + math.log(2 * math.pi))
