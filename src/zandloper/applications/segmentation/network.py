"""The network for images of any size: a fully convolutional hourglass with a spatial code, without a linear path.

One module trains on patches and predicts tiles of any size that its `stride` divides. With skips, the decoder receives
the features of each level of the encoder, without, the code alone.
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


class IdentityScaler(Scaler):
    """The identity: fields are in model units already, (n, channels, height, width)."""

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the input."""
        return raw, None

    def restore(self, point: Tensor) -> Tensor:
        """Return the input."""
        return point


class MaskScaler(IdentityScaler):
    """Conversion of masks (n, 1, height, width) to class indices (n, height, width)."""

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Drop the channel axis."""
        return raw[:, 0], None


class IdentityBottleneck(nn.Module):
    """The identity: the few positions and channels of the spatial code are bottleneck enough."""

    latent_shape: tuple[int, ...] = ()  # follows the image

    def forward(
        self, neck: Tensor, offset: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> BottleneckOutput:
        """Return the encoder's output as the code."""
        return BottleneckOutput(neck)


class SpatialHourglass(Hourglass):
    """A U-Net's encoder and decoder around a spatial code; the loss is that of one pixel.

    Parameters
    ----------
    spec : UNet2d
        With `grid`.
    channels, outputs : int
        Channels of the images, and output parameters of each pixel.
    compare : Loss
        Built for targets of shape (1, 1), or (channels, 1, 1) if `last` is false.
    target_scaler : Scaler or None
    last : bool
        Whether the loss takes the output parameters of a pixel on the last axis, as for classes.
    """

    offset: tuple[float, float] = (0.0, 0.0)  # pixels by which predictions are moved down and right

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
        super().__init__(
            shape, IdentityScaler(), Identity().build(), encoder, IdentityBottleneck(), decoder, compare, target_scaler
        )
        self.stride, self.last = spec.stride, last

    def decode(self, z: Tensor, skips: tuple = (), condition: Tensor | None = None) -> Tensor:
        """Output parameters of every pixel."""
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
    """The settings from which a segmentation network is built; JSON-ready."""

    channels: int
    classes: int
    hidden: tuple[int, ...]
    skips: bool
    weights: tuple[float, ...] = ()
    fold: int = 2
    offset: tuple[float, float] = (0.0, 0.0)  # see `zandloper.applications.segmentation.mask_alignment`

    def build(self) -> SpatialHourglass:
        """The module, not initialized."""
        compare = Dice(self.classes, self.weights).build((1, 1))
        module = SpatialHourglass(self.unet, self.channels, self.classes, compare, MaskScaler())
        module.offset = self.offset
        return module

    @property
    def unet(self) -> UNet2d:
        """The settings of the U-Net."""
        return UNet2d(self.hidden, skips=self.skips, fold=self.fold, grid=True)
