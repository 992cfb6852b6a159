"""The net that takes noise away from images of any size: a U-Net whose output is what is to be taken off.

Four neighboring pixels become channels of one, so that the net works at half the size: a quarter of the work for the
same number of channels (Zhang, Zuo and Zhang 2018, "FFDNet", section III.A). Without biases a picture of twice the
contrast comes out at twice the contrast, noise and all, so that levels never trained on are taken away too (Mohan,
Kadkhodaie, Simoncelli and Fernandez-Granda 2020, "Robust and interpretable blind image denoising via bias-free
convolutional neural networks"). Before its first step the net takes off nothing.
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

EDGE = 0.1  # of the learning rate, for the first and the last layer


@dataclass(frozen=True)
class ImageNetwork(Spec):
    """Settings of the net for images.

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
        """How far away a pixel may lie that has a say in another, at most."""
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
            weight.lr_scale = EDGE

    def zero_init(self) -> None:
        """Take off nothing."""
        self.decoder.zero_init()

    def forward(self, y: Tensor) -> Tensor:
        """What `y` is without its noise."""
        neck = self.encoder(y)
        return y - self.decoder(neck.value, neck.skips).float()


class Restorer(nn.Module):
    """What is trained: a net, a lesson, and how errors are measured. It has `loss(batch, rng, progress)`.

    Parameters
    ----------
    net : nn.Module
        From noisy data (n, channels, *axes) in model units to clean ones; may have an `error` of its own.
    lesson : Lesson
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
        """What `y` is without its noise."""
        out: Tensor = self.net(y)
        return out
