"""The schema of tables: columns to numbers, and back to the frame or array that the user passed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals as nw
import numpy as np

from zandloper.data.column_dtypes import give_column
from zandloper.data.columns import Column, read_column
from zandloper.data.frames import dims_of, give_frame, give_numbers, is_frame, numbers_of
from zandloper.errors import DataError, DataTypeError, bad_parameter
from zandloper.modality import Scaler, Schema
from zandloper.modality.table.scaler import TableScaler
from zandloper.model.losses.bce import BCE
from zandloper.model.losses.cross_entropy import CrossEntropy
from zandloper.model.losses.gaussian import GaussianNLL
from zandloper.model.losses.mae import MAE
from zandloper.model.losses.mixed import MixedColumns
from zandloper.model.losses.mse import MSE
from zandloper.spec import Spec


@dataclass(frozen=True)
class TableSchema(Schema):
    """What a table looks like.

    Parameters
    ----------
    backend : {"array", "pandas", "polars", "pyarrow"}
        Where the table came from and goes back to.
    columns : tuple of Column
        One each, in order.
    dtype : str
        Of the raw array.
    given : str
        Of the user's array, before it was read.
    auto : str
        The name of the loss that suits.
    scaling : {"standard", "none", "classes"}
        Columns of mean 0 and deviation 1; as they are; or standard for the net and as they are for the loss.
    classes : int
        How many, for a table of class numbers.
    flat : bool
        A single column that came as a 1-D array.
    """

    name: ClassVar[str] = "table_schema"
    exchangeable: ClassVar[bool] = True
    backend: str
    columns: tuple[Column, ...]
    dtype: str = "float64"
    given: str = "float64"
    auto: str = "mixed"
    scaling: str = "standard"
    classes: int = 0
    flat: bool = False

    @property
    def numeric(self) -> bool:
        """Whether all columns are numbers (times count)."""
        return all(c.kind in ("number", "time") for c in self.columns)

    @property
    def in_shape(self) -> tuple[int, ...]:
        """One value for a number, one for each level of a category."""
        return (sum(c.width for c in self.columns),)

    @property
    def target_shape(self) -> tuple[int, ...]:
        """One value a column."""
        return (len(self.columns),)

    def feature_names(self) -> list[str]:
        """The columns' names."""
        return [str(c.name) for c in self.columns]

    def column_names(self) -> list[str]:
        """All columns of a frame."""
        return [] if self.backend == "array" else self.feature_names()

    def in_words(self) -> str:
        """Columns, and of which kinds."""
        kinds = Counter(column.kind for column in self.columns)
        return f"table of {len(self.columns)} columns ({', '.join(f'{n} {kind}' for kind, n in kinds.items())})"

    def loss(self, given: str) -> Spec:
        """MSE for numbers, BCE for zeros and ones, mixed where kinds differ."""
        chosen = self.auto if given == "auto" else given
        if not self.numeric and chosen != "mixed":
            odd = next(c for c in self.columns if c.kind not in ("number", "time"))
            raise DataError(
                f"loss={chosen!r} needs columns of numbers, and column {odd.name!r} is a {odd.kind}: "
                "take loss='auto', which measures each column in its own way"
            )
        if chosen == "mixed":
            return MixedColumns(tuple({"category": c.width, "truth": 1}.get(c.kind, 0) for c in self.columns))
        choices: dict[str, Any] = {
            "gaussian": GaussianNLL,
            "mse": MSE,
            "mae": MAE,
            "bce": BCE,
            "cross_entropy": lambda: CrossEntropy(max(2, self.classes)),
        }
        if chosen not in choices:
            raise bad_parameter(
                "the model", "loss", f"'auto', one of {sorted([*choices, 'mixed'])} or an nn.Module", given
            )
        return choices[chosen]()

    def read(self, X: Any, caller: str) -> np.ndarray:
        """The table's numbers, (n, columns): floats, or the integers of an array."""
        if self.backend == "array":
            return self._read_array(X, caller)
        if not is_frame(X):
            if self.numeric and dims_of(X) == 2:
                return numbers_of(X, caller)
            raise DataTypeError(
                f"{caller} was fitted on a frame with columns of several kinds and got {type(X).__name__}: "
                f"pass a frame with the columns {[c.name for c in self.columns][:8]}"
            )
        frame = nw.from_native(X, eager_only=True)
        lost = [c.name for c in self.columns if c.name not in frame.columns]
        if lost or len(frame.columns) != len(self.columns):
            new = [c for c in frame.columns if c not in {k.name for k in self.columns}]
            raise DataError(
                f"The feature names should match those that were passed during fit: {caller} got a frame "
                f"with other columns; missing: {lost[:8]}, unknown: {new[:8]}"
            )
        frame = frame.select(*(frame.get_column(c.name) for c in self.columns))  # in the order of the fit
        if all(str(frame.get_column(c.name).dtype) in ("Float32", "Float64") for c in self.columns) and self.numeric:
            return numbers_of(frame.to_numpy(), caller)
        raw = np.empty((len(frame), len(self.columns)))
        for i, column in enumerate(self.columns):
            raw[:, i] = read_column(column, frame.get_column(column.name), caller)
        return raw

    def _read_array(self, X: Any, caller: str) -> np.ndarray:
        if is_frame(X):
            X = nw.from_native(X, eager_only=True).to_numpy()
        if self.flat:
            X = np.asarray(X)
            if X.ndim == 2 and X.shape[1] == 1:
                X = X[:, 0]
            if X.ndim != 1:
                raise DataError(f"{caller} was fitted on a 1-D target and got an array of shape {X.shape}")
            if self.columns[0].kind == "category":
                codes = {level: i for i, level in enumerate(self.columns[0].levels)}
                return np.array([codes.get(v, np.nan) for v in X.tolist()])[:, None]
            X = X[:, None]
        raw = numbers_of(X, caller)
        if raw.shape[1] != len(self.columns):
            raise DataError(
                f"X has {raw.shape[1]} features, but {caller} is expecting {len(self.columns)} features as input"
            )
        return raw

    def feature_of(self, values: int) -> np.ndarray | None:
        """Levels of a category belong to one column."""
        of = np.repeat(np.arange(len(self.columns)), [max(1, c.width) for c in self.columns])
        return of if len(of) == values != len(self.columns) else None

    def give(self, values: np.ndarray, like: Any = None) -> Any:
        """Numbers (n, columns) as the kind of table that was learned, with the index of `like` where it has one."""
        if self.backend == "array":
            if self.flat and self.columns[0].kind == "category":
                return np.array(self.columns[0].levels)[values[:, 0].astype(int)]
            values = give_numbers(values, self.given)
            return values[:, 0] if self.flat else values
        series = {
            c.name: give_column(c, np.asarray(values[:, i], float), self.backend) for i, c in enumerate(self.columns)
        }
        return give_frame(series, self.backend, like)

    def scaler(self) -> Scaler:
        """The scale of these columns."""
        return TableScaler(self)
