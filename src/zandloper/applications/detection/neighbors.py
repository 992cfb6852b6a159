"""Nearest neighbors of a row among the training rows."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zandloper.applications.detection.score_combiner import TINY
from zandloper.model.batch import Batch

MOST_NEIGHBORS = 5_000  # training rows kept to measure distances to


GROUP = 64  # known rows whose distances are compared at a time


@dataclass(frozen=True)
class NearestNeighbors:
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
    def of(cls, model: Any, raw: Any, rows: np.ndarray, number: int, seed: int) -> NearestNeighbors:
        """From some of the raw rows: all of those, or 5,000 drawn at random."""
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_NEIGHBORS])
        part = raw[torch.from_numpy(rows)]
        return cls(model.model_.map_batches(model.model_.flat_inputs, part), rows, number)

    @functools.cached_property
    def _product(self) -> Tensor:
        """What times a point and a 1 is its squared distance to each known row, less its own square: |k|^2 - 2 x k.

        Filled up to whole groups with rows that are infinitely far, and as `layers.Linear` says. Made once: for a
        single row it would take longer than all else.
        """
        count, features = self.known.shape
        norms = F.pad(self.known.square().sum(1), (0, -count % GROUP), value=torch.inf)
        rows = F.pad(-2 * self.known, (0, 0, 0, len(norms) - count))
        return F.pad(torch.cat([rows, norms[:, None]], dim=1), (0, -(features + 1) % 4))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_product"}

    def log_scores(self, member: Any, raw: Any, own: np.ndarray | None = None) -> np.ndarray:
        """The logarithm of the mean distance to the nearest, (n, 1).

        `looker` is the witness whose model it was made with. `own` (n,) says which training rows these are: none is its
        own neighbor.
        """
        at = np.full(len(raw), -1)
        if own is not None:
            place = np.minimum(np.searchsorted(self.rows, own), len(self.rows) - 1)
            at = np.where(self.rows[place] == own, place, -1)
        k = min(self.number, len(self.known) - 1) or 1
        device = member.model.module_.center.device
        there, product = self.known.to(device), self._product.to(device)
        groups, features = len(product) // GROUP, there.shape[1]
        room: dict[int, Tensor] = {}  # asking for megabytes for every block costs more than the product

        def distance(batch: Batch) -> Tensor:
            assert batch.target is not None
            x, own = member.model.model_.flat_inputs(batch), batch.target
            with_one = F.pad(F.pad(x, (0, 1), value=1.0), (0, product.shape[1] - features - 1))
            # Distances are compared in groups, by the least of each first: the k nearest lie in k groups.
            rough = torch.mm(with_one, product.T, out=room.get(len(x)))
            room[len(x)] = rough
            if bool((own >= 0).any()):
                mine = own >= 0
                rough[mine, own[mine]] = torch.inf
            apart = rough.view(len(x), groups, GROUP)
            near = apart.amin(2).topk(min(k, groups), dim=1, largest=False).indices
            close = apart.gather(1, near[:, :, None].expand(-1, -1, GROUP)).flatten(1)
            best = close.topk(k, dim=1, largest=False).indices
            best = (near.gather(1, best // GROUP) * GROUP + best % GROUP).clamp(max=len(there) - 1)
            return (there[best] - x[:, None]).square().sum(2).sqrt().mean(1, keepdim=True)

        far = member._each(distance, raw, torch.from_numpy(at))
        return np.log(far.numpy().astype(np.float64) + TINY)
