"""Explanation of anomaly scores by errors per value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Explanation:
    """Errors and expected values of rows, images or steps.

    Parameters
    ----------
    error : ndarray (n, *values), or list of ndarray
        Error of each value divided by its typical error: about 1 for normal rows. (n, columns) for a table; for a list
        of images larger than the training images, a list of arrays (channels, height, width).
    expected : data
        Values that were expected, in the form of the user's data.
    names : sequence of str
        Names of the columns; for a list of larger images, one list for each.
    """

    error: Any
    expected: Any
    names: Sequence[Any]

    def top(self, n: int = 3) -> list[list[tuple[str, float]]]:
        """For each row the n columns with the largest errors, and these errors, in falling order."""
        if isinstance(self.error, list):
            each = zip(self.error, self.names)
            return [Explanation(error[None], None, names).top(n)[0] for error, names in each]
        flat = self.error.reshape(len(self.error), -1)
        order = np.argsort(-flat, axis=1, kind="stable")[:, :n]
        return [[(self.names[j], float(row[j])) for j in best] for row, best in zip(flat, order)]
