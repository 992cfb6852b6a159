"""The denoising network for sounds: a U-Net that predicts a mask for every time and frequency.

The mask is complex, so that phases are corrected too (Williamson, Wang and Wang 2016, "Complex ratio masking for
monaural speech separation"). The input has magnitudes, real and imaginary parts compressed by the power 0.3, of a
sound scaled to unit power, and a channel with the frequency. The initial network is the identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.model.networks.unet2d import UNet2d
from zandloper.spec import Spec

SAMPLE_RATE = 16_000  # of arrays without a rate, in samples a second
POWER = 0.3  # of magnitudes in the network's input
POWER_FLOOR = 1e-4  # of the sound's power: smaller errors are not worth learning
EDGE_LR_SCALE = 0.1  # share of the learning rate for the first and the last layer


@dataclass(frozen=True)
class AudioNetwork(Spec):
    """Settings of the network for sounds.

    Parameters
    ----------
    frame : int
        Samples of a spectrum, a power of two; spectra are a quarter of that apart.
    hidden : tuple of int
        Channels of the U-Net's levels.
    blocks : int
        Residual blocks a level.
    """

    name: ClassVar[str] = "audio_network"
    kind: ClassVar[str] = "audio"
    channels: ClassVar[int] = 1  # each by itself
    stride: ClassVar[int] = 1
    frame: int = 512
    hidden: tuple[int, ...] = (32, 48, 64)
    blocks: int = 2

    @property
    def hop(self) -> int:
        """Samples from one spectrum to the next."""
        return self.frame // 4

    @property
    def step(self) -> int:
        """Samples of one position of the coarsest level."""
        return self.hop * 2 ** (len(self.hidden) - 1)

    @property
    def reach(self) -> int:
        """Receptive field in samples to either side, rounded up to a multiple of `step`."""
        levels = len(self.hidden)
        spectra = 2 + sum(2**k * (4 * self.blocks + 2) for k in range(levels))
        return -(-(spectra * self.hop + self.frame) // self.step) * self.step

    def build(self) -> nn.Module:
        """The module."""
        return AudioDenoisingNet(self)


class AudioDenoisingNet(nn.Module):
    """Sounds (n, 1, time) to the same shape."""

    window: Tensor

    def __init__(self, spec: AudioNetwork) -> None:
        super().__init__()
        self.spec = spec
        unet = UNet2d(spec.hidden, activation="relu", skips=True, residual=spec.blocks, bias=False, grid=True)
        encoder: Any = unet.encoder((5, 0, 0))
        decoder: Any = unet.decoder(spec.hidden[-1], (2, 0, 0))
        self.encoder, self.decoder = encoder, decoder
        edges: list[Any] = [*encoder.first.parameters(), *decoder.last.parameters()]
        for weight in edges:
            weight.lr_scale = EDGE_LR_SCALE
        self.register_buffer("window", torch.hann_window(spec.frame), persistent=False)

    def zero_init(self) -> None:
        """Make the network the identity."""
        self.decoder.zero_init()

    def forward(self, y: Tensor, power: Tensor | None = None) -> Tensor:
        """Denoise sounds; `power` is the mean square of the whole sound if `y` is a part of it."""
        size = (y.square().mean((1, 2), keepdim=True) if power is None else power).sqrt().clamp(min=1e-8)
        with torch.autocast(y.device.type, enabled=False):
            short = max(0, self.spec.frame - y.shape[-1])
            wave = F.pad((y / size)[:, 0].float(), (0, short))
            spectra = torch.stft(
                wave, self.spec.frame, self.spec.hop, window=self.window, pad_mode="constant", return_complex=True
            )
        made = self._mask(spectra[:, :-1])
        share = torch.complex(made[:, 0], made[:, 1])
        share = torch.cat([share, share[:, -1:]], dim=1)  # the highest frequency goes with the one below
        with torch.autocast(y.device.type, enabled=False):
            wave = torch.istft(
                spectra * share, self.spec.frame, self.spec.hop, window=self.window, length=wave.shape[-1]
            )
        return wave[:, None, : y.shape[-1]] * size

    def _mask(self, spectra: Tensor) -> Tensor:
        """The real and imaginary part of the mask, (n, 2, frequencies, spectra), of (n, frequencies, spectra)."""
        size = spectra.abs().clamp(min=1e-8)
        bent = spectra * size ** (POWER - 1)
        frequency = torch.linspace(-1, 1, size.shape[1], device=size.device)[None, :, None].expand_as(size)
        x = torch.stack([size**POWER, bent.real, bent.imag, frequency, torch.ones_like(size)], dim=1)
        multiple = 2 ** (len(self.spec.hidden) - 1)
        frames = x.shape[-1]
        neck = self.encoder(F.pad(x, (0, -frames % multiple, 0, 0), mode="replicate"))
        off = self.decoder(neck.value, neck.skips)[..., :frames].float()
        return torch.stack([1 - off[:, 0], off[:, 1]], dim=1)

    def error(self, made: Tensor, target: Tensor) -> Tensor:
        """Error of each sound relative to its power, (n, 1, 1), so that loud sounds count as much as others."""
        power = target.square().mean((1, 2), keepdim=True) + 1e-8
        return ((made - target).square().mean((1, 2), keepdim=True) / power + POWER_FLOOR).sqrt()
