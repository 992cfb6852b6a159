"""The U-Net for images (n, channels, height, width): levels of halved size, and what each knew before it was halved.

It serves in two ways. As other nets do, it turns images of one size into a flat neck and a code back into them. With
`grid=True` neck and code stay grids of the coarsest level: nothing depends on the size then, and one module reads
images of any size that `stride` divides, such as the tiles of `zandloper.data.tiling`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.errors import DataError, bad_parameter
from zandloper.model.batch import EncoderOutput
from zandloper.model.layers import layers
from zandloper.model.layers.convolutions import with_planes
from zandloper.model.layers.layers import ACTIVATIONS
from zandloper.model.networks import Network

SMALLEST = 4  # halving stops when the shorter side would fall below this
CHANNELS = 16, 128  # of the first level, and of any: they double from level to level
MOST = 5  # levels
HOMOGENEOUS = ("relu", "leaky_relu", "linear")  # activations that keep a factor: f(a x) = a f(x) for a > 0


@dataclass(frozen=True)
class UNet2d(Network):
    """Settings of a U-Net.

    Parameters
    ----------
    hidden : tuple of int
        Channels per level, the finest first; each further level halves height and width.
    activation : str
        The non-linearity after each layer.
    skips : bool
        Whether each level of the decoder gets what the same level of the encoder knew. Without, it has the code alone.
    residual : int
        How many residual blocks of two convolutions a level has, what skips bring being added. 0: two convolutions with
        batch normalization, and what skips bring set beside.
    bias : bool
        False: no biases and no statistics of batches, so that an input of twice the scale has an output of twice the
        scale. Wants one of the activations relu, leaky_relu or linear.
    fold : int
        Pixels, either way, that become channels of one before the first level and come apart after the last (Shi et al.
        2016, "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
        network"): full size is where most time goes and the least is known.
    grid : bool
        Whether neck and code are grids of any size, (n, channels, height / stride, width / stride).

    Examples
    --------
    >>> import torch
    >>> from zandloper.model.layers.layers import initialize
    >>> net = UNet2d((8, 16, 32), skips=True, grid=True)
    >>> encoder, decoder = net.encoder((1, 0, 0)).eval(), net.decoder(32, (2, 0, 0)).eval()
    >>> for part in (encoder, decoder):
    ...     initialize(part, torch.Generator().manual_seed(0))
    >>> neck = encoder(torch.zeros(3, 1, 20, 28))
    >>> neck.value.shape, decoder(neck.value, neck.skips).shape
    (torch.Size([3, 32, 5, 7]), torch.Size([3, 2, 20, 28]))

    References
    ----------
    Ronneberger, Fischer and Brox 2015, "U-Net: convolutional networks for biomedical image segmentation". Residual
    levels whose skips are added, without biases: Zhang et al. 2021, "Plug-and-play image restoration with deep denoiser
    prior", and Mohan et al. 2020, "Robust and interpretable blind image denoising via bias-free convolutional neural
    networks".
    """

    name: ClassVar[str] = "unet2d"
    reads: ClassVar[str] = "images, of shape (channels, height, width)"
    layer: ClassVar[str] = "{} channels"
    hidden: tuple[int, ...] = (16, 32, 64, 128)
    activation: str = "relu"
    skips: bool = False
    residual: int = 0
    bias: bool = True
    fold: int = 1
    grid: bool = False

    def __post_init__(self) -> None:
        if not self.bias and self.activation not in HOMOGENEOUS:
            raise bad_parameter("UNet2d", "activation", f"one of {HOMOGENEOUS} with bias=False", self.activation)

    @property
    def stride(self) -> int:
        """How many pixels one of the coarsest level stands for, either way."""
        return self.fold * 2 ** (len(self.hidden) - 1)

    @classmethod
    def fits(cls, in_shape: tuple[int, ...]) -> bool:
        """Images."""
        return len(in_shape) == 3

    @classmethod
    def auto(cls, in_shape: tuple[int, ...], latent_dim: int, activation: str = "silu") -> UNet2d:
        """Levels until the shorter side is about four pixels, at most five, channels doubling from 16 to 128."""
        levels = 1
        while levels < MOST and -(-min(in_shape[1:]) // 2**levels) >= SMALLEST:
            levels += 1
        return cls(tuple(min(CHANNELS[0] * 2**i, CHANNELS[1]) for i in range(levels)), activation)

    def encoder(self, in_shape: tuple[int, ...], context_dim: int = 0) -> UNetEncoder:
        """From images `in_shape` = (channels, height, width); with `grid`, only the channels count."""
        return UNetEncoder(self, in_shape, context_dim)

    def decoder(self, latent_dim: int, out_shape: tuple[int, ...], context_dim: int = 0) -> UNetDecoder:
        """To images `out_shape` = (channels, height, width); with `grid`, only the channels count."""
        return UNetDecoder(self, latent_dim, out_shape, context_dim)


class UNetEncoder(nn.Module):
    """Level by level: layers of one size, then a convolution that halves it."""

    def __init__(self, spec: UNet2d, in_shape: tuple[int, ...], context_dim: int) -> None:
        super().__init__()
        self.spec = spec
        channels, height, width = in_shape
        first, last = spec.hidden[0], spec.hidden[-1]
        inputs = channels * spec.fold**2 + context_dim
        entry = layers.Conv2d(inputs, first, 3, padding=1, bias=spec.bias)
        self.first: nn.Module = entry if spec.residual else nn.Identity()
        self.levels = nn.ModuleList(_level(spec, inputs if level == 0 else c, c) for level, c in enumerate(spec.hidden))
        self.down = nn.ModuleList(layers.Conv2d(a, b, 2, 2, bias=False) for a, b in itertools.pairwise(spec.hidden))
        self.encoding_dim = last if spec.grid else last * math.prod(_bottom(spec, height, width))
        # Weights and values with their channels side by side: on processors about twice as fast.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, context: Tensor | None = None) -> EncoderOutput:
        """The neck of images (n, channels, height, width), and with `skips` every level but the last as it was."""
        size, stride = tuple(x.shape[-2:]), self.spec.stride
        h, w = (-side % stride for side in size)
        if (h or w) and self.spec.grid:
            raise DataError(f"a U-Net of {len(self.spec.hidden)} levels reads sizes that {stride} divides, got {size}")
        x = F.pad(x, (0, w, 0, h), mode="replicate") if h or w else x
        x = with_planes(F.pixel_unshuffle(x, self.spec.fold), context)
        x = self.first(x.contiguous(memory_format=torch.channels_last))
        kept = []
        for level, down in zip(self.levels, self.down):
            x = level(x)
            kept.append(x)
            x = down(x)
        x = self.levels[-1](x)
        return EncoderOutput(x if self.spec.grid else x.flatten(1), tuple(kept) if self.spec.skips else ())


class UNetDecoder(nn.Module):
    """From the coarsest level up: a transposed convolution that doubles the size, what skips bring, layers."""

    def __init__(self, spec: UNet2d, latent_dim: int, out_shape: tuple[int, ...], context_dim: int) -> None:
        super().__init__()
        self.spec, self.size = spec, out_shape[1:]
        widths, inputs = spec.hidden[::-1], latent_dim + context_dim
        self.bottom = (widths[0], *_bottom(spec, *self.size))
        self.first: nn.Module = (
            layers.Conv2d(inputs, widths[0], 1, bias=spec.bias)
            if spec.grid
            else layers.Linear(inputs, math.prod(self.bottom), bias=spec.bias)
        )
        self.up = nn.ModuleList(
            layers.ConvTranspose2d(a, b, 2, 2, bias=spec.bias) for a, b in itertools.pairwise(widths)
        )
        beside = 2 if spec.skips and not spec.residual else 1
        self.levels = nn.ModuleList(_level(spec, beside * c, c) for c in widths[1:])
        self.last = layers.Conv2d(widths[-1], out_shape[0] * spec.fold**2, 1, bias=spec.bias)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def zero_init(self) -> None:
        """Silence the last layer."""
        self.last.weight.detach().zero_()

    def forward(self, z: Tensor, skips: tuple[Tensor, ...] = (), context: Tensor | None = None) -> Tensor:
        """Parameters of the output, (n, channels, height, width)."""
        if self.spec.grid:
            x = self.first(with_planes(z, context))
        else:
            z = z.flatten(1) if context is None else torch.cat([z.flatten(1), context.to(z.dtype)], dim=1)
            x = self.first(z).reshape(len(z), *self.bottom)
        x = ACTIVATIONS[self.spec.activation](x).contiguous(memory_format=torch.channels_last)
        for i, (up, level) in enumerate(zip(self.up, self.levels)):
            x = up(x)
            if self.spec.skips:
                beside = skips[-1 - i]
                x = x + beside if self.spec.residual else torch.cat([x, beside], dim=1)
            x = level(x)
        x = F.pixel_shuffle(self.last(x), self.spec.fold)
        return x if self.spec.grid else x[..., : self.size[0], : self.size[1]]


class UNetResidualBlock(nn.Module):
    """`x + share * conv(act(conv(x)))`: the share keeps many blocks in a row from blowing up what passes."""

    def __init__(self, spec: UNet2d, channels: int) -> None:
        super().__init__()
        self.inner = _unit(spec, channels, channels)
        self.outer = layers.Conv2d(channels, channels, 3, padding=1, bias=spec.bias)
        self.share = (2 * len(spec.hidden) * spec.residual) ** -0.5

    def forward(self, x: Tensor) -> Tensor:
        """Of the same shape."""
        return x + self.share * self.outer(self.inner(x))


class Activation(nn.Module):
    """A non-linearity by its name, as a layer."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.function = ACTIVATIONS[name]

    def forward(self, x: Tensor) -> Tensor:
        """Value by value."""
        return self.function(x)


def _unit(spec: UNet2d, inputs: int, outputs: int) -> nn.Sequential:
    """One convolution with its activation, normalized in between where there may be biases."""
    normal = [nn.BatchNorm2d(outputs)] if spec.bias else []
    return nn.Sequential(layers.Conv2d(inputs, outputs, 3, padding=1, bias=False), *normal, Activation(spec.activation))


def _level(spec: UNet2d, inputs: int, channels: int) -> nn.Sequential:
    """The layers of one size; residual ones keep the channels as they are."""
    if spec.residual:
        return nn.Sequential(*(UNetResidualBlock(spec, channels) for _ in range(spec.residual)))
    return nn.Sequential(_unit(spec, inputs, channels), _unit(spec, channels, channels))


def _bottom(spec: UNet2d, height: int, width: int) -> tuple[int, int]:
    """Height and width of the coarsest level."""
    return -(-height // spec.stride), -(-width // spec.stride)
