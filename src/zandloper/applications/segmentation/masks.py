"""Masks: reading, conversion between class values and class indices, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zandloper.data.signals import Field, Fields
from zandloper.errors import DataError, DataTypeError
from zandloper.io.images import images_at, pixels_of

MOST_CLASSES = 256


def read_masks(masks: Any, caller: str) -> list[np.ndarray]:
    """Read masks as arrays (height, width) of integers or booleans.

    Parameters
    ----------
    masks : array (n, height, width), list of arrays (height, width) or Pillow images, or path of a file or folder
        A last axis of length 1 is dropped.

    Raises
    ------
    DataError, DataTypeError
        Masks of other shapes, or with fractions.
    """
    if isinstance(masks, str | Path):
        masks = list(images_at(Path(masks)))
    if hasattr(masks, "getbands") or (isinstance(masks, np.ndarray) and masks.ndim == 2):
        masks = [masks]
    if not isinstance(masks, list | tuple | np.ndarray):
        raise DataTypeError(f"{caller} got masks of type {type(masks).__name__}: pass an array, a list or a folder")
    return [_one(mask, i, caller) for i, mask in enumerate(masks)]


def _one(mask: Any, i: int, caller: str) -> np.ndarray:
    array = pixels_of(mask) if hasattr(mask, "getbands") else np.asarray(mask)
    array = array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(
            f"{caller} got a mask of shape {array.shape} at position {i} (from 0): wanted is one class number a pixel, "
            "(height, width); of colored masks make numbers first, one a color"
        )
    if array.dtype.kind == "f":
        if not (np.isfinite(array).all() and (array == np.round(array)).all()):
            raise DataError(f"{caller} got a mask of numbers that are not whole at position {i} (from 0): round it")
        array = array.astype(np.int64)
    if array.dtype.kind not in "biu":
        raise DataTypeError(f"{caller} got a mask of dtype {array.dtype} at position {i} (from 0): wanted are integers")
    return array


@dataclass(frozen=True)
class Classes:
    """The class values in masks, and the value of unknown pixels.

    Parameters
    ----------
    values : ndarray (classes,)
        In rising order.
    ignore : int or None
        The value of unknown pixels.
    dtype : str
        Of predicted masks.
    """

    values: np.ndarray
    ignore: int | None
    dtype: str

    @classmethod
    def learn(cls, masks: list[np.ndarray], ignore: int | None, caller: str) -> Classes:
        """Learn the class values of the training masks."""
        found = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
        dtype = str(np.result_type(*masks)) if found.dtype.kind != "b" else "bool"
        values = found if ignore is None else found[found != ignore]
        if len(values) < 2:
            held = f"only class {values[0]}" if len(values) else "no class at all"
            raise DataError(f"the masks of {caller} hold {held}: there is nothing to tell apart, pass some with two")
        if len(values) > MOST_CLASSES:
            raise DataError(
                f"the masks of {caller} hold {len(values)} different numbers, wanted are at most {MOST_CLASSES} "
                "classes: numbers of single objects are no classes, pass masks > 0"
            )
        return cls(values, ignore, dtype)

    def __len__(self) -> int:
        return len(self.values)

    def encode(self, mask: np.ndarray, caller: str, i: int) -> np.ndarray:
        """Convert a mask to indices into `values`, -1 for unknown: int16 (height, width)."""
        indices = np.searchsorted(self.values, mask).clip(max=len(self.values) - 1)
        known = self.values[indices] == mask
        unknown = ~known if self.ignore is None else ~known & (mask != self.ignore)
        if unknown.any():
            raise DataError(
                f"the mask at position {i} (from 0) holds class {mask[unknown][0]}, which {caller} has not seen in "
                f"training; it knows {_first_values(self.values)}"
            )
        return np.where(known, indices, -1).astype(np.int16)

    def decode(self, indices: np.ndarray) -> np.ndarray:
        """Convert class indices to a mask of class values."""
        return self.values[indices].astype(self.dtype)


def _first_values(values: np.ndarray) -> str:
    shown = ", ".join(str(v) for v in values[:8])
    return f"{shown} ..." if len(values) > 8 else shown


def label_fields(classes: Classes, masks: list[np.ndarray], caller: str) -> list[Field]:
    """Convert masks to fields of class indices, from which patches are cut as from images."""
    return [Field(classes.encode(mask, caller, i)[None], 1.0) for i, mask in enumerate(masks)]


def check_pairs(images: Fields, masks: list[np.ndarray], caller: str) -> None:
    """Refuse masks that differ from the images in number or size."""
    if len(images.items) != len(masks):
        raise DataError(f"{caller} got {len(images.items)} images and {len(masks)} masks: pass one mask for each image")
    for i, (item, mask) in enumerate(zip(images.items, masks)):
        if item.size != mask.shape:
            raise DataError(
                f"the image at position {i} (from 0) has {item.size[0]} x {item.size[1]} pixels and its mask "
                f"{mask.shape[0]} x {mask.shape[1]}: they must be of one size"
            )


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """The confusion matrix, true classes in rows, predicted ones in columns; -1 in the truth does not count."""
    known = truth >= 0
    pairs = truth[known].astype(np.int64) * classes + predicted[known]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def iou_by_class(table: np.ndarray) -> np.ndarray:
    """Intersection over union of each class, (classes,), from a confusion matrix; NaN for absent classes.

    Jaccard 1912, "The distribution of the flora in the alpine zone".
    """
    both = np.diag(table)
    either = table.sum(0) + table.sum(1) - both
    return np.divide(both, either, out=np.full(len(table), np.nan), where=either > 0)


def total_confusion(predicted: Iterable[np.ndarray], truth: list[Field], classes: int) -> np.ndarray:
    """The confusion matrix of all images together, from class indices."""
    pairs = (confusion(field.values[0], indices, classes) for indices, field in zip(predicted, truth))
    total: np.ndarray = sum(pairs, np.zeros((classes, classes), np.int64))
    return total


def class_rates(masks: list[Field], classes: int) -> np.ndarray:
    """The share of each class among the pixels that are known, (classes,)."""
    counts = sum(np.bincount(m.values[m.values >= 0].ravel(), minlength=classes) for m in masks)
    return np.asarray(counts) / max(1, np.sum(counts))
