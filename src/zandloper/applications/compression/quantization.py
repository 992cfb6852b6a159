"""Uniform quantization with a bound on the error of every value, and the coding of exceptions.

The step of a channel (a column, or one color of all pixels) is twice its bound, so that rounding errs by the bound at
most. Numbers with few decimals keep them: their step is a whole number of units. Values that rounding of floats, a new
range or an outlier pushes beyond the bound are detected and stored as exceptions.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from zandloper.applications.compression.context_model import MOST
from zandloper.errors import FileError

SHRUNK = 1 - 1e-9  # of a step, so that rounding of floats stays within the bound
DECIMALS = 7  # the largest number that is detected
ITEM = np.dtype([("at", "<i8"), ("value", "<f8")])


@dataclass
class UniformQuantizer:
    """Quantization steps of channels.

    Parameters
    ----------
    bound : ndarray of float, (channels,)
        Largest error of a value.
    offset, step : ndarray of float, (channels,)
        A value is `(offset + step * k) / scale` with an integer k.
    scale : ndarray of float, (channels,)
        A power of ten for numbers with few decimals; then offset and step are integers.
    dtypes : tuple of str
        Dtypes of the decompressed values, to which the bound applies.

    Examples
    --------
    >>> import numpy as np
    >>> quantizer = UniformQuantizer.learn(np.array([[0.1, 0.25, 0.91]]), np.array([0.01]), ("float64",))
    >>> quantizer.scale.tolist(), quantizer.step.tolist()
    ([100.0], [3.0])
    >>> quantizer.values(quantizer.steps(np.array([[0.25]]))).tolist()
    [[0.25]]
    """

    bound: np.ndarray
    offset: np.ndarray
    step: np.ndarray
    scale: np.ndarray
    dtypes: tuple[str, ...]

    @classmethod
    def learn(cls, values: np.ndarray, bound: np.ndarray, dtypes: tuple[str, ...]) -> UniformQuantizer:
        """Learn the steps for values (channels, n), NaN if missing, and the bound of each channel, 0 for exact."""
        channels = len(values)
        offset, step, scale = np.zeros(channels), np.ones(channels), np.ones(channels)
        for c in range(channels):
            present = values[c][~np.isnan(values[c])]
            middle = float(np.median(present)) if present.size else 0.0
            decimals = _decimals(present)
            if decimals is None:
                offset[c], step[c] = middle, 2 * bound[c] * SHRUNK or 1.0
                continue
            scale[c] = 10.0**decimals
            units = float(np.floor(bound[c] * scale[c] * (1 + 1e-12)))
            whole = np.rint(present[:4096] * scale[c])
            common = float(np.gcd.reduce(np.abs(whole - whole[0]).astype(np.int64))) if whole.size else 1.0
            common = common if common > 2 * units + 1 else 1.0  # all differences are multiples of so many units
            offset[c], step[c] = np.rint(whole[0] if common > 1 else middle * scale[c]), max(common, 2 * units + 1)
        return cls(np.asarray(bound, float), offset, step, scale, dtypes)

    def steps(self, values: np.ndarray) -> np.ndarray:
        """Quantize values (channels, ...) to integers; missing values become 0."""
        offset, step, scale = self._aligned(values)
        with np.errstate(over="ignore", invalid="ignore"):
            k = np.rint((values * scale - offset) / step)
        return np.where(np.isfinite(k), k, 0).clip(-MOST, MOST)

    def values(self, steps: np.ndarray) -> np.ndarray:
        """Dequantize integers (channels, ...), rounded to the dtypes."""
        offset, step, scale = self._aligned(steps)
        out = (offset + step * steps) / scale
        for c, dtype in enumerate(self.dtypes):
            out[c] = _as(out[c], dtype)
        return out

    def predicted(self, values: np.ndarray, fine: int) -> np.ndarray:
        """Predicted values (channels, ...) in units of `1 / fine` steps."""
        offset, step, scale = self._aligned(values)
        with np.errstate(over="ignore", invalid="ignore"):
            k = (values * scale - offset) * (fine / step)
        return np.nan_to_num(k, nan=0.0, posinf=0.0, neginf=0.0).clip(-fine * MOST, fine * MOST)

    def missed(self, values: np.ndarray, made: np.ndarray) -> np.ndarray:
        """Flat indices of values whose error exceeds the bound."""
        bound = self.bound.reshape(-1, *[1] * (values.ndim - 1))
        return np.flatnonzero(~(np.isnan(values) | (np.abs(values - made) <= bound)))

    def _aligned(self, like: np.ndarray) -> list[np.ndarray]:
        return [a.reshape(-1, *[1] * (like.ndim - 1)) for a in (self.offset, self.step, self.scale)]


def pack_items(at: np.ndarray, values: np.ndarray) -> bytes:
    """Pack indices and values of exceptions, compressed."""
    if not len(at):
        return b""
    items = np.empty(len(at), ITEM)
    items["at"], items["value"] = np.diff(at, prepend=0), values
    # Bytes of equal significance are grouped, since neighbors share the high ones.
    return zlib.compress(np.ascontiguousarray(items.view(np.uint8).reshape(len(at), -1).T).tobytes(), 6)


def unpack_items(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of `pack_items`."""
    if not data:
        return np.zeros(0, np.int64), np.zeros(0)
    try:
        flat = np.frombuffer(zlib.decompress(data), np.uint8).reshape(ITEM.itemsize, -1)
    except (zlib.error, ValueError) as error:
        raise FileError("a block of the compressed data is damaged") from error
    items = np.ascontiguousarray(flat.T).reshape(-1).view(ITEM)
    return np.cumsum(items["at"]), items["value"].astype(np.float64)


def _decimals(values: np.ndarray) -> int | None:
    """The largest number of decimals of the values; None if it exceeds the limit."""
    sample: Any = values[: 2**18]
    if not sample.size or np.abs(sample).max() > 1e12:
        return None
    for decimals in range(DECIMALS):
        size = 10.0**decimals
        if (np.rint(sample * size) / size == sample).all():
            return decimals
    return None


def _as(values: np.ndarray, dtype: str) -> np.ndarray:
    """Numbers clipped and rounded to a dtype."""
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        info = np.iinfo(kind)
        return np.clip(np.rint(values), float(info.min), float(info.max))
    if kind.kind == "f" and kind.itemsize < 8:
        with np.errstate(over="ignore"):
            return values.astype(kind).astype(np.float64)
    return values
