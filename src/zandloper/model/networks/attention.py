"""Attention over tokens: images and series cut into patches, which look at each other.

The patches are those of Dosovitskiy et al. 2021, "An image is worth 16x16 words". A few tokens more, which stand for no
patch, gather what the others know; they alone are the neck, so that a row keeps no more than fits into them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.model.batch import EncoderOutput
from zandloper.model.layers.attention import TransformerBlock
from zandloper.model.layers.layers import Linear, PositionEmbedding
from zandloper.model.networks import Network

# Of the rate of other nets of this width. In trials on digits more was better, from 0.1 up to 0.8; some room is left.
LR_SCALE = 0.6


@dataclass(frozen=True)
class Attention(Network):
    """Settings of nets that attend over tokens.

    Parameters
    ----------
    hidden : tuple of int
        Width of the tokens in each block of the encoder; the decoder mirrors them.
    activation : str
        The non-linearity in each block.
    patch : int
        Side of the square patches of images, in pixels; length of the patches of series, in steps.
    heads : int
        Ways of looking in each block.
    summaries : int
        Tokens that gather what the others know.
    """

    name: ClassVar[str] = "attention"
    reads: ClassVar[str] = "images and series, of shape (channels, height, width) or (channels, length)"
    layer: ClassVar[str] = "tokens of {}"
    hidden: tuple[int, ...] = (64,)
    activation: str = "silu"
    patch: int = 4
    heads: int = 4
    summaries: int = 4

    @classmethod
    def fits(cls, in_shape: tuple[int, ...]) -> bool:
        """Images and series."""
        return len(in_shape) in (2, 3)

    @classmethod
    def auto(cls, in_shape: tuple[int, ...], latent_dim: int, activation: str = "silu") -> Attention:
        """One block over patches as small as leave at most `2 sqrt(places)` of them: 49 of 4 x 4 pixels for 28 x 28.

        In trials on digits a second block doubled the time and did not lower the error.
        """
        patch, places = 1, math.prod(in_shape[1:])
        while PatchLayout(in_shape, patch).count > 2 * math.sqrt(places):
            patch += 1
        width = min(256, max(64, 2 ** math.ceil(math.log2(PatchLayout(in_shape, patch).values))))
        return cls((width,), activation, patch, summaries=max(4, -(-latent_dim // width)))

    def encoder(self, in_shape: tuple[int, ...], context_dim: int = 0) -> AttentionEncoder:
        """From images or series `in_shape` to a flat neck, the summaries."""
        return AttentionEncoder(self, in_shape, context_dim)

    def decoder(self, latent_dim: int, out_shape: tuple[int, ...], context_dim: int = 0) -> AttentionDecoder:
        """From the code to images or series `out_shape`."""
        return AttentionDecoder(self, latent_dim + context_dim, out_shape)


class PatchLayout:
    """How samples of a shape are cut into patches and put together again; a series is an image one pixel high."""

    def __init__(self, shape: tuple[int, ...], side: int) -> None:
        self.shape = shape
        self.channels, self.height, self.width = shape if len(shape) == 3 else (shape[0], 1, shape[1])
        self.side = min(side, self.height), min(side, self.width)
        self.rows, self.columns = -(-self.height // self.side[0]), -(-self.width // self.side[1])
        self.count = self.rows * self.columns
        self.values = self.channels * math.prod(self.side)

    def cut(self, x: Tensor) -> Tensor:
        """(n, *shape) to (n, count, values), filled up with zeros below and to the right."""
        (p, q), n = self.side, len(x)
        x = x.reshape(n, self.channels, self.height, self.width)
        x = F.pad(x, (0, self.columns * q - self.width, 0, self.rows * p - self.height))
        x = x.reshape(n, self.channels, self.rows, p, self.columns, q)
        return x.permute(0, 2, 4, 1, 3, 5).reshape(n, self.count, self.values)

    def join(self, patches: Tensor) -> Tensor:
        """The inverse of `cut`; what had been filled up is cut off."""
        (p, q), n = self.side, len(patches)
        x = patches.reshape(n, self.rows, self.columns, self.channels, p, q).permute(0, 3, 1, 4, 2, 5)
        x = x.reshape(n, self.channels, self.rows * p, self.columns * q)
        return x[:, :, : self.height, : self.width].reshape(n, *self.shape)


def _blocks(spec: Attention, widths: tuple[int, ...]) -> nn.Sequential:
    """A block for each width, with a linear layer between where the width changes."""
    parts: list[nn.Module] = [TransformerBlock(widths[0], spec.heads, spec.activation)]
    for before, width in itertools.pairwise(widths):
        parts += [Linear(before, width)] if before != width else []
        parts.append(TransformerBlock(width, spec.heads, spec.activation))
    return nn.Sequential(*parts)


def _slowly(parameters: Iterable[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.lr_scale = LR_SCALE  # type: ignore[attr-defined]


class AttentionEncoder(nn.Module):
    """Patches and summaries through the blocks; every patch receives the context."""

    def __init__(self, spec: Attention, in_shape: tuple[int, ...], context_dim: int) -> None:
        super().__init__()
        self.patches, self.summaries = PatchLayout(in_shape, spec.patch), spec.summaries
        self.embed = Linear(self.patches.values + context_dim, spec.hidden[0])
        self.positions = PositionEmbedding(spec.summaries + self.patches.count, spec.hidden[0])
        self.blocks = _blocks(spec, spec.hidden)
        self.norm = nn.LayerNorm(spec.hidden[-1])
        self.encoding_dim = spec.summaries * spec.hidden[-1]
        _slowly(self.parameters())

    def forward(self, x: Tensor, context: Tensor | None = None) -> EncoderOutput:
        """The flat neck of images (n, channels, height, width) or series (n, channels, length)."""
        x = self.patches.cut(x)
        if context is not None:
            x = torch.cat([x, context.to(x.dtype)[:, None].expand(-1, x.shape[1], -1)], dim=2)
        # Summaries are made of their positions alone. Masked patches would be left out
        # after the positions (He et al. 2022, "Masked autoencoders are scalable vision learners").
        h = self.positions(F.pad(self.embed(x), (0, 0, self.summaries, 0)))
        return EncoderOutput(self.norm(self.blocks(h)[:, : self.summaries]).flatten(1))


class AttentionDecoder(nn.Module):
    """A dense layer to a token for each patch, then the blocks, and from each token its patch."""

    def __init__(self, spec: Attention, inputs: int, out_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.patches = PatchLayout(out_shape, spec.patch)
        widths = spec.hidden[::-1]
        self.tokens = (self.patches.count, widths[0])
        self.first = Linear(inputs, math.prod(self.tokens))
        self.positions = PositionEmbedding(*self.tokens)
        self.blocks = _blocks(spec, widths)
        self.norm = nn.LayerNorm(widths[-1])
        self.last = Linear(widths[-1], self.patches.values)
        _slowly(self.parameters())

    def zero_init(self) -> None:
        """Silence the last layer."""
        self.last.weight.detach().zero_()

    def forward(self, z: Tensor, skips: tuple[Tensor, ...] = (), context: Tensor | None = None) -> Tensor:
        """Parameters of the output, (n, *out_shape)."""
        z = z.flatten(1) if context is None else torch.cat([z.flatten(1), context.to(z.dtype)], dim=1)
        h = self.blocks(self.positions(self.first(z).reshape(len(z), *self.tokens)))
        return self.patches.join(self.last(self.norm(h)))
