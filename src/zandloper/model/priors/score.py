"""A learned prior: noise becomes codes step by step, by a net that knows how to take noise away."""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.errors import UnsupportedError
from zandloper.model.batch import Batch, LossOutput
from zandloper.model.layers.layers import ACTIVATIONS, Linear
from zandloper.spec import Spec

LEVELS = 0.002, 80.0  # noise, in standard deviations of the codes, that sampling ends and begins at
BEND = 7.0  # how closely the steps lie at low levels
TRAINED = -1.2, 1.2  # mean and deviation of the logarithm of the levels that a value of unit spread is trained at
LEAST = 1e-3  # spread of a value, beside that of all
MOST_CODES, ROWS_EACH = 20_000, 30  # that the Gaussians are fitted to, in all, and at least for each of them
FULL, FULL_ROWS = 30, 4  # Gaussians with full covariances at most, and further codes for each of their axes
TINY = 1e-6  # the variance that is always added, beside that of all
SURE = 0.01  # variance of contexts within a Gaussian, at least
PART = 512  # codes drawn at a time, in bounded memory
WAVES = 16  # sines and cosines that tell the net the level


@dataclass(frozen=True)
class Score(Spec):
    """Settings of the score model.

    Parameters
    ----------
    width, layers : int
        Of its net, a row of residual layers.
    steps : int
        From noise to a code.
    dropout : float
        Share of each layer's values that is left out while training.
    components : int
        Gaussians that it begins as; fewer where codes are few, or where few with all their correlations do better.
    """

    name: ClassVar[str] = "score"
    of_symbols: ClassVar[bool] = False
    conditional: ClassVar[bool] = True
    width: int = 256
    layers: int = 3
    steps: int = 24
    dropout: float = 0.1
    components: int = 100

    def build(self, latent_dim: int, context_dim: int = 0) -> ScorePrior:
        """The module for codes of `latent_dim` values."""
        return ScorePrior(self, latent_dim, context_dim)


class ScorePrior(nn.Module):
    """A diffusion model over the codes, trained to take noise of any level away, which is the score of their density.

    Karras, Aittala, Aila and Laine 2022, "Elucidating the design space of diffusion-based generative models": what the
    net sees and says is scaled by table 1, for each value of a code with its own spread; the training levels are its
    log-normal, as wide as the spreads ask for; `sample` is its algorithm 1 without fresh noise (Heun's steps). Over the
    codes of an autoencoder: Vahdat et al. 2021, "Score-based generative modeling in latent space".

    A variational model gives all values of its codes about unit spread, those that move a sample far and those that do
    detail. Here each is taken in units of its own uncertainty, so that noise, as it goes away, lets the large features
    appear first and the details follow them.

    It begins as a mixture of Gaussians, for which the best answer is known,

        E[z | x] = sum_k r_k(x) (m_k + C_k (C_k + s^2)^-1 (x - m_k)),

    with means m, covariances C, noise s and the responsibilities r: where codes are few, that knows more of them than a
    net learns, such as how calm and wild stretches of a series differ. The net adds what is missing, and where that
    does not help with codes held out, nothing. Of codes that come with contexts, both together are a
    mixture, so that a context says which of the Gaussians are meant.
    """

    mean: Tensor
    unit: Tensor
    spread: Tensor
    component_weights: Tensor
    component_means: Tensor
    full_covariance: Tensor
    component_axes: Tensor
    component_variances: Tensor
    context_means: Tensor
    context_variances: Tensor

    def __init__(self, spec: Score, latent_dim: int, context_dim: int = 0) -> None:
        super().__init__()
        self.spec, self.latent_dim, self.baseline_loss = spec, latent_dim, 1.0
        self.first = Linear(latent_dim + context_dim + 2 * WAVES, spec.width)
        self.norms = nn.ModuleList(nn.LayerNorm(spec.width) for _ in range(spec.layers))
        self.widen: Any = nn.ModuleList(Linear(spec.width + 2 * WAVES, spec.width) for _ in range(spec.layers))
        self.narrow: Any = nn.ModuleList(Linear(spec.width, spec.width) for _ in range(spec.layers))
        self.last = Linear(spec.width, latent_dim)
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("unit", torch.ones(latent_dim))  # of the noise, in those of the codes
        self.register_buffer("spread", torch.ones(latent_dim))  # of the codes, in these units
        self.register_buffer("component_weights", torch.full((spec.components,), 1 / spec.components))
        self.register_buffer(
            "component_means", torch.zeros(spec.components, latent_dim)
        )  # in these units, as the variances
        self.register_buffer("full_covariance", torch.tensor(False))  # whether the Gaussians have axes of their own
        self.register_buffer("component_axes", torch.eye(latent_dim).repeat(min(FULL, spec.components), 1, 1))
        self.register_buffer("component_variances", torch.ones(spec.components, latent_dim))  # along the axes
        self.register_buffer("context_means", torch.zeros(spec.components, context_dim))
        self.register_buffer("context_variances", torch.ones(spec.components, context_dim))

    @torch.no_grad()
    def start(
        self, codes: Tensor, rng: torch.Generator, uncertainty: Tensor | None = None, context: Tensor | None = None
    ) -> None:
        """The codes' units, and a net that says nothing yet.

        `uncertainty` (latent_dim,) is the encoder's mean deviation of each value of a code; None: the same for all.
        """
        self.mean.copy_(codes.mean(0))
        unit = codes.new_ones(codes.shape[1]) if uncertainty is None else uncertainty
        spread = codes.std(0, correction=0) / unit
        whole = spread.square().mean().sqrt()
        whole = whole if whole > 0 else torch.ones(())
        self.unit.copy_(unit * whole)
        self.spread.copy_((spread / whole).clamp(min=LEAST))
        self.last.weight.zero_()
        contexts = codes.new_zeros(len(codes), 0) if context is None else context
        self._begin((codes - self.mean) / self.unit / self.spread, contexts, rng)

    def _begin(self, codes: Tensor, contexts: Tensor, rng: torch.Generator) -> None:
        """The Gaussians, over codes of unit spread and their contexts.

        Contexts count as much as all values of a code together, so that no Gaussian is of two classes.
        """
        d, much = codes.shape[1], math.sqrt(codes.shape[1])
        both = torch.cat([codes, contexts * much], dim=1)
        data = both[torch.randperm(len(codes), generator=rng)[:MOST_CODES]].double().numpy()
        shares, means, covariances = _gaussians(
            data, len(self.component_weights), int(torch.randint(2**31 - 1, (), generator=rng))
        )
        k, spread, full = len(shares), self.spread.double().numpy(), covariances.ndim == 3
        diagonal = np.einsum("kii->ki", covariances) if full else covariances
        variances = diagonal[:, :d] * spread**2
        if full:  # in the noise's units, along the axes in which a Gaussian's values are independent
            variances, axes = np.linalg.eigh(covariances[:, :d, :d] * spread * spread[:, None])
            self.component_axes[:k] = torch.from_numpy(axes)
        self.full_covariance.fill_(full)
        self.component_weights.zero_()
        for mine, values in (
            (self.component_weights, shares),
            (self.component_means, means[:, :d] * spread),
            (self.component_variances, variances.clip(TINY * LEAST)),
            (self.context_means, means[:, d:] / much),
            (self.context_variances, (diagonal[:, d:] / much**2).clip(SURE)),
        ):
            mine[:k] = torch.from_numpy(values)

    def _meant(self, n: int, context: Tensor | None) -> Tensor:
        """The logarithms of the shares of the Gaussians, (n, components), given contexts.

        A 0 in a context is unknown: a class that it is not, a column that nothing is known of.
        """
        share = self.component_weights.log().expand(n, -1)
        if context is None:
            return share
        off = (context[:, None] - self.context_means).square() / self.context_variances + self.context_variances.log()
        return share - 0.5 * (off * (context != 0)[:, None]).sum(2)

    @torch.no_grad()
    def _first_guess(self, x: Tensor, level: Tensor, context: Tensor | None = None) -> Tensor:
        """What the Gaussians say that codes x (n, latent_dim) with noise (n, 1) were without it."""
        turned, used = (
            bool(self.full_covariance),
            int((self.component_weights > 0).sum()),
        )  # the rest come last and are none
        axes, middles, variances = (
            self.component_axes[:used],
            self.component_means[:used],
            self.component_variances[:used],
        )
        apart = x[:, None] - middles
        apart = torch.einsum("nkd,kde->nke", apart, axes) if turned else apart
        weight = 1 / (variances + level.square()[:, None])  # (n, components, latent_dim)
        off = 0.5 * (weight.log() - apart.square() * weight).sum(2)
        share = (self._meant(len(x), context)[:, :used] + off).softmax(1)
        moved = apart.mul_(weight).mul_(variances).mul_(share[:, :, None])
        return share @ middles + (torch.einsum("nke,kde->nd", moved, axes) if turned else moved.sum(1))

    def denoised(
        self, x: Tensor, level: Tensor, context: Tensor | None = None, rng: torch.Generator | None = None
    ) -> Tensor:
        """What codes x (n, latent_dim) in the noise's units with noise of a level (n, 1) were without it.

        With `rng`, some values are left out: against learning the training codes by heart.
        """
        waves = self._waves(level)
        size = (self.spread.square() + level.square()).sqrt()
        h = torch.cat([t for t in (x / size, context, waves) if t is not None], dim=1)
        h = self.first(h)
        act = ACTIVATIONS["silu"]
        for norm, widen, narrow in zip(self.norms, self.widen, self.narrow):
            inner = act(widen(torch.cat([norm(h), waves], dim=1)))
            if rng is not None and self.spec.dropout > 0:
                kept = torch.rand(inner.shape, generator=rng, device=inner.device) >= self.spec.dropout
                inner = inner * kept / (1 - self.spec.dropout)
            h = h + narrow(inner)
        return self._first_guess(x, level, context) + self.last(act(h)) * self.spread * level / size

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """The squared error at random levels, each weighed so that the net's own error counts alike."""
        x = (batch.x - self.mean) / self.unit
        draw = torch.randn(len(x), x.shape[1] + 1, generator=rng, device=x.device)
        size = self.spread.log()
        mean, deviation = TRAINED[0] + size.mean(), (TRAINED[1] ** 2 + size.var(correction=0)).sqrt()
        level = (mean + deviation * draw[:, :1]).exp()
        made = self.denoised(x + level * draw[:, 1:], level, batch.condition, rng if self.training else None)
        error = ((made - x).square() * (self.spread**-2 + level**-2)).mean()
        return LossOutput(error, error.detach(), error.new_zeros(()))

    @torch.inference_mode()
    def sample(
        self,
        n: int,
        rng: torch.Generator,
        context: Tensor | None = None,
        unknown: Tensor | None = None,
        guidance: float = 1.0,
    ) -> Tensor:
        """Codes, (n, latent_dim).

        With `unknown`, the context that says nothing, contexts are followed `guidance` times as strongly (Ho and
        Salimans 2022, "Classifier-free diffusion guidance", eq. 6, in which 1 + w is our guidance).
        """
        x = torch.randn(n, self.latent_dim, generator=rng)
        contexts = [None] * -(-n // PART) if context is None else context.split(PART)
        unknowns = [None] * len(contexts) if unknown is None else unknown.expand(n, -1).split(PART)
        parts = [self._drawn(*each, guidance) for each in zip(x.split(PART), contexts, unknowns, strict=True)]
        return torch.cat(parts) * self.unit + self.mean

    def _drawn(self, x: Tensor, context: Tensor | None, unknown: Tensor | None, guidance: float) -> Tensor:
        """From noise of unit size (n, latent_dim) to codes in the noise's units."""
        low, high = (v ** (1 / BEND) for v in LEVELS)
        k = self.spec.steps
        levels = [(high + i / (k - 1) * (low - high)) ** BEND for i in range(k)] + [0.0]
        x = x * levels[0]

        def slope(x: Tensor, level: float) -> Tensor:
            s = x.new_full((len(x), 1), level)
            made = self.denoised(x, s, context)
            if unknown is not None and guidance != 1:
                without = self.denoised(x, s, unknown)
                made = without + guidance * (made - without)
            return (x - made) / level

        for now, then in itertools.pairwise(levels):
            first = slope(x, now)
            guess = x + (then - now) * first
            x = guess if then == 0 else x + (then - now) * (first + slope(guess, then)) / 2
        return x

    def log_prob(self, z: Tensor) -> Tensor:
        """Undefined: the density of a score model is an integral over all levels."""
        raise UnsupportedError("a score model draws codes and does not say how likely they are: take prior='mixture'")

    def _waves(self, level: Tensor) -> Tensor:
        rates = torch.exp2(torch.arange(WAVES, device=level.device) * (6 / WAVES) - 2)
        angle = level.log() * rates * (math.pi / 4)
        return torch.cat([angle.sin(), angle.cos()], dim=1)


def _gaussians(data: np.ndarray, most: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares, means and (co)variances of a mixture by expectation maximization (scikit-learn's `GaussianMixture`).

    Many Gaussians without correlations, whose variances are (k, values), or few with all of them, whose covariances are
    (k, values, values): those that a tenth of the data, held out, are likelier under.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    n, d = data.shape
    held, best, found = n // 10, -math.inf, None
    for kind, few, rounds, each in (("diag", most, 60, ROWS_EACH), ("full", FULL, 30, ROWS_EACH + FULL_ROWS * d)):
        k = min(most, few, max(1, (n - held) // each))
        mixture = GaussianMixture(k, covariance_type=kind, max_iter=rounds, reg_covar=TINY, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(data[held:] if n > 1 else data.repeat(2, axis=0))
        likely = mixture.score(data[:held]) if held else -math.inf
        if found is None or likely > best:
            best, found = likely, mixture
    assert found is not None
    return found.weights_, found.means_, found.covariances_
