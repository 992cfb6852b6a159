"""Symbol by symbol: each symbol of a quantised code is drawn given those before it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.batch import Batch, Loss
from zandloper.layers import Linear
from zandloper.spec import Spec
from zandloper.transformer import Block


@dataclass(frozen=True)
class Autoregressive(Spec):
    """Settings of the autoregressive prior over symbols.

    Parameters
    ----------
    width, layers, heads : int
        Of the transformer.
    vocabulary : int
        How many symbols there are.
    """

    name: ClassVar[str] = "autoregressive"
    of_symbols: ClassVar[bool] = True
    conditional: ClassVar[bool] = True
    width: int = 96
    layers: int = 2
    heads: int = 4
    vocabulary: int = 256

    def build(self, latent_dim: int, context_dim: int = 0) -> nn.Module:
        """The module for codes of `latent_dim` symbols."""
        return AutoregressivePrior(self, latent_dim, context_dim)


class AutoregressivePrior(nn.Module):
    """`p(s) = prod_i p(s_i | s_1 .. s_{i-1})`, by a causal transformer (Vaswani et al. 2017, section 3) over positions.

    Van den Oord et al. 2017, "Neural discrete representation learning", section 3.3: the prior over the codes is
    fitted after the autoencoder, by the same training loop. Its loss is the cross-entropy per symbol, in nats.
    """

    def __init__(self, spec: Autoregressive, latent_dim: int, context_dim: int = 0) -> None:
        super().__init__()
        self.spec, self.latent_dim, self.natural_loss = spec, latent_dim, math.log(spec.vocabulary)
        self.symbol = nn.Parameter(torch.zeros(spec.vocabulary + 1, spec.width))  # the last one opens a code
        self.place = nn.Parameter(torch.zeros(latent_dim, spec.width))
        self.blocks: Any = nn.ModuleList(Block(spec.width, spec.heads, causal=True) for _ in range(spec.layers))
        self.norm = nn.LayerNorm(spec.width)
        self.hear = Linear(context_dim, spec.width) if context_dim else None
        self.word = Linear(spec.width, spec.vocabulary)

    @torch.no_grad()
    def start(self, codes: Tensor, rng: torch.Generator) -> None:
        """Small random tables: the layers' weights are drawn by `initialise`."""
        for table in (self.symbol, self.place):
            table.normal_(0.0, 0.1, generator=rng)

    def forward(self, symbols: Tensor, context: Tensor | None = None) -> Tensor:
        """Scores of every symbol at every place given those before it: (n, latent_dim, vocabulary)."""
        opening = symbols.new_full((len(symbols), 1), self.spec.vocabulary)
        h = self.symbol[torch.cat([opening, symbols[:, :-1]], dim=1)] + self.place
        if self.hear is not None and context is not None:
            h = h + self.hear(context.to(h.dtype))[:, None]
        for block in self.blocks:
            h = block(h)
        return self.word(self.norm(h))

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> Loss:
        """The mean cross-entropy per symbol of codes `batch.x` (n, latent_dim), in nats."""
        symbols = batch.x.long()
        error = F.cross_entropy(self(symbols, batch.condition).float().flatten(0, 1), symbols.flatten())
        return Loss(error, error.detach(), error.new_zeros(()))

    @torch.inference_mode()
    def sample(self, n: int, rng: torch.Generator, context: Tensor | None = None) -> Tensor:
        """New codes, (n, latent_dim) integers, drawn from left to right."""
        symbols = torch.zeros(n, self.latent_dim, dtype=torch.long)
        for place in range(self.latent_dim):
            share = self(symbols, context)[:, place].softmax(1)
            symbols[:, place] = torch.multinomial(share, 1, generator=rng)[:, 0]
        return symbols

    @torch.inference_mode()
    def log_prob(self, z: Tensor) -> Tensor:
        """The log-probability of codes (n, latent_dim) in nats, (n,)."""
        symbols = z.long()
        scores = self(symbols).log_softmax(-1)
        return scores.gather(2, symbols[:, :, None])[:, :, 0].sum(1)
