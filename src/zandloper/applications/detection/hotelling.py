"""Hotelling's T-squared: distance of a row from the training mean along the principal axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from zandloper.applications.detection.score_combiner import TINY
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.data.windows import RawRows
from zandloper.model.batch import Batch
from zandloper.model.linear_path import principal_components

MAX_AXES = 64
VARIANCE_FLOOR = 0.01  # share of the mean variance that is added along each axis


@dataclass(frozen=True)
class HotellingT2:
    """Mean square distance from the training mean, each principal axis scaled to unit variance.

    (Hotelling 1947, "Multivariate quality control"; together with residuals: Jackson and Mudholkar 1979, "Control
    procedures for residuals associated with principal component analysis".)

    Parameters
    ----------
    mean : Tensor (features,)
        In a model's units.
    axes : Tensor (axes, features)
        Each divided by the standard deviation along it.
    """

    mean: Tensor
    axes: Tensor

    @classmethod
    def fit(cls, model: BaseAutoencoder, raw: RawRows) -> HotellingT2:
        """Compute the principal axes of the raw rows that trained a model."""

        def rows() -> Iterator[Tensor]:
            yield model.model_.map_batches(model.model_.flat_inputs, raw)

        features = math.prod(raw.shape[1:])
        found = principal_components(rows, features, len(raw))
        k = min(MAX_AXES, len(found.variances))
        deviation = (found.variances[:k] + VARIANCE_FLOOR * found.total / features + TINY).sqrt()
        return cls(found.mean.float(), (found.components[:k] / deviation[:, None]).float())

    def distance(self, model: BaseAutoencoder, batch: Batch) -> Tensor:
        """Mean square along the axes, (n, 1)."""
        x, short = (
            model.model_.flat_inputs(batch) - self.mean,
            -self.axes.shape[1] % 4,
        )  # padded as `layers.Linear` explains
        along = F.linear(F.pad(x, (0, short)), F.pad(self.axes, (0, short)))
        return along.square().mean(1, keepdim=True)
