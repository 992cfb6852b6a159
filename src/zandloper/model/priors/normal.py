"""The standard normal: what the variational cost pulls the codes towards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zandloper.spec import Spec


@dataclass(frozen=True)
class Normal(Spec):
    """Settings of the standard normal: there are none."""

    name: ClassVar[str] = "normal"
    of_symbols: ClassVar[bool] = False
    conditional: ClassVar[bool] = True

    def build(self, latent_dim: int, context_dim: int = 0) -> NormalPrior:
        """The module."""
        return NormalPrior(latent_dim)


class NormalPrior(nn.Module):
    """N(0, 1) in every dimension."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def learn(self, codes: Tensor, rng: torch.Generator) -> None:
        """Nothing is to be learned."""

    def sample(self, n: int, rng: torch.Generator, context: Tensor | None = None) -> Tensor:
        """Points of the latent space, (n, latent_dim)."""
        return torch.randn(n, self.latent_dim, generator=rng)

    def log_prob(self, z: Tensor) -> Tensor:
        """The log-density in nats, (n,)."""
        return torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
