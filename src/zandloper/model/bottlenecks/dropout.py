"""Dropout on the code: no neuron may be relied on. Not sparse in itself, but a relative, and compared with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zandloper.model.batch import BottleneckOutput
from zandloper.model.layers.layers import Linear, drop
from zandloper.spec import Spec


@dataclass(frozen=True)
class Dropout(Spec):
    """Settings of dropout: the share of the code that is dropped while training."""

    name: ClassVar[str] = "dropout"
    linear: ClassVar[bool] = False
    dropout: float = 0.5

    def build(self, encoding_dim: int, latent_dim: int) -> DropoutBottleneck:
        """The module for a neck of `neck_dim` values and a code of `latent_dim`."""
        return DropoutBottleneck(self, encoding_dim, latent_dim)


class DropoutBottleneck(nn.Module):
    """`z = drop(relu(W neck + b))`: Srivastava et al. 2014, "Dropout", section 4."""

    zero_init_decoder = True

    def __init__(self, spec: Dropout, encoding_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.dropout = spec.dropout
        self.head = Linear(encoding_dim, latent_dim)
        self.latent_shape = (latent_dim,)

    def forward(
        self, encoding: Tensor, offset: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> BottleneckOutput:
        """The code of a neck (n, neck_dim), none of it negative."""
        z = self.head(encoding.flatten(1))
        return BottleneckOutput(drop(torch.relu(z), self.dropout, rng))
