"""Dice and cross-entropy together: classes of pixels, of which some may be rare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from zandloper.errors import DataError
from zandloper.model.losses import Loss
from zandloper.spec import Spec


@dataclass(frozen=True)
class Dice(Spec):
    """Settings of the error for masks.

    Parameters
    ----------
    classes : int
    weights : tuple of float
        What the cross-entropy of each class weighs; empty: all alike.
    overlap : float
        What the Dice error weighs beside the cross-entropy.
    """

    name: ClassVar[str] = "dice"
    classes: int = 2
    weights: tuple[float, ...] = ()
    overlap: float = 1.0

    def build(self, target_shape: tuple[int, ...]) -> Loss:
        """The module; targets hold class numbers from 0 on, and -1 where nobody knows."""
        return DiceCrossEntropy(self, target_shape)


class DiceCrossEntropy(Loss):
    """`w[t] * -log softmax(params)[t] + overlap * (1 - mean over classes of 2 sum(p g) / (sum(p) + sum(g)))`.

    Parameters are (n, *target_shape, classes). The second part is one number a sample, the same for all its elements:
    it counts each class of the sample alike, however few pixels it has. Classes that a sample lacks are left to the
    cross-entropy. Elements with target -1 have error 0 and no say.

    Milletari, Navab and Ahmadi 2016, "V-Net", eq. 3, in the form of Drozdzal et al. 2016 (without squares in the
    denominator), over several classes; the sum with cross-entropy is Isensee et al. 2021, "nnU-Net".
    """

    in_target_units = False
    exact_start = False
    weights: Tensor

    def __init__(self, spec: Dice, target_shape: tuple[int, ...]) -> None:
        super().__init__(target_shape)
        self.spec = spec
        self.params_shape = (*target_shape, spec.classes)
        self.register_buffer("weights", torch.tensor(spec.weights or (1.0,) * spec.classes))

    def point(self, params: Tensor) -> Tensor:
        """The likeliest class."""
        return params.argmax(-1).to(params.dtype)

    def expected(self, params: Tensor) -> Tensor:
        """The probability of every class, (n, *target_shape, classes)."""
        return params.softmax(-1)

    def start(self, mean: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """From class rates: their logarithm, and directions divided by the rates."""
        p = mean.clamp(min=0.02)
        return torch.log(p), directions / p.unsqueeze(-1)

    def check(self, target: Tensor) -> None:
        """Targets are whole numbers from -1 to classes - 1."""
        if bool((target != target.round()).any()) or target.min() < -1 or target.max() >= self.spec.classes:
            raise DataError(
                f"loss='dice' needs whole numbers from 0 to {self.spec.classes - 1} as classes, or -1 where nothing is "
                f"known, got values from {target.min().item():.6g} to {target.max().item():.6g}"
            )

    def forward(self, params: Tensor, target: Tensor) -> Tensor:
        """The error map, of the target's shape."""
        k, classes = self.spec.classes, target.long()
        known = classes >= 0
        likely = F.log_softmax(params, -1).reshape(len(params), -1, k)
        truth = F.one_hot(classes.clamp(min=0), k).reshape(len(params), -1, k).to(likely.dtype)
        truth = truth * known.reshape(len(params), -1, 1)
        entropy = -(likely * truth * self.weights).sum(-1).reshape(target.shape)
        p = likely.exp() * known.reshape(len(params), -1, 1)
        size = truth.sum(1)
        there = (size > 0).to(p.dtype)
        overlap = 2 * (p * truth).sum(1) / (p.sum(1) + size).clamp(min=1e-6)
        miss = 1 - (overlap * there).sum(1) / there.sum(1).clamp(min=1)
        miss = miss.reshape(-1, *(1 for _ in target.shape[1:]))
        return entropy + self.spec.overlap * torch.where(known, miss, 0.0)
