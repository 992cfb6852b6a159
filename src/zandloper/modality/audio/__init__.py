"""Sounds: arrays with a sample rate, lists of sounds of any length, and WAV, FLAC and OGG files.

A raw row is one window of sound (channels, samples), cut when a batch needs it: a whole short sound, padded with NaN,
or a part of a long one. The spectrogram and its inverse are computed inside the network.
"""

from __future__ import annotations

import numbers
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from zandloper.data.audio_clips import Clip, clips_of, gathered
from zandloper.data.windows import Windows
from zandloper.errors import DataError, bad_parameter
from zandloper.io.audio import Recording
from zandloper.modality import Modality, Schema
from zandloper.modality.audio.scaler import SpectrogramScaler, WaveformScaler
from zandloper.modality.audio.schema import BANDS, AudioSchema

__all__ = ["Audio", "AudioSchema", "SpectrogramScaler", "WaveformScaler"]

RATE = 16_000  # samples a second of arrays that come without


MOST_CLIP = 4.0  # seconds: sounds up to here are samples as they are


PART = 1.0  # seconds of a window over longer ones


FRAME = 0.064  # seconds, before rounding to a power of two samples: long enough to tell the tones of a low voice apart


OVERLAP = 8  # of a window over a long sound, an eighth is the next one's too: phases of two windows never agree


@dataclass(frozen=True)
class Audio(Modality):
    """Sounds.

    Parameters
    ----------
    sample_rate : int or None
        Samples a second. Of arrays it says what they are, files are resampled to it. None: of files the commonest rate,
        of arrays 16,000.
    seconds : float or None
        Length of a sample. Shorter sounds are padded with what counts nothing, longer ones are cut into windows. None:
        the longest sound, if it has at most 4 seconds; else so much that nine in ten are samples as they are; if that
        is more than 4 seconds, 1 second.
    representation : {"spectrogram", "waveform"}
        What nets see: log-magnitudes in bands of the mel scale, (channels, bands, frames), or the sound itself,
        (channels, samples) in -1 to 1.
    channels : int or None
        1: stereo is mixed down; 2: mono is played on both sides; None: as they are, and all alike.
    bands : int
        Of the spectrogram; each costs as much as the next, and more of them sound truer.

    Examples
    --------
    >>> import numpy as np
    >>> import zandloper as zl
    >>> X = [np.sin(np.arange(n) * 0.3) for n in (3000, 4000)]
    >>> form, raw = zl.modality.Audio(sample_rate=8000).learn(X, "me")
    >>> form.in_words(), form.in_shape, raw.shape
    ('sounds of 0.5 s at 8,000 Hz, 1 channel, 80 bands', (1, 81, 32), (2, 1, 4000))
    """

    name: ClassVar[str] = "audio"
    sample_rate: int | None = None
    seconds: float | None = None
    representation: str = "spectrogram"
    channels: int | None = None
    bands: int = BANDS

    def learn(self, X: Any, caller: str, loss: str = "auto", target: bool = False) -> tuple[Schema, Windows]:
        """The form of sounds, and their windows that train, (n, channels, samples)."""
        self._check()
        kind, sources = gathered(X, caller)
        files = [s for s in sources if isinstance(s, Recording)]
        rates = Counter(s.rate for s in files)
        rate = int(self.sample_rate or (rates.most_common(1)[0][0] if rates else RATE))
        clips = clips_of(sources, rate, None, caller)
        channels = self.channels or _same_channels(clips, caller)
        given = "float32" if files else str(sources[0].dtype)
        flat = bool(files) or all(s.ndim == 1 for s in sources)
        length = self._length(clips, rate)
        frame = 2 ** max(4, round(np.log2(FRAME * rate)))
        schema = AudioSchema(
            kind=kind,
            rate=rate,
            channels=channels,
            length=length,
            stride=length - length // OVERLAP if max(c.length for c in clips) > length else length,
            frame=frame,
            bands=min(self.bands, frame // 4) if self.representation == "spectrogram" else 0,
            varies=any(c.length < length for c in clips),
            given=given,
            flat=flat and channels == 1,
        )
        raw = schema.lay(clips, train=True)
        if schema.silent(raw):
            raise DataError(
                f"all {len(clips)} sounds of {caller} are silent or constant: there is nothing to hear or to learn"
            )
        return schema, raw

    def beside(self, schema: Schema) -> Modality:
        """With the rate and the length of an input that is sound too."""
        if not isinstance(schema, AudioSchema):
            return self
        seconds = self.seconds or schema.length / schema.rate
        return Audio(self.sample_rate or schema.rate, seconds, self.representation, self.channels, self.bands)

    def _length(self, clips: list[Clip], rate: int) -> int:
        """Samples of a window."""
        if self.seconds is not None:
            return max(2, round(self.seconds * rate))
        lengths = np.array([c.length for c in clips])
        for found in (lengths.max(), np.quantile(lengths, 0.9, method="higher")):
            if found <= MOST_CLIP * rate:
                return max(2, int(found))
        return round(PART * rate)

    def _check(self) -> None:
        whole = lambda v: isinstance(v, numbers.Integral) and not isinstance(v, bool)  # noqa: E731
        if self.sample_rate is not None and not (whole(self.sample_rate) and 100 <= self.sample_rate <= 1_000_000):
            raise bad_parameter("Audio", "sample_rate", "samples a second, 100 to 1,000,000, or None", self.sample_rate)
        real = isinstance(self.seconds, numbers.Real) and not isinstance(self.seconds, bool)
        if self.seconds is not None and not (real and 0.001 <= float(self.seconds) <= 600):
            raise bad_parameter("Audio", "seconds", "0.001 to 600 seconds or None", self.seconds)
        if self.representation not in ("spectrogram", "waveform"):
            raise bad_parameter("Audio", "representation", "'spectrogram' or 'waveform'", self.representation)
        if self.channels is not None and not (whole(self.channels) and self.channels in (1, 2)):
            raise bad_parameter("Audio", "channels", "1, 2 or None", self.channels)
        if not (whole(self.bands) and 8 <= self.bands <= 512):
            raise bad_parameter("Audio", "bands", "an integer from 8 to 512", self.bands)


def _same_channels(clips: list[Clip], caller: str) -> int:
    """How many channels all clips have."""
    common = Counter(clip.channels for clip in clips).most_common(1)[0][0]
    odd = next((clip for clip in clips if clip.channels != common), None)
    if odd is not None:
        raise DataError(
            f"sounds of mixed channels: most of {caller}'s have {common}, and {odd.name} has {odd.channels}; pass "
            "modality=zl.modality.Audio(channels=1) to mix them down"
        )
    return common
