"""Scalers of audio: the waveform as it is, or its spectrogram in mel bands and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from zandloper.data import spectrogram
from zandloper.modality import Chunks, Scaler, mean_and_deviation

if TYPE_CHECKING:
    from zandloper.modality.audio.schema import AudioSchema


RANGE = 80.0  # decibels below the loudest of the training sounds: what is quieter is silence


ROUNDS = 32  # of the search for phases


class AudioScaler(Scaler):
    """What both forms of sound share: a last row that tells where a sound ends."""

    def __init__(self, schema: AudioSchema) -> None:
        super().__init__()
        self.schema, self.hop = schema, schema.frame // 4

    def parted(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Sounds with silence behind their end, and how many samples they have: (n, channels, samples) and (n,)."""
        there = ~raw[:, 0].isnan()
        return torch.where(raw.isnan(), 0.0, raw).float(), there.sum(1)

    def ended(self, sound: Tensor, there: Tensor, step: int) -> Tensor:
        """Sounds with NaN from the first place on that is not there; a place is so many samples."""
        count = (there > 0).long().cumprod(1).sum(1, keepdim=True).clamp(min=1)
        end = torch.where(count == there.shape[1], sound.shape[2], (count - 1) * step + (step + 1) // 2)
        place = torch.arange(sound.shape[2], device=sound.device)
        return torch.where((place < end.clamp(min=1))[:, None], sound, torch.nan)


class WaveformScaler(AudioScaler):
    """Sounds as they are, in -1 to 1."""

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, channels, samples), and what is there."""
        x, count = self.parted(raw)
        there = torch.arange(x.shape[2], device=x.device) < count[:, None]
        if not self.schema.varies:
            return x, None if bool(there.all()) else there[:, None].expand_as(x).float()
        weight = there[:, None].expand_as(x).float()
        return torch.cat([x, 2.0 * there[:, None] - 1], 1), torch.cat([weight, torch.ones_like(weight[:, :1])], 1)

    def restore(self, point: Tensor) -> Tensor:
        """(n, channels, samples), NaN behind the end."""
        sound = point[:, : self.schema.channels]
        return self.ended(sound, point[:, -1], 1) if self.schema.varies else sound


class SpectrogramScaler(AudioScaler):
    """Log-magnitudes in bands, each of mean 0, all together of deviation 1, and back to sound by finding phases."""

    unit = True
    mean: Tensor
    deviation: Tensor
    floor: Tensor
    filters: Tensor

    def __init__(self, schema: AudioSchema) -> None:
        super().__init__(schema)
        self.register_buffer("mean", torch.zeros(schema.channels, schema.bands, 1))
        self.register_buffer("deviation", torch.ones(()))
        self.register_buffer("floor", torch.tensor(1e-5))
        filters = spectrogram.bands_of(schema.frame, schema.rate, schema.bands)
        self.register_buffer("filters", filters, persistent=False)
        values = schema.channels * schema.frames * schema.frame
        self.work = int(2 * ROUNDS * values * 2.5 * np.log2(schema.frame))  # Fourier transforms to and fro

    @torch.no_grad()
    def learn(self, chunks: Chunks) -> None:
        """How loud it gets, then the means of the bands and the deviation of all values."""
        peak = torch.zeros(())
        for chunk in chunks():
            peak = torch.maximum(peak, self._loudness(self.parted(chunk)[0]).max())
        if peak > 0:
            self.floor.copy_(peak * 10 ** (-RANGE / 20))
        shape = self.mean.shape[:2]

        def values() -> Any:
            for chunk in chunks():
                loud, there = self._heard(chunk)
                flat = torch.where(there[:, None, None], loud.log(), torch.nan).permute(0, 3, 1, 2)
                yield flat.flatten(2).flatten(0, 1)

        found = mean_and_deviation(values())
        if found is not None:
            mean, deviation = found
            self.mean.copy_(mean.reshape(*shape, 1))
            spread = deviation.square().mean().sqrt()
            self.deviation.copy_(spread if spread > 0 else torch.ones(()))

    def _loudness(self, x: Tensor) -> Tensor:
        return self.filters @ spectrogram.magnitudes(x, self.schema.frame)

    def _heard(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Loudness of bands above the floor, (n, channels, bands, frames), and which frames are there, (n, frames)."""
        x, count = self.parted(raw)
        place = torch.arange(self.schema.frames, device=x.device) * self.hop
        return self._loudness(x).clamp(min=self.floor), place <= count[:, None]

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, channels, bands, frames), with a last row that tells where sounds end, and what is there."""
        loud, there = self._heard(raw)
        x = (loud.log() - self.mean) / self.deviation
        if not self.schema.varies and bool(there.all()):
            return x, None
        weight = there[:, None, None].expand_as(x)
        x = torch.where(weight, x, 0.0)
        if not self.schema.varies:
            return x, weight.float()
        row = (2.0 * there - 1)[:, None, None].expand(-1, x.shape[1], 1, -1)
        return torch.cat([x, row], 2), torch.cat([weight.float(), torch.ones_like(row)], 2)

    def restore(self, point: Tensor) -> Tensor:
        """(n, channels, samples), NaN behind the end."""
        x = point[:, :, : self.schema.bands].float()
        loud = ((x * self.deviation + self.mean).clamp(max=20.0).exp() - self.floor).clamp(min=0)
        size = spectrogram.unmixed(loud, self.filters)
        sound = spectrogram.with_phases(size, self.schema.frame, self.schema.length, ROUNDS)
        return self.ended(sound, point[:, 0, -1], self.hop) if self.schema.varies else sound
