"""What an autoencoder knows about how odd a row is, and how that becomes one number.

Several *witnesses* look at each row: how much the model would change it, in all its values together and in each value
by its own measure, at several noise levels; and how far away the nearest training rows are. Each speaks in logarithms,
in standard deviations of what it says about normal rows, and the loudest is believed: a row that is odd in one respect
is odd. (One level is not enough: oddities of different sizes show at different levels.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zandloper.batch import Batch
from zandloper.hourglass import weighted
from zandloper.told import ToldHourglass, levels
from zandloper.windows import Windows

LEVELS = (0.05, 2.7)  # standard deviations of the data: from the finest structure to the coarsest
NUMBER = 7
TINY = 1e-12
CHUNK = 2**24  # values in memory at a time
MOST_NEIGHBOURS = 5_000  # training rows kept to measure distances to


@dataclass(frozen=True)
class Witness:
    """One fitted autoencoder, and how it looks at rows.

    Parameters
    ----------
    model : fitted autoencoder
    levels : tuple of float
        Noise levels at which it looks; one, 0, for models that are not told of any.
    """

    model: Any
    levels: tuple[float, ...]

    def changes(self, raw: Any) -> np.ndarray:
        """The squared change, or the error, at every level, (n, levels, values): of rows, or of steps of series."""
        found = self.model._each_block(self._changes, raw)
        if not isinstance(raw, Windows):
            return found.numpy()
        steps = [np.concatenate(raw.fold(c.reshape(raw.shape).numpy())) for c in found.unbind(1)]
        return np.stack(steps, axis=1)

    def changed(self, raw: Any) -> tuple[np.ndarray, int]:
        """The sum of `changes` over rows or steps, (levels, values), and how many those are; some rows at a time."""
        parts = [raw] if isinstance(raw, Windows) else raw.split(max(1, CHUNK // (len(self.levels) * raw[0].numel())))
        total, count = np.zeros(()), 0
        for part in parts:
            change = self.changes(part)
            total, count = total + change.sum(0, dtype=np.float64), count + len(change)
        return total, count

    def testimony(self, raw: Any, usual: np.ndarray) -> np.ndarray:
        """What it says about rows, or steps of series, (n, witnesses): logarithms.

        In order: all values together at each level, each by its own measure at each level (`usual`, of shape
        (levels, values), is how much it usually changes).
        """

        def speak(batch: Batch) -> Tensor:
            change = self._changes(batch)
            return torch.cat([change.mean(2), (change / by).mean(2)], dim=1).double()

        if isinstance(raw, Windows):
            change = self.changes(raw)
            return np.log(np.concatenate([change.mean(2), (change / usual).mean(2)], axis=1) + TINY)
        by = torch.from_numpy(usual)
        return np.log(self.model._each_block(speak, raw).numpy() + TINY)

    def expected(self, raw: Any, at: np.ndarray) -> np.ndarray:
        """What the model expects in place of raw rows, in raw numbers; `at` (n,) says at which of its levels."""
        module = self.model.module_
        if not isinstance(module, ToldHourglass):
            return self.model._each_block(module.reconstruct, raw).numpy()
        level = torch.tensor(self.levels, dtype=torch.float32)[torch.from_numpy(at)]
        look = lambda batch: module.expected(batch, batch.target[:, None])  # noqa: E731
        return self.model._each_block(look, raw, level).numpy()

    def _changes(self, batch: Batch) -> Tensor:
        module = self.model.module_
        if isinstance(module, ToldHourglass):
            found = [module.residuals(batch, level) for level in self.levels]
            maps = [weighted(r.square(), valid).flatten(1) for r, valid in found]
        else:
            maps = [weighted(*module.error_map(batch)).flatten(1).clamp(min=0)]  # densities may be negative
        return torch.stack(maps, dim=1)


def witness(model: Any, fast: bool = False) -> Witness:
    """A witness out of a fitted model; a fast one looks at one level."""
    at = tuple(levels(*LEVELS, NUMBER)) if isinstance(model.module_, ToldHourglass) else (0.0,)
    return Witness(model, at[len(at) // 2 : len(at) // 2 + 1] if fast else at)


@dataclass(frozen=True)
class Neighbourhood:
    """How far away the nearest training rows are.

    Parameters
    ----------
    known : Tensor (m, features)
        Training rows in a model's units.
    rows : ndarray of int, (m,)
        Which of the training rows they are, in rising order.
    number : int
        How many of the nearest count.
    """

    known: Tensor
    rows: np.ndarray
    number: int

    @classmethod
    def of(cls, model: Any, raw: Any, rows: np.ndarray, number: int, seed: int) -> Neighbourhood:
        """From some of the raw rows: all of those, or 5,000 drawn at random."""
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_NEIGHBOURS])
        part = raw[torch.from_numpy(rows)]
        return cls(model._each_block(lambda batch: _place(model, batch), part), rows, number)

    def testimony(self, model: Any, raw: Any, own: np.ndarray | None = None) -> np.ndarray:
        """The logarithm of the mean distance to the nearest, (n, 1).

        `model` is the one that it was made with. `own` (n,) says which training rows these are: none is its own
        neighbour.
        """
        at = np.full(len(raw), -1)
        if own is not None:
            place = np.minimum(np.searchsorted(self.rows, own), len(self.rows) - 1)
            at = np.where(self.rows[place] == own, place, -1)
        far = model._each_block(lambda batch: self._distance(model, batch), raw, torch.from_numpy(at))
        return np.log(far.numpy() + TINY)

    def _distance(self, model: Any, batch: Batch) -> Tensor:
        """The mean distance to the nearest, (n, 1)."""
        assert batch.target is not None
        x, known, own = _place(model, batch), self.known.to(batch.x.device), batch.target
        rough = known.square().sum(1) - 2 * x @ known.T
        mine = own >= 0
        rough[mine, own[mine]] = torch.inf
        k = min(self.number, len(known) - 1) or 1
        nearest = known[rough.topk(k, dim=1, largest=False).indices]  # by products, which cancel; then exactly
        return (nearest - x[:, None]).square().sum(2).sqrt().mean(1, keepdim=True).double()


def _place(model: Any, batch: Batch) -> Tensor:
    """Raw rows as flat points of model units, in which distances are taken."""
    module = model.module_
    return module.centred(module.scale.encode(batch.x)[0]).flatten(1).float()


def groups(levels: int, near: bool) -> list[slice]:
    """Which columns of all that is said belong together: two measures at all levels, and the distance."""
    return [slice(0, levels), slice(levels, 2 * levels), *([slice(2 * levels, 2 * levels + 1)] if near else [])]


@dataclass(frozen=True)
class Measure:
    """What witnesses say about normal rows, and how all that they say becomes one number.

    Parameters
    ----------
    groups : list of slice
        Columns of a testimony that belong together.
    mean, spread : ndarray
        Of each column over normal rows; then of the loudest of each group.
    """

    groups: list[slice]
    mean: np.ndarray
    spread: np.ndarray
    group_mean: np.ndarray
    group_spread: np.ndarray

    @classmethod
    def learn(cls, said: np.ndarray, groups: list[slice]) -> Measure:
        """From what is said about normal rows, (n, witnesses)."""
        mean, spread = _moments(said)
        z = (said - mean) / spread
        loudest = np.stack([z[:, g].max(1) for g in groups], axis=1)
        return cls(groups, mean, spread, *_moments(loudest))

    def score(self, said: np.ndarray) -> np.ndarray:
        """One number a row, (n,): about 0 for the usual row, in standard deviations of the loudest group."""
        z = (said - self.mean) / self.spread
        loudest = np.stack([z[:, g].max(1) for g in self.groups], axis=1)
        return ((loudest - self.group_mean) / self.group_spread).max(1)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spread = values.std(0)
    return values.mean(0), np.where(spread > 1e-9, spread, 1.0)
