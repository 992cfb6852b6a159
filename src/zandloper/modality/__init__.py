"""Modalities: conversion of user data to numbers and back. One file or folder per modality, with three classes:

- a `Modality`, the user's settings, whose `learn(X, caller)` reads the data once and returns a schema and raw numbers,
- a `Schema`, a JSON-ready description of the data, which reads later data of the kind into one raw array and returns
  numbers in the form of the user's data; its `scaler()` makes
- a `Scaler`, a torch module inside the network, with statistics from the training rows in chunks.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from zandloper import io
from zandloper.data.columns import Column
from zandloper.data.frames import dims_of, is_frame
from zandloper.data.windows import as_rows
from zandloper.errors import DataError, DataTypeError, bad_parameter
from zandloper.spec import Spec, discover, public_attribute

Chunks = Callable[[], Iterable[Tensor]]


class Scaler(nn.Module):
    """From raw numbers to model units and back; `learn` sets its buffers from chunks of raw rows."""

    unit = False  # whether nets get values of about mean 0 and deviation 1
    work = 0  # operations of `restore` for a row, where they count beside the nets'

    def learn(self, chunks: Chunks) -> None:
        """Statistics of the training rows."""

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """What nets read, with a weight of 0 for missing values (None: all count)."""
        raise NotImplementedError

    def target(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """What comparisons compare with, and its weight."""
        return self.encode(raw)

    def both(self, raw: Tensor) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """`encode` and `target` of the same rows, without doing work twice."""
        x, valid = self.encode(raw)
        return x, valid, x, valid

    def shares(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """The target laid out as a comparison's parameters are: categories one by one. Its mean: the best constant."""
        return self.encode(raw)

    def restore(self, point: Tensor) -> Tensor:
        """A prediction in model units as raw numbers."""
        raise NotImplementedError


@dataclass(frozen=True)
class Schema(Spec):
    """What the user's data look like: everything needed to read more of them and to give them back."""

    net: ClassVar[str | None] = None  # the net that suits, where it does not follow from shapes
    exchangeable: ClassVar[bool] = False  # whether samples are single rows, which may be dealt to folds

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """As for every spec; columns are read back too."""
        if "columns" not in settings:
            return super().from_dict(settings)
        given: list[dict[str, Any]] = [
            {k: tuple(v) if isinstance(v, list) else v for k, v in column.items()} for column in settings["columns"]
        ]
        return super().from_dict({**settings, "columns": tuple(Column(**column) for column in given)})

    @property
    def in_shape(self) -> tuple[int, ...]:
        """Shape of what nets read, without the samples."""
        raise NotImplementedError

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Shape of what comparisons compare with, without the samples."""
        return self.in_shape

    @property
    def n_features(self) -> int:
        """How many features the user counts in a sample."""
        return math.prod(self.in_shape)

    def feature_names(self) -> list[str]:
        """A name for each element of the target."""
        raise NotImplementedError

    def feature_of(self, values: int) -> np.ndarray | None:
        """The feature that each of so many values, as nets read or make them, belongs to; None: each is one itself."""
        return None

    def column_names(self) -> list[str]:
        """The columns that a frame of this form has; none, where any will do."""
        return []

    def in_words(self) -> str:
        """What the data are, on one line."""
        raise NotImplementedError

    def loss(self, given: str) -> Spec:
        """The comparison for these data: the one named, or the one that fits for `"auto"`."""
        raise NotImplementedError

    def read(self, X: Any, caller: str) -> Any:
        """Data of this form as one raw number array, samples first."""
        raise NotImplementedError

    def read_to_train(self, X: Any, caller: str) -> Any:
        """As `read`, for rows that train."""
        return self.read(X, caller)

    def give(self, values: np.ndarray, like: Any = None) -> Any:
        """Raw numbers as the user's own kind of data, with the row labels of `like` where it has any."""
        raise NotImplementedError

    # What follows is the same for all forms whose samples are the user's own; series are cut into windows and override.

    def rebuild(self, values: np.ndarray, like: Any, rows: Any) -> Any:
        """What was predicted for the raw `rows` that `like` was read to, as the user's own kind of data."""
        return self.give(values, like)

    def errors(self, error: Tensor, weight: Tensor, per_feature: bool, like: Any, rows: Any) -> Any:
        """Errors of samples, (n,), or of each of their elements, from the error map and the sum of its weights."""
        if per_feature:
            return error.flatten(1).double().numpy()
        return (error.flatten(1).sum(1, dtype=torch.float64) / weight).numpy()

    def split(self, rows: Any, share: float, seed: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Which raw rows train (None: all), and which validate (None: none)."""
        order = np.random.default_rng(seed).permutation(len(rows))
        n = round(len(rows) * share)
        return np.sort(order[n:]), np.sort(order[:n])

    def split_by(self, splitter: Any, rows: Any, y: Any, caller: str) -> tuple[np.ndarray, np.ndarray]:
        """The same by the first split of a splitter of scikit-learn's."""
        train, held = next(iter(splitter.split(rows, y)))
        return np.asarray(train), np.asarray(held)

    def labels(self, labels: Any, rows: Any) -> Any:
        """Labels of samples as labels of raw rows."""
        return labels

    def places(self, like: Any, rows: Any, per_sample: bool) -> dict[str, Any]:
        """Columns that say where results belong, one a raw row, or one a sample as the user counts them."""
        return {}

    def readable(self, raw: np.ndarray) -> Any:
        """Raw rows as data that `read` takes."""
        return self.give(raw)

    def drawn(self, items: Any) -> Any:
        """Items of the user's own kind as small pictures, where samples are laid out in height and width."""
        return items

    def scaler(self) -> Scaler:
        """A scale that has learned nothing yet."""
        raise NotImplementedError


@dataclass(frozen=True)
class Modality(Spec):
    """A way to read data, with the user's settings."""

    def beside(self, schema: Schema) -> Modality:
        """The same for a target, where the input has a form: what the settings leave open follows the input."""
        return self

    def learn(self, X: Any, caller: str, loss: str = "auto", target: bool = False) -> tuple[Schema, Any]:
        """The form of the data, and the data read by it. A target may be of one dimension."""
        raise NotImplementedError


READINGS = (
    "a 2-D array or a frame is a table; a uint8 array (n, h, w) or (n, h, w, c) or a list of images is images; "
    "a list of str is texts; "
    'with modality="series" an array (time, channels), a frame or a list of those is series, with modality="audio" an '
    "array (n, time) or a list of arrays is sounds; paths are read by what they hold"
)


def infer(X: Any, caller: str, parameter: str = "modality") -> str:
    """The modality of data, by their type and shape alone, never by their values."""
    if isinstance(X, str) or hasattr(X, "__fspath__"):
        return "audio" if io.holds_sounds(X) else "image"
    if isinstance(X, io.Sounds):
        return "audio"
    if is_frame(X):
        return "table"
    if hasattr(X, "collect"):
        raise DataTypeError(f"{caller} got a lazy frame ({type(X).__name__}): collect it first, X.collect()")
    if isinstance(X, list | tuple) and len(X) == 0:
        raise DataError(f"Found array with 0 sample(s) while a minimum of 2 is required by {caller}: the list is empty")
    if isinstance(X, list | tuple) and isinstance(X[0], str) and parameter == "modality":
        return "text"
    if isinstance(X, list | tuple) and len(X) and not np.isscalar(X[0]):
        first = X[0]
        if hasattr(first, "getbands") or (
            isinstance(first, np.ndarray) and first.dtype == np.uint8 and first.ndim >= 2
        ):
            return "image"
    if hasattr(X, "__array__") or isinstance(X, list | tuple):
        dims, dtype = dims_of(X), getattr(X, "dtype", None)
        if dims in (3, 4):
            if dtype in (np.uint8, np.bool_):
                return "image"
            others = "images or series" if dims == 3 else "images or something else"
            series = f', {parameter}="series" for series (n, time, channels)' if dims == 3 else ""
            raise DataTypeError(
                f'{dims}-D array of shape {np.shape(X)} and type {dtype} may be {others}: pass {parameter}="image" for '
                f"images (n, height, width{', channels' if dims == 4 else ''}){series}; {READINGS}"
            )
        return "table"
    if hasattr(X, "shape"):  # sparse matrices, which the table refuses in scikit-learn's words
        return "table"
    raise DataTypeError(f"{caller} cannot read data of type {type(X).__name__}: {READINGS}")


def modality(choice: Any, X: Any, caller: str, parameter: str = "modality") -> Modality:
    """The modality that the user named, configured, or left to the data."""
    parts = {name: part for name, part in discover(sys.modules[__name__]).items() if issubclass(part, Modality)}
    if isinstance(choice, Modality):
        return choice
    if choice == "auto":
        choice = infer(X, caller, parameter)
    if choice not in parts:
        raise bad_parameter(caller, parameter, f"'auto', one of {sorted(parts)}, or an object of zl.modality", choice)
    return parts[choice]()


def chunks_of(raw: Any, rows: np.ndarray | None = None, values: int = 2**21) -> Chunks:
    """Rows of a raw array in chunks of about `values` numbers, as tensors; called again, they come again."""
    tensor = as_rows(raw)
    n = len(tensor) if rows is None else len(rows)
    step = max(16, values // max(1, math.prod(tensor.shape[1:])))
    index = None if rows is None else torch.as_tensor(rows)

    def chunks() -> Iterable[Tensor]:
        for start in range(0, n, step):
            yield tensor[start : start + step] if index is None else tensor[index[start : start + step]]

    return chunks


@torch.no_grad()
def mean_and_deviation(chunks: Iterable[Tensor]) -> tuple[Tensor, Tensor] | None:
    """Of columns (n, columns) that come in chunks, in float64, over the values that are there; None without chunks.

    Sums are taken around the first chunk's mean, so that large offsets do not cancel. Columns that are constant or hold
    nothing have deviation 0.
    """
    first: Tensor | None = None
    for chunk in chunks:
        x = chunk.double()
        there = ~x.isnan()
        if first is None:
            first = torch.where(there, x, 0).sum(0) / there.sum(0).clamp(min=1)
            count, total, squares = (torch.zeros_like(first) for _ in range(3))
            low, high = torch.full_like(first, torch.inf), torch.full_like(first, -torch.inf)
        centered = torch.where(there, x - first, 0)
        count += there.sum(0)
        total += centered.sum(0)
        squares += centered.square().sum(0)
        low = torch.minimum(low, torch.where(there, x, torch.inf).amin(0))
        high = torch.maximum(high, torch.where(there, x, -torch.inf).amax(0))
    if first is None:
        return None
    offset = total / count.clamp(min=1)
    deviation = (squares / count.clamp(min=1) - offset.square()).clamp(min=0).sqrt()
    return first + offset, torch.where(high > low, deviation, 0)


def masked(x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Values with 0 for what is missing, and the weights that say so (None: all are there)."""
    total = x.sum()
    if total == total:  # one look for all values: NaN spreads through a sum
        return x, None
    there = ~x.isnan()
    return torch.where(there, x, 0.0), there.float()


def __getattr__(name: str) -> Any:
    """`zl.modality.Table` and the others, found by discovery."""
    return public_attribute(sys.modules[__name__], name)


def __dir__() -> list[str]:
    return list(public_attribute(sys.modules[__name__], "__all__"))
