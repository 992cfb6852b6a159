"""Distance of a row to its nearest neighbors among the training rows."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zandloper.applications.detection.score_combiner import TINY
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.data.windows import RawRows
from zandloper.model.batch import Batch

if TYPE_CHECKING:
    from zandloper.applications.detection.scoring import EnsembleMember

MAX_POINTS = 5_000  # training rows that are stored
GROUP = 64  # points whose distances are compared at a time


@dataclass(frozen=True)
class NearestNeighbors:
    """Index of training rows that returns distances to the nearest of them.

    Parameters
    ----------
    points : Tensor (m, features)
        Training rows in a model's units.
    rows : ndarray of int, (m,)
        Their positions in the training data, in rising order.
    n_neighbors : int
        Number of neighbors whose distances are averaged.
    """

    points: Tensor
    rows: np.ndarray
    n_neighbors: int

    @classmethod
    def fit(
        cls, model: BaseAutoencoder, raw: RawRows, rows: np.ndarray, n_neighbors: int, seed: int
    ) -> NearestNeighbors:
        """Store some of the raw rows: all of `rows`, or 5,000 drawn at random."""
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MAX_POINTS])
        part = raw[torch.from_numpy(rows)]
        return cls(model.model_.map_batches(model.model_.flat_inputs, part), rows, n_neighbors)

    @functools.cached_property
    def _product(self) -> Tensor:
        """Matrix that maps a point and a 1 to `|p|^2 - 2 x p` for each stored point p.

        That is the squared distance less the square of the point itself. It is padded to whole groups with points that
        are infinitely far, and as `layers.Linear` explains. It is stored because building it takes longer than scoring
        a single row.
        """
        count, features = self.points.shape
        norms = F.pad(self.points.square().sum(1), (0, -count % GROUP), value=torch.inf)
        rows = F.pad(-2 * self.points, (0, 0, 0, len(norms) - count))
        return F.pad(torch.cat([rows, norms[:, None]], dim=1), (0, -(features + 1) % 4))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_product"}

    def log_scores(self, member: EnsembleMember, raw: RawRows, training_rows: np.ndarray | None = None) -> np.ndarray:
        """Logarithm of the mean distance to the nearest points, (n, 1).

        Parameters
        ----------
        member : EnsembleMember
            The member whose model the index was fitted with.
        raw : Tensor
        training_rows : ndarray of int (n,), optional
            Positions of these rows in the training data, so that none counts as its own neighbor.
        """
        own_point = np.full(len(raw), -1)
        if training_rows is not None:
            found = np.minimum(np.searchsorted(self.rows, training_rows), len(self.rows) - 1)
            own_point = np.where(self.rows[found] == training_rows, found, -1)
        k = min(self.n_neighbors, len(self.points) - 1) or 1
        device = member.model.module_.center.device
        points, product = self.points.to(device), self._product.to(device)
        groups, features = len(product) // GROUP, points.shape[1]
        buffers: dict[int, Tensor] = {}  # allocating megabytes for every block costs more than the product

        def distance(batch: Batch) -> Tensor:
            assert batch.target is not None
            x, own = member.model.model_.flat_inputs(batch), batch.target
            with_one = F.pad(F.pad(x, (0, 1), value=1.0), (0, product.shape[1] - features - 1))
            # Distances are compared in groups, by the minimum of each first: the k nearest lie in k groups.
            rough = torch.mm(with_one, product.T, out=buffers.get(len(x)))
            buffers[len(x)] = rough
            if bool((own >= 0).any()):
                stored = own >= 0
                rough[stored, own[stored]] = torch.inf
            grouped = rough.view(len(x), groups, GROUP)
            near = grouped.amin(2).topk(min(k, groups), dim=1, largest=False).indices
            close = grouped.gather(1, near[:, :, None].expand(-1, -1, GROUP)).flatten(1)
            best = close.topk(k, dim=1, largest=False).indices
            best = (near.gather(1, best // GROUP) * GROUP + best % GROUP).clamp(max=len(points) - 1)
            return (points[best] - x[:, None]).square().sum(2).sqrt().mean(1, keepdim=True)

        distances = member.map_blocks(distance, raw, torch.from_numpy(own_point))
        return np.log(distances.numpy().astype(np.float64) + TINY)
