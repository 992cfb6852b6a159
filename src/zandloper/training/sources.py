"""Where training draws its batches from, and what it shares its decisions through.

A `Source` gives the batches of an epoch and the rows in order; here from arrays in memory. A `World` is where several
processes would meet; here there is one. The training loop knows nothing else of either, so that streams and clusters
can come without a second loop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.data.windows import as_rows
from zandloper.model.batch import Batch


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
        """The batches of an epoch from step `first` on: the same for the same number, whenever they are asked for."""

    def blocks(self, block: int) -> Iterator[Movable]:
        """All rows once, in order."""


class ArraySource:
    """Batches from arrays in memory, gathered row by row: nothing is copied but the batch.

    Parameters
    ----------
    raw : array of shape (n, ...), or windows
        Inputs; target and condition, where given, have as many rows.
    rows : array of int, or None
        Which rows belong to this source; None: all of them.
    batch_size : int
        At most that many rows a batch; the batches of an epoch differ by one row at most, so that none is tiny.
    seed : int
        The order of an epoch follows from the seed and the epoch's number alone.
    """

    def __init__(
        self,
        raw: Any,
        target: Any = None,
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
        """The batches of an epoch, from step `first` on."""
        rng = torch.Generator().manual_seed(mixed_seed(self._seed, epoch))
        order = self._index[torch.randperm(self.rows, generator=rng)]
        for part in order.tensor_split(self.steps)[first:]:
            yield self._take(part)

    def blocks(self, block: int) -> Iterator[Batch]:
        """All rows once, in order, in blocks."""
        for part in self._index.split(block):
            yield self._take(part)

    def _take(self, rows: Tensor) -> Batch:
        x, target, condition = (None if a is None else a.index_select(0, rows) for a in self._arrays)
        return Batch(x, target=target, condition=condition)  # type: ignore[arg-type]


def mixed_seed(*parts: int) -> int:
    """One seed out of several numbers, so that every step has random numbers of its own and a resumed run the same."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class World:
    """One process: every mean is its own, every decision its own."""

    rank, size = 0, 1

    def mean(self, value: float) -> float:
        """The mean of a number over all processes."""
        return value

    def any(self, flag: bool) -> bool:
        """Whether any process says so."""
        return flag

    def share_gradients(self, module: nn.Module) -> None:
        """Average the gradients of all processes in place."""
