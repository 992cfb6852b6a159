"""A mixture of Gaussians over the codes that the data really have: better samples from a good decoder."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.spec import Spec

MOST_CODES = 20_000  # codes that the mixture is fitted to


@dataclass(frozen=True)
class Mixture(Spec):
    """Settings of the mixture: how many Gaussians, each with a full covariance matrix."""

    name: ClassVar[str] = "mixture"
    of_symbols: ClassVar[bool] = False
    conditional: ClassVar[bool] = False
    components: int = 20

    def build(self, latent_dim: int, context_dim: int = 0) -> MixturePrior:
        """The module."""
        return MixturePrior(self, latent_dim)


class MixturePrior(nn.Module):
    """Fitted by expectation maximization (scikit-learn's `GaussianMixture`) after training.

    Ghosh et al. 2020, "From variational to deterministic autoencoders", section 4: ex-post density estimation.
    """

    weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, spec: Mixture, latent_dim: int) -> None:
        super().__init__()
        k = spec.components
        self.register_buffer("weights", torch.full((k,), 1.0 / k))
        self.register_buffer("means", torch.zeros(k, latent_dim))
        self.register_buffer("factors", torch.eye(latent_dim).repeat(k, 1, 1))  # lower Cholesky factors

    def learn(self, codes: Tensor, rng: torch.Generator) -> None:
        """Fit to codes (n, latent_dim); with fewer codes than Gaussians, the rest keep no weight."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        order = torch.randperm(len(codes), generator=rng)[:MOST_CODES]
        data = codes[order].double().numpy()
        k = min(len(self.weights), max(1, len(data) // 2))
        seed = int(torch.randint(2**31 - 1, (), generator=rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a hundred rounds are as good as it needs to be
            # More Gaussians help more than more rounds: on the codes of images 20, stopped early, were likelier on new
            # rows than 10 followed to the end, in less time.
            mixture = GaussianMixture(k, tol=1e-2, reg_covar=1e-4, random_state=seed).fit(data)
        self.weights.zero_()
        self.weights[:k] = torch.from_numpy(mixture.weights_)
        self.means[:k] = torch.from_numpy(mixture.means_)
        self.factors[:k] = torch.from_numpy(np.linalg.cholesky(mixture.covariances_))

    def sample(self, n: int, rng: torch.Generator, context: Tensor | None = None) -> Tensor:
        """Points of the latent space, (n, latent_dim)."""
        which = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        noise = torch.randn(n, self.means.shape[1], generator=rng)
        return self.means[which] + torch.einsum("nij,nj->ni", self.factors[which], noise)

    def log_prob(self, z: Tensor) -> Tensor:
        """The log-density in nats, (n,)."""
        each = torch.distributions.MultivariateNormal(self.means, scale_tril=self.factors).log_prob(z[:, None])
        return torch.logsumexp(each + torch.log(self.weights), dim=1)
