"""Random patches of images and sounds as a `Source` of batches, rotated and flipped; no patch is stored."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from zandloper.data.signals import Field
from zandloper.errors import bad_parameter
from zandloper.model.batch import Batch
from zandloper.training.sources import mixed_seed

AUGMENTATIONS = {1: (0,), 2: (0, 7), 4: (0, 3, 4, 7), 8: tuple(range(8))}  # symmetries by the number of copies
MAX_STEPS_PER_EPOCH = 256


class PatchSource:
    """Patches of images or sounds, drawn uniformly.

    Parameters
    ----------
    items, targets : list of Field
        The images or sounds; targets are cut and transformed like the items.
    size : tuple of int
        The size of a patch. Smaller items are padded by reflection.
    batch_size : int
    seed : int
        A batch follows from the seed, the epoch and the step alone.
    turn : bool
        Whether images are rotated and flipped: by all eight symmetries of the square, or if not square, flipped alone.
    """

    def __init__(
        self,
        items: list[Field],
        targets: list[Field] | None,
        size: tuple[int, ...],
        batch_size: int,
        seed: int,
        augment: bool,
    ) -> None:
        self.items, self.targets, self.size, self.augment = items, targets, size, augment
        self._seed, self._batch = seed, batch_size
        places = np.array([np.prod(item.size, dtype=np.float64) for item in items])
        self._share = np.cumsum(places / places.sum())
        whole = int(np.ceil(places.sum() / np.prod(size)))
        self.steps = int(np.clip(-(-whole // batch_size), 1, MAX_STEPS_PER_EPOCH))
        self.rows = self.steps * batch_size

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from step `first` on."""
        for step in range(first, self.steps):
            rng = np.random.default_rng(mixed_seed(self._seed, epoch, step))
            yield self._batch_of([self._draw(rng) for _ in range(self._batch)])

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield one patch from the middle of each item, in order."""
        middles = []
        for i in range(len(self.items)):
            corner = tuple(max(0, (have - want) // 2) for have, want in zip(self.items[i].size, self.size))
            middles.append((i, corner, 0))
        for start in range(0, len(middles), batch_size):
            yield self._batch_of(middles[start : start + batch_size])

    def held(self, rows: np.ndarray) -> PatchSource:
        """Return the validation source over some of the items: a patch from the middle of each."""
        some = PatchSource(*self._some(rows), self.size, self._batch, self._seed, False)
        some.rows = len(rows)
        return some

    def without(self, rows: np.ndarray) -> PatchSource:
        """Return the source over the other items."""
        others = np.setdiff1d(np.arange(len(self.items)), rows)
        return PatchSource(*self._some(others), self.size, self._batch, self._seed, self.augment)

    def _some(self, rows: np.ndarray) -> tuple[list[Field], list[Field] | None]:
        targets = None if self.targets is None else [self.targets[i] for i in rows]
        return [self.items[i] for i in rows], targets

    def _draw(self, rng: np.random.Generator) -> tuple[int, tuple[int, ...], int]:
        """Draw an item, the corner of a patch in it, and one of the eight symmetries."""
        item = min(int(np.searchsorted(self._share, rng.random(), side="right")), len(self.items) - 1)
        corner = tuple(
            int(rng.integers(max(1, have - want + 1))) for have, want in zip(self.items[item].size, self.size)
        )
        symmetries = 8 if self.size[0] == self.size[-1] else 4
        return item, corner, int(rng.integers(symmetries)) if self.augment else 0

    def _batch_of(self, drawn: list[tuple[int, tuple[int, ...], int]]) -> Batch:
        x = torch.stack([apply_symmetry(self._cut(self.items[i], corner), symmetry) for i, corner, symmetry in drawn])
        if self.targets is None:
            return Batch(x)
        return Batch(
            x,
            target=torch.stack(
                [apply_symmetry(self._target(i, corner, symmetry), symmetry) for i, corner, symmetry in drawn]
            ),
        )

    def _target(self, i: int, corner: tuple[int, ...], symmetry: int) -> Tensor:
        assert self.targets is not None
        return self._cut(self.targets[i], corner)

    def _cut(self, item: Field, corner: tuple[int, ...]) -> Tensor:
        part = item.part(tuple(slice(p, p + s) for p, s in zip(corner, self.size)))
        short = [(0, want - have) for want, have in zip(self.size, part.shape[1:])]
        if any(s for _, s in short):
            part = np.pad(part, [(0, 0), *short], mode="symmetric")
        return torch.from_numpy(part)


def apply_symmetry(x: Tensor, symmetry: int) -> Tensor:
    """Apply one of the eight symmetries of the square to the last two axes; 0 is the identity."""
    x = x.flip(-1) if symmetry & 1 else x
    x = x.flip(-2) if symmetry & 2 else x
    return x.transpose(-1, -2) if symmetry & 4 else x


def undo_symmetry(x: Tensor, symmetry: int) -> Tensor:
    """Apply the inverse of a symmetry."""
    x = x.transpose(-1, -2) if symmetry & 4 else x
    x = x.flip(-2) if symmetry & 2 else x
    return x.flip(-1) if symmetry & 1 else x


def check_augmentations(value: int | str, caller: str, *others: str) -> None:
    """Refuse an `n_augmentations` that is neither 1, 2, 4 nor 8 nor one of `others`; True is not 1."""
    number = isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) in AUGMENTATIONS
    if not number and not (isinstance(value, str) and value in others):
        raise bad_parameter(caller, "n_augmentations", f"one of {[*AUGMENTATIONS, *others]}", value)


def map_symmetries(function: Callable[[Tensor], Tensor], x: Tensor, symmetries: Sequence[int]) -> Tensor:
    """Apply a function to images under several symmetries and undo each: (symmetries, ...)."""
    return torch.stack(
        [undo_symmetry(function(apply_symmetry(x, symmetry).contiguous()), symmetry) for symmetry in symmetries]
    )
