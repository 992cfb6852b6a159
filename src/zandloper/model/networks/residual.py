"""Residual nets: dense layers that each add to what is there. Deep ones train as easily as shallow ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zandloper.model.batch import EncoderOutput
from zandloper.model.layers.layers import ACTIVATIONS, Linear
from zandloper.model.networks import Network


@dataclass(frozen=True)
class Residual(Network):
    """Settings of residual nets.

    Parameters
    ----------
    hidden : tuple of int
        One number a block, all the same: the width.
    activation : str
        The non-linearity within a block.
    """

    name: ClassVar[str] = "residual"
    reads: ClassVar[str] = "samples of any shape"
    layer: ClassVar[str] = "{} (residual)"
    hidden: tuple[int, ...] = (256, 256)
    activation: str = "silu"

    @classmethod
    def fits(cls, in_shape: tuple[int, ...]) -> bool:
        """Always."""
        return True

    @classmethod
    def auto(cls, in_shape: tuple[int, ...], latent_dim: int, activation: str = "silu") -> Residual:
        """Two blocks, as wide as the code but between 64 and 512."""
        return cls((min(512, max(64, latent_dim)),) * 2, activation)

    def encoder(self, in_shape: tuple[int, ...], context_dim: int = 0) -> ResidualEncoder:
        """From `in_shape` to a neck as wide as the blocks."""
        return ResidualEncoder(self, math.prod(in_shape) + context_dim)

    def decoder(self, latent_dim: int, out_shape: tuple[int, ...], context_dim: int = 0) -> ResidualDecoder:
        """From the code to `out_shape`."""
        return ResidualDecoder(self, latent_dim + context_dim, math.prod(out_shape))


class ResidualBlock(nn.Module):
    """`h + W2 act(W1 norm(h))`: He et al. 2016, "Identity mappings in deep residual networks", eq. 1, dense."""

    def __init__(self, width: int, activation: str) -> None:
        super().__init__()
        self.activation = activation
        self.norm = nn.LayerNorm(width)
        self.first, self.second = Linear(width, width), Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        """(n, width) to (n, width)."""
        return h + self.second(ACTIVATIONS[self.activation](self.first(self.norm(h))))


class ResidualEncoder(nn.Module):
    """A layer to the width, then blocks."""

    def __init__(self, spec: Residual, inputs: int) -> None:
        super().__init__()
        self.encoding_dim = spec.hidden[0]
        self.first = Linear(inputs, self.encoding_dim)
        self.blocks = nn.Sequential(*(ResidualBlock(self.encoding_dim, spec.activation) for _ in spec.hidden))
        self.norm = nn.LayerNorm(self.encoding_dim)

    def forward(self, x: Tensor, context: Tensor | None = None) -> EncoderOutput:
        """The neck (n, width) of inputs (n, ...)."""
        x = x.flatten(1) if context is None else torch.cat([x.flatten(1), context.to(x.dtype)], dim=1)
        return EncoderOutput(self.norm(self.blocks(self.first(x))))


class ResidualDecoder(nn.Module):
    """A layer to the width, then blocks, then a layer to the output."""

    def __init__(self, spec: Residual, inputs: int, outputs: int) -> None:
        super().__init__()
        width = spec.hidden[-1]
        self.first = Linear(inputs, width)
        self.blocks = nn.Sequential(*(ResidualBlock(width, spec.activation) for _ in spec.hidden))
        self.norm = nn.LayerNorm(width)
        self.last: Any = Linear(width, outputs)

    def zero_init(self) -> None:
        """Silence the last layer."""
        self.last.weight.detach().zero_()

    def forward(self, z: Tensor, skips: tuple[Tensor, ...] = (), context: Tensor | None = None) -> Tensor:
        """Parameters of the output, flat."""
        z = z.flatten(1) if context is None else torch.cat([z.flatten(1), context.to(z.dtype)], dim=1)
        return self.last(self.norm(self.blocks(self.first(z))))
