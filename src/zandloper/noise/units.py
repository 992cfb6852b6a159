"""Conversion of data of any modality to model units and back. Noise is added and measured in model units."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zandloper.errors import DataError, DataTypeError, bad_parameter
from zandloper.modality import Scaler, Schema, chunks_of
from zandloper.modality import modality as modality_of
from zandloper.model.batch import Batch, CorruptedInput
from zandloper.model.corruptions import Noise
from zandloper.model.corruptions.chain import Chain

ORDERED = ("series", "audio")


@dataclass(frozen=True)
class ScaledData:
    """Data in model units, with the conversions back.

    Parameters
    ----------
    kind : {"table", "image", "series", "audio"}
    x : Tensor
        (n, columns), (n, channels, height, width) or (n, channels, time), float32.
    valid : Tensor or None
        0 where values are missing.
    restore : callable
        Converts back: from `CorruptedInput` back to data of the user's kind.
    read_like : callable
        Converts other data of the same kind to the same units.
    integer_range : (int, float, float) or None
        Of an integer dtype: the number of values, the lowest and the highest, in model units.
    """

    kind: str
    x: Tensor
    valid: Tensor | None
    restore: Callable[[CorruptedInput], Any]
    read_like: Callable[[Any], ScaledData]
    integer_range: tuple[int, float, float] | None = None

    def with_noise(self, noise: Noise, seed: int = 0) -> CorruptedInput:
        """The data with noise added, in their dtype: integers are rounded and clipped."""
        seen = noise.build()(Batch(self.x, self.valid), torch.Generator().manual_seed(seed))
        return CorruptedInput(self.quantized(seen.x), seen.valid, seen.level)

    def quantized(self, x: Tensor) -> Tensor:
        """Values rounded and clipped as the dtype of the data stores them."""
        if self.integer_range is None:
            return x
        count, low, high = self.integer_range
        step = (high - low) / (count - 1)
        x = x.clamp(low, high)
        return x if count > 2**23 else low + ((x - low) / step).round() * step


def to_model_units(X: Any, modality: Any = "auto", caller: str = "zl.noise") -> ScaledData:
    """Convert data to model units: divide images by their dtype's maximum, standardize each column and series."""
    name = getattr(modality, "name", modality)
    if isinstance(name, str) and name in ORDERED:
        return _with_time_axis(X, name, caller, None)
    schema, raw = modality_of(modality, X, caller).learn(X, caller)
    scaler = schema.scaler()
    scaler.learn(chunks_of(raw))
    return _with_schema(schema, scaler, raw, X, caller)


def _with_schema(schema: Schema, scaler: Scaler, raw: np.ndarray, X: Any, caller: str) -> ScaledData:
    if schema.in_shape != schema.target_shape:
        raise DataError(f"{caller} needs numeric columns and got categories too: drop or encode them")
    x, valid = scaler.encode(torch.as_tensor(raw))
    images = len(schema.in_shape) == 3
    dtype = np.dtype(getattr(schema, "dtype", "float32"))
    integer_range = (int(np.iinfo(dtype).max) + 1, 0.0, 1.0) if images and dtype.kind == "u" else None

    def restore(seen: CorruptedInput) -> Any:
        values = scaler.restore(seen.x).numpy()
        if seen.valid is not None and not images:
            values = np.where(seen.valid.numpy() > 0, values, np.nan)
        return schema.give(values, like=X)

    return ScaledData(
        "image" if images else "table",
        x,
        valid,
        restore,
        lambda other: _with_schema(schema, scaler, schema.read(other, caller), other, caller),
        integer_range,
    )


def _with_time_axis(X: Any, kind: str, caller: str, units: np.ndarray | None) -> ScaledData:
    """Convert series (time, channels) or sounds (n, time), either also as (time,) or (n, time, channels).

    `units` holds the offset and the size of each channel's unit, (2, channels); None: learn them from `X`.
    """
    array = _signal_array(X, kind, caller)
    back: Callable[[np.ndarray], np.ndarray]
    if kind == "series" and array.ndim == 2:
        x, back = array.T[None], lambda a: a[0].T
    elif array.ndim == 2:
        x, back = array[:, None], lambda a: a[:, 0]
    elif array.ndim == 1:
        x, back = array[None, None], lambda a: a[0, 0]
    else:
        x, back = np.moveaxis(array, 2, 1), lambda a: np.moveaxis(a, 1, 2)
    if x.shape[-1] < 2:
        raise DataError(f"{caller} got {kind} of shape {array.shape}: a series needs two steps or more")
    integer_range = None
    offset: Any = 0.0
    if kind == "audio":
        top = float(-int(np.iinfo(array.dtype).min)) if array.dtype.kind == "i" else 1.0
        if array.dtype.kind == "u":
            raise DataTypeError(
                f"{caller} got sounds of dtype {array.dtype}: convert to int16, or to floats in -1 to 1"
            )
        if array.dtype.kind == "i":
            integer_range = (int(2 * top), -1.0, (top - 1) / top)
        units = np.array([0.0, top])[:, None]
    elif units is None:
        flat = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1).astype(np.float64)
        spread = np.nanstd(flat, axis=1)
        units = np.stack([np.nanmean(flat, axis=1), np.where(spread > 0, spread, 1.0)])
    offset, size = (u[:, None] for u in units)
    scaled = torch.from_numpy(((x - offset) / size).astype(np.float32))
    there = ~scaled.isnan()
    valid = None if bool(there.all()) else there.float()

    def restore(seen: CorruptedInput) -> Any:
        values = seen.x.double().numpy() * size + offset
        if seen.valid is not None and array.dtype.kind == "f":
            values = np.where(seen.valid.numpy() > 0, values, np.nan)
        out = back(values)
        if array.dtype.kind in "iu":
            info = np.iinfo(array.dtype)
            out = np.clip(np.round(out), info.min, info.max)
        return out.astype(array.dtype)

    return ScaledData(
        kind,
        scaled.nan_to_num(0.0),
        valid,
        restore,
        lambda other: _with_time_axis(other, kind, caller, units),
        integer_range,
    )


def _signal_array(X: Any, kind: str, caller: str) -> np.ndarray:
    """One array of series or sounds; of a list, each item is cut to the length of the shortest."""
    arrays = [np.asarray(a) for a in X] if isinstance(X, list | tuple) and len(X) and np.ndim(X[0]) else None
    if arrays is not None and kind == "series":
        arrays = [a[:, None] if a.ndim == 1 else a for a in arrays]
    whole = np.asarray(X) if arrays is None else None
    if arrays is not None:
        if len({a.shape[1:] for a in arrays}) > 1:
            raise DataError(f"{caller} got a list of series with different numbers of channels: pass them one by one")
        shortest = min(len(a) for a in arrays)
        whole = np.stack([a[i : i + shortest] for a in arrays for i in range(0, len(a) - shortest + 1, shortest)])
    array = np.asarray(whole)
    if array.dtype.kind not in "fiu" or not 1 <= array.ndim <= 3:
        raise DataTypeError(
            f"{caller} got {kind} as an array of shape {array.shape} and dtype {array.dtype}: wanted are numbers "
            f"(time,), {'(time, channels)' if kind == 'series' else '(n, time)'} or (n, time, channels)"
        )
    return array


def apply(self: Noise, X: Any, modality: Any = "auto", random_state: Any = None) -> Any:
    """See `Noise.apply`."""
    caller = type(self).__name__
    if getattr(modality, "name", modality) in ORDERED and isinstance(X, list | tuple) and len(X) and np.ndim(X[0]):
        first = _seed(random_state, caller)
        return [apply(self, np.asarray(x), modality, (first + i) % 2**31) for i, x in enumerate(X)]
    data = to_model_units(X, modality, caller)
    return data.restore(data.with_noise(self, _seed(random_state, caller)))


def as_noise(value: Any, caller: str, parameter: str = "noise") -> Noise:
    """Return a noise as it is and a list of noises as one `Chain`."""
    if isinstance(value, Noise):
        return value
    if isinstance(value, tuple | list) and value and all(isinstance(v, Noise) for v in value):
        return value[0] if len(value) == 1 else Chain(tuple(value))
    raise bad_parameter(
        caller, parameter, "a noise of zl.noise, such as zl.noise.Gaussian(0.1), or a list of them", value
    )


def _seed(random_state: Any, caller: str) -> int:
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, numbers.Integral) and int(random_state) >= 0:
        return int(random_state) % 2**31
    raise bad_parameter(caller, "random_state", "an integer from 0 on, a RandomState or None", random_state)
