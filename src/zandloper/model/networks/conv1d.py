"""Convolutional nets for series and sounds (n, channels, length): lengths need not be powers of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from zandloper.model.layers.convolutions import ConvDecoder, ConvEncoder, channels_for
from zandloper.model.networks import Network

MOST = 16  # stages: series may be long


@dataclass(frozen=True)
class Conv1dNet(Network):
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
    def auto(cls, in_shape: tuple[int, ...], latent_dim: int, activation: str = "silu") -> Conv1dNet:
        """Stages until the length is about four steps, channels doubling from 32 to 256."""
        return cls(channels_for(in_shape[-1], MOST), activation)

    def encoder(self, in_shape: tuple[int, ...], context_dim: int = 0) -> ConvEncoder:
        """From series `in_shape` = (channels, length) to a flat neck."""
        return ConvEncoder(self.hidden, self.activation, in_shape, context_dim)

    def decoder(self, latent_dim: int, out_shape: tuple[int, ...], context_dim: int = 0) -> ConvDecoder:
        """From the code to series `out_shape` = (channels, length)."""
        return ConvDecoder(self.hidden, self.activation, latent_dim + context_dim, out_shape)
