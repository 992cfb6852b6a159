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
MOST_NEIGHBOURS = 5_000  # training rows kept to measure distances to


@dataclass(frozen=True)
class Witness:
    """One fitted autoencoder, the training rows that it measures distances to, and what it has been told is normal.

    Parameters
    ----------
    model : fitted autoencoder
    levels : tuple of float
        Noise levels at which it looks; one, 0, for models that are not told of any.
    known : Tensor (m, features) or None
        Training rows in model units.
    neighbours : int
        How many of the nearest count.
    """

    model: Any
    levels: tuple[float, ...]
    known: Tensor | None
    neighbours: int

    def changes(self, raw: Any) -> np.ndarray:
        """The squared change, or the error, at every level, (n, levels, values): of rows, or of steps of series."""
        found = self.model._each_block(self._changes, raw)
        if not isinstance(raw, Windows):
            return found.numpy()
        steps = [np.concatenate(raw.fold(c.reshape(raw.shape).numpy())) for c in found.unbind(1)]
        return np.stack(steps, axis=1)

    def testimony(self, raw: Any, usual: np.ndarray) -> np.ndarray:
        """What it says about rows, or steps of series, (n, witnesses): logarithms.

        In order: all values together at each level, each by its own measure at each level (`usual`, of shape
        (levels, values), is how much it usually changes), distance.
        """

        def speak(batch: Batch) -> Tensor:
            change = self._changes(batch)
            parts = [change.mean(2), (change / by).mean(2)]
            if self.known is not None:
                parts.append(self._distance(batch)[:, None])
            return torch.cat(parts, dim=1).double()

        if isinstance(raw, Windows):
            change = self.changes(raw)
            said = [change.mean(2), (change / usual).mean(2)]
            if self.known is not None:
                far = self.model._each_block(lambda batch: self._distance(batch)[:, None], raw).numpy()
                said.append(np.concatenate(raw.fold(np.repeat(far[:, :, None], raw.length, axis=2))))
            return np.log(np.concatenate(said, axis=1) + TINY)
        by = torch.from_numpy(usual)
        return np.log(self.model._each_block(speak, raw).numpy() + TINY)

    def groups(self) -> list[slice]:
        """Which columns of a testimony belong together."""
        k = len(self.levels)
        return [slice(0, k), slice(k, 2 * k), *([slice(2 * k, 2 * k + 1)] if self.known is not None else [])]

    def _changes(self, batch: Batch) -> Tensor:
        module = self.model.module_
        if isinstance(module, ToldHourglass):
            found = [module.residuals(batch, level) for level in self.levels]
            maps = [weighted(r.square(), valid).flatten(1) for r, valid in found]
        else:
            maps = [weighted(*module.error_map(batch)).flatten(1).clamp(min=0)]  # densities may be negative
        return torch.stack(maps, dim=1)

    def _distance(self, batch: Batch) -> Tensor:
        """The mean distance to the nearest training rows."""
        assert self.known is not None
        x = place(self.model, batch)
        known, k = self.known.to(x), min(self.neighbours, len(self.known))
        rough = known.square().sum(1) - 2 * x @ known.T
        nearest = known[rough.topk(k, dim=1, largest=False).indices]  # by products, which cancel; then exactly
        return (nearest - x[:, None]).square().sum(2).sqrt().mean(1)


def place(model: Any, batch: Batch) -> Tensor:
    """Raw rows as flat points of model units, in which distances are taken."""
    module = model.module_
    return module.centred(module.scaled(batch).x).flatten(1).float()


def witness(model: Any, raw: Any, neighbours: int, seed: int, fast: bool = False) -> Witness:
    """A witness out of a model and the raw rows that it trained on."""
    told = isinstance(model.module_, ToldHourglass)
    at = tuple(levels(*LEVELS, NUMBER)) if told else (0.0,)
    if fast:
        at = at[len(at) // 2 : len(at) // 2 + 1]
    known = None
    if neighbours and not fast:
        order = torch.randperm(len(raw), generator=torch.Generator().manual_seed(seed))[:MOST_NEIGHBOURS]
        known = model._each_block(lambda batch: place(model, batch), raw[order.sort().values])
    return Witness(model, at, known, neighbours)


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
