"""The hourglass for images of any size: fully convolutional, its code a grid, without a linear path.

One module trains on patches and reads tiles of any size that its `stride` divides. With skips the decoder gets what
each level of the encoder knew; without, the code alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zandloper.modality import Scaler
from zandloper.model.batch import BottleneckOutput
from zandloper.model.corruptions.identity import Identity
from zandloper.model.hourglass import Hourglass
from zandloper.model.losses.dice import Dice
from zandloper.model.networks.unet2d import UNet2d


class AsIs(Scaler):
    """Fields are in model units already, (n, channels, height, width); masks lose their axis for channels."""

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """The same."""
        return raw, None

    def restore(self, point: Tensor) -> Tensor:
        """The same."""
        return point


class MaskScaler(AsIs):
    """Masks (n, 1, height, width) as class numbers (n, height, width)."""

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Without the axis for channels."""
        return raw[:, 0], None


class Through(nn.Module):
    """The bottleneck of a grid: its few places and channels are all that it takes."""

    def forward(
        self, neck: Tensor, offset: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> BottleneckOutput:
        """The neck as it is."""
        return BottleneckOutput(neck)


class SpatialHourglass(Hourglass):
    """A U-Net's encoder and decoder around a code that is a grid; the comparison stands for one pixel.

    Parameters
    ----------
    spec : UNet2d
        With `grid`.
    channels, outputs : int
        Of the images, and of what comes out for each pixel.
    compare : Comparison
        Built for targets of shape (1, 1), or (channels, 1, 1) where `last` is false.
    target_scaler : Scale or None
    last : bool
        Whether the comparison wants what comes out for a pixel on the last axis, as for classes.
    """

    offset: tuple[float, float] = (0.0, 0.0)  # how far what is predicted lies below and right of what comes out

    def __init__(
        self,
        spec: UNet2d,
        channels: int,
        outputs: int,
        compare: Any,
        target_scaler: Scaler | None = None,
        last: bool = True,
    ) -> None:
        encoder = spec.encoder((channels, 0, 0))
        decoder = spec.decoder(spec.hidden[-1], (outputs, 0, 0))
        shape = (channels, spec.stride, spec.stride)
        super().__init__(shape, AsIs(), Identity().build(), encoder, Through(), decoder, compare, target_scaler)
        self.stride, self.last = spec.stride, last

    def decode(self, z: Tensor, skips: tuple = (), condition: Tensor | None = None) -> Tensor:
        """The output's parameters, of as many pixels as the input had."""
        params = self.decoder(z, skips, condition)
        params = params.movedim(1, -1) if self.last else params
        if self.compare.in_target_units and not self.target_unit:
            params = params * self.target_spread
        return params + self.baseline

    def forward(self, x: Tensor) -> Tensor:
        """Parameters of images (n, channels, height, width), sizes being multiples of `stride`."""
        neck, _ = self.bottleneck_inputs(x)
        return self.decode(neck.value, neck.skips).float()


@dataclass(frozen=True)
class Plan:
    """All that decides how a segmenter is built; goes to JSON."""

    channels: int
    classes: int
    hidden: tuple[int, ...]
    skips: bool
    weights: tuple[float, ...] = ()
    fold: int = 2
    offset: tuple[float, float] = (0.0, 0.0)  # see `zandloper.applications.segmentation.mask_alignment`

    def build(self) -> SpatialHourglass:
        """The module, its weights not drawn yet."""
        compare = Dice(self.classes, self.weights).build((1, 1))
        module = SpatialHourglass(self.unet, self.channels, self.classes, compare, MaskScaler())
        module.offset = self.offset
        return module

    @property
    def unet(self) -> UNet2d:
        """The nets."""
        return UNet2d(self.hidden, skips=self.skips, fold=self.fold, grid=True)
