"""Tables: arrays, and pandas, polars and pyarrow frames of numbers, booleans, categories, times and missing values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw
import numpy as np

from zandloper.data.columns import Column, learn_column
from zandloper.data.frames import backend_of, dims_of, is_frame, numbers_of
from zandloper.errors import DataError
from zandloper.modality import Modality, Schema
from zandloper.modality.table.scaler import TableScaler
from zandloper.modality.table.schema import TableSchema

__all__ = ["Table", "TableScaler", "TableSchema"]


@dataclass(frozen=True)
class Table(Modality):
    """A table: rows are samples.

    Arrays are columns of numbers (NaN is missing). In frames, numbers, truth values, text and categories, dates, times
    and durations each get the scale and the error that suits them.

    Examples
    --------
    >>> import numpy as np
    >>> import zandloper as zl
    >>> form, raw = zl.modality.Table().learn(np.eye(4), "me")
    >>> form.in_shape, form.loss("auto").name
    ((4,), 'bce')
    """

    name: ClassVar[str] = "table"

    def learn(self, X: Any, caller: str, loss: str = "auto", target: bool = False) -> tuple[Schema, np.ndarray]:
        """The form of a table, and its numbers (n, columns)."""
        schema = _learn_frame(X, caller) if is_frame(X) else _learn_array(X, caller, target)
        raw = schema.read(X, caller)
        if raw.dtype.kind == "f" and np.isnan(raw[:100]).all() and np.isnan(raw).all():
            raise DataError(
                f"all {raw.size} values of {caller}'s data are missing (NaN): there is nothing to learn from"
            )
        if schema.numeric:
            binary = _is_binary(raw) and not any(c.integer and schema.backend != "array" for c in schema.columns)
            chosen = ("bce" if binary else "mse") if loss == "auto" else loss
            scaling = "none" if chosen == "bce" else "classes" if chosen == "cross_entropy" else "standard"
            classes = int(np.nanmax(raw)) + 1 if chosen == "cross_entropy" else 0
            schema = dataclasses.replace(schema, auto=chosen, scaling=scaling, classes=classes, dtype=str(raw.dtype))
        return dataclasses.replace(schema, dtype=str(raw.dtype)), raw


def _learn_frame(X: Any, caller: str) -> TableSchema:
    try:
        frame = nw.from_native(X, eager_only=True)
        names = frame.columns
    except nw.exceptions.NarwhalsError as error:
        raise DataError(f"the frame given to {caller} cannot be read: {error}") from error
    if len(frame) < 1 or not names:
        raise DataError(
            f"Found array with {len(frame)} sample(s) (shape={frame.shape}) while a minimum of 2 is required "
            f"by {caller}: the frame is empty"
        )
    columns = [learn_column(frame.get_column(name), caller) for name in frame.columns]
    return TableSchema(backend_of(frame), tuple(columns))


def _learn_array(X: Any, caller: str, target: bool) -> TableSchema:
    given = getattr(X, "dtype", None)
    if target and dims_of(X) == 1:
        X = np.asarray(X)
        if X.dtype.kind in "OUS":
            levels, counts = np.unique(X.astype(str), return_counts=True)
            ranked = tuple(levels[np.argsort(-counts, kind="stable")].tolist())
            return TableSchema("array", (Column("y", "category", "str", levels=ranked),), given="str", flat=True)
        kind = Column("y", "number", str(X.dtype))
        return TableSchema("array", (kind,), given=str(X.dtype), flat=True)
    raw = numbers_of(X, caller)
    columns = tuple(Column(f"x{i}", "number", str(raw.dtype)) for i in range(raw.shape[1]))
    numeric = given is not None and isinstance(given, np.dtype) and given.kind in "fiub"
    return TableSchema("array", columns, given=str(given) if numeric else "float64")


def _is_binary(raw: np.ndarray) -> bool:
    for start in range(0, len(raw), 65_536):
        part = raw[start : start + 65_536]
        if not bool(((part == 0) | (part == 1) | (part != part)).all()):
            return False
    return bool((raw == 1).any() and (raw == 0).any())
