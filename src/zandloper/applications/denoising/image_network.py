"""The denoising network for images of any size: a U-Net that predicts the noise.

Four neighboring pixels become channels of one, so that the network works at half the size: a quarter of the work for
the same number of channels (Zhang, Zuo and Zhang 2018, "FFDNet", section III.A). Without biases, the output scales with
the input, so that noise levels outside the training range are removed too (Mohan, Kadkhodaie, Simoncelli and
Fernandez-Granda 2020, "Robust and interpretable blind image denoising via bias-free convolutional neural networks").
The initial network predicts zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.applications.denoising.objectives import Objective
from zandloper.model.batch import Batch, LossOutput
from zandloper.model.hourglass import weighted
from zandloper.model.networks.unet2d import UNet2d
from zandloper.spec import Spec

EDGE_LR_SCALE = 0.1  # share of the learning rate for the first and the last layer


@dataclass(frozen=True)
class ImageNetwork(Spec):
    """Settings of the network for images.

    Parameters
    ----------
    channels : int
    hidden : tuple of int
        Channels of the U-Net's levels.
    blocks : int
        Residual blocks a level.
    fold : int
        Pixels that become one, either way.
    """

    name: ClassVar[str] = "image_network"
    kind: ClassVar[str] = "image"
    channels: int = 1
    hidden: tuple[int, ...] = (48, 64)
    blocks: int = 3
    fold: int = 2

    @property
    def stride(self) -> int:
        """Sizes must be multiples of this."""
        return self.fold * 2 ** (len(self.hidden) - 1)

    @property
    def reach(self) -> int:
        """Receptive field in pixels to either side."""
        total = 1 + 1  # the first convolution
        for level in range(len(self.hidden)):
            sides = 1 if level == len(self.hidden) - 1 else 2
            total += 2**level * (2 * self.blocks * sides + 2)
        return total * self.fold

    def build(self) -> nn.Module:
        """The module."""
        return ImageDenoisingNet(self)


class ImageDenoisingNet(nn.Module):
    """(n, channels, height, width) to the same shape, sizes being multiples of `spec.stride`."""

    def __init__(self, spec: ImageNetwork) -> None:
        super().__init__()
        self.spec = spec
        settings: dict[str, Any] = {"activation": "relu", "residual": spec.blocks, "bias": False, "fold": spec.fold}
        unet = UNet2d(spec.hidden, skips=True, grid=True, **settings)
        encoder: Any = unet.encoder((spec.channels, 0, 0))
        decoder: Any = unet.decoder(spec.hidden[-1], (spec.channels, 0, 0))
        self.encoder, self.decoder = encoder, decoder
        edges: list[Any] = [*encoder.first.parameters(), *decoder.last.parameters()]
        for weight in edges:  # see `zandloper.training.muon`
            weight.lr_scale = EDGE_LR_SCALE

    def zero_init(self) -> None:
        """Make the network the identity."""
        self.decoder.zero_init()

    def forward(self, y: Tensor) -> Tensor:
        """Denoise images."""
        neck = self.encoder(y)
        return y - self.decoder(neck.value, neck.skips).float()


class DenoisingModule(nn.Module):
    """A denoising network with its training objective, for the training loop.

    Parameters
    ----------
    net : nn.Module
        Maps noisy data (n, channels, *axes) in model units to clean data; it may define `error(made, target)`.
    objective : Objective
    """

    def __init__(self, net: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.net, self.objective = net, objective
        noise = getattr(objective, "noise", None)
        self.noise = None if noise is None else noise.build()  # may hold recordings
        self.baseline_loss = 0.0

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """The mean error over all values."""
        seen, target, weight = self.objective.parts(batch, rng, self.noise)
        made = self.net(seen)
        measure = getattr(self.net, "error", None)
        if measure is not None and self.objective.loss is None:
            error, weight = measure(made, target), None
        elif self.objective.loss == "mae":
            error = (made - target).abs()
        else:
            error = F.mse_loss(made, target, reduction="none")
        total = weighted(error, weight).mean()
        return LossOutput(total, total.detach(), total.new_zeros(()))

    def forward(self, y: Tensor) -> Tensor:
        """Denoise images."""
        out: Tensor = self.net(y)
        return out
