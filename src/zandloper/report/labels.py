"""Labels of items: classes, or numbers on a scale; used to color and to name, never to measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from zandloper.errors import DataError
from zandloper.report.html import say

MOST_CLASSES = 40  # whole numbers of more kinds are a scale; of more texts the rarer ones are called "other"


@dataclass(frozen=True)
class Labels:
    """One label an item.

    Parameters
    ----------
    codes : ndarray of uint8, (n,)
        Of a class its number, of a scale 0 to 254 from the lowest to the highest value; 255 where there is none.
    names : tuple of str
        Of the classes; empty for a scale.
    values : ndarray or None
        The numbers of a scale.
    """

    codes: np.ndarray
    names: tuple[str, ...]
    values: np.ndarray | None = None

    @classmethod
    def read(cls, labels: Any, n: int) -> Self:
        """Labels as the user has them: an array, a list, a column of a frame."""
        given = labels.to_numpy() if hasattr(labels, "to_numpy") else np.asarray(labels)
        if given.ndim == 2 and given.shape[1] == 1:
            given = given[:, 0]
        if given.ndim != 1 or len(given) != n:
            raise DataError(f"labels must be one a row, {n} in all, got an array of shape {given.shape}")
        if given.dtype.kind in "iub":
            return cls._classes(given) if len(np.unique(given)) <= MOST_CLASSES else cls._scale(given.astype(float))
        if given.dtype.kind == "f":
            there = given[np.isfinite(given)]
            whole = len(np.unique(there)) <= MOST_CLASSES and bool((there == np.round(there)).all())
            return cls._classes(given) if whole and len(there) else cls._scale(given.astype(float))
        return cls._classes(np.array([None if _missing(v) else str(v) for v in given.tolist()], dtype=object))

    @classmethod
    def _classes(cls, given: np.ndarray) -> Self:
        values = [None if _missing(v) else v for v in given.tolist()]
        counts: dict[Any, int] = {}
        for v in values:
            if v is not None:
                counts[v] = counts.get(v, 0) + 1
        kept = sorted(counts, key=lambda v: (-counts[v], str(v)))
        rest = len(kept) > MOST_CLASSES
        kept = sorted(kept[: MOST_CLASSES - 1] if rest else kept)
        place = {v: i for i, v in enumerate(kept)}
        other = len(kept) if rest else 255
        codes = np.array([255 if v is None else place.get(v, other) for v in values], dtype=np.uint8)
        plain = lambda v: str(int(v)) if isinstance(v, float) else say(v) if not isinstance(v, bool) else str(v)  # noqa: E731
        return cls(codes, tuple([*map(plain, kept), *(["other"] if rest else [])]))

    @classmethod
    def _scale(cls, values: np.ndarray) -> Self:
        finite = np.isfinite(values)
        low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 1.0)
        share = (np.where(finite, values, low) - low) / (high - low if high > low else 1.0)
        codes = np.where(finite, np.round(254 * share), 255).astype(np.uint8)
        return cls(codes, (), np.where(finite, values, np.nan))

    def some(self, rows: np.ndarray) -> Labels:
        """Those of some rows."""
        return Labels(self.codes[rows], self.names, None if self.values is None else self.values[rows])

    def text(self, i: int) -> str:
        """The label of an item in words."""
        if self.values is not None:
            return say(float(self.values[i]))
        return "no label" if self.codes[i] == 255 else self.names[self.codes[i]]


def _missing(value: Any) -> bool:
    return value is None or value != value
