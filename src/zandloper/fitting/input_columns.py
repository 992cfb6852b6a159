"""Number and names of the columns that `fit` received, and scikit-learn's checks of later data against them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from zandloper.data.frames import dims_of, is_frame
from zandloper.errors import DataError


@dataclass(frozen=True)
class InputColumns:
    """Columns of a table.

    Parameters
    ----------
    count : int
    names : tuple of str or None
        None for tables without names of text.
    """

    count: int
    names: tuple[str, ...] | None = None

    @classmethod
    def of(cls, X: Any) -> Self:
        """Columns of a frame or of a 2-D array.

        Raises
        ------
        DataError
            Names are of a kind that scikit-learn refuses.
        """
        probe = BaseEstimator()
        _validate(probe, X, reset=True)
        names = getattr(probe, "feature_names_in_", None)
        return cls(int(probe.n_features_in_), None if names is None else tuple(names))

    def check(self, X: Any, caller: str) -> None:
        """Refuse frames and 2-D arrays whose columns are not these."""
        if not (is_frame(X) or dims_of(X) == 2):
            return
        probe = _named_estimator(caller)()
        self.store(probe)
        _validate(probe, X, reset=False)

    def store(self, estimator: Any) -> None:
        """Set `n_features_in_` and `feature_names_in_` of an estimator."""
        estimator.n_features_in_ = self.count
        if self.names is not None:
            estimator.feature_names_in_ = np.array(self.names, dtype=object)
        elif hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_


def _validate(estimator: Any, X: Any, reset: bool) -> None:
    try:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    except ValueError as error:
        raise DataError(str(error)) from error


@cache
def _named_estimator(name: str) -> type:
    """A class of that name: scikit-learn's errors and warnings take their subject from it."""
    return type(name, (BaseEstimator,), {})
