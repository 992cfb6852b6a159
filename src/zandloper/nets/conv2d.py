"""Convolutional nets for images (n, channels, height, width): sizes need not be powers of two."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zandloper import layers
from zandloper.batch import Neck
from zandloper.layers import ACTIVATIONS
from zandloper.nets import Net

SMALLEST = 4  # halving stops when the shorter side would fall below this many pixels


@dataclass(frozen=True)
class Conv2d(Net):
    """Settings of 2-D convolutional nets.

    Parameters
    ----------
    hidden : tuple of int
        Channels per stage; each stage halves height and width. The decoder mirrors them.
    activation : str
        The non-linearity after each layer.
    """

    name: ClassVar[str] = "conv2d"
    reads: ClassVar[str] = "images, of shape (channels, height, width)"
    layer: ClassVar[str] = "{} channels"
    hidden: tuple[int, ...] = (32, 64, 128)
    activation: str = "silu"

    @classmethod
    def fits(cls, in_shape: tuple[int, ...]) -> bool:
        """Images."""
        return len(in_shape) == 3

    @classmethod
    def auto(cls, in_shape: tuple[int, ...], latent_dim: int, activation: str = "silu") -> Conv2d:
        """Stages until the shorter side is about four pixels, channels doubling from 32 to 256."""
        side, stages = min(in_shape[-2:]), 1
        while -(-side // 2 ** (stages + 1)) >= SMALLEST and stages < 7:
            stages += 1
        return cls(tuple(min(32 * 2**i, 256) for i in range(stages)), activation)

    def encoder(self, in_shape: tuple[int, ...], context_dim: int = 0) -> nn.Module:
        """From images `in_shape` = (channels, height, width) to a flat neck."""
        return ConvEncoder(self, in_shape, context_dim)

    def decoder(self, latent_dim: int, out_shape: tuple[int, ...], context_dim: int = 0) -> nn.Module:
        """From the code to images `out_shape` = (channels, height, width)."""
        return ConvDecoder(self, latent_dim + context_dim, out_shape)


def _sizes(height: int, width: int, stages: int) -> list[tuple[int, int]]:
    """Height and width at every stage, the input's first: halved and rounded up."""
    sizes = [(height, width)]
    for _ in range(stages):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


class ConvEncoder(nn.Module):
    """Strided convolutions; what they see of the context is planes of one value each."""

    def __init__(self, spec: Conv2d, in_shape: tuple[int, ...], context_dim: int) -> None:
        super().__init__()
        channels, height, width = in_shape
        self.activation = spec.activation
        widths = (channels + context_dim, *spec.hidden)
        self.layers = nn.ModuleList(layers.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(widths, spec.hidden))
        bottom = _sizes(height, width, len(spec.hidden))[-1]
        self.neck_dim = widths[-1] * bottom[0] * bottom[1]

    def forward(self, x: Tensor, context: Tensor | None = None) -> Neck:
        """The flat neck of images (n, channels, height, width)."""
        act = ACTIVATIONS[self.activation]
        if context is not None:
            x = torch.cat([x, context.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)
        for part in self.layers:
            x = act(part(x))
        return Neck(x.flatten(1))


class ConvDecoder(nn.Module):
    """A dense layer to the smallest picture, then transposed convolutions, each cut to the encoder's size there."""

    def __init__(self, spec: Conv2d, inputs: int, out_shape: tuple[int, ...]) -> None:
        super().__init__()
        channels, height, width = out_shape
        self.activation = spec.activation
        self.sizes = _sizes(height, width, len(spec.hidden))[::-1]
        widths = (*reversed(spec.hidden), channels)
        self.bottom = (widths[0], *self.sizes[0])
        self.first = layers.Linear(inputs, widths[0] * self.sizes[0][0] * self.sizes[0][1])
        self.layers: Any = nn.ModuleList(
            layers.ConvTranspose2d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths)
        )

    def start_at_zero(self) -> None:
        """Silence the last layer."""
        self.layers[-1].weight.detach().zero_()

    def forward(self, z: Tensor, skips: tuple = (), context: Tensor | None = None) -> Tensor:
        """Parameters of the output, (n, channels, height, width)."""
        act = ACTIVATIONS[self.activation]
        z = z.flatten(1) if context is None else torch.cat([z.flatten(1), context.to(z.dtype)], dim=1)
        h = act(self.first(z)).reshape(len(z), *self.bottom)
        for i, (part, (rows, columns)) in enumerate(zip(self.layers, self.sizes[1:])):
            # Doubled, then cut by at most one pixel: 7 -> 14 -> 13 where the encoder halved 13 to 7.
            h = part(h)[..., :rows, :columns]
            h = act(h) if i < len(self.layers) - 1 else h
        return h
