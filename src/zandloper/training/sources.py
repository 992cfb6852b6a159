"""Sources of batches, and the processes that share the decisions of a run.

A `Source` yields the batches of an epoch, or all rows in order; `ArraySource` does from arrays in memory. A `World`
averages over processes; this one has one process. The training loop uses nothing else of either, so that streams and
clusters need no second loop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.data.windows import Windows, as_rows
from zandloper.model.batch import Batch

Raw = np.ndarray | Tensor | Windows


class Movable(Protocol):
    """A batch as the loop sees it: rows that are counted and moved to a device; the module alone looks inside."""

    @property
    def x(self) -> Tensor:
        """The inputs, one row per sample."""

    def to(self, device: torch.device) -> Movable:
        """The same batch on another device."""


class Source(Protocol):
    """A supply of raw batches."""

    rows: int
    steps: int

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Movable]:
        """Yield the batches of an epoch from step `first` on, the same ones each time for the same epoch."""
        ...

    def in_order(self, batch_size: int) -> Iterator[Movable]:
        """Yield all rows once, in order."""
        ...


class ArraySource:
    """Batches from arrays in memory; only the rows of a batch are copied.

    Parameters
    ----------
    raw : array of shape (n, ...), or windows
        Inputs; target and condition, where given, have as many rows.
    rows : array of int, or None
        Which rows belong to this source; None: all of them.
    batch_size : int
        Most rows per batch; the batches of an epoch differ by one row at most, so that none is tiny.
    seed : int
        The order of an epoch follows from the seed and the epoch's number alone.
    """

    def __init__(
        self,
        raw: Raw,
        target: Raw | None = None,
        condition: np.ndarray | None = None,
        rows: np.ndarray | None = None,
        batch_size: int = 256,
        seed: int = 0,
    ) -> None:
        self._arrays = [None if a is None else as_rows(a) for a in (raw, target, condition)]
        self._index = torch.arange(len(raw)) if rows is None else torch.as_tensor(rows)
        self.rows = len(self._index)
        self.steps = max(1, -(-self.rows // batch_size))
        self._seed = seed

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from step `first` on."""
        rng = torch.Generator().manual_seed(mixed_seed(self._seed, epoch))
        order = self._index[torch.randperm(self.rows, generator=rng)]
        for part in order.tensor_split(self.steps)[first:]:
            yield self._take(part)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield all rows once, in order."""
        for part in self._index.split(batch_size):
            yield self._take(part)

    def _take(self, rows: Tensor) -> Batch:
        x, target, condition = (None if a is None else a.index_select(0, rows) for a in self._arrays)
        assert x is not None
        return Batch(x, target=target, condition=condition)


def mixed_seed(*parts: int) -> int:
    """Return one seed for several numbers: every step has its own random numbers, also in a resumed run."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class World:
    """The processes of a run: one, whose means and decisions are final."""

    rank, size = 0, 1

    def mean(self, value: float) -> float:
        """Return the mean of a number over all processes."""
        return value

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        return flag

    def share_gradients(self, module: nn.Module) -> None:
        """Average the gradients of all processes in place."""
