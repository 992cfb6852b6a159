"""Mixed columns: squared error for numbers, cross-entropy for truth values and categories, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from zandloper.model.losses import Loss
from zandloper.spec import Spec


@dataclass(frozen=True)
class MixedColumns(Spec):
    """Settings of the mixed error.

    Parameters
    ----------
    levels : tuple of int
        One entry per column: 0 for a number, 1 for a truth value, k > 1 for a category of k levels.
    """

    name: ClassVar[str] = "mixed"
    levels: tuple[int, ...] = (0,)

    def build(self, target_shape: tuple[int, ...]) -> Loss:
        """The module; the target is (n, columns): numbers, 0 or 1, level numbers."""
        return MixedError(self)


class MixedError(Loss):
    """Half the squared error (a Gaussian of unit variance, in nats up to a constant) or the cross-entropy in nats.

    Parameters of all columns lie side by side: one for a number, one logit for a truth value, k logits for k levels.
    """

    in_target_units = False

    def __init__(self, spec: MixedColumns) -> None:
        super().__init__((len(spec.levels),))
        starts, at = [], 0
        for k in spec.levels:
            starts.append(at)
            at += max(1, k)
        self.params_shape = (at,)
        self.kinds = {  # columns and their parameters' places, by kind: plain lists, since all follow from the settings
            "number": [(c, starts[c]) for c, k in enumerate(spec.levels) if k == 0],
            "truth": [(c, starts[c]) for c, k in enumerate(spec.levels) if k == 1],
        }
        self.categories = [(c, starts[c], k) for c, k in enumerate(spec.levels) if k > 1]

    def point(self, params: Tensor) -> Tensor:
        """One value a column: the number, the probability, the likeliest level."""
        out = params.new_empty(len(params), len(self.kinds["number"]) + len(self.kinds["truth"]) + len(self.categories))
        for column, place in self.kinds["number"]:
            out[:, column] = params[:, place]
        for column, place in self.kinds["truth"]:
            out[:, column] = torch.sigmoid(params[:, place])
        for column, place, k in self.categories:
            out[:, column] = params[:, place : place + k].argmax(1).to(params.dtype)
        return out

    def expected(self, params: Tensor) -> Tensor:
        """Numbers as they are, probabilities for truth values and for every level of a category: (n, parameters)."""
        out = params.clone()
        for _, place in self.kinds["truth"]:
            out[:, place] = torch.sigmoid(params[:, place])
        for _, place, k in self.categories:
            out[:, place : place + k] = params[:, place : place + k].softmax(1)
        return out

    def start(self, mean: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers exactly; logits to first order around the rates."""
        bias, weight = mean.clone(), directions.clone()
        for _, i in self.kinds["truth"]:
            p = mean[i].clamp(0.02, 0.98)
            bias[i], weight[i] = torch.logit(p), directions[i] / (p * (1 - p))
        for _, i, k in self.categories:
            p = mean[i : i + k].clamp(min=0.02)
            bias[i : i + k], weight[i : i + k] = torch.log(p), directions[i : i + k] / p.unsqueeze(-1)
        return bias, weight

    def forward(self, params: Tensor, target: Tensor) -> Tensor:
        """The error map, (n, columns)."""
        error = torch.empty_like(target)
        if self.kinds["number"]:
            columns, places = map(list, zip(*self.kinds["number"]))
            error[:, columns] = 0.5 * (params[:, places] - target[:, columns]).square()
        if self.kinds["truth"]:
            columns, places = map(list, zip(*self.kinds["truth"]))
            error[:, columns] = F.binary_cross_entropy_with_logits(
                params[:, places], target[:, columns], reduction="none"
            )
        for column, place, k in self.categories:
            # A missing level has code 0 here and weight 0 outside.
            error[:, column] = F.cross_entropy(params[:, place : place + k], target[:, column].long(), reduction="none")
        return error
