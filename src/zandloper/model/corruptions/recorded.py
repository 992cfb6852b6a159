"""Recorded noise: pieces of the real thing. A microphone in the empty room, a camera with its cap on."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.errors import DataError, DataTypeError
from zandloper.model.corruptions import Corruption, SNRNoise, Strength, mix, uniform


@dataclass(frozen=True)
class Recorded(SNRNoise):
    """Noise drawn from recordings: for each sample a piece of its size, from a random place of a random recording.

    JSON cannot hold recordings: a saved model has them beside its weights, as buffers.

    Parameters
    ----------
    samples : array or list of arrays
        Recordings of noise alone. For sounds and series: (time,), or (time, channels). For images: (height, width) or
        (height, width, channels). For tables: rows (columns,), as a list or as one array. An array with one more
        dimension is many recordings. Integers are divided by their dtype's maximum, as everywhere; each recording's
        mean is taken off. Recordings shorter than the data are repeated.
    snr : float or (float, float), optional
        Mix them in at this signal-to-noise ratio in dB.
    level : float or (float, float), optional
        Bring them all together to this standard deviation in model units. With neither they stay as loud as they are.
    many : bool
        Whether the first dimension of one array counts recordings: an array (5, 8000) is five sounds, not one of 8000
        channels. True by default; say False for a single recording with channels, or a single image.

    Examples
    --------
    >>> Recorded([np.sin(np.arange(500)), np.cos(np.arange(300))], snr=5)
    Recorded(2 recordings, 800 values, ..., snr=5.0, level=None)

    References
    ----------
    Abdelhamed, Lin and Brown 2018, "A high-quality denoising dataset for smartphone cameras", CVPR: models trained on
    real noise beat those trained on synthetic noise.
    """

    name: ClassVar[str] = "recorded"
    samples: Any
    snr: Strength | None = None
    level: Strength | None = None
    many: bool = True

    def __post_init__(self) -> None:
        self._check_mix(default=None)
        if not isinstance(self.samples, NoiseRecordings):
            self._set("samples", NoiseRecordings.of(self.samples, self.many))
        self._set("many", True)

    def build(self) -> RecordedCorruption:
        """The module, which holds the recordings as buffers."""
        return RecordedCorruption(self)

    def to_dict(self) -> dict[str, Any]:
        """The settings, with the shapes of the recordings in place of the recordings."""
        return {
            "name": self.name,
            "samples": [list(shape) for shape in self.samples.shapes],
            "snr": self.snr,
            "level": self.level,
            "many": self.many,
        }

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """A noise with silent recordings of the right shapes; `filled` gives it those that a module has."""
        shapes = tuple(tuple(shape) for shape in settings.get("samples", ()))
        values = np.zeros(sum(math.prod(shape) for shape in shapes), np.float32)
        return super().from_dict({**settings, "samples": NoiseRecordings(values, shapes)})

    def filled(self, module: nn.Module) -> Recorded:
        """The noise with the recordings of its module."""
        values = module.values.detach().cpu().numpy().copy()  # type: ignore[operator]
        return Recorded(NoiseRecordings(values, self.samples.shapes), self.snr, self.level)

    def __repr__(self) -> str:
        return f"Recorded({self.samples}, snr={self.snr}, level={self.level})"


class NoiseRecordings:
    """Arrays of several shapes in one, float32, that compare by their values."""

    def __init__(self, values: np.ndarray, shapes: tuple[tuple[int, ...], ...]) -> None:
        self.values, self.shapes = values, shapes
        self.digest = hashlib.blake2b(values.tobytes() + repr(shapes).encode(), digest_size=4).hexdigest()

    @classmethod
    def of(cls, samples: Any, many: bool) -> Self:
        """Recordings out of arrays, each without its mean."""
        listed = isinstance(samples, Sequence) and len(samples) > 0 and not np.isscalar(samples[0])
        whole = None if listed else np.asarray(samples)
        if whole is not None:
            samples = list(whole) if many and whole.ndim > 1 else [whole]
        arrays = []
        for i, sample in enumerate(samples):
            array = np.asarray(sample)
            if array.dtype.kind not in "fiu":
                raise DataTypeError(f"recording {i} of Recorded has dtype {array.dtype}: wanted are numbers")
            if not 1 <= array.ndim <= 3 or array.size < 2:
                raise DataError(
                    f"recording {i} of Recorded has shape {array.shape}: wanted are (time,), (time, channels), "
                    "(height, width) or (height, width, channels), of two values or more"
                )
            top = float(np.iinfo(array.dtype).max) if array.dtype.kind in "iu" else 1.0
            array = array.astype(np.float64) / top
            if not np.isfinite(array).all():
                raise DataError(f"recording {i} of Recorded contains NaN or infinity: cut those places out")
            arrays.append((array - array.mean()).astype(np.float32))
        if not any(a.any() for a in arrays):
            raise DataError("the recordings of Recorded are silent: there is no noise in them")
        if len({a.ndim for a in arrays}) > 1:
            raise DataError(f"the recordings of Recorded differ in kind: shapes {sorted({a.shape for a in arrays})}")
        return cls(np.concatenate([a.ravel() for a in arrays]), tuple(a.shape for a in arrays))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NoiseRecordings) and (self.digest, self.shapes) == (other.digest, other.shapes)

    def __hash__(self) -> int:
        return hash((self.digest, self.shapes))

    def __repr__(self) -> str:
        n = len(self.shapes)
        return f"{n} recording{'' if n == 1 else 's'}, {len(self.values):,} values, {self.digest}"


class RecordedCorruption(Corruption):
    """Draws pieces; the level is the standard deviation of what was added, 1 x all recordings' where it is theirs."""

    values: Tensor
    shapes: Tensor
    starts: Tensor

    def __init__(self, spec: Recorded) -> None:
        super().__init__(spec)
        self.register_buffer("values", torch.from_numpy(spec.samples.values.copy()))
        shapes = np.array([(*shape, 1, 1)[:3] for shape in spec.samples.shapes])
        starts = np.concatenate([[0], np.cumsum(shapes.prod(1))[:-1]])
        self.register_buffer("shapes", torch.from_numpy(shapes), persistent=False)
        self.register_buffer("starts", torch.from_numpy(starts), persistent=False)

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` with recorded noise, and its standard deviation (n, 1)."""
        spec, piece = self.spec, self._piece(x, rng)
        spread = self.values.std(correction=0).clamp(min=1e-20)
        if spec.snr is None and spec.level is None:
            return x + piece, spread.to(x.dtype).expand(len(x), 1)
        return mix(x, piece / spread, spec.snr, spec.level, rng, valid)

    def _piece(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """Pieces of recordings in the shape of x: recordings weigh by how many places they have for one."""
        dims = len(self.spec.samples.shapes[0])
        images = x.dim() == 4
        if (images and dims == 1) or (not images and dims == 3) or (x.dim() == 2 and dims > 1):
            raise DataError(
                f"Recorded holds recordings of {dims} dimension{'s' if dims > 1 else ''} and got samples of shape "
                f"{tuple(x.shape[1:])}: pass recordings of the data's own kind (one array of many dimensions that is "
                "one recording: many=False)"
            )
        shapes = self.shapes
        sizes = x.shape[2:] if x.dim() > 2 else x.shape[1:]
        room = (shapes[:, : len(sizes)] - torch.tensor(sizes, device=x.device)).clamp(min=0) + 1
        chosen = torch.multinomial(room.prod(1).double(), len(x), replacement=True, generator=rng)
        shape = shapes[chosen]
        index = self.starts[chosen].reshape(-1, *(1 for _ in x.shape[1:]))
        for i, size in enumerate(sizes):
            offset = (uniform((len(x),), x, rng) * room[chosen, i]).long().clamp(max=room[chosen, i] - 1)
            place = (offset[:, None] + torch.arange(size, device=x.device)) % shape[:, i : i + 1]
            stride = shape[:, i + 1 :].prod(1)
            ones = (size if j == i else 1 for j in range(len(sizes)))
            index = index + (place * stride[:, None]).reshape(len(x), *(() if x.dim() == 2 else (1,)), *ones)
        if x.dim() > 2:
            channels = shape[:, len(sizes)]
            each = torch.arange(x.shape[1], device=x.device) % channels[:, None]
            index = index + each.reshape(len(x), -1, *(1 for _ in sizes))
        return self.values[index.expand(x.shape)].to(x.dtype)
