"""Scalers of series: channels standardized, or mapped to normal scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zandloper.data.quantile_transform import KNOTS, along, maps
from zandloper.modality import Chunks, Scaler, masked, mean_and_deviation

if TYPE_CHECKING:
    from zandloper.modality.series.schema import SeriesSchema


MARKED = 20_000  # values of a channel that a chunk says its quantiles by, at most


class SeriesScaler(Scaler):
    """Channels to mean 0 and deviation 1; missing values to 0 with weight 0. Constant channels are only centered."""

    unit = True
    mean: Tensor
    deviation: Tensor

    def __init__(self, schema: SeriesSchema) -> None:
        super().__init__()
        shape, dtype = (len(schema.columns), 1), getattr(torch, schema.dtype)
        self.register_buffer("mean", torch.zeros(shape, dtype=dtype))
        self.register_buffer("deviation", torch.ones(shape, dtype=dtype))

    @torch.no_grad()
    def learn(self, chunks: Chunks) -> None:
        """Means and standard deviations of the channels in the training windows."""
        found = mean_and_deviation(chunk.transpose(1, 2).flatten(0, 1) for chunk in chunks())
        if found is not None:
            mean, deviation = (v[:, None] for v in found)
            self.mean.copy_(mean)
            self.deviation.copy_(torch.where(deviation > 0, deviation, 1))

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, channels, steps), and what is there."""
        return masked(((raw.to(self.mean.dtype) - self.mean) / self.deviation).float())

    def restore(self, point: Tensor) -> Tensor:
        """(n, channels, steps) in the channels' own numbers."""
        return point.to(self.mean.dtype) * self.deviation + self.mean


class QuantileScaler(Scaler):
    """Channels to normal scores where they are skewed or heavy-tailed, else to mean 0 and deviation 1.

    Missing values become 0 with weight 0.
    """

    unit = True
    knots: Tensor
    scores: Tensor

    def __init__(self, schema: SeriesSchema) -> None:
        super().__init__()
        line = torch.linspace(-1, 1, KNOTS + 2, dtype=getattr(torch, schema.dtype)).repeat(len(schema.columns), 1)
        self.register_buffer("knots", line)
        self.register_buffer("scores", line.clone())

    @torch.no_grad()
    def learn(self, chunks: Chunks) -> None:
        """Quantiles of the channels in the training windows."""
        parts = []
        for chunk in chunks():
            values = chunk.transpose(0, 1).flatten(1)
            parts.append(values[:, :: -(-values.shape[1] // MARKED)])
        if parts:
            rows = torch.cat(parts, 1).to(self.knots.dtype)
            self.knots[:], self.scores[:] = maps([row[~row.isnan()] for row in rows])

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, channels, steps), and what is there."""
        return masked(along(raw.to(self.knots.dtype), self.knots, self.scores).float())

    def restore(self, point: Tensor) -> Tensor:
        """(n, channels, steps) in the channels' own numbers."""
        return along(point.to(self.knots.dtype), self.scores, self.knots)


SCALES: dict[str, type[Scaler]] = {"standard": SeriesScaler, "quantile": QuantileScaler}
