"""L1: every bit of activity costs, so that most neurons stay silent for most samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zandloper.model.batch import BottleneckOutput
from zandloper.model.layers.layers import Linear, drop
from zandloper.spec import Spec

WARMUP = (
    0.3  # share of the steps over which the cost rises: at full weight at once it silences what has learned nothing
)


@dataclass(frozen=True)
class L1(Spec):
    """Settings of the L1 cost.

    Parameters
    ----------
    sparsity : float
        The cost of one unit of activity, in the units of the error.
    dropout : float
        Share of the code that is dropped while training.
    """

    name: ClassVar[str] = "l1"
    linear: ClassVar[bool] = False
    sparsity: float = 0.1
    dropout: float = 0.0

    def build(self, encoding_dim: int, latent_dim: int) -> L1Bottleneck:
        """The module for a neck of `neck_dim` values and a code of `latent_dim`."""
        return L1Bottleneck(self, encoding_dim, latent_dim)


class L1Bottleneck(nn.Module):
    """`z = relu(W neck + b)` at a cost of `sparsity * sum |z|`.

    Olshausen and Field 1996, "Emergence of simple-cell receptive field properties", eq. 2, with S(x) = |x|.
    """

    zero_init_decoder = True

    def __init__(self, spec: L1, encoding_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.sparsity, self.dropout = spec.sparsity, spec.dropout
        self.head = Linear(encoding_dim, latent_dim)
        self.latent_shape = (latent_dim,)

    def forward(
        self, encoding: Tensor, offset: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> BottleneckOutput:
        """The code of a neck (n, neck_dim), none of it negative."""
        z = self.head(encoding.flatten(1))
        z = torch.relu(z)
        weight = self.sparsity * min(1.0, progress / WARMUP)
        return BottleneckOutput(drop(z, self.dropout, rng), weight * z.float().sum(1))
