"""Dense nets: every neuron sees all of the layer before. Shallow or deep, as `hidden` says."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zandloper.model.batch import EncoderOutput
from zandloper.model.layers.layers import ACTIVATIONS, Affine, Linear
from zandloper.model.networks import Network


@dataclass(frozen=True)
class Dense(Network):
    """Settings of dense nets.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the encoder's hidden layers, from the input on; the decoder mirrors them. `()` has no hidden layers.
    activation : str
        The non-linearity between layers.
    members : int
        An ensemble of that many nets, computed as one batched product: outputs are (members, n, ...).
    """

    name: ClassVar[str] = "dense"
    reads: ClassVar[str] = "samples of any shape"
    shallow: ClassVar[bool] = True
    hidden: tuple[int, ...] = (256, 128)
    activation: str = "silu"
    members: int = 1

    @classmethod
    def fits(cls, in_shape: tuple[int, ...]) -> bool:
        """Always."""
        return True

    @classmethod
    def auto(cls, in_shape: tuple[int, ...], latent_dim: int, activation: str = "silu") -> Dense:
        """Widths for inputs of a shape: halving from about twice the number of inputs, three layers for many inputs."""
        size = max(math.prod(in_shape), latent_dim)
        first = 2 ** math.ceil(math.log2(min(max(size, 64), 1024)))
        return cls((first, first // 2, first // 4) if size > 256 else (2 * first, first), activation)

    def encoder(self, in_shape: tuple[int, ...], context_dim: int = 0) -> DenseEncoder:
        """From `in_shape` to a neck as wide as the last hidden layer."""
        return DenseEncoder(self, math.prod(in_shape) + context_dim)

    def decoder(self, latent_dim: int, out_shape: tuple[int, ...], context_dim: int = 0) -> DenseDecoder:
        """From the code to `out_shape`, through the hidden layers in reverse."""
        return DenseDecoder(self, latent_dim + context_dim, math.prod(out_shape))


def _layers(widths: tuple[int, ...], members: int) -> nn.ModuleList:
    pairs = itertools.pairwise(widths)
    return nn.ModuleList(Linear(a, b) if members == 1 else Affine(members, a, b) for a, b in pairs)


def _with_context(x: Tensor, context: Tensor | None) -> Tensor:
    return x if context is None else torch.cat([x, context.to(x.dtype)], dim=-1)


class DenseEncoder(nn.Module):
    """Layers with a non-linearity after each."""

    def __init__(self, spec: Dense, inputs: int) -> None:
        super().__init__()
        self.activation = spec.activation
        self.layers = _layers((inputs, *spec.hidden), spec.members)
        self.encoding_dim = spec.hidden[-1] if spec.hidden else inputs

    def forward(self, x: Tensor, context: Tensor | None = None) -> EncoderOutput:
        """The last hidden layer, (n, neck_dim), of inputs (n, ...)."""
        act = ACTIVATIONS[self.activation]
        h = _with_context(x.flatten(1), context)
        for part in self.layers:
            h = act(part(h))
        return EncoderOutput(h)


class DenseDecoder(nn.Module):
    """Layers with a non-linearity between, none after the last."""

    def __init__(self, spec: Dense, inputs: int, outputs: int) -> None:
        super().__init__()
        self.activation, self.members = spec.activation, spec.members
        self.layers: Any = _layers((inputs, *reversed(spec.hidden), outputs), spec.members)

    def zero_init(self) -> None:
        """Silence the last layer."""
        self.layers[-1].weight.detach().zero_()

    def forward(self, z: Tensor, skips: tuple[Tensor, ...] = (), context: Tensor | None = None) -> Tensor:
        """Parameters of the output, flat: (n, prod(out_shape))."""
        act = ACTIVATIONS[self.activation]
        h = _with_context(z if self.members > 1 else z.flatten(1), context)
        last = len(self.layers) - 1
        for i, part in enumerate(self.layers):
            h = part(h) if i == last else act(part(h))
        return h
