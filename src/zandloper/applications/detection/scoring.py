"""What an autoencoder knows about how odd a row is, and how that becomes one number.

Several *witnesses* look at each row: how much the model would change it, in all its values together and in each value
by its own measure, at several noise levels; how far out it lies along the principal axes of the data; and how far away
the nearest training rows are. Each speaks in logarithms, in standard deviations of what it says about normal rows, and
the loudest is believed: a row that is odd in one respect is odd. What a model that is told the level would change far
less than usual is odd as well: blurred images are too easy to be some of the data. (One level is not enough: oddities
of different sizes show at different levels. Of seven levels every second says as much as all:
`benchmarks/detector_ablation.py`.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zandloper.applications.detection.hotelling import HotellingT2
from zandloper.applications.detection.score_combiner import TINY
from zandloper.data.windows import Windows
from zandloper.model.batch import Batch
from zandloper.model.corruptions.gaussian import Gaussian
from zandloper.model.hourglass import weighted
from zandloper.model.noise_conditional import MIN_LEVEL, NoiseConditionalHourglass, levels

LEVELS = (0.05, 2.7)  # standard deviations of the data: from the finest structure to the coarsest
NUMBER = 4
CHUNK = 2**24  # values in memory at a time
QUICK = 1e8  # operations a block of rows at most: more in one block is no faster


@dataclass(frozen=True)
class EnsembleMember:
    """One fitted autoencoder, and how it looks at rows.

    Parameters
    ----------
    model : fitted autoencoder
    levels : tuple of float
        Noise levels at which it looks; one, 0, for models that are not told of any.
    place : Place or None
        Of the rows that trained it; None: it is not asked.
    """

    model: Any
    levels: tuple[float, ...]
    place: HotellingT2 | None = None

    def changed(self, raw: Any) -> tuple[np.ndarray, int]:
        """The sum of all changes over rows or steps, (levels, values), and how many those are; some rows at a time."""
        parts = [raw] if isinstance(raw, Windows) else raw.split(max(1, CHUNK // (len(self.levels) * raw[0].numel())))
        total, count = np.zeros(()), 0
        for part in parts:
            change = self.changes(part)
            total, count = total + change.sum(0, dtype=np.float64), count + len(change)
        return total, count

    def changes(self, raw: Any) -> np.ndarray:
        """The squared change, or the error, at every level, (n, levels, values): of rows, or of steps of series."""
        found = self._each(self._changes, raw)
        if not isinstance(raw, Windows):
            return found.numpy()
        steps = [np.concatenate(raw.fold(c.reshape(raw.shape).numpy())) for c in found.unbind(1)]
        return np.stack(steps, axis=1)

    def log_scores(self, raw: Any, usual: np.ndarray) -> np.ndarray:
        """What it says about rows, or steps of series, (n, witnesses): logarithms.

        In order: all values together at each level, each by its own measure at each level (`usual`, of shape
        (levels, values), is how much it usually changes), and the place.
        """
        return self.scores_and_residuals(raw, usual, changes=False)[0]

    def scores_and_residuals(
        self, raw: Any, usual: np.ndarray, changes: bool = True
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The testimony, and the changes that it rests on, from one look."""
        if isinstance(raw, Windows):
            change = self.changes(raw)
            said = np.concatenate([change.mean(2), (change / usual).mean(2)], axis=1)
            return np.log(said + TINY), change
        by, n = torch.from_numpy(usual), 2 * len(self.levels) + (self.place is not None)

        def speak(batch: Batch) -> Tensor:
            change = self._changes(batch)
            said = [change.mean(2), (change / by.to(change)).mean(2)]
            if self.place is not None:
                said.append(self.place.distance(self.model, batch))
            return torch.cat([*said, *([change.flatten(1)] if changes else [])], dim=1)

        found = self._each(speak, raw).numpy()
        seen = found[:, n:].reshape(len(found), *usual.shape) if changes else None
        return np.log(found[:, :n].astype(np.float64) + TINY), seen

    def expected(self, raw: Any, at: np.ndarray) -> np.ndarray:
        """What the model expects in place of raw rows, in raw numbers; `at` (n,) says at which of its levels."""
        module = self.model.module_
        if not isinstance(module, NoiseConditionalHourglass):
            return self._each(module.reconstruct, raw, passes=1).numpy()
        level = torch.tensor(self.levels, dtype=torch.float32)[torch.from_numpy(at)]
        scores_and_residuals = lambda batch: module.expected(batch, batch.target[:, None])  # noqa: E731
        return self._each(scores_and_residuals, raw, level, passes=1).numpy()

    def _each(self, function: Any, raw: Any, target: Any = None, passes: int | None = None) -> Tensor:
        """Over blocks of rows, small ones where there are few rows, so that a single row is answered at once.

        `passes` says how often each row goes through the nets, by default once a level. Blocks are powers of two, and
        networks get a multiple of 32 rows (see `defaults.inference_batch_size`): the outputs of dense networks are then
        the same to the bit in every batch.
        """
        passes = passes or len(self.levels)
        # Passes fill up a block, where nothing is rounded before them: sounds are made spectrograms, in logarithms.
        copies = min(8, passes & -passes) if raw.ndim == 2 else 1
        least, most = 6 - copies.bit_length(), QUICK / max(1.0, self.model.model_.flops_per_row * passes)
        block = 2 ** max(least, min(int(math.log2(max(1.0, most))), (len(raw) - 1).bit_length()))
        return self.model.model_.map_batches(
            function, raw, target, batch_size=min(self.model.model_.inference_batch_size, block), passes=passes
        )

    def _changes(self, batch: Batch) -> Tensor:
        """The squared change at all levels, (n, levels, values)."""
        module = self.model.module_
        if not isinstance(module, NoiseConditionalHourglass):
            error = weighted(*module.error_map(batch)).flatten(1).clamp(min=0)  # densities may be negative
            return error[:, None]
        change, valid = module.residuals(batch, self.levels)
        return weighted(change.square(), valid).reshape(len(batch.x), len(self.levels), -1)


def _learned(module: NoiseConditionalHourglass) -> tuple[float, float]:
    """The lowest and the highest noise level that a model learned, in standard deviations of the data."""
    spec, spread = getattr(module.corrupt, "spec", None), float(module.spread)
    if isinstance(spec, Gaussian) and isinstance(spec.sigma, tuple) and spec.sigma[1] > MIN_LEVEL * spread:
        return max(MIN_LEVEL, spec.sigma[0] / spread), spec.sigma[1] / spread
    return LEVELS


def ensemble_member(model: Any, rows: Any = None, fast: bool = False) -> EnsembleMember:
    """A witness out of a fitted model and the raw rows that trained it; a fast one looks at one level alone."""
    module = model.module_
    at: tuple[float, ...] = (0.0,)
    if isinstance(module, NoiseConditionalHourglass):
        at = tuple(levels(*_learned(module), NUMBER))
    if fast:
        return EnsembleMember(model, at[-2:-1] or at)
    return EnsembleMember(model, at, None if rows is None or isinstance(rows, Windows) else HotellingT2.of(model, rows))


def complete(raw: Any) -> np.ndarray:
    """Which raw rows, or steps of windows, miss no value, bool (n,)."""
    if isinstance(raw, Windows):
        return np.concatenate([~raw.store[:, at].isnan().any(0).numpy() for at in raw.at])
    return ~raw.flatten(1).isnan().any(1).numpy() if raw.is_floating_point() else np.ones(len(raw), bool)
