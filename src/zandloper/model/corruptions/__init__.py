"""Corruptions of the encoder's input. One file each, a `Spec` whose `build()` returns a module
`(batch, rng) -> CorruptedInput`.

Noises (`Noise`) work on model units: images in [0, 1] as (n, channels, height, width), standardized columns as
(n, columns), series and sounds as (n, channels, time). A noise with an order in time treats the columns of a table as
time steps. All random numbers come from the generator passed as an argument.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.errors import DataTypeError, UnsupportedError, bad_parameter
from zandloper.model.batch import Batch, CorruptedInput
from zandloper.spec import Spec

Strength = float | tuple[float, float]
"""A number, or (low, high): then every sample draws its own, evenly between them."""


@dataclasses.dataclass(frozen=True)
class Noise(Spec):
    """Settings of a noise; `zandloper.noise` has them all and says how they meet data."""

    amplitudes: ClassVar[tuple[str, ...]] = ()  # settings that are measured in the data's units
    falling: ClassVar[tuple[str, ...]] = ("peak", "snr")  # settings that mean less noise where they are higher

    def build(self) -> nn.Module:
        """The module that adds the noise to a batch."""
        raise NotImplementedError

    def apply(self, X: Any, modality: Any = "auto", random_state: Any = None) -> Any:
        """Data with the noise added, in their own form and type.

        Parameters
        ----------
        X : array, frame or list
            Images, a table, with `modality="series"` series (time, channels), with `"audio"` sounds (n, time), or
            either as (n, time, channels).
        modality : "auto", "table", "image", "series", "audio" or an object of zl.modality
            What X is read as.
        random_state : int, RandomState or None
            The same number gives the same noise.

        Returns
        -------
        As X; integers are rounded and kept within what their type holds.
        """
        raise UnsupportedError("noise meets data in zandloper.noise: import zandloper.noise first")

    def in_data_units(self, like: Any) -> dict[str, Any]:
        """The settings in the units of data.

        Parameters
        ----------
        like : dtype, form, or data
            A dtype says how far pixels go (255 for uint8). A float table says the deviation of each of its columns.

        Returns
        -------
        dict
            By setting: a number, a (low, high) pair, or for a table an array with one value a column.

        Raises
        ------
        DataTypeError
            `like` says nothing about units.
        """
        unit = unit_of(like)
        return {
            f.name: _times(getattr(self, f.name), unit) if f.name in self.amplitudes else getattr(self, f.name)
            for f in dataclasses.fields(self)
        }

    def at(self, share: float) -> Noise:
        """The noise with every range replaced by one strength: 0 is the weakest within the ranges, 1 the strongest."""
        pinned = {}
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if str(f.type).startswith("Strength") and isinstance(value, tuple):
                part = 1 - share if f.name in self.falling else share
                pinned[f.name] = value[0] + (value[1] - value[0]) * part
        return dataclasses.replace(self, **pinned) if pinned else self

    def filled(self, module: nn.Module) -> Noise:
        """The noise with the arrays that its module holds, which settings in JSON cannot."""
        return self

    def _strength(self, name: str, low: float, high: float = math.inf, wanted: str | None = None) -> None:
        """Check a strength, and store it as a float or a pair of floats."""
        value = getattr(self, name)
        ends = tuple(value) if isinstance(value, tuple | list) else (value,)
        good = len(ends) in (1, 2) and all(
            isinstance(v, numbers.Real) and not isinstance(v, bool) and low <= float(v) <= high and float(v) < math.inf
            for v in ends
        )
        if not good or float(ends[0]) > float(ends[-1]):
            bounds = f">= {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
            wanted = wanted or f"a number {bounds}, or a pair (low, high) of them"
            raise bad_parameter(type(self).__name__, name, wanted, value)
        self._set(name, float(ends[0]) if len(ends) == 1 else (float(ends[0]), float(ends[1])))

    def _whole(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not low <= int(value) <= high:
            raise bad_parameter(type(self).__name__, name, f"an integer from {low} to {high}", value)
        self._set(name, int(value))

    def _number(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not low <= float(value) <= high:
            raise bad_parameter(type(self).__name__, name, f"a number from {low:g} to {high:g}", value)
        self._set(name, float(value))

    def _one_of(self, name: str, words: tuple[str, ...]) -> None:
        if getattr(self, name) not in words:
            raise bad_parameter(type(self).__name__, name, f"one of {list(words)}", getattr(self, name))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # a frozen dataclass tidies its own settings in no other way


@dataclasses.dataclass(frozen=True)
class SNRNoise(Noise):
    """A noise that is mixed into a signal at a signal-to-noise ratio in dB, or at a standard deviation of its own."""

    amplitudes: ClassVar[tuple[str, ...]] = ("level",)

    def _check_mix(self, default: float | None = 10.0) -> None:
        snr, level = (getattr(self, name) for name in ("snr", "level"))
        if snr is not None and level is not None:
            raise bad_parameter(type(self).__name__, "level", "None where `snr` is given: one of them decides", level)
        if snr is None and level is None and default is not None:
            self._set("snr", default)
        if self.snr is not None:  # type: ignore[attr-defined]
            self._strength("snr", -200, 200)
        elif level is not None:
            self._strength("level", 0)


class Corruption(nn.Module):
    """What the modules of all noises share: what is missing stays as it is, and no number is drawn globally."""

    def __init__(self, spec: Any) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, batch: Batch, rng: torch.Generator | None = None) -> CorruptedInput:
        """The batch with noise, its weights, and the noise level of each sample (n, 1) where there is one."""
        x, level = self.noisy(batch.x, generator(rng, batch.x.device), batch.valid)
        if batch.valid is not None:
            x = torch.where(batch.valid > 0, x, batch.x)
        return CorruptedInput(x, batch.valid, level)

    def noisy(self, x: Tensor, rng: torch.Generator, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x` with noise, and the level."""
        raise NotImplementedError


def generator(rng: torch.Generator | None, device: torch.device) -> torch.Generator:
    """The generator, or where there is none one that always starts the same: the global one is never used."""
    return torch.Generator(device).manual_seed(0) if rng is None else rng


def draw(strength: Strength, x: Tensor, rng: torch.Generator) -> Tensor:
    """A strength for each sample, (n, 1, ...) with as many dimensions as x."""
    shape = (len(x), *(1 for _ in x.shape[1:]))
    if not isinstance(strength, tuple):
        return torch.full(shape, strength, dtype=x.dtype, device=x.device)
    low, high = strength
    return low + (high - low) * uniform(shape, x, rng)


def uniform(shape: tuple[int, ...] | torch.Size, x: Tensor, rng: torch.Generator) -> Tensor:
    """Numbers even in [0, 1)."""
    return torch.rand(shape, generator=rng, dtype=x.dtype, device=x.device)


def normal(shape: tuple[int, ...] | torch.Size, x: Tensor, rng: torch.Generator) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, generator=rng, dtype=x.dtype, device=x.device)


def space(x: Tensor) -> tuple[int, ...]:
    """The axes with an order: height and width, time, or the columns of a table."""
    return tuple(range(2, x.dim())) or (1,)


def mix(
    x: Tensor, noise: Tensor, snr: Strength | None, level: Strength | None, rng: torch.Generator, valid: Tensor | None
) -> tuple[Tensor, Tensor]:
    """A signal with noise of unit variance added, and the standard deviation of what was added, (n, 1).

    With `snr` each sample gets exactly its ratio, 10 log10 of the power of the signal, its offset left out, over that
    of the noise; with `level` the standard deviation holds on average; with neither the noise comes as it is.
    """
    if snr is None:
        size = torch.ones_like(x[:, :1]).flatten(1)[:, :1] if level is None else draw(level, x, rng).flatten(1)
        return x + noise * size.reshape(-1, *(1 for _ in x.shape[1:])), size
    axes = space(x)
    weight = torch.ones_like(x) if valid is None else valid
    mean = (x * weight).sum(axes, keepdim=True) / weight.sum(axes, keepdim=True).clamp(min=1e-12)
    count = weight.flatten(1).sum(1).clamp(min=1e-12)
    power = ((x - mean).square() * weight).flatten(1).sum(1) / count
    own = (noise.square() * weight).flatten(1).sum(1) / count
    wanted = power / 10 ** (draw(snr, x, rng).flatten(1)[:, 0] / 10)
    size = (wanted / own.clamp(min=1e-20)).sqrt().reshape(-1, *(1 for _ in x.shape[1:]))
    return x + noise * size, wanted.sqrt()[:, None]


def unit_of(like: Any) -> Any:
    """How much of the data's own units one model unit is: a number, or for a float table one a column."""
    dtype = like if isinstance(like, type | str | np.dtype) else getattr(like, "dtype", like)
    try:
        kind = np.dtype(dtype)
    except TypeError as error:
        raise DataTypeError(
            f"{type(like).__name__} says nothing about units: pass a dtype (np.uint8), a form, or the data"
        ) from error
    if kind.kind in "iu":
        return float(np.iinfo(kind).max)
    if isinstance(like, np.ndarray) and like.ndim == 2 and kind.kind == "f":
        return np.nanstd(like.astype(np.float64), axis=0)
    return 1.0


def _times(value: Any, unit: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(v * unit for v in value)
    return None if value is None else value * unit
