"""Convolutions down to a small grid, each of whose places is summarized by itself, and up again from such a grid.

Unlike `conv1d` and `conv2d`, no dense layer mixes the places: a code of one symbol a place says what is there. That is
what a prior over the symbols likes to read (van den Oord et al. 2017, "Neural discrete representation learning").

What holds everywhere, colors or the light, may be said once: some summaries stand before the places and scale and
shift the channels of all layers (Perez et al. 2018, "FiLM: visual reasoning with a general conditioning layer").
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zandloper.model.batch import EncoderOutput
from zandloper.model.layers.convolutions import CHANNELS, DOWN, UP, sizes_of
from zandloper.model.layers.layers import ACTIVATIONS, Linear
from zandloper.model.networks import Network

MOST = 7  # stages
SUMMARIES = 4  # where nobody says how many latents there are


@dataclass(frozen=True)
class Spatial(Network):
    """Settings of convolutional nets with a grid in the middle.

    Parameters
    ----------
    hidden : tuple of int
        Channels per stage; each stage halves every axis. The decoder mirrors them.
    activation : str
        The non-linearity after each layer.
    depth : int
        Residual layers at the grid, that mix neighboring positions.
    summaries : int
        Parts of the code that belong to no place but to the whole, before those of the places.
    """

    name: ClassVar[str] = "spatial"
    reads: ClassVar[str] = "images and series, of shape (channels, height, width) or (channels, length)"
    layer: ClassVar[str] = "{} channels"
    hidden: tuple[int, ...] = (32, 64)
    activation: str = "silu"
    depth: int = 2
    summaries: int = 0

    @classmethod
    def fits(cls, in_shape: tuple[int, ...]) -> bool:
        """Images and series."""
        return len(in_shape) in (2, 3)

    @classmethod
    def auto(cls, in_shape: tuple[int, ...], latent_dim: int, activation: str = "silu") -> Spatial:
        """As many stages as bring the number of places closest to the number of latents, channels doubling from 32.

        A few latents more than places are summaries.
        """

        def distance(n: int) -> float:
            return abs(math.log(places(in_shape, n) / max(1, latent_dim)))

        stages = min(range(1, MOST + 1), key=distance)
        more = latent_dim - places(in_shape, stages)
        summaries = more if 0 < more <= 2 * SUMMARIES else 0
        return cls(tuple(min(CHANNELS[0] * 2**i, CHANNELS[1]) for i in range(stages)), activation, summaries=summaries)

    @classmethod
    def latents(cls, in_shape: tuple[int, ...], about: int) -> int:
        """One for each place of the grid that has about so many, and summaries."""
        return places(in_shape, len(cls.auto(in_shape, about).hidden)) + SUMMARIES

    def encoder(self, in_shape: tuple[int, ...], context_dim: int = 0) -> SpatialEncoder:
        """From images or series `in_shape` to a neck of which each place of the grid has an equal part."""
        return SpatialEncoder(self, in_shape, context_dim)

    def decoder(self, latent_dim: int, out_shape: tuple[int, ...], context_dim: int = 0) -> SpatialDecoder:
        """From a code, of which each place has an equal part where it can be divided so, to `out_shape`."""
        return SpatialDecoder(self, latent_dim, out_shape, context_dim)


def places(in_shape: tuple[int, ...], stages: int) -> int:
    """Places of the grid that so many stages leave of a sample."""
    return math.prod(sizes_of(tuple(in_shape[1:]), stages)[-1])


class SpatialResidual(nn.Module):
    """`x + W2 act(W1 act(x))`: a 3 x 3 and a pointwise convolution (He et al. 2016, "Identity mappings in deep
    residual networks", section 3), with FiLM by the summaries in between."""

    def __init__(self, channels: int, axes: int, activation: str, summary_dim: int = 0) -> None:
        super().__init__()
        self.activation = activation
        self.spatial_conv, self.pointwise_conv = (
            DOWN[axes](channels, channels, 3, padding=1),
            DOWN[axes](channels, channels, 1),
        )
        self.film = FiLM(summary_dim, channels) if summary_dim else None

    def forward(self, x: Tensor, summary_dim: Tensor | None = None) -> Tensor:
        """Grids (n, channels, *axes) to grids."""
        act = ACTIVATIONS[self.activation]
        h = self.spatial_conv(act(x))
        return x + self.pointwise_conv(act(h if self.film is None else self.film(h, summary_dim)))


class FiLM(nn.Module):
    """`h (1 + a) + b` for each channel, a and b linear in the summaries."""

    def __init__(self, summary_dim: int, channels: int) -> None:
        super().__init__()
        self.scale_shift = Linear(summary_dim, 2 * channels)

    def forward(self, h: Tensor, summary_dim: Tensor) -> Tensor:
        """Grids (n, channels, *axes), summaries (n, values)."""
        a, b = self.scale_shift(summary_dim).to(h.dtype).reshape(len(h), -1, *(1 for _ in h.shape[2:])).chunk(2, dim=1)
        return h * (1 + a) + b


def _planes(context: Tensor, x: Tensor) -> Tensor:
    """The context at every place."""
    return context.to(x.dtype).reshape(*context.shape, *(1 for _ in x.shape[2:])).expand(-1, -1, *x.shape[2:])


class SpatialEncoder(nn.Module):
    """Strided convolutions, then residual layers; the neck goes place by place."""

    def __init__(self, spec: Spatial, in_shape: tuple[int, ...], context_dim: int) -> None:
        super().__init__()
        channels, *axes = in_shape
        self.activation = spec.activation
        widths = (channels + context_dim, *spec.hidden)
        conv = DOWN[len(axes)]
        self.layers = nn.ModuleList(conv(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths))
        width, self.summaries = widths[-1], spec.summaries
        summary_dim = width if spec.summaries else 0
        self.residual_blocks = nn.ModuleList(
            SpatialResidual(width, len(axes), spec.activation, summary_dim) for _ in range(spec.depth)
        )
        self.summary_layer = Linear(width, width * spec.summaries) if spec.summaries else None
        self.n_positions = places(in_shape, len(spec.hidden)) + spec.summaries
        self.encoding_dim = width * self.n_positions

    def forward(self, x: Tensor, context: Tensor | None = None) -> EncoderOutput:
        """The flat neck of grids (n, channels, *axes)."""
        act = ACTIVATIONS[self.activation]
        x = x if context is None else torch.cat([x, _planes(context, x)], dim=1)
        for i, part in enumerate(self.layers):
            x = part(_even(x))
            x = act(x) if i < len(self.layers) - 1 else x
        whole = act(x).flatten(2).mean(2) if self.summaries else None
        for part in self.residual_blocks:
            x = part(x, whole)
        neck = act(x).flatten(2).transpose(1, 2).flatten(1)
        return EncoderOutput(
            neck if self.summary_layer is None else torch.cat([act(self.summary_layer(whole)), neck], dim=1)
        )


def _even(x: Tensor) -> Tensor:
    """With a line of zeros more along every axis of odd length, so that halving rounds up."""
    odd = [side for length in reversed(x.shape[2:]) for side in (0, length % 2)]
    return nn.functional.pad(x, odd) if any(odd) else x


class SpatialDecoder(nn.Module):
    """A layer that all places share, residual layers, then transposed convolutions up to the sample's size."""

    def __init__(self, spec: Spatial, latent_dim: int, out_shape: tuple[int, ...], context_dim: int) -> None:
        super().__init__()
        channels, *axes = out_shape
        self.activation = spec.activation
        self.sizes = sizes_of(tuple(axes), len(spec.hidden))[::-1]
        count = math.prod(self.sizes[0]) + spec.summaries
        # A code that cannot be dealt out evenly is first made one that can.
        self.redistribute = (
            None if latent_dim % count == 0 else Linear(latent_dim, count * min(latent_dim, spec.hidden[-1]))
        )
        values = (latent_dim if self.redistribute is None else self.redistribute.out_features) // count
        widths = (*reversed(spec.hidden), channels)
        self.bottom, self.summaries = (count, values), spec.summaries
        self.first = DOWN[len(axes)](values + context_dim, widths[0], 1)
        summary_dim = widths[0] if spec.summaries else 0
        self.summary_layer = Linear(values * spec.summaries, summary_dim) if summary_dim else None
        self.residual_blocks = nn.ModuleList(
            SpatialResidual(widths[0], len(axes), spec.activation, summary_dim) for _ in range(spec.depth)
        )
        self.films = nn.ModuleList(FiLM(summary_dim, width) for width in widths[:-1] if summary_dim)
        conv = UP[len(axes)]
        self.layers: Any = nn.ModuleList(conv(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths))

    def zero_init(self) -> None:
        """Silence the last layer."""
        self.layers[-1].weight.detach().zero_()

    def forward(self, z: Tensor, skips: tuple[Tensor, ...] = (), context: Tensor | None = None) -> Tensor:
        """Parameters of the output, (n, channels, *axes)."""
        act = ACTIVATIONS[self.activation]
        z = z.flatten(1) if self.redistribute is None else self.redistribute(z.flatten(1))
        parts, s = z.reshape(len(z), *self.bottom), self.summaries
        whole = None if self.summary_layer is None else act(self.summary_layer(parts[:, :s].flatten(1)))
        h = parts[:, s:].transpose(1, 2).reshape(len(z), -1, *self.sizes[0])
        h = self.first(h if context is None else torch.cat([h, _planes(context, h)], dim=1))
        for part in self.residual_blocks:
            h = part(h, whole)
        for i, (part, size) in enumerate(zip(self.layers, self.sizes[1:])):
            h = self.films[i](h, whole) if s else h
            h = part(act(h))[(..., *(slice(length) for length in size))]  # as in `convolutions`: 7 -> 14 -> 13
        return h
