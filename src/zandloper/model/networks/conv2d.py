"""Convolutional nets for images (n, channels, height, width): sizes need not be powers of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from zandloper.model.layers.convolutions import ConvDecoder, ConvEncoder, channels_for
from zandloper.model.networks import Network

MOST = 7  # stages


@dataclass(frozen=True)
class Conv2dNet(Network):
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
    def auto(cls, in_shape: tuple[int, ...], latent_dim: int, activation: str = "silu") -> Conv2dNet:
        """Stages until the shorter side is about four pixels, channels doubling from 32 to 256."""
        return cls(channels_for(min(in_shape[1:]), MOST), activation)

    def encoder(self, in_shape: tuple[int, ...], context_dim: int = 0) -> ConvEncoder:
        """From images `in_shape` = (channels, height, width) to a flat neck."""
        return ConvEncoder(self.hidden, self.activation, in_shape, context_dim)

    def decoder(self, latent_dim: int, out_shape: tuple[int, ...], context_dim: int = 0) -> ConvDecoder:
        """From the code to images `out_shape` = (channels, height, width)."""
        return ConvDecoder(self.hidden, self.activation, latent_dim + context_dim, out_shape)
