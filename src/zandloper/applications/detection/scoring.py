"""Log scores of one fitted autoencoder: residuals at several noise levels, and Hotelling's T-squared.

For each row a member computes its residual at several noise levels, averaged over all values and averaged over values
in units of their typical residual, and the distance along the principal axes of the training rows. Scores are
log-transformed here and combined by `ScoreCombiner`. One noise level is not enough, because anomalies of different
sizes show at different levels; every second of seven levels scores as well as all (`benchmarks/detector_ablation.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zandloper.applications.detection.hotelling import HotellingT2
from zandloper.applications.detection.score_combiner import TINY
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.data.windows import Windows
from zandloper.modality import Schema
from zandloper.model.batch import Batch
from zandloper.model.corruptions.gaussian import Gaussian
from zandloper.model.hourglass import weighted
from zandloper.model.noise_conditional import MIN_LEVEL, NoiseConditionalHourglass, levels

LEVELS = (0.05, 2.7)  # standard deviations of the data: from the finest structure to the coarsest
N_LEVELS = 4
CHUNK_VALUES = 2**24  # residuals in memory at a time
BLOCK_FLOPS = 1e8  # per block of rows at most: larger blocks are no faster


@dataclass(frozen=True)
class EnsembleMember:
    """One fitted autoencoder, the noise levels that it scores at, and Hotelling's T-squared of its training rows.

    Parameters
    ----------
    model : fitted autoencoder
    levels : tuple of float
        Noise levels; the single level 0 for models that are not noise-conditional.
    hotelling : HotellingT2 or None
        None: left out, in fast detectors and for windows of series.
    """

    model: BaseAutoencoder
    levels: tuple[float, ...]
    hotelling: HotellingT2 | None = None

    @classmethod
    def of(cls, model: BaseAutoencoder, train: Tensor | Windows | None, fast: bool) -> EnsembleMember:
        """Wrap a fitted model and the raw rows that trained it (None: unknown); a fast member has one noise level."""
        module = model.module_
        at: tuple[float, ...] = (0.0,)
        if isinstance(module, NoiseConditionalHourglass):
            at = tuple(levels(*_learned_levels(module), N_LEVELS))
        if fast:
            return cls(model, at[-2:-1] or at)
        if train is None or isinstance(train, Windows):
            return cls(model, at, None)
        return cls(model, at, HotellingT2.fit(model, train))

    @property
    def schema(self) -> Schema:
        """Schema that the model reads data with."""
        return self.model.model_.schema

    def read(self, X: object) -> Tensor | Windows:
        """Raw rows of data."""
        return self.model.model_.read(X)

    def residual_sums(self, raw: Tensor | Windows) -> tuple[np.ndarray, int]:
        """Sum of the squared residuals over rows or steps, (levels, values), and the number of those."""
        parts = [raw]
        if not isinstance(raw, Windows):
            parts = raw.split(max(1, CHUNK_VALUES // (len(self.levels) * raw[0].numel())))
        total, count = np.zeros(()), 0
        for part in parts:
            residual = self.squared_residuals(part)
            total, count = total + residual.sum(0, dtype=np.float64), count + len(residual)
        return total, count

    def squared_residuals(self, raw: Tensor | Windows) -> np.ndarray:
        """Squared residuals at every level, (n, levels, values), of rows or of steps of series."""
        found = self.map_blocks(self._batch_residuals, raw)
        if not isinstance(raw, Windows):
            return found.numpy()
        steps = [np.concatenate(raw.fold(c.reshape(raw.shape).numpy())) for c in found.unbind(1)]
        return np.stack(steps, axis=1)

    def log_scores(self, raw: Tensor | Windows, typical: np.ndarray) -> np.ndarray:
        """Log scores of rows, or steps of series, (n, columns).

        Columns are the mean residual at each level, the mean of residuals divided by `typical` (levels, values) at each
        level, and T-squared.
        """
        return self.scores_and_residuals(raw, typical, keep_residuals=False)[0]

    def scores_and_residuals(
        self, raw: Tensor | Windows, typical: np.ndarray, keep_residuals: bool = True
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Log scores, and the residuals that they are computed from, in one pass."""
        if isinstance(raw, Windows):
            residual = self.squared_residuals(raw)
            scores = np.concatenate([residual.mean(2), (residual / typical).mean(2)], axis=1)
            return np.log(scores + TINY), residual
        by, columns = torch.from_numpy(typical), 2 * len(self.levels) + (self.hotelling is not None)

        def score(batch: Batch) -> Tensor:
            residual = self._batch_residuals(batch)
            out = [residual.mean(2), (residual / by.to(residual)).mean(2)]
            if self.hotelling is not None:
                out.append(self.hotelling.distance(self.model, batch))
            return torch.cat([*out, *([residual.flatten(1)] if keep_residuals else [])], dim=1)

        found = self.map_blocks(score, raw).numpy()
        residuals = found[:, columns:].reshape(len(found), *typical.shape) if keep_residuals else None
        return np.log(found[:, :columns].astype(np.float64) + TINY), residuals

    def expected(self, raw: Tensor | Windows, at: np.ndarray) -> np.ndarray:
        """Raw rows as the model reconstructs them; `at` (n,) selects one of its levels for each."""
        module = self.model.module_
        if not isinstance(module, NoiseConditionalHourglass):
            return self.map_blocks(module.reconstruct, raw, passes=1).numpy()

        def denoised(batch: Batch) -> Tensor:
            assert batch.target is not None
            return module.expected(batch, batch.target[:, None])

        level = torch.tensor(self.levels, dtype=torch.float32)[torch.from_numpy(at)]
        return self.map_blocks(denoised, raw, level, passes=1).numpy()

    def map_blocks(
        self,
        function: Callable[[Batch], Tensor],
        raw: Tensor | Windows,
        target: Tensor | None = None,
        passes: int | None = None,
    ) -> Tensor:
        """Apply a function to blocks of rows, which are small where there are few rows, for low latency.

        `passes` is the number of forward passes per row, by default one per level. Blocks are powers of two, and
        networks receive a multiple of 32 rows (see `defaults.inference_batch_size`): the outputs of dense networks are
        then the same to the bit in every block.
        """
        passes = passes or len(self.levels)
        # Passes fill up a block unless values are rounded before them: audio is turned into log spectrograms.
        copies = min(8, passes & -passes) if raw.ndim == 2 else 1
        model = self.model.model_
        least, most = 6 - copies.bit_length(), BLOCK_FLOPS / max(1.0, model.flops_per_row * passes)
        block = 2 ** max(least, min(int(math.log2(max(1.0, most))), (len(raw) - 1).bit_length()))
        size = min(model.inference_batch_size, block)
        return model.map_batches(function, raw, target, batch_size=size, passes=passes)

    def _batch_residuals(self, batch: Batch) -> Tensor:
        """Squared residuals at all levels, (n, levels, values)."""
        module = self.model.module_
        if not isinstance(module, NoiseConditionalHourglass):
            error = weighted(*module.error_map(batch)).flatten(1).clamp(min=0)  # log densities may be positive
            return error[:, None]
        residual, valid = module.residuals(batch, self.levels)
        return weighted(residual.square(), valid).reshape(len(batch.x), len(self.levels), -1)


def complete_rows(raw: Tensor | Windows) -> np.ndarray:
    """Mask of raw rows, or steps of windows, without missing values, bool (n,)."""
    if isinstance(raw, Windows):
        return np.concatenate([~raw.store[:, at].isnan().any(0).numpy() for at in raw.at])
    return ~raw.flatten(1).isnan().any(1).numpy() if raw.is_floating_point() else np.ones(len(raw), bool)


def _learned_levels(module: NoiseConditionalHourglass) -> tuple[float, float]:
    """Lowest and highest noise level that a model was trained at, in standard deviations of the data."""
    spec, spread = getattr(module.corrupt, "spec", None), float(module.spread)
    if isinstance(spec, Gaussian) and isinstance(spec.sigma, tuple) and spec.sigma[1] > MIN_LEVEL * spread:
        return max(MIN_LEVEL, spec.sigma[0] / spread), spec.sigma[1] / spread
    return LEVELS
