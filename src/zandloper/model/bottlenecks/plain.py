"""Plain: a narrow (or wide) layer, and no cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zandloper.model.batch import BottleneckOutput
from zandloper.model.layers.layers import Linear
from zandloper.spec import Spec


@dataclass(frozen=True)
class Plain(Spec):
    """Settings of the plain bottleneck: there are none."""

    name: ClassVar[str] = "plain"
    linear: ClassVar[bool] = True

    def build(self, encoding_dim: int, latent_dim: int) -> PlainBottleneck:
        """The module for a neck of `neck_dim` values and a code of `latent_dim`."""
        return PlainBottleneck(encoding_dim, latent_dim)


class PlainBottleneck(nn.Module):
    """`z = W neck + b`, plus the linear path."""

    def __init__(self, encoding_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.head = Linear(encoding_dim, latent_dim)
        self.latent_shape = (latent_dim,)

    def zero_init(self) -> None:
        """Silence the head: the code starts as the linear path's."""
        self.head.weight.detach().zero_()

    def forward(
        self, encoding: Tensor, offset: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> BottleneckOutput:
        """The code of a neck (n, neck_dim): (n, latent_dim), free of cost."""
        z = self.head(encoding.flatten(1))
        return BottleneckOutput(z if offset is None else z + offset)
