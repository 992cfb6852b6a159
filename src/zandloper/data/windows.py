"""Windows over series, cut when they are asked for, and the way back from windows to single time steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor


class Windows:
    """Overlapping windows as the rows of one raw array (n, channels, length), of which only the series are in memory.

    It is read like a tensor: `len`, `shape`, `dtype`, and any index of rows, which gives a tensor of those rows alone.

    Parameters
    ----------
    store : Tensor (channels, steps)
        All series one after the other, NaN where nothing is known.
    starts : ndarray of int, (n,)
        Where in the store each window begins, in rising order.
    length : int
        Steps in a window.
    firsts : ndarray of int, (pieces,)
        Where each piece of the store begins that follows no other in time: a series, or what comes after a long gap.
    at : tuple of ndarray of int, or of slices
        For each of the user's series, where in the store its steps lie.

    Examples
    --------
    >>> import torch
    >>> w = Windows(torch.arange(6.0)[None], np.array([0, 2]), 4, np.array([0]), (np.arange(6),))
    >>> w.shape, w[1].tolist()
    ((2, 1, 4), [[2.0, 3.0, 4.0, 5.0]])
    >>> w.fold(w[:].numpy())[0].ravel().tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """

    ndim = 3

    def __init__(self, store: Tensor, starts: np.ndarray, length: int, firsts: np.ndarray, at: tuple[Any, ...]) -> None:
        self.store, self.starts, self.length, self.firsts, self.at = store, starts, length, firsts, at
        # A view of all windows that there could be; with the channels in front, a window's steps lie side by side.
        self._all = store.unfold(1, length, 1).transpose(0, 1)
        self._index = torch.from_numpy(starts)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(windows, channels, steps)."""
        return (len(self.starts), len(self.store), self.length)

    @property
    def dtype(self) -> torch.dtype:
        """Of the values."""
        return self.store.dtype

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, rows: Any) -> Tensor:
        index = self._index[rows]
        return self._all[int(index)] if index.dim() == 0 else self._all.index_select(0, index)

    def index_select(self, dim: int, rows: Tensor) -> Tensor:
        """Some rows, as a tensor has it; the only dimension is 0."""
        return self[rows]

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """All that decides what the windows hold: the series, and where windows begin."""
        return self.store.numpy(), self.starts

    def with_something(self) -> Windows:
        """Those of the windows in which any value is there."""
        there = np.concatenate([[0], np.cumsum(~self.store.isnan().all(0).numpy())])
        return self.some(there[self.starts + self.length] > there[self.starts])

    def some(self, rows: np.ndarray) -> Windows:
        """Some of the windows, still not cut."""
        return Windows(self.store, self.starts[rows], self.length, self.firsts, self.at)

    def present(self) -> list[np.ndarray]:
        """Of each of the user's series, which values are there: bool (steps, channels)."""
        there = ~self.store.isnan().numpy()
        return [there[:, at].T for at in self.at]

    def fold(self, values: np.ndarray) -> list[np.ndarray]:
        """From values (n, channels, length) of windows to each of the user's series, (steps, channels), in float64.

        A step is covered by several windows and gets their mean. Weights that fall towards a window's ends were no
        better on taxi rides.
        """
        channels, length = values.shape[1:]
        total, count = np.zeros((channels, self.store.shape[1])), np.zeros(self.store.shape[1])
        for j in range(length):  # windows begin at different steps: none is added to twice
            total[:, self.starts + j] += values[:, :, j].T
            count[self.starts + j] += 1
        return [(total[:, at] / np.maximum(count[at], 1)).T for at in self.at]


RawRows: TypeAlias = Tensor | Windows


def as_rows(raw: np.ndarray | RawRows) -> RawRows:
    """A raw array as rows that index to tensors: windows as they are, arrays as a tensor."""
    return raw if isinstance(raw, Windows) else torch.as_tensor(raw)


def lay_out(
    series: Sequence[np.ndarray],
    steps: Sequence[np.ndarray],
    dtype: np.dtype,
    gap: int,
    length: int,
    stride: int,
) -> Windows:
    """Series in one array, each value at its step, and the windows over them.

    Parameters
    ----------
    series : sequence of ndarray (rows, channels)
    steps : sequence of ndarray of int, (rows,)
        Which step of its grid each row is, rising; steps without a row are missing.
    gap : int
        So many steps without a row part a series in two, so that long gaps cost no memory.
    length, stride : int
        Of the windows. A piece that is shorter than a window is padded with missing steps.
    """
    at, firsts, starts, total = [], [], [], 0
    for mine in steps:
        cuts = np.flatnonzero(np.diff(mine) > gap) + 1
        place = np.empty(len(mine), np.int64)
        for low, high in zip([0, *cuts], [*cuts, len(mine)]):
            long = int(mine[high - 1] - mine[low]) + 1
            place[low:high] = total + mine[low:high] - mine[low]
            firsts.append(total)
            starts.append(total + cover(long, length, stride))
            total += max(long, length)
        at.append(place)
    store = np.full((series[0].shape[1], total), np.nan, dtype)
    for values, place in zip(series, at):
        store[:, place] = values.T
    return Windows(torch.from_numpy(store), np.concatenate(starts), length, np.array(firsts), tuple(at))


def cover(steps: int, length: int, stride: int) -> np.ndarray:
    """Where windows begin so that every step is in one: every `stride` steps, and the last at the very end."""
    last = max(0, steps - length)
    starts = np.arange(0, last + 1, stride)
    return starts if starts[-1] == last else np.append(starts, last)


def blocks_of_time(
    raw: Windows, share: float, gap: int, stride: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows to train on and rows to validate with: blocks of time, spread over all of it, with a gap around each.

    No validation window shares a step with a training window, and within a series `gap` steps lie between them. There
    are as many blocks as cost no more rows around them than they hold, at most 8. Where there is room for one alone, it
    is the end, which has one border only. Where every series is a window of its own, there are no borders: each block
    is then one series.

    Returns
    -------
    (train, held), or None where that would leave too little to train on.
    """
    n, held, reach = len(raw), max(1, round(share * len(raw))), raw.length + gap
    piece = np.searchsorted(raw.firsts, raw.starts, side="right") - 1
    ends = np.append(raw.firsts[1:], raw.store.shape[1])
    lost = 2 * min(reach / stride, n / len(raw.firsts) - 1)
    blocks = held if lost < 1 else int(np.clip(held // lost, 1, 8))
    edges = np.linspace(0, n, blocks + 1).astype(int)
    sizes = np.diff(np.linspace(0, held, blocks + 1).astype(int))
    train, validation = np.ones(n, bool), np.zeros(n, bool)
    for low, high, size in zip(edges, edges[1:], sizes):
        first = n - size if blocks == 1 else low + int(rng.integers(high - low - size + 1))
        last = first + size - 1
        validation[first : last + 1] = True
        near_low = max(raw.starts[first] - reach + 1, raw.firsts[piece[first]])
        near_high = min(raw.starts[last] + reach, ends[piece[last]])
        train[slice(*np.searchsorted(raw.starts, (near_low, near_high)))] = False
    if train.sum() < (1 - share) * n / 2:
        return None
    return np.flatnonzero(train), np.flatnonzero(validation)
