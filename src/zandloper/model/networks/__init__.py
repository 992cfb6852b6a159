"""Networks: encoders and the decoders that mirror them. One file per network, a `Network` with two builders.

`encoder(in_shape, context_dim)` returns a module `(x, context) -> EncoderOutput` with an `encoding_dim`;
`decoder(latent_dim, out_shape, context_dim)` returns a module `(z, skips, context) -> parameters` with `zero_init()`.
Both are independent of the bottleneck. `auto(in_shape, latent_dim)` chooses sizes from the shape of the data;
`fits(in_shape)` returns whether the network reads samples of that shape.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from zandloper.spec import Spec, public_attribute


@dataclass(frozen=True)
class Network(Spec):
    """Settings of an encoder and of the decoder that mirrors it. Every net has `hidden` and `activation`."""

    reads: ClassVar[str] = ""  # which samples, in words, for those who try others
    layer: ClassVar[str] = "{}"  # what one number of `hidden` makes, in words
    shallow: ClassVar[bool] = False  # whether `hidden` may be empty

    @classmethod
    def fits(cls, in_shape: tuple[int, ...]) -> bool:
        """Whether the net reads samples of a shape."""
        raise NotImplementedError

    @classmethod
    def auto(cls, in_shape: tuple[int, ...], latent_dim: int, activation: str = "silu") -> Any:
        """The settings for samples of a shape, from shapes alone."""
        raise NotImplementedError

    @classmethod
    def latents(cls, in_shape: tuple[int, ...], about: int) -> int:
        """How many latents suit the net, where nobody says more than about how many."""
        return about

    def encoder(self, in_shape: tuple[int, ...], context_dim: int = 0) -> nn.Module:
        """`(x, context) -> Neck`, with `neck_dim`."""
        raise NotImplementedError

    def decoder(self, latent_dim: int, out_shape: tuple[int, ...], context_dim: int = 0) -> nn.Module:
        """`(z, skips, context) -> parameters`, with `zero_init()`."""
        raise NotImplementedError


def __getattr__(name: str) -> Any:
    """`zl.networks.Dense` and the others, found by discovery."""
    return public_attribute(sys.modules[__name__], name)


def __dir__() -> list[str]:
    return list(public_attribute(sys.modules[__name__], "__all__"))
