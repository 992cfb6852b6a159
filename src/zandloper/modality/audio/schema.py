"""The schema of audio: windows of samples in, sounds of their own length out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from zandloper.data import spectrogram
from zandloper.data.audio_clips import Clip, clips_of, gathered, joined, lay_sounds, sound_of
from zandloper.data.frames import give_numbers
from zandloper.data.windows import Windows, blocks_of_time
from zandloper.errors import DataError, bad_parameter
from zandloper.modality import Scaler, Schema
from zandloper.modality.audio.scaler import RANGE, SpectrogramScaler, WaveformScaler
from zandloper.model.losses.gaussian import GaussianNLL
from zandloper.model.losses.mae import MAE
from zandloper.model.losses.mse import MSE
from zandloper.spec import Spec

BANDS = 80


@dataclass(frozen=True)
class AudioSchema(Schema):
    """What sounds look like.

    Parameters
    ----------
    kind : {"files", "list", "array", "one"}
        What they came as and go back as.
    rate, channels, length, stride : int
        Samples a second, channels, samples of a window, and from one window to the next.
    frame, bands : int
        Of the spectrogram, in samples and bands; 0 bands: the waveform.
    varies : bool
        Whether sounds may end before their window does: then the model learns where, in a last row or channel that is 1
        up to the end and -1 behind it.
    given : str
        The dtype of the user's arrays.
    flat : bool
        Of one channel, and no dimension for it.
    """

    name: ClassVar[str] = "audio_schema"
    kind: str
    rate: int
    channels: int
    length: int
    stride: int
    frame: int
    bands: int
    varies: bool
    given: str = "float32"
    flat: bool = True

    @property
    def frames(self) -> int:
        """In a window, a quarter of a frame apart."""
        return self.length // (self.frame // 4) + 1

    @property
    def in_shape(self) -> tuple[int, ...]:
        """(channels, bands, frames) or (channels, samples)."""
        if self.bands:
            return (self.channels, self.bands + self.varies, self.frames)
        return (self.channels + self.varies, self.length)

    @property
    def n_features(self) -> int:
        """The channels."""
        return self.channels

    def feature_names(self) -> list[str]:
        """band_frame or channel_sample."""
        if not self.bands:
            rows = [*(f"channel{c}" for c in range(self.channels)), "there"]
            return [f"{row}_{t}" for row in rows[: self.in_shape[0]] for t in range(self.length)]
        rows = [*(f"band{b}" for b in range(self.bands)), "there"][: self.in_shape[1]]
        sides = [""] if self.channels == 1 else [f"channel{c}_" for c in range(self.channels)]
        return [f"{side}{row}_{t}" for side in sides for row in rows for t in range(self.frames)]

    def in_words(self) -> str:
        """Seconds, rate, channels and what nets see."""
        seen = f"{self.bands} bands" if self.bands else "waveform"
        some = f"{self.channels} channel{'s' if self.channels > 1 else ''}"
        return f"sounds of {self.length / self.rate:.3g} s at {self.rate:,} Hz, {some}, {seen}"

    def loss(self, given: str) -> Spec:
        """MSE, unless another is named."""
        chosen = "mse" if given == "auto" else given
        choices: dict[str, Any] = {"mse": MSE, "mae": MAE, "gaussian": lambda: GaussianNLL(shared=True)}
        if chosen not in choices:
            raise bad_parameter("the model", "loss", f"'auto', one of {sorted(choices)} or an nn.Module", given)
        return choices[chosen]()

    def drawn(self, items: Any) -> np.ndarray:
        """Sounds as pictures of their loudness (n, bands, frames): time to the right, high tones above."""
        rows = self.read(items, "drawn")
        bands = spectrogram.bands_of(self.frame, self.rate, min(BANDS, self.frame // 4))
        loud = bands @ spectrogram.magnitudes(
            rows[np.searchsorted(rows.starts, rows.firsts)].nan_to_num(0.0).mean(1), self.frame
        )
        decibels = 20 * torch.log10(loud.clamp(min=float(loud.max()) * 10 ** (-RANGE / 20) + 1e-12))
        high, low = float(decibels.max()), float(decibels.min())
        share = (decibels - low) / (high - low) if high > low else torch.zeros_like(decibels)
        return (share.flip(1) * 255).round().byte().numpy()

    def scaler(self) -> Scaler:
        """The scale of these sounds."""
        return SpectrogramScaler(self) if self.bands else WaveformScaler(self)

    # ------------------------------------------------------------------------------------------- in: sounds to windows

    def read(self, X: Any, caller: str) -> Windows:
        """Windows that cover all sounds."""
        return self.lay(self._clips(X, caller))

    def read_to_train(self, X: Any, caller: str) -> Windows:
        """Windows that train."""
        return self.lay(self._clips(X, caller), train=True)

    def lay(self, clips: list[Clip], train: bool = False) -> Windows:
        """Windows over clips."""
        return lay_sounds(clips, self.channels, self.length, self.stride, train)

    def silent(self, raw: Windows) -> bool:
        """Whether no sound changes in time."""
        return all(
            not bool((piece[:, 1:] != piece[:, :1]).any()) for place in raw.at for piece in (raw.store[:, place],)
        )

    def _clips(self, X: Any, caller: str) -> list[Clip]:
        clips = clips_of(gathered(X, caller)[1], self.rate, None, caller)
        for clip in clips:
            if clip.channels != self.channels and self.channels > 1 < clip.channels:
                raise DataError(
                    f"{caller} was fitted on sounds of {self.channels} channels, and {clip.name} has {clip.channels}"
                )
        return clips

    # ------------------------------------------------------------------------------------------ out: windows to sounds

    def give(self, values: np.ndarray, like: Any = None) -> Any:
        """Windows (n, channels, samples) as sounds of their own, each up to its end."""
        values = np.asarray(values)
        ends = np.maximum(1, np.isfinite(values[:, 0]).sum(1)) if len(values) else np.zeros(0, int)
        sounds = [self._one(np.nan_to_num(v[:, :end]).T) for v, end in zip(values, ends)]
        alike = self.kind in ("array", "one") and len(set(ends.tolist())) == 1
        return np.stack(sounds) if alike else sounds

    def rebuild(self, values: np.ndarray, like: Any, rows: Windows) -> Any:
        """Sounds as `like` has them; parts of long ones are faded into each other."""
        sounds = [self._one(sound) for sound in joined(values, rows)]
        kind = gathered(like, "")[0]
        return sounds[0] if kind == "one" else np.stack(sounds) if kind == "array" else sounds

    def split(self, rows: Windows, share: float, seed: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Whole sounds; of a few long ones, blocks of time."""
        sound, n = sound_of(rows), len(rows.at)
        held = round(n * share)
        if held and n > held:
            chosen = np.zeros(n, bool)
            chosen[np.random.default_rng(seed).permutation(n)[:held]] = True
            return np.flatnonzero(~chosen[sound]), np.flatnonzero(chosen[sound])
        found = blocks_of_time(rows, share, 0, self.stride, np.random.default_rng(seed))
        return (None, None) if found is None else found

    def split_by(self, splitter: Any, rows: Windows, y: Any, caller: str) -> tuple[np.ndarray, np.ndarray]:
        """A splitter splits sounds; one alone, its windows."""
        sound = sound_of(rows) if len(rows.at) > 1 else np.arange(len(rows))
        train, held = next(iter(splitter.split(np.zeros((sound.max() + 1, 1)), y)))
        return np.flatnonzero(np.isin(sound, train)), np.flatnonzero(np.isin(sound, held))

    def labels(self, labels: Any, rows: Windows) -> Any:
        """Of windows, the labels of their sounds."""
        values = labels.to_numpy() if hasattr(labels, "to_numpy") else np.asarray(labels)
        return values[sound_of(rows)] if len(values) == len(rows.at) else labels

    def places(self, like: Any, rows: Windows, per_sample: bool) -> dict[str, Any]:
        """The sound that each window is of, by name or number, and where in it the window lies, in seconds."""
        sound = sound_of(rows)
        names = getattr(like, "names", None)
        found: dict[str, Any] = {} if names is None else {"sound": np.asarray(names, object)[sound]}
        if len(rows) == len(rows.at):
            return found
        start = (rows.starts - rows.firsts[sound]) / self.rate
        ends = np.array([place.stop - place.start for place in rows.at])[sound] / self.rate
        return {"sound": sound, **found, "start": start, "end": np.minimum(start + self.length / self.rate, ends)}

    def _one(self, sound: np.ndarray) -> np.ndarray:
        """A sound (samples, channels) in the user's own numbers."""
        if np.dtype(self.given).kind == "i":
            sound = sound.astype(np.float64) * -float(np.iinfo(self.given).min)
        out = give_numbers(sound, self.given)
        return out[:, 0] if self.flat else out
