"""Top-k: only the k most active neurons of each sample speak. Neurons that never do are brought back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zandloper.model.batch import BottleneckOutput
from zandloper.model.layers.layers import Linear, drop
from zandloper.spec import Spec

DEAD_STEPS = 50  # steps without a word after which a neuron counts as dead
REVIVAL = 1e-2  # weight of the cost that brings it back


@dataclass(frozen=True)
class TopK(Spec):
    """Settings of top-k.

    Parameters
    ----------
    sparsity : int or float
        How many neurons may speak per sample: a number, or a share of the code.
    dropout : float
        Share of the code that is dropped while training.
    """

    name: ClassVar[str] = "topk"
    linear: ClassVar[bool] = False
    sparsity: float = 0.05
    dropout: float = 0.0

    def build(self, encoding_dim: int, latent_dim: int) -> TopKBottleneck:
        """The module for a neck of `neck_dim` values and a code of `latent_dim`."""
        return TopKBottleneck(self, encoding_dim, latent_dim)


class TopKBottleneck(nn.Module):
    """`z = topk(relu(W neck + b))`: Makhzani and Frey 2014, "k-sparse autoencoders", algorithm 1.

    A neuron that has not been among the k for 50 steps is dead: training gives it no gradient. While there are such, a
    small cost draws their activity towards the smallest that still speaks in each sample, so that they get their turn
    (as the pre-activation loss of Conerly et al. 2025, "Dictionary learning optimization techniques").
    """

    zero_init_decoder = True
    steps_inactive: Tensor

    def __init__(self, spec: TopK, encoding_dim: int, latent_dim: int) -> None:
        super().__init__()
        share = spec.sparsity
        self.k = max(1, min(latent_dim, round(share * latent_dim) if 0 < share < 1 else int(share)))
        self.dropout = spec.dropout
        self.head = Linear(encoding_dim, latent_dim)
        self.latent_shape = (latent_dim,)
        self.register_buffer("steps_inactive", torch.zeros(latent_dim))  # steps since each neuron spoke

    def forward(
        self, encoding: Tensor, offset: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> BottleneckOutput:
        """The code of a neck (n, neck_dim): at most k values of a sample are not zero, none is negative."""
        activity = self.head(encoding.flatten(1)).float()
        top, where = activity.topk(self.k, dim=1)
        z = torch.zeros_like(activity).scatter(1, where, torch.relu(top))
        cost = None
        if self.training:
            cost = self._revival(activity, top[:, -1:].detach())
            with torch.no_grad():
                self.steps_inactive.add_(1).masked_fill_((z > 0).any(0), 0)
        return BottleneckOutput(drop(z, self.dropout, rng), cost)

    def _revival(self, activity: Tensor, threshold: Tensor) -> Tensor | None:
        dead = self.steps_inactive >= DEAD_STEPS
        if not bool(dead.any()):
            return None
        return REVIVAL * torch.relu(threshold.clamp(min=0) + 1e-3 - activity[:, dead]).sum(1)
