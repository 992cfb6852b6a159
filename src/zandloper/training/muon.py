"""Muon: momentum whose update is orthogonalized per weight matrix, so that all directions of a layer learn at one rate.

Adam's updates of a convolution are nearly of rank one: few directions move. Denoisers and segmenters that train for
minutes use Muon.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". As there, first and
last layers are trained by Adam (Kingma and Ba 2015).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
ADAM_BETAS, EPSILON = (0.9, 0.99), 1e-8
NEWTON_SCHULZ_ROUNDS = 5
COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of the quintic that brings singular values near 1 soonest


class Muon(torch.optim.Optimizer):
    """Updates of spectral norm about `lr` for weights of two dimensions or more; Adam for those with an `lr_scale`.

    Parameters
    ----------
    params : groups of parameters
        Those that have an `lr_scale` are trained by Adam, at `lr` times that.
    lr : float
    weight_decay : float
        Unused; only 0 is supported.
    """

    def __init__(
        self, params: Iterable[Tensor] | Iterable[dict[str, Any]], lr: float = 0.02, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all parameters that have a gradient; closures are not supported."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.dim() >= 2 and getattr(p, "lr_scale", 1.0) == 1.0:
                    self._orthogonal(p, group["lr"])
                else:
                    self._adam(p, group["lr"])

    def _orthogonal(self, p: Tensor, lr: float) -> None:
        state, gradient = self.state[p], p.grad
        assert gradient is not None
        mean = state.setdefault("mean", torch.zeros_like(p))
        mean.lerp_(gradient, 1 - MOMENTUM)
        step = orthogonal(gradient.lerp(mean, MOMENTUM).flatten(1))
        rows, columns = step.shape
        p.add_(step.reshape(p.shape), alpha=-lr * max(1.0, rows / columns) ** 0.5)

    def _adam(self, p: Tensor, lr: float) -> None:
        state, gradient = self.state[p], p.grad
        assert gradient is not None
        mean = state.setdefault("mean", torch.zeros_like(p))
        square = state.setdefault("square", torch.zeros_like(p))
        count = state["count"] = state.get("count", 0) + 1
        mean.lerp_(gradient, 1 - ADAM_BETAS[0])
        square.lerp_(gradient.square(), 1 - ADAM_BETAS[1])
        size = (square / (1 - ADAM_BETAS[1] ** count)).sqrt_().add_(EPSILON)
        p.addcdiv_(mean / (1 - ADAM_BETAS[0] ** count), size, value=-lr)


def orthogonal(matrix: Tensor) -> Tensor:
    """Return a matrix with the same singular vectors and singular values of about 1 (between 0.7 and 1.2).

    >>> x = orthogonal(torch.tensor([[3.0, 0.0], [0.0, 0.1]]))
    >>> bool((x.diagonal() > 0.6).all() and (x.diagonal() < 1.3).all())
    True
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + EPSILON)
    a, b, c = COEFFICIENTS
    for _ in range(NEWTON_SCHULZ_ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
