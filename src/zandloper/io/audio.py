"""Sounds on disk: WAV, FLAC and OGG files and folders of them, read piece by piece, resampled where rates differ.

WAV files need nothing more; the other kinds need soundfile (the extra `audio`), which is taken for all where it is.
"""

from __future__ import annotations

import math
import os
import shutil
import uuid
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zandloper.errors import FileError, missing_extra
from zandloper.io.atomic import atomic, ending, in_one_sentence, natural

ENDINGS = (".wav", ".flac", ".ogg")
PIECE = 2**20  # samples read at a time
TAPS = 10  # of the low-pass filter of the resampling, to each side, in samples of the lower rate


@dataclass(frozen=True)
class Recording:
    """A sound file that is read when asked: path, samples a second, channels and samples of each."""

    path: Path
    rate: int
    channels: int
    length: int

    def pieces(self, rate: int | None = None) -> Iterator[np.ndarray]:
        """The sound piece by piece as float32 (samples, channels) in -1 to 1, at a rate; None: its own.

        Raises
        ------
        FileError
            The file is damaged or holds less than its head says.
        """
        parts = _exact(_decoded(self), self)
        return parts if rate in (None, self.rate) else resampled(parts, self.rate, int(rate or 0))

    def read(self, rate: int | None = None) -> np.ndarray:
        """The whole sound, (samples, channels)."""
        return np.concatenate(list(self.pieces(rate)))

    def length_at(self, rate: int) -> int:
        """Samples of each channel at a rate."""
        return resampled_length(self.length, self.rate, rate)


class Sounds(Sequence[np.ndarray]):
    """Sound files, each decoded when it is asked for, with their names and rates.

    Parameters
    ----------
    files : sequence of Recording
    names : sequence of str
        A file name for each, relative to the folder that was read.
    """

    def __init__(self, files: Sequence[Recording], names: Sequence[str]) -> None:
        self.files, self.names = list(files), list(names)

    @property
    def rates(self) -> list[int]:
        """Samples a second of each."""
        return [file.rate for file in self.files]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: Any) -> Any:
        """One sound, (samples,) or (samples, channels); of a slice those files."""
        if isinstance(i, slice):
            return Sounds(self.files[i], self.names[i])
        sound = self.files[i].read()
        return sound[:, 0] if sound.shape[1] == 1 else sound


def read(path: Path) -> Sounds:
    """The sound in a file."""
    return Sounds([_opened(path)], [path.name])


def in_folder(folder: Path) -> list[Path]:
    """The sound files in a folder and below it, in natural order of their names, relative to it."""
    inside = [p.relative_to(folder) for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file()]
    return sorted((p for p in inside if not any(part.startswith(".") for part in p.parts)), key=natural)


def read_folder(folder: Path) -> Sounds:
    """All sounds in a folder and below it."""
    found = in_folder(folder)
    if not found:
        raise FileError(f"folder {folder} holds no sound: give a folder of sounds ({', '.join(ENDINGS)})")
    return Sounds([_opened(folder / name) for name in found], [name.as_posix() for name in found])


def sounds_at(path: Path) -> Sounds:
    """The sounds in a file or a folder."""
    if not path.exists():
        raise FileError(f"there is nothing at {path}: give a sound file or a folder of sounds")
    return read_folder(path) if path.is_dir() else read(path)


def write(file: BinaryIO, sound: Any, rate: int, path: Path) -> None:
    """A sound (samples,) or (samples, channels) with 16 bits a sample, in the format of the path's ending."""
    samples = np.asarray(sound)
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > 16):
        raise FileError(
            f"{path} holds one sound, (samples,) or (samples, channels), and the data are an array of shape "
            f"{samples.shape}: write several to a folder (a path without ending)"
        )
    if samples.dtype.kind == "f":
        samples = np.nan_to_num(samples)
        if samples.size and np.abs(samples).max() > 1.5:
            warnings.warn(f"{path}: values outside -1 to 1 are clipped; .npy keeps them", stacklevel=4)
        samples = (np.clip(samples, -1, 32767 / 32768) * 32768).round().astype(np.int16)
    if ending(path) == ".wav":
        from scipy.io import wavfile

        wavfile.write(file, int(rate), samples)
        return
    import io

    packed = io.BytesIO()
    _soundfile(path).write(packed, samples, int(rate), format=ending(path)[1:].upper())
    file.write(packed.getvalue())


def write_folder(folder: Path, data: Any, rate: int, names: Sequence[str] | None = None, end: str = ".wav") -> None:
    """All sounds into a new folder beside, then all of them to their place."""
    digits = len(str(max(0, len(data) - 1)))
    given = list(names or getattr(data, "names", None) or (f"{i:0{digits}d}{end}" for i in range(len(data))))
    targets = [Path(name) if Path(name).suffix.lower() in ENDINGS else Path(f"{name}{end}") for name in given]
    temporary = folder.with_name(f".{uuid.uuid4().hex[:12]}.tmp")
    try:
        for sound, target in zip(data, targets, strict=True):
            with atomic(temporary / target) as file:
                write(file, sound, rate, folder / target)
        if folder.exists():
            for target in targets:
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                os.replace(temporary / target, folder / target)
        else:
            os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def resampled_length(length: int, given: int, wanted: int) -> int:
    """Samples that a sound has at another rate: rounded up."""
    common = math.gcd(given, wanted)
    return -(-length * (wanted // common) // (given // common))


def resampled(pieces: Iterator[np.ndarray], given: int, wanted: int) -> Iterator[np.ndarray]:
    """Pieces of a sound (samples, channels) at another rate: the same numbers as if it had been in one piece.

    A windowed sinc filter (scipy's `resample_poly`; Crochiere and Rabiner 1983, "Multirate digital signal processing",
    section 2.5) sees some samples to either side, so that pieces overlap by as many.
    """
    from scipy.signal import resample_poly

    common = math.gcd(given, wanted)
    up, down = wanted // common, given // common
    margin = down * -(-(TAPS * max(up, down) // up + 2) // down)  # whole steps of the slower clock
    past, waiting = np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32)

    def part(whole: np.ndarray, skip: int, take: int | None) -> np.ndarray:
        out = resample_poly(whole, up, down, axis=0).astype(np.float32)
        return out[skip : None if take is None else skip + take]

    for piece in pieces:
        if waiting.shape[1] == 0:
            past, waiting = (np.zeros((0, piece.shape[1]), np.float32) for _ in range(2))
        waiting = np.concatenate([waiting, piece])
        ready = (len(waiting) - margin) // down * down
        if ready > 0:
            whole = np.concatenate([past, waiting[: ready + margin]])
            yield part(whole, len(past) * up // down, ready * up // down)
            past, waiting = np.concatenate([past, waiting[:ready]])[-margin:], waiting[ready:]
    if len(waiting):
        yield part(np.concatenate([past, waiting]), len(past) * up // down, None)


def _soundfile(path: Path) -> Any:
    try:
        import soundfile
    except ImportError:
        raise missing_extra("soundfile", "audio", f"a {ending(path)} file ({path.name})") from None
    return soundfile


def _opened(path: Path) -> Recording:
    """What the head of a file says."""
    with in_one_sentence(path, "read"), _damaged(path):
        try:
            import soundfile
        except ImportError:
            if ending(path) != ".wav":
                raise missing_extra("soundfile", "audio", f"a {ending(path)} file ({path.name})") from None
            rate, samples = _wav(path)
            shape = samples.shape
            found = Recording(path, rate, shape[1] if len(shape) > 1 else 1, shape[0])
        else:
            info = soundfile.info(str(path))
            found = Recording(path, info.samplerate, info.channels, info.frames)
    if found.length == 0:
        raise FileError(f"sound {path} holds no samples: replace or remove it")
    return found


def _decoded(file: Recording) -> Iterator[np.ndarray]:
    """Pieces of a file, (samples, channels)."""
    with in_one_sentence(file.path, "read"), _damaged(file.path):
        try:
            import soundfile
        except ImportError:
            samples = _wav(file.path)[1]
            for start in range(0, len(samples), PIECE):
                yield _in_units(samples[start : start + PIECE])
        else:
            with soundfile.SoundFile(str(file.path)) as opened:
                while len(piece := opened.read(PIECE, "float32", always_2d=True)):
                    yield piece


def _exact(pieces: Iterator[np.ndarray], file: Recording) -> Iterator[np.ndarray]:
    """Pieces of as many finite samples as a file's head promises."""
    count = 0
    for piece in pieces:
        count += len(piece)
        if not np.isfinite(piece.sum(dtype=np.float64)):
            raise FileError(f"sound {file.path} holds samples that are no numbers (NaN or infinity): write it again")
        yield piece
    if count != file.length:
        raise FileError(
            f"sound {file.path} is cut off: its head promises {file.length:,} samples and {count:,} are there; "
            "replace or remove it"
        )


def _wav(path: Path) -> tuple[int, np.ndarray]:
    """A WAV file by scipy, its samples left on disk where that can be."""
    from scipy.io import wavfile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)  # notes of other programs inside
        try:
            return wavfile.read(path, mmap=True)
        except ValueError as error:
            if "mmap" not in str(error):  # 24 bits have no type of their own
                raise
            return wavfile.read(path)


def _in_units(samples: np.ndarray) -> np.ndarray:
    """Integers to -1 to 1; bytes have their zero in the middle."""
    columns = samples[:, None] if samples.ndim == 1 else samples
    if columns.dtype.kind == "u":
        return (columns.astype(np.float32) - 128) / 128
    return columns.astype(np.float32) / np.float32(
        -int(np.iinfo(columns.dtype).min) if columns.dtype.kind == "i" else 1
    )


class _damaged:
    """Whatever decoders raise for damaged files, as one sentence."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        """One sentence for what is neither ours nor the system's own."""
        ours = isinstance(error, FileError | ImportError | GeneratorExit)
        if not isinstance(error, Exception) or ours or (isinstance(error, OSError) and error.errno):
            return
        reason = str(error).strip().splitlines()[0].removeprefix(f"Error opening {str(self.path)!r}: ").rstrip(".")
        raise FileError(f"sound {self.path} cannot be read ({reason}): replace or remove it") from error
