"""Convolutional encoders and decoders for grids of any number of axes; the nets `conv1d` and `conv2d` set them up.

Each stage halves every axis, rounding up, so that sizes need not be powers of two.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn

from zandloper.model.batch import EncoderOutput
from zandloper.model.layers import layers
from zandloper.model.layers.layers import ACTIVATIONS

SMALLEST = 4  # halving stops when the shortest axis would fall below this
CHANNELS = 32, 256  # of the first stage, and of any: they double from stage to stage
DOWN: dict[int, Any] = {1: layers.Conv1d, 2: layers.Conv2d}
UP: dict[int, Any] = {1: layers.ConvTranspose1d, 2: layers.ConvTranspose2d}


def channels_for(shortest: int, most: int) -> tuple[int, ...]:
    """Channels of stages, at most so many, until the shortest axis is about four long."""
    stages = 1
    while stages < most and -(-shortest // 2 ** (stages + 1)) >= SMALLEST:
        stages += 1
    return tuple(min(CHANNELS[0] * 2**i, CHANNELS[1]) for i in range(stages))


def sizes_of(shape: tuple[int, ...], stages: int) -> list[tuple[int, ...]]:
    """The axes' lengths at every stage, the input's first: halved and rounded up."""
    return [tuple(-(-length // 2**stage) for length in shape) for stage in range(stages + 1)]


def with_planes(x: Tensor, context: Tensor | None) -> Tensor:
    """Grids (n, channels, *axes) with a context (n, values) as further channels of one value each."""
    if context is None:
        return x
    planes = context.to(x.dtype).reshape(*context.shape, *(1 for _ in x.shape[2:]))
    return torch.cat([x, planes.expand(-1, -1, *x.shape[2:])], dim=1)


class ConvEncoder(nn.Module):
    """Strided convolutions; what they see of the context is channels of one value each."""

    def __init__(self, hidden: tuple[int, ...], activation: str, in_shape: tuple[int, ...], context_dim: int) -> None:
        super().__init__()
        channels, *axes = in_shape
        self.activation = activation
        widths, conv = (channels + context_dim, *hidden), DOWN[len(axes)]
        self.layers = nn.ModuleList(conv(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(widths))
        self.encoding_dim = widths[-1] * math.prod(sizes_of(tuple(axes), len(hidden))[-1])

    def forward(self, x: Tensor, context: Tensor | None = None) -> EncoderOutput:
        """The flat neck of grids (n, channels, *axes)."""
        act = ACTIVATIONS[self.activation]
        x = with_planes(x, context)
        for part in self.layers:
            x = act(part(x))
        return EncoderOutput(x.flatten(1))


class ConvDecoder(nn.Module):
    """A dense layer to the smallest grid, then transposed convolutions, each cut to the encoder's size there."""

    def __init__(self, hidden: tuple[int, ...], activation: str, inputs: int, out_shape: tuple[int, ...]) -> None:
        super().__init__()
        channels, *axes = out_shape
        self.activation = activation
        self.sizes = sizes_of(tuple(axes), len(hidden))[::-1]
        widths, conv = (*reversed(hidden), channels), UP[len(axes)]
        self.bottom = (widths[0], *self.sizes[0])
        self.first = layers.Linear(inputs, math.prod(self.bottom))
        self.layers: Any = nn.ModuleList(conv(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths))

    def zero_init(self) -> None:
        """Silence the last layer."""
        self.layers[-1].weight.detach().zero_()

    def forward(self, z: Tensor, skips: tuple[Tensor, ...] = (), context: Tensor | None = None) -> Tensor:
        """Parameters of the output, (n, channels, *axes)."""
        act = ACTIVATIONS[self.activation]
        z = z.flatten(1) if context is None else torch.cat([z.flatten(1), context.to(z.dtype)], dim=1)
        h = act(self.first(z)).reshape(len(z), *self.bottom)
        for i, (part, size) in enumerate(zip(self.layers, self.sizes[1:])):
            # Doubled, then cut by at most one place an axis: 7 -> 14 -> 13 where the encoder halved 13 to 7.
            h = part(h)[(..., *(slice(length) for length in size))]
            h = act(h) if i < len(self.layers) - 1 else h
        return h
