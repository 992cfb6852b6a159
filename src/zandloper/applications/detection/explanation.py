"""Why rows are odd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Explanation:
    """Why rows are odd: `error`, how far each value is from what is usual there, and `expected`, what was expected.

    `error` has the shape of the data's numbers, (n, columns) for a table; 1 is usual. `expected` is in the data's own
    form. `names` are those of the columns. Of a list of images that are larger than the learned ones, `error` is a list
    of arrays (channels, height, width), and `names` are a list for each.
    """

    error: Any
    expected: Any
    names: Sequence[Any]

    def top(self, n: int = 3) -> list[list[tuple[str, float]]]:
        """For each row the n columns that say most, with their errors, the largest first."""
        if isinstance(self.error, list):
            each = zip(self.error, self.names)
            return [Explanation(error[None], None, names).top(n)[0] for error, names in each]
        flat = self.error.reshape(len(self.error), -1)
        order = np.argsort(-flat, axis=1, kind="stable")[:, :n]
        return [[(self.names[j], float(row[j])) for j in best] for row, best in zip(flat, order)]
