"""Variational: the code is a distribution, and what it says beyond the prior has a price in nats."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zandloper.model.batch import BottleneckOutput
from zandloper.model.layers.layers import Linear
from zandloper.spec import Spec


@dataclass(frozen=True)
class Variational(Spec):
    """Settings of the Gaussian code.

    Parameters
    ----------
    beta : float
        Weight of the KL divergence; 1 is the evidence lower bound.
    warmup : float
        Share of the training steps over which that weight rises from 0.
    free_bits : float
        Nats per latent dimension that are free of charge while training.
    draws : int
        Points drawn per sample while training; more than one: the importance-weighted bound.
    """

    name: ClassVar[str] = "variational"
    linear: ClassVar[bool] = True
    beta: float = 1.0
    warmup: float = 0.1
    free_bits: float = 0.0
    draws: int = 1

    def build(self, encoding_dim: int, latent_dim: int) -> VariationalBottleneck:
        """The module for a neck of `neck_dim` values and a code of `latent_dim`."""
        return VariationalBottleneck(self, encoding_dim, latent_dim)


class VariationalBottleneck(nn.Module):
    """`q(z|x) = N(mean, exp(log_variance))`, both linear in the neck; prior N(0, 1).

    Kingma and Welling 2014, "Auto-encoding variational Bayes": the reparametrized draw is eq. 4, the divergence
    `0.5 sum(mean^2 + variance - log variance - 1)` appendix B. Free bits: Kingma et al. 2016, "Inverse autoregressive
    flow", eq. 15, per dimension over the batch. The variance starts small, so that the linear path's code passes.
    """

    def __init__(self, spec: Variational, encoding_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.beta, self.warmup, self.free_bits, self.draws = spec.beta, spec.warmup, spec.free_bits, spec.draws
        self.head = Linear(encoding_dim, latent_dim)
        self.spread = Linear(encoding_dim, latent_dim)
        self.latent_shape = (latent_dim,)

    def zero_init(self) -> None:
        """Silence both heads; deviations start at exp(-1)."""
        self.head.weight.detach().zero_()
        self.spread.weight.detach().zero_()
        self.spread.bias.detach().fill_(-2.0)

    def posterior(self, encoding: Tensor, offset: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the code, each (n, latent_dim)."""
        h = encoding.flatten(1)
        mean = self.head(h).float()
        return mean if offset is None else mean + offset.float(), self.spread(h).float().clamp(-14.0, 14.0)

    def forward(
        self, encoding: Tensor, offset: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> BottleneckOutput:
        """The code of a neck: drawn with `rng`, else its mean; the cost is the weighted KL divergence in nats."""
        mean, log_variance = self.posterior(encoding, offset)
        weight = self.beta * (1.0 if self.warmup == 0 else min(1.0, progress / self.warmup))
        if rng is None:
            return BottleneckOutput(mean, weight * kl_divergence(mean, log_variance).sum(1))
        if self.draws > 1:
            mean, log_variance = (t.repeat_interleave(self.draws, 0) for t in (mean, log_variance))
        noise = torch.randn(mean.shape, generator=rng, device=mean.device)
        z = mean + noise * torch.exp(0.5 * log_variance)
        if self.draws > 1:
            # One draw's log q(z|x) - log p(z): its mean over draws is the divergence.
            ratio = 0.5 * (z.square() - noise.square() - log_variance).sum(1)
            return BottleneckOutput(z, weight * ratio, self.draws)
        divergence = kl_divergence(mean, log_variance)
        if self.free_bits > 0 and self.training:
            charged = divergence.mean(0).clamp(min=self.free_bits).sum()
            return BottleneckOutput(z, weight * charged.expand(len(z)))
        return BottleneckOutput(z, weight * divergence.sum(1))


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """`KL(N(mean, exp(log_variance)) || N(0, 1))` per dimension, in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1.0)


def log_normal(z: Tensor, mean: Tensor | float = 0.0, log_variance: Tensor | float = 0.0) -> Tensor:
    """The log-density of a diagonal Gaussian, summed over the last dimension, in nats."""
    log_variance = torch.as_tensor(log_variance, device=z.device)
    return -0.5 * ((z - mean).square() / log_variance.exp() + log_variance + math.log(2 * math.pi)).sum(-1)
