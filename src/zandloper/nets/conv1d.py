"""Convolutional nets for series and sounds (n, channels, length): lengths need not be powers of two."""

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

SMALLEST = 4  # halving stops when the length would fall below this many steps


@dataclass(frozen=True)
class Conv1d(Net):
    """Settings of 1-D convolutional nets.

    Parameters
    ----------
    hidden : tuple of int
        Channels per stage; each stage halves the length. The decoder mirrors them.
    activation : str
        The non-linearity after each layer.
    """

    name: ClassVar[str] = "conv1d"
    reads: ClassVar[str] = (
        "series and sounds, of shape (channels, length); the columns of a table have no order that it could use"
    )
    layer: ClassVar[str] = "{} channels"
    hidden: tuple[int, ...] = (32, 64, 128)
    activation: str = "silu"

    @classmethod
    def fits(cls, in_shape: tuple[int, ...]) -> bool:
        """Series and sounds."""
        return len(in_shape) == 2

    @classmethod
    def auto(cls, in_shape: tuple[int, ...], latent_dim: int, activation: str = "silu") -> Conv1d:
        """Stages until the length is about four steps, channels doubling from 32 to 256."""
        stages = 1
        while _lengths(in_shape[-1], stages + 1)[-1] >= SMALLEST:
            stages += 1
        return cls(tuple(min(32 * 2**i, 256) for i in range(stages)), activation)

    def encoder(self, in_shape: tuple[int, ...], context_dim: int = 0) -> nn.Module:
        """From series `in_shape` = (channels, length) to a flat neck."""
        return SeriesEncoder(self, in_shape, context_dim)

    def decoder(self, latent_dim: int, out_shape: tuple[int, ...], context_dim: int = 0) -> nn.Module:
        """From the code to series `out_shape` = (channels, length)."""
        return SeriesDecoder(self, latent_dim + context_dim, out_shape)


def _lengths(length: int, stages: int) -> list[int]:
    """The length at every stage, the input's first: halved and rounded up."""
    return [-(-length // 2**stage) for stage in range(stages + 1)]


class SeriesEncoder(nn.Module):
    """Strided convolutions; what they see of the context is channels of one value each."""

    def __init__(self, spec: Conv1d, in_shape: tuple[int, ...], context_dim: int) -> None:
        super().__init__()
        channels, length = in_shape
        self.activation = spec.activation
        widths = (channels + context_dim, *spec.hidden)
        self.layers = nn.ModuleList(layers.Conv1d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(widths))
        self.neck_dim = widths[-1] * _lengths(length, len(spec.hidden))[-1]

    def forward(self, x: Tensor, context: Tensor | None = None) -> Neck:
        """The flat neck of series (n, channels, length)."""
        act = ACTIVATIONS[self.activation]
        if context is not None:
            x = torch.cat([x, context.to(x.dtype)[:, :, None].expand(-1, -1, x.shape[2])], dim=1)
        for part in self.layers:
            x = act(part(x))
        return Neck(x.flatten(1))


class SeriesDecoder(nn.Module):
    """A dense layer to the shortest series, then transposed convolutions, each cut to the encoder's length there."""

    def __init__(self, spec: Conv1d, inputs: int, out_shape: tuple[int, ...]) -> None:
        super().__init__()
        channels, length = out_shape
        self.activation = spec.activation
        self.lengths = _lengths(length, len(spec.hidden))[::-1]
        widths = (*reversed(spec.hidden), channels)
        self.bottom = (widths[0], self.lengths[0])
        self.first = layers.Linear(inputs, widths[0] * self.lengths[0])
        self.layers: Any = nn.ModuleList(
            layers.ConvTranspose1d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths)
        )

    def start_at_zero(self) -> None:
        """Silence the last layer."""
        self.layers[-1].weight.detach().zero_()

    def forward(self, z: Tensor, skips: tuple = (), context: Tensor | None = None) -> Tensor:
        """Parameters of the output, (n, channels, length)."""
        act = ACTIVATIONS[self.activation]
        z = z.flatten(1) if context is None else torch.cat([z.flatten(1), context.to(z.dtype)], dim=1)
        h = act(self.first(z)).reshape(len(z), *self.bottom)
        for i, (part, length) in enumerate(zip(self.layers, self.lengths[1:])):
            # Doubled, then cut by at most one step: 7 -> 14 -> 13 where the encoder halved 13 to 7.
            h = part(h)[..., :length]
            h = act(h) if i < len(self.layers) - 1 else h
        return h
