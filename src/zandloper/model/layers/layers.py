"""Layers whose weights are drawn from a generator of their own: the global random state is neither used nor touched."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": F.silu,
    "relu": F.relu,
    "gelu": F.gelu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "elu": F.elu,
    "leaky_relu": F.leaky_relu,
    "linear": lambda x: x,
}


class Linear(nn.Linear):
    """torch's layer, its weights not drawn yet: `initialize` does that.

    When scoring, the inputs are filled up with zeros to a multiple of four. Without that, products of few outputs round
    differently for rows at addresses of different alignment, and scores would depend on a row's place in its batch.
    """

    def reset_parameters(self) -> None:
        """Nothing: the global generator stays as it is."""

    def forward(self, x: Tensor) -> Tensor:
        """The product."""
        short = -self.in_features % 4
        if self.training or not short:
            return F.linear(x, self.weight, self.bias)
        return F.linear(F.pad(x, (0, short)), F.pad(self.weight, (0, short)), self.bias)


class Conv1d(nn.Conv1d):
    """As `Linear`, without filling up: what a convolution rounds does not depend on where its rows lie."""

    def reset_parameters(self) -> None:
        """Nothing."""


class Conv2d(nn.Conv2d):
    """As `Conv1d`."""

    def reset_parameters(self) -> None:
        """Nothing."""


class ConvTranspose1d(nn.ConvTranspose1d):
    """As `Conv1d`."""

    def reset_parameters(self) -> None:
        """Nothing."""


class ConvTranspose2d(nn.ConvTranspose2d):
    """As `Conv1d`."""

    def reset_parameters(self) -> None:
        """Nothing."""


class PositionEmbedding(nn.Module):
    """A learned vector for each place of a row of tokens, added to what stands there."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(tokens, width))

    def forward(self, h: Tensor) -> Tensor:
        """Tokens (n, tokens, width) that know where they stand."""
        return h + self.weight


class Affine(nn.Module):
    """An ensemble of linear layers as one batched product: (members, n, in) or (n, in) to (members, n, out)."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs))
        self.bias = nn.Parameter(torch.empty(members, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """The product of each member."""
        if x.dim() == 2:
            x = x.expand(len(self.weight), *x.shape)
        return torch.baddbmm(self.bias, x, self.weight)


@torch.no_grad()
def initialize(module: nn.Module, rng: torch.Generator) -> None:
    """Draw all weights, in the order of the modules, from one generator.

    He et al. 2015, "Delving deep into rectifiers", eq. 10, as a uniform distribution: variance 2 / fan-in.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            fan = part.in_features
        elif isinstance(part, nn.Conv1d | nn.Conv2d):
            fan = part.in_channels // part.groups * math.prod(part.kernel_size)
        elif isinstance(part, nn.ConvTranspose1d | nn.ConvTranspose2d):
            # Each output value sees the share 1 / stride (in 2-D 1 / stride^2) of the weights of each input channel.
            fan = max(1, part.in_channels * math.prod(part.kernel_size) // math.prod(part.stride))
        elif isinstance(part, Affine):
            fan = part.weight.shape[1]
        elif isinstance(part, nn.GroupNorm | nn.LayerNorm | nn.BatchNorm2d):
            part.reset_parameters()
            continue
        elif isinstance(part, PositionEmbedding):
            bound = math.sqrt(3.0)  # of unit variance, as what they are added to
            part.weight.uniform_(-bound, bound, generator=rng)
            continue
        else:
            continue
        bound = math.sqrt(6.0 / max(1, fan))
        part.weight.uniform_(-bound, bound, generator=rng)
        if part.bias is not None:
            part.bias.zero_()


def drop(x: Tensor, share: float, rng: torch.Generator | None) -> Tensor:
    """Set a share of the values to zero and scale up the rest (Srivastava et al. 2014); without `rng`, nothing."""
    if share == 0 or rng is None:
        return x
    kept = torch.rand(x.shape, generator=rng, device=x.device) >= share
    return torch.where(kept, x / (1 - share), 0.0)
