"""How likely data are under a variational model: the evidence lower bound, and a tighter one by importance sampling.

All scores are deterministic: one fixed set of noise vectors is shared by all rows. Scoring at the noise-free code
instead would flatter the model.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from zandloper.model.batch import Batch
from zandloper.model.bottlenecks.variational import kl_divergence, log_normal
from zandloper.model.hourglass import weighted

NOISE_SEED = 20140401
ELBO_DRAWS = 16


def noise(draws: int, latent_dim: int) -> Tensor:
    """The noise vectors that all rows share, (draws, latent_dim)."""
    return torch.randn(draws, latent_dim, generator=torch.Generator().manual_seed(NOISE_SEED))


def balanced_noise(draws: int, latent_dim: int) -> Tensor:
    """As `noise`, for means over few draws: in pairs of opposite sign, with unit variance in every dimension.

    The draws are shared by all rows, so that their chance deviations would not average out over the data.
    """
    half = noise(draws // 2, latent_dim)
    half = half / half.square().mean(0).sqrt()
    return torch.cat([half, -half])


def posterior(module: Any, batch: Batch) -> tuple[Tensor, Tensor, Batch]:
    """Mean and log-variance of clean raw samples' codes, and the batch in model units."""
    batch = module.scaled(batch)
    neck, offset = module.bottleneck_inputs(batch.x, batch.condition)
    return *module.bottleneck.posterior(neck.value, offset), batch


def elbo(module: Any, batch: Batch, draws: Tensor) -> Tensor:
    """The evidence lower bound of each raw sample in nats, (n,): Kingma and Welling 2014, eq. 7."""
    mean, log_variance, batch = posterior(module, batch)
    spread, total = torch.exp(0.5 * log_variance), torch.zeros(len(mean), device=mean.device)
    for epsilon in draws.to(mean.device):
        total = total + _nats(module, mean + spread * epsilon, batch)
    return -(total / len(draws)) - kl_divergence(mean, log_variance).sum(1)


def log_likelihood(module: Any, batch: Batch, draws: Tensor) -> Tensor:
    """A lower bound of log p(x) in nats, (n,), tight for many draws: Burda et al. 2016, eq. 8, one draw at a time.

    The prior is the one that was trained with, N(0, 1).
    """
    mean, log_variance, batch = posterior(module, batch)
    spread = torch.exp(0.5 * log_variance)
    total = mean.new_full((len(mean),), -math.inf)
    for epsilon in draws.to(mean.device):
        z = mean + spread * epsilon
        weight = log_normal(z) - log_normal(z, mean, log_variance) - _nats(module, z, batch)
        total = torch.logaddexp(total, weight)
    return total - math.log(len(draws))


def _nats(module: Any, z: Tensor, batch: Batch) -> Tensor:
    params = module.decode(z, (), batch.condition)
    return weighted(module.compare(params.float(), batch.target), batch.target_valid).flatten(1).sum(1)
