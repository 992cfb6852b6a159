"""A target rate: each neuron shall be active on a given share of the samples, on average (the classic KL cost)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zandloper.model.batch import BottleneckOutput
from zandloper.model.layers.layers import Linear, drop
from zandloper.spec import Spec


@dataclass(frozen=True)
class KLSparsity(Spec):
    """Settings of the KL cost.

    Parameters
    ----------
    sparsity : float
        The target rate: the mean activity that each neuron shall have, between 0 and 1.
    weight : float
        Of the cost.
    dropout : float
        Share of the code that is dropped while training.
    """

    name: ClassVar[str] = "kl"
    linear: ClassVar[bool] = False
    sparsity: float = 0.05
    weight: float = 1.0
    dropout: float = 0.0

    def build(self, encoding_dim: int, latent_dim: int) -> KLSparsityBottleneck:
        """The module for a neck of `neck_dim` values and a code of `latent_dim`."""
        return KLSparsityBottleneck(self, encoding_dim, latent_dim)


class KLSparsityBottleneck(nn.Module):
    """`z = sigmoid(W neck + b)` at a cost of `weight * sum_j KL(rho || mean z_j)` over the batch.

    Ng 2011, "Sparse autoencoder" (CS294A lecture notes), section 3: with r the mean,
    KL = rho log(rho / r) + (1 - rho) log((1 - rho) / (1 - r)).
    """

    zero_init_decoder = True

    def __init__(self, spec: KLSparsity, encoding_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.rate, self.weight, self.dropout = spec.sparsity, spec.weight, spec.dropout
        self.head = Linear(encoding_dim, latent_dim)
        self.latent_shape = (latent_dim,)

    def forward(
        self, encoding: Tensor, offset: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> BottleneckOutput:
        """The code of a neck (n, neck_dim), between 0 and 1."""
        z = self.head(encoding.flatten(1))
        z = torch.sigmoid(z.float())
        r, rho = z.mean(0).clamp(1e-6, 1 - 1e-6), torch.tensor(self.rate, device=z.device)
        cost = rho * torch.log(rho / r) + (1 - rho) * torch.log((1 - rho) / (1 - r))
        return BottleneckOutput(drop(z, self.dropout, rng), (self.weight * cost.sum()).expand(len(z)))
