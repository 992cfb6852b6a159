"""Modalities carry a user's data in and out. One file each, with three things:

- a `Modality` (a `Spec`: the user's settings), whose `learn(X, owner)` looks at data once and gives
- a `Form` (a `Spec`: what the data look like, JSON-ready), which reads any later data of the kind into one raw number
  array and gives numbers back as the user's own kind; its `scale()` makes
- a scale (a `torch` module inside the graph), whose statistics come from the training rows in chunks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.columns import dims_of, is_frame
from zandloper.errors import DataError, DataTypeError, bad_parameter
from zandloper.spec import Spec, discover

Chunks = Callable[[], Iterable[Tensor]]


class Scale(nn.Module):
    """From raw numbers to model units and back; `learn` sets its buffers from chunks of raw rows."""

    unit = False  # whether nets get values of about mean 0 and deviation 1

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
class Form(Spec):
    """What the user's data look like: everything needed to read more of them and to give them back."""

    @property
    def in_shape(self) -> tuple[int, ...]:
        """Shape of what nets read, without the samples."""
        raise NotImplementedError

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Shape of what comparisons compare with, without the samples."""
        return self.in_shape

    def feature_names(self) -> list[str]:
        """A name for each element of the target."""
        raise NotImplementedError

    def loss(self, given: str) -> Spec:
        """The comparison for these data: the one named, or the one that fits for `"auto"`."""
        raise NotImplementedError

    def read(self, X: Any, owner: str) -> np.ndarray:
        """Data of this form as one raw number array, samples first."""
        raise NotImplementedError

    def give(self, values: np.ndarray, like: Any = None) -> Any:
        """Raw numbers as the user's own kind of data, with the row labels of `like` where it has any."""
        raise NotImplementedError

    def scale(self) -> Scale:
        """A scale that has learned nothing yet."""
        raise NotImplementedError


@dataclass(frozen=True)
class Modality(Spec):
    """A way to read data, with the user's settings."""

    def learn(self, X: Any, owner: str, loss: str = "auto", target: bool = False) -> tuple[Form, np.ndarray]:
        """The form of the data, and the data read by it. A target may be of one dimension."""
        raise NotImplementedError


READINGS = "a 2-D array or a frame is a table; a uint8 array (n, h, w) or (n, h, w, c) or a list of images is images"


def infer(X: Any, owner: str, parameter: str = "modality") -> str:
    """The modality of data, by their type and shape alone, never by their values."""
    if isinstance(X, str) or hasattr(X, "__fspath__"):
        return "image"
    if is_frame(X):
        return "table"
    if hasattr(X, "collect"):
        raise DataTypeError(f"{owner} got a lazy frame ({type(X).__name__}): collect it first, X.collect()")
    if isinstance(X, list | tuple) and len(X) == 0:
        raise DataError(f"Found array with 0 sample(s) while a minimum of 2 is required by {owner}: the list is empty")
    if isinstance(X, list | tuple) and isinstance(X[0], str) and parameter == "modality":
        raise DataTypeError(f"{owner} got a list of texts, which is neither table nor images: {READINGS}")
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
            raise DataTypeError(
                f'{dims}-D array of shape {np.shape(X)} and type {dtype} may be {others}: pass {parameter}="image" for '
                f"images (n, height, width{', channels' if dims == 4 else ''}); {READINGS}"
            )
        return "table"
    if hasattr(X, "shape"):  # sparse matrices, which the table refuses in scikit-learn's words
        return "table"
    raise DataTypeError(f"{owner} cannot read data of type {type(X).__name__}: {READINGS}")


def modality(choice: Any, X: Any, owner: str, parameter: str = "modality") -> Modality:
    """The modality that the user named, configured, or left to the data."""
    parts = {name: part for name, part in discover(sys.modules[__name__]).items() if issubclass(part, Modality)}
    if isinstance(choice, Modality):
        return choice
    if choice == "auto":
        choice = infer(X, owner, parameter)
    if choice not in parts:
        raise bad_parameter(owner, parameter, f"'auto', one of {sorted(parts)}, or an object of zl.modality", choice)
    return parts[choice]()


def chunks_of(raw: np.ndarray | Tensor, rows: np.ndarray | None = None, values: int = 2**21) -> Chunks:
    """Rows of a raw array in chunks of about `values` numbers, as tensors; called again, they come again."""
    tensor = torch.as_tensor(raw)
    n = len(tensor) if rows is None else len(rows)
    step = max(16, values // max(1, tensor[0].numel()))
    index = None if rows is None else torch.as_tensor(rows)

    def chunks() -> Iterable[Tensor]:
        for start in range(0, n, step):
            yield tensor[start : start + step] if index is None else tensor[index[start : start + step]]

    return chunks


def __getattr__(name: str) -> Any:
    """`zl.modality.Table` and its siblings, found by discovery."""
    for part in discover(sys.modules[__name__]).values():
        if part.__name__ == name:
            return part
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
