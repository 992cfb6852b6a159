"""The scaler of tables: numbers standardized, categories one-hot encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from zandloper.modality import Chunks, Scaler, masked, mean_and_deviation

if TYPE_CHECKING:
    from zandloper.modality.table.schema import TableSchema


class TableScaler(Scaler):
    """Numbers to mean 0 and deviation 1, categories to one input a level; missing values to 0 with weight 0.

    Statistics come from chunks of rows.
    """

    mean: Tensor
    deviation: Tensor
    plain: Tensor

    def __init__(self, schema: TableSchema) -> None:
        super().__init__()
        self.scaling, self.numeric, self.classes = schema.scaling, schema.numeric, schema.classes
        self.unit = schema.scaling != "none"
        self.levels = [c.width if c.kind == "category" else 0 for c in schema.columns]
        plain = torch.tensor([c.kind in ("number", "time") for c in schema.columns])
        size, dtype = len(schema.columns), torch.float64 if schema.dtype in ("float64", "int64") else torch.float32
        self.register_buffer("mean", torch.zeros(size, dtype=dtype))
        self.register_buffer("deviation", torch.ones(size, dtype=dtype))
        self.register_buffer("plain", plain, persistent=False)

    @torch.no_grad()
    def learn(self, chunks: Chunks) -> None:
        """Means and standard deviations over the values that are there; constant columns keep deviation 1."""
        if self.scaling == "none":
            return
        found = mean_and_deviation(chunks())
        if found is None:
            return
        mean, deviation = found
        self.mean.copy_(torch.where(self.plain, mean, 0))
        self.deviation.copy_(torch.where((deviation > 0) & self.plain, deviation, 1))

    def _standard(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        x = raw.to(self.mean.dtype)
        if self.scaling != "none":
            x = (x - self.mean) / self.deviation
        return masked(x.float())

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, columns) -> (n, inputs)."""
        x, there = self._standard(raw)
        if self.numeric:
            return x, there
        weight = torch.ones_like(x) if there is None else there
        inputs, weights = [], []
        for i, levels in enumerate(self.levels):
            if levels:
                one = F.one_hot(x[:, i].long(), levels).to(x.dtype) * weight[:, i : i + 1]
                inputs.append(one)
                weights.append(weight[:, i : i + 1].expand(-1, levels))
            else:
                inputs.append(x[:, i : i + 1])
                weights.append(weight[:, i : i + 1])
        return torch.cat(inputs, 1), torch.cat(weights, 1)

    def target(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, columns): standardized numbers, 0 or 1, level numbers."""
        if self.scaling == "classes":
            there = ~raw.isnan()
            return torch.where(there, raw, 0).float(), None if bool(there.all()) else there.float()
        return self._standard(raw)

    def both(self, raw: Tensor) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """For numbers input and target are one."""
        if self.numeric and self.scaling != "classes":
            return super().both(raw)
        return *self.encode(raw), *self.target(raw)

    def shares(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """As `encode`; a table of class numbers becomes (n, columns x classes) of zeros and ones."""
        if self.scaling != "classes":
            return self.encode(raw)
        target, there = self.target(raw)
        one = F.one_hot(target.long(), max(2, self.classes)).float()
        return one.flatten(1), None if there is None else there[..., None].expand_as(one).flatten(1)

    def restore(self, point: Tensor) -> Tensor:
        """(n, columns) in the table's own numbers."""
        if self.scaling != "standard":
            return point.to(self.mean.dtype)
        return point.to(self.mean.dtype) * self.deviation + self.mean
