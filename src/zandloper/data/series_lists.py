"""One series or several: what the user gave as a list of series, and results as what it was."""

from __future__ import annotations

from typing import Any

import numpy as np

from zandloper.data.frames import dims_of, is_frame
from zandloper.errors import DataError, DataTypeError


def are_several(X: Any) -> bool:
    """Whether data are a list of series, or an array (n, time, channels)."""
    if isinstance(X, list | tuple):
        return len(X) > 0 and all(len(getattr(x, "shape", ())) > 0 for x in X)
    return not is_frame(X) and dims_of(X) == 3


def each_of(X: Any, caller: str) -> list[Any]:
    """The series in what the user gave."""
    if isinstance(X, str) or hasattr(X, "__fspath__"):
        raise DataTypeError(f"{caller} got a path as series: read it first, for example with pandas.read_csv")
    if not are_several(X):
        return [X]
    if len(X) == 0:
        raise DataError(f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is required by {caller}")
    return list(X) if isinstance(X, list | tuple) else list(np.asarray(X))


def as_given(parts: list[Any], like: Any) -> Any:
    """Results of single series as what they came in: one, a list, or one array of all."""
    if not are_several(like):
        return parts[0]
    return parts if isinstance(like, list | tuple) else np.stack(parts)
