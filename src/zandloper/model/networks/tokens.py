"""Attention over the tokens of texts: each place is a token, and places where nothing stands are not heard.

A few tokens more, which stand for no place, gather what the others know; they alone are the neck.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.model.batch import EncoderOutput
from zandloper.model.layers.attention import TransformerBlock
from zandloper.model.layers.layers import Linear, PositionEmbedding
from zandloper.model.networks import Network

LR_SCALE = 0.6  # of the rate of other nets of this width, as for the attention over patches


@dataclass(frozen=True)
class Tokens(Network):
    """Settings of nets over the tokens of texts.

    Parameters
    ----------
    hidden : tuple of int
        Width of the tokens in each block of the encoder; the decoder mirrors them.
    activation : str
        The non-linearity in each block.
    heads : int
        Ways of looking in each block.
    summaries : int
        Tokens that gather what the others know.
    """

    name: ClassVar[str] = "tokens"
    reads: ClassVar[str] = "texts, of shape (pieces of the vocabulary, places)"
    layer: ClassVar[str] = "tokens of {}"
    hidden: tuple[int, ...] = (64,)
    activation: str = "silu"
    heads: int = 4
    summaries: int = 4

    @classmethod
    def fits(cls, in_shape: tuple[int, ...]) -> bool:
        """Texts."""
        return len(in_shape) == 2

    @classmethod
    def auto(cls, in_shape: tuple[int, ...], latent_dim: int, activation: str = "silu") -> Tokens:
        """One block, and as many summaries as hold the code."""
        width = 64 if min(in_shape) <= 64 else 128
        return cls((width,), activation, summaries=max(4, -(-latent_dim // width)))

    def encoder(self, in_shape: tuple[int, ...], context_dim: int = 0) -> TokenEncoder:
        """From texts `in_shape` = (pieces, places), one input each, to a flat neck, the summaries."""
        return TokenEncoder(self, in_shape, context_dim)

    def decoder(self, latent_dim: int, out_shape: tuple[int, ...], context_dim: int = 0) -> TokenDecoder:
        """From the code to a score for every piece at every place, `out_shape` = (places, pieces)."""
        return TokenDecoder(self, latent_dim + context_dim, out_shape)


class TokenEmbedding(PositionEmbedding):
    """A learned vector for each piece of the vocabulary."""

    def forward(self, x: Tensor) -> Tensor:
        """Shares of pieces (n, places, pieces) to tokens (n, places, width)."""
        return x @ self.weight


def _blocks(spec: Tokens, widths: tuple[int, ...]) -> nn.ModuleList:
    parts: list[nn.Module] = [TransformerBlock(widths[0], spec.heads, spec.activation)]
    for before, width in itertools.pairwise(widths):
        parts += [Linear(before, width)] if before != width else []
        parts.append(TransformerBlock(width, spec.heads, spec.activation))
    return nn.ModuleList(parts)


def _slowly(parameters: Iterable[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.lr_scale = LR_SCALE  # type: ignore[attr-defined]


class TokenEncoder(nn.Module):
    """Tokens and summaries through the blocks; every token receives the context."""

    def __init__(self, spec: Tokens, in_shape: tuple[int, ...], context_dim: int) -> None:
        super().__init__()
        pieces, places = in_shape
        self.summaries = spec.summaries
        self.embed = TokenEmbedding(pieces, spec.hidden[0])
        self.context_layer = Linear(context_dim, spec.hidden[0]) if context_dim else None
        self.positions = PositionEmbedding(spec.summaries + places, spec.hidden[0])
        self.blocks: Any = _blocks(spec, spec.hidden)
        self.norm = nn.LayerNorm(spec.hidden[-1])
        self.encoding_dim = spec.summaries * spec.hidden[-1]
        _slowly(self.parameters())

    def forward(self, x: Tensor, context: Tensor | None = None) -> EncoderOutput:
        """The flat neck of texts (n, pieces, places); a place of zeros holds nothing."""
        x = x.transpose(1, 2)
        mask = F.pad((x != 0).any(2), (self.summaries, 0), value=True)
        h = self.embed(x)
        if context is not None and self.context_layer is not None:
            h = h + self.context_layer(context.to(x.dtype))[:, None]
        h = self.positions(F.pad(h, (0, 0, self.summaries, 0)))
        for part in self.blocks:
            h = part(h, mask) if isinstance(part, TransformerBlock) else part(h)
        return EncoderOutput(self.norm(h[:, : self.summaries]).flatten(1))


class TokenDecoder(nn.Module):
    """A dense layer to a token for each place, then the blocks, and from each token a score for every piece."""

    def __init__(self, spec: Tokens, inputs: int, out_shape: tuple[int, ...]) -> None:
        super().__init__()
        places, pieces = out_shape
        widths = spec.hidden[::-1]
        self.tokens = (places, widths[0])
        self.first = Linear(inputs, math.prod(self.tokens))
        self.positions = PositionEmbedding(*self.tokens)
        self.blocks: Any = _blocks(spec, widths)
        self.norm = nn.LayerNorm(widths[-1])
        self.last = Linear(widths[-1], pieces)
        _slowly(self.parameters())

    def zero_init(self) -> None:
        """Silence the last layer."""
        self.last.weight.detach().zero_()

    def forward(self, z: Tensor, skips: tuple[Tensor, ...] = (), context: Tensor | None = None) -> Tensor:
        """Scores of pieces, (n, places, pieces)."""
        z = z.flatten(1) if context is None else torch.cat([z.flatten(1), context.to(z.dtype)], dim=1)
        h = self.positions(self.first(z).reshape(len(z), *self.tokens))
        for part in self.blocks:
            h = part(h)
        return self.last(self.norm(h))
