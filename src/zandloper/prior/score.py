"""A learned prior: noise becomes codes step by step, by a net that knows how to take noise away."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zandloper.batch import Batch, Loss
from zandloper.errors import UnsupportedError
from zandloper.layers import ACTIVATIONS, Linear
from zandloper.spec import Spec

LEVELS = 0.002, 80.0  # noise, in standard deviations of the codes, that sampling ends and begins at
BEND = 7.0  # how closely the steps lie at low levels
TRAINED = -1.2, 1.2  # mean and deviation of the logarithm of the levels that a value of unit spread is trained at
LEAST = 1e-3  # spread of a value, beside that of all
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
    """

    name: ClassVar[str] = "score"
    of_symbols: ClassVar[bool] = False
    conditional: ClassVar[bool] = True
    width: int = 256
    layers: int = 3
    steps: int = 24
    dropout: float = 0.1

    def build(self, latent_dim: int, context_dim: int = 0) -> nn.Module:
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
    """

    mean: Tensor
    unit: Tensor
    spread: Tensor

    def __init__(self, spec: Score, latent_dim: int, context_dim: int = 0) -> None:
        super().__init__()
        self.spec, self.latent_dim, self.natural_loss = spec, latent_dim, 1.0
        self.first = Linear(latent_dim + context_dim + 2 * WAVES, spec.width)
        self.norms = nn.ModuleList(nn.LayerNorm(spec.width) for _ in range(spec.layers))
        self.widen: Any = nn.ModuleList(Linear(spec.width + 2 * WAVES, spec.width) for _ in range(spec.layers))
        self.narrow: Any = nn.ModuleList(Linear(spec.width, spec.width) for _ in range(spec.layers))
        self.last = Linear(spec.width, latent_dim)
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("unit", torch.ones(latent_dim))  # of the noise, in those of the codes
        self.register_buffer("spread", torch.ones(latent_dim))  # of the codes, in these units

    @torch.no_grad()
    def start(self, codes: Tensor, rng: torch.Generator, uncertainty: Tensor | None = None) -> None:
        """The codes' units, and a net that says nothing yet.

        Parameters
        ----------
        codes : Tensor (n, latent_dim)
        uncertainty : Tensor (latent_dim,), optional
            Of each value of a code, as the encoder has it on average. None: the same for all.
        """
        self.mean.copy_(codes.mean(0))
        unit = codes.new_ones(codes.shape[1]) if uncertainty is None else uncertainty
        spread = codes.std(0) / unit
        whole = spread.square().mean().sqrt()
        whole = whole if whole > 0 else torch.ones(())
        self.unit.copy_(unit * whole)
        self.spread.copy_((spread / whole).clamp(min=LEAST))
        self.last.weight.zero_()

    def denoised(
        self, x: Tensor, level: Tensor, context: Tensor | None = None, rng: torch.Generator | None = None
    ) -> Tensor:
        """What codes x (n, latent_dim) in the noise's units with noise of a level (n, 1) were without it.

        With `rng`, some values are left out: against learning the training codes by heart.
        """
        told = self._waves(level)
        size = (self.spread.square() + level.square()).sqrt()
        h = torch.cat([t for t in (x / size, context, told) if t is not None], dim=1)
        h = self.first(h)
        act = ACTIVATIONS["silu"]
        for norm, widen, narrow in zip(self.norms, self.widen, self.narrow):
            inner = act(widen(torch.cat([norm(h), told], dim=1)))
            if rng is not None and self.spec.dropout > 0:
                kept = torch.rand(inner.shape, generator=rng, device=inner.device) >= self.spec.dropout
                inner = inner * kept / (1 - self.spec.dropout)
            h = h + narrow(inner)
        return x * (self.spread / size).square() + self.last(act(h)) * self.spread * level / size

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> Loss:
        """The squared error at random levels, each weighed so that the net's own error counts alike."""
        x = (batch.x - self.mean) / self.unit
        draw = torch.randn(len(x), x.shape[1] + 1, generator=rng, device=x.device)
        size = self.spread.log()
        mean, deviation = TRAINED[0] + size.mean(), (TRAINED[1] ** 2 + size.var(correction=0)).sqrt()
        level = (mean + deviation * draw[:, :1]).exp()
        made = self.denoised(x + level * draw[:, 1:], level, batch.condition, rng if self.training else None)
        error = ((made - x).square() * (self.spread**-2 + level**-2)).mean()
        return Loss(error, error.detach(), error.new_zeros(()))

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
        low, high = (v ** (1 / BEND) for v in LEVELS)
        k = self.spec.steps
        levels = [(high + i / (k - 1) * (low - high)) ** BEND for i in range(k)] + [0.0]
        x = torch.randn(n, self.latent_dim, generator=rng) * levels[0]

        def slope(x: Tensor, level: float) -> Tensor:
            s = x.new_full((n, 1), level)
            made = self.denoised(x, s, context)
            if unknown is not None and guidance != 1:
                without = self.denoised(x, s, unknown)
                made = without + guidance * (made - without)
            return (x - made) / level

        for now, then in itertools.pairwise(levels):
            first = slope(x, now)
            guess = x + (then - now) * first
            x = guess if then == 0 else x + (then - now) * (first + slope(guess, then)) / 2
        return x * self.unit + self.mean

    def log_prob(self, z: Tensor) -> Tensor:
        """Not told: the density of a score model is an integral over all levels."""
        raise UnsupportedError("a score model draws codes and does not say how likely they are: take prior='mixture'")

    def _waves(self, level: Tensor) -> Tensor:
        rates = torch.exp2(torch.arange(WAVES, device=level.device) * (6 / WAVES) - 2)
        angle = level.log() * rates * (math.pi / 4)
        return torch.cat([angle.sin(), angle.cos()], dim=1)
