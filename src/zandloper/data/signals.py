"""Images and sounds of any size, read one by one and given back as they came: what patches are cut from.

A field is an array (channels, *axes), its axes being height and width or time. It keeps its own dtype until a patch of
it is wanted, so that a large image costs its own bytes and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zandloper.errors import DataError, DataTypeError
from zandloper.io.images import images_at, pixels_of

MOST_CHANNELS = 4  # a last axis up to this long holds channels


@dataclass(frozen=True)
class Field:
    """One image or sound.

    Parameters
    ----------
    values : ndarray (channels, *axes)
        In its own dtype: a view of the user's array where that can be.
    unit : float
        How much of the data's own units one model unit is: 255 for uint8, 1 for floats.
    low, high : float or None
        What the dtype holds, in model units; None for floats.
    """

    values: np.ndarray
    unit: float
    low: float | None = None
    high: float | None = None

    @property
    def size(self) -> tuple[int, ...]:
        """Of its axes."""
        return tuple(self.values.shape[1:])

    def part(self, where: tuple[slice, ...]) -> np.ndarray:
        """A part in model units, float32, whole in its channels."""
        return np.asarray(self.values[(slice(None), *where)], np.float32) / np.float32(self.unit)

    def blank(self) -> np.ndarray:
        """An array for results, of the same shape and dtype."""
        return np.empty(self.values.shape, self.values.dtype)

    def stored(self, values: np.ndarray) -> np.ndarray:
        """Results in model units as the dtype holds them: integers are rounded and kept within their range."""
        dtype = self.values.dtype
        if self.low is None or self.high is None:
            return values.astype(dtype)
        if dtype.kind == "b":
            return values > 0.5
        return np.rint(np.clip(values, self.low, self.high).astype(np.float64) * self.unit).astype(dtype)


@dataclass(frozen=True)
class Fields:
    """Several fields of one kind, and how the user had them.

    Parameters
    ----------
    kind : {"image", "audio"}
    items : list of Field
    shape : {"one", "list", "array"}
        One item, a list of them, or one array of all.
    flat : bool
        Whether items came without an axis for channels.
    pil : bool
        Whether they came as Pillow's images.
    """

    kind: str
    items: list[Field]
    shape: str
    flat: list[bool]
    pil: bool = False

    @property
    def channels(self) -> set[int]:
        """How many channels the items have."""
        return {len(item.values) for item in self.items}

    def give(self, values: list[np.ndarray]) -> Any:
        """Results (channels, *axes), as the user had the data."""
        out: list[Any] = [v[0] if flat else np.moveaxis(v, 0, -1) for v, flat in zip(values, self.flat)]
        if self.pil:
            from PIL import Image

            out = [Image.fromarray(np.ascontiguousarray(v)) for v in out]
        if self.shape == "one":
            return out[0]
        return out if self.shape == "list" else np.stack(out)


def read_fields(X: Any, kind: str, caller: str) -> Fields:
    """Images or sounds, one or many, of any size.

    Images are arrays (h, w), (h, w, channels), (n, h, w) or (n, h, w, channels), lists of such or of Pillow's, or a
    path of a file or a folder. A 3-D array is one image where its last axis has up to four places and the others more.
    Sounds are arrays (time,), (n, time), lists of (time,) or (time, channels), or (n, time, channels).

    Raises
    ------
    DataError, DataTypeError
        Shapes or dtypes that cannot be read, values that are not finite.
    """
    if isinstance(X, str | Path) and kind == "image":
        path = Path(X)
        images = images_at(path)
        return _many(list(images), kind, caller, "list" if path.is_dir() or len(images) > 1 else "one")
    if hasattr(X, "getbands"):
        return _many([X], kind, caller, "one")
    if isinstance(X, list | tuple):
        if not len(X):
            raise DataError(
                f"Found array with 0 sample(s) while a minimum of 1 is required by {caller}: the list is empty"
            )
        if not (kind == "audio" and np.isscalar(X[0])):
            return _many(list(X), kind, caller, "list")
    if hasattr(X, "columns"):
        raise DataTypeError(f"{caller} reads {kind}s and got a frame: pass arrays, a list of them, or modality='table'")
    array = X if isinstance(X, np.ndarray) else np.asarray(X)
    single = array.ndim == (2 if kind == "image" else 1)
    single |= kind == "image" and array.ndim == 3 and array.shape[-1] <= MOST_CHANNELS < min(array.shape[:2])
    if single:
        return _many([array], kind, caller, "one")
    if array.ndim not in ((3, 4) if kind == "image" else (2, 3)):
        wanted = "(h, w), (h, w, channels), (n, h, w) or (n, h, w, channels)"
        wanted = wanted if kind == "image" else "(time,), (n, time) or (n, time, channels)"
        raise DataError(f"{caller} got {kind}s as an array of shape {array.shape}: wanted are {wanted}")
    if len(array) == 0:
        raise DataError(
            f"Found array with 0 sample(s) (shape={array.shape}) while a minimum of 1 is required by {caller}"
        )
    return _many(list(array), kind, caller, "array")


def _many(items: list[Any], kind: str, caller: str, shape: str) -> Fields:
    axes = 2 if kind == "image" else 1
    pil = hasattr(items[0], "getbands")
    arrays = [
        pixels_of(x) if hasattr(x, "getbands") else x if isinstance(x, np.ndarray) else np.asarray(x) for x in items
    ]
    fields, flat = [], []
    for i, array in enumerate(arrays):
        if array.ndim not in (axes, axes + 1) or 0 in array.shape:
            wanted = "(height, width) or (height, width, channels)" if axes == 2 else "(time,) or (time, channels)"
            raise DataError(
                f"{caller} got an item of shape {array.shape} at position {i} (from 0): wanted are {wanted}"
            )
        flat.append(array.ndim == axes)
        values = array[None] if flat[-1] else np.moveaxis(array, -1, 0)
        if len(values) > 64:
            raise DataError(
                f"{caller} got an item of shape {array.shape} at position {i} (from 0), which has {len(values)} "
                "channels: the channels go last; move them with np.moveaxis(x, 0, -1)"
            )
        fields.append(Field(values, *_unit(array.dtype, kind, caller)))
        if array.dtype.kind == "f" and not np.isfinite(array.sum(dtype=np.float64)) and not np.isfinite(array).all():
            n = int((~np.isfinite(array)).sum())
            raise DataError(
                f"Input X contains NaN or infinity ({n} values at position {i}): {caller} needs finite numbers"
            )
    return Fields(kind, fields, shape, flat, pil)


def _unit(dtype: np.dtype, kind: str, caller: str) -> tuple[float, float | None, float | None]:
    """What one model unit is, and between which model units a dtype lies."""
    if dtype.kind == "f":
        return 1.0, None, None
    if kind == "image" and dtype.kind in "ub":
        return (1.0 if dtype.kind == "b" else float(np.iinfo(dtype).max)), 0.0, 1.0
    if kind == "audio" and dtype.kind == "i":
        top = float(-int(np.iinfo(dtype).min))
        return top, -1.0, (top - 1) / top
    wanted = "uint8, uint16, or floats in [0, 1]" if kind == "image" else "int16, int32, or floats in -1 to 1"
    raise DataTypeError(f"{caller} got {kind}s of dtype {dtype}, whose range is unknown: convert them to {wanted}")


def crops(fields: Fields, size: tuple[int, ...], most: int) -> np.ndarray:
    """Parts of one size from the middle of items and spread over large ones, (n, *axes, channels), in model units.

    At most `most` values in all, so that measuring noise costs the same for any amount of data.
    """
    size = tuple(min(s, *(item.size[a] for item in fields.items)) for a, s in enumerate(size))
    places = list(_places(fields, size))
    values = int(np.prod(size)) * len(fields.items[0].values)
    count = max(2, min(len(places), most // max(1, values)))
    chosen = [places[i] for i in np.unique(np.linspace(0, len(places) - 1, count).round().astype(int))]
    return np.stack([np.moveaxis(fields.items[i].part(where), 0, -1) for i, where in chosen])


def _places(fields: Fields, size: tuple[int, ...]) -> Iterator[tuple[int, tuple[slice, ...]]]:
    for i, item in enumerate(fields.items):
        counts = tuple(have // want for have, want in zip(item.size, size))
        for place in np.ndindex(*counts):
            first = [
                (have - count * want) // 2 + at * want for have, want, count, at in zip(item.size, size, counts, place)
            ]
            yield i, tuple(slice(f, f + want) for f, want in zip(first, size))
