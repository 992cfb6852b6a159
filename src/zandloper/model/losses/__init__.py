"""Losses: error maps between the decoder's output and the target. One file per loss, a `Spec` whose
`build(target_shape)` returns a `Loss`.

The module maps `(params, target)` to an error map, not reduced; `params_shape` is the shape that the decoder outputs,
`point(params)` turns parameters into a prediction, `start(mean, directions)` turns a linear reconstruction of the
target into parameters, and `check(target)` refuses targets that the loss cannot measure.
"""

from __future__ import annotations

import sys
from typing import Any

from torch import Tensor, nn

from zandloper.spec import public_attribute


class Loss(nn.Module):
    """What all comparisons share. Subclasses say how `forward(params, target)` measures."""

    in_target_units = True  # the parameters are in the units of the target: nets may be scaled to its spread
    statistic = "mean"  # of the target: the best constant prediction
    exact_start = True  # whether it really is the best, or nearly
    from_zero = True  # exact predictions have error 0 and none is below: shares of an error mean something

    params_shape: tuple[int, ...]

    def __init__(self, target_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.params_shape = target_shape

    def point(self, params: Tensor) -> Tensor:
        """The prediction, in the units of the target."""
        return params

    def expected(self, params: Tensor) -> Tensor:
        """The expectation of the target, laid out as a scale's `shares`: smooth, categories level by level."""
        return self.point(params)

    def start(self, mean: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Bias (p,) and weight (p, k) of parameters that stand for `mean + directions z`, exactly or to first order."""
        return mean, directions

    def check(self, target: Tensor) -> None:
        """Raise a `DataError` for targets that cannot be measured."""


def __getattr__(name: str) -> Any:
    """`zl.losses.MSE` and the others, found by discovery."""
    return public_attribute(sys.modules[__name__], name)


def __dir__() -> list[str]:
    return list(public_attribute(sys.modules[__name__], "__all__"))
