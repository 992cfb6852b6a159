"""Sounds of any source, one after the other in one store, and windows over them: the raw rows of the audio modality."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zandloper.data.frames import is_frame
from zandloper.data.windows import Windows, cover
from zandloper.errors import DataError, DataTypeError
from zandloper.io.audio import Recording, Sounds, resampled, resampled_length, sounds_at

IN_MEMORY = 2**27  # samples of all channels together; more of them lie in a file of their own


@dataclass(frozen=True)
class Clip:
    """One of the user's sounds: what it is called in errors, its length and channels, and its samples when wanted."""

    name: str
    length: int
    channels: int
    pieces: Callable[[], Iterator[np.ndarray]]


def gathered(X: Any, caller: str) -> tuple[str, list[Any]]:
    """What the user gave, as the kind that it is given back as and a list of arrays or recordings."""
    if isinstance(X, str | Path):
        return "files", sounds_at(Path(X)).files
    if isinstance(X, Sounds):
        return "files", X.files
    if is_frame(X):
        raise DataTypeError(f"{caller} wants sounds and got a frame: pass arrays, a list of them, or a path")
    if isinstance(X, list | tuple) and len(X) and not np.isscalar(X[0]):
        if isinstance(X[0], Path):
            return "files", [file for path in X for file in sounds_at(Path(path)).files]
        return "list", [_numbers(x, f"sound {i} (from 0) of {caller}'s list", caller) for i, x in enumerate(X)]
    if isinstance(X, list | tuple) and len(X) and isinstance(X[0], str):
        return "files", [file for path in X for file in sounds_at(Path(path)).files]
    array = np.asarray(X)
    if array.ndim == 0 or array.ndim > 3 or 0 in array.shape:
        raise DataError(
            f"{caller} got sounds as an array of shape {array.shape}: wanted are (time,), (n, time) or "
            "(n, time, channels), a list of sounds (time,) or (time, channels), or a path (0 samples are none)"
        )
    if array.ndim == 1:
        return "one", [_numbers(array, f"the sound given to {caller}", caller)]
    return "array", [_numbers(x, f"sound {i} (from 0) of {caller}'s array", caller) for i, x in enumerate(array)]


def _numbers(x: Any, what: str, caller: str) -> np.ndarray:
    array = np.asarray(x)
    if array.dtype.kind not in "fi":
        raise DataTypeError(f"{caller} got sounds of dtype {array.dtype}: convert to int16, or to floats in -1 to 1")
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise DataError(f"{what} has shape {array.shape}: wanted are (time,) or (time, channels), with samples")
    if array.ndim == 2 and array.shape[1] > 32:
        raise DataError(
            f"{what} has {array.shape[1]} channels in shape {array.shape}: time goes first, (time, channels); "
            "turn it round with .T"
        )
    if array.dtype.kind == "f" and not np.isfinite(array.sum(dtype=np.float64)) and not np.isfinite(array).all():
        raise DataError(f"{what} contains NaN or infinity: sounds need finite numbers everywhere")
    return array


def clips_of(sources: Sequence[Any], rate: int, given: int | None, caller: str) -> list[Clip]:
    """Arrays and recordings as clips of one rate; `given` is the rate of arrays where it differs."""
    return [
        _of_file(source, rate) if isinstance(source, Recording) else _of_array(source, i, rate, given or rate)
        for i, source in enumerate(sources)
    ]


def _of_file(file: Recording, rate: int) -> Clip:
    return Clip(str(file.path), file.length_at(rate), file.channels, lambda: file.pieces(rate))


def _of_array(array: np.ndarray, i: int, rate: int, given: int) -> Clip:
    columns = array[:, None] if array.ndim == 1 else array
    top = np.float32(-int(np.iinfo(array.dtype).min) if array.dtype.kind == "i" else 1.0)

    def pieces() -> Iterator[np.ndarray]:
        whole = iter([columns.astype(np.float32) / top])
        return whole if given == rate else resampled(whole, given, rate)

    length = resampled_length(len(columns), given, rate)
    return Clip(f"sound {i} (from 0)", length, columns.shape[1], pieces)


def as_channels(piece: np.ndarray, channels: int) -> np.ndarray:
    """A piece (samples, channels) with a number of channels: mixed down to one, or one for all."""
    if piece.shape[1] == channels:
        return piece
    mixed = piece.mean(1, keepdims=True)
    return mixed if channels == 1 else np.repeat(mixed, channels, axis=1)


def lay_sounds(clips: Sequence[Clip], channels: int, length: int, stride: int, train: bool = False) -> Windows:
    """Windows over sounds that lie one after the other; what a short one lacks is NaN.

    Parameters
    ----------
    clips : sequence of Clip
    channels : int
        That each gets: more are mixed down to one.
    length, stride : int
        Of the windows, in samples.
    train : bool
        Whether the last window of a long sound is left out where it would reach beyond its end; else windows cover all
        samples, the last one at the very end.
    """
    starts, firsts, at, total = [], [], [], 0
    for clip in clips:
        mine = cover(clip.length, length, stride)
        starts.append(total + (mine[:-1] if train and len(mine) > 2 and mine[-1] % stride else mine))
        firsts.append(total)
        at.append(slice(total, total + clip.length))
        total += max(clip.length, length)
    shape = (channels, total)
    if channels * total <= IN_MEMORY:
        store: np.ndarray = np.full(shape, np.nan, np.float32)
    else:  # the system takes pages of the file into memory and drops them as it needs
        with tempfile.TemporaryFile() as file:  # which is gone when nobody reads it any more
            store = np.memmap(file, np.float32, "w+", shape=shape)
    for clip, place in zip(clips, at):
        now = place.start
        for piece in clip.pieces():
            store[:, now : now + len(piece)] = as_channels(piece, channels).T
            now += len(piece)
        store[:, now : max(now, place.start + length)] = np.nan
    return Windows(torch.from_numpy(store), np.concatenate(starts), length, np.array(firsts), tuple(at))


def sound_of(rows: Windows) -> np.ndarray:
    """Which of the user's sounds each window belongs to."""
    return np.searchsorted(rows.firsts, rows.starts, side="right") - 1


def joined(values: np.ndarray, rows: Windows) -> Iterator[np.ndarray]:
    """Sounds (samples, channels) from what was made of their windows (n, channels, length), faded into each other."""
    ends = np.append(np.searchsorted(rows.starts, rows.firsts), len(rows.starts))
    ramp = np.minimum(np.arange(1, rows.length + 1), np.arange(rows.length, 0, -1)).astype(np.float32)
    for i, place in enumerate(rows.at):
        mine = range(ends[i], ends[i + 1])
        size = place.stop - place.start
        if len(mine) == 1:
            yield np.nan_to_num(values[mine[0]][:, :size]).T
            continue
        total, weight = np.zeros((values.shape[1], size), np.float32), np.zeros(size, np.float32)
        for j in mine:
            low = int(rows.starts[j]) - place.start
            shape = ramp
            if j + 1 < ends[i + 1]:  # faded only where the next window is there too
                both = low + rows.length - (int(rows.starts[j + 1]) - place.start)
                shape = np.minimum(ramp, max(1, both))
            total[:, low : low + rows.length] += np.nan_to_num(values[j]) * shape
            weight[low : low + rows.length] += shape
        yield (total / weight).T
