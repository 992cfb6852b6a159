"""Muon: momentum whose step is made orthogonal, weight by weight, so that all directions of a layer learn as fast.

Under Adam a convolution's steps are nearly of rank one: a few directions move, the rest hardly. Denoisers and
segmenters that train for minutes use this one.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". First and last layers keep to Adam
(Kingma and Ba 2015), as there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
BETAS, TINY = (0.9, 0.99), 1e-8
ROUNDS = 5
COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of the quintic that brings singular values near 1 soonest


class Muon(torch.optim.Optimizer):
    """Steps of spectral norm about `lr` for weights of two dimensions and more, Adam's for those that have a scale.

    Parameters
    ----------
    params : groups of parameters
        Those with a `lr_scale` of their own are Adam's, at `lr` times that.
    lr : float
    weight_decay : float
        Only 0 is known here.
    """

    def __init__(self, params: Any, lr: float = 0.02, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step from the gradients that are there."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.dim() >= 2 and getattr(p, "lr_scale", 1.0) == 1.0:
                    self._orthogonal(p, group["lr"])
                else:
                    self._adam(p, group["lr"])

    def _orthogonal(self, p: Tensor, lr: float) -> None:
        state, slope = self.state[p], p.grad
        assert slope is not None
        mean = state.setdefault("mean", torch.zeros_like(p))
        mean.lerp_(slope, 1 - MOMENTUM)
        step = orthogonal(slope.lerp(mean, MOMENTUM).flatten(1))
        rows, columns = step.shape
        p.add_(step.reshape(p.shape), alpha=-lr * max(1.0, rows / columns) ** 0.5)

    def _adam(self, p: Tensor, lr: float) -> None:
        state, slope = self.state[p], p.grad
        assert slope is not None
        mean = state.setdefault("mean", torch.zeros_like(p))
        square = state.setdefault("square", torch.zeros_like(p))
        count = state["count"] = state.get("count", 0) + 1
        mean.lerp_(slope, 1 - BETAS[0])
        square.lerp_(slope.square(), 1 - BETAS[1])
        size = (square / (1 - BETAS[1] ** count)).sqrt_().add_(TINY)
        p.addcdiv_(mean / (1 - BETAS[0] ** count), size, value=-lr)


def orthogonal(matrix: Tensor) -> Tensor:
    """A matrix with the same singular vectors and singular values of about 1 (between 0.7 and 1.2).

    >>> x = orthogonal(torch.tensor([[3.0, 0.0], [0.0, 0.1]]))
    >>> bool((x.diagonal() > 0.6).all() and (x.diagonal() < 1.3).all())
    True
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + TINY)
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
