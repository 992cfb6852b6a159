"""Symbol by symbol: each symbol of a quantized code is drawn given those before it, and a prompt where there is one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.errors import bad_parameter
from zandloper.model.batch import Batch, LossOutput
from zandloper.model.layers.attention import KeyValueCache, TransformerBlock
from zandloper.model.layers.layers import Linear
from zandloper.spec import Spec

CONDITION_DROPOUT = 0.1  # share of training rows without their condition, for classifier-free guidance
ROWS_PER_CHUNK = 128  # drawn at a time, in bounded memory


@dataclass(frozen=True)
class Autoregressive(Spec):
    """Settings of the autoregressive prior over symbols.

    Parameters
    ----------
    width, layers, heads : int
        Of the transformer.
    vocabulary : int
        How many symbols there are.
    prompt : tuple of int
        (pieces, places) of the texts that condition it, () for none.
    """

    name: ClassVar[str] = "autoregressive"
    of_symbols: ClassVar[bool] = True
    conditional: ClassVar[bool] = True
    width: int = 96
    layers: int = 2
    heads: int = 4
    vocabulary: int = 256
    prompt: tuple[int, ...] = ()

    def build(self, latent_dim: int, context_dim: int = 0) -> AutoregressivePrior:
        """The module for codes of `latent_dim` symbols, given contexts of `context_dim` numbers where there are any."""
        return AutoregressivePrior(self, latent_dim, context_dim)


@dataclass(frozen=True)
class SamplingConfig:
    """How symbols are drawn from what the prior thinks of them.

    Parameters
    ----------
    temperature : float
        Below 1 the likely gets likelier, above 1 less so.
    top_k : int or None
        Only so many of the likeliest symbols may be drawn.
    top_p : float or None
        Only the fewest symbols that together are so likely (Holtzman et al. 2020, "The curious case of neural text
        degeneration", section 3.1).
    guidance : float
        How strongly the condition is followed: 1 as it was learned, more for more faithful and less varied samples, 0
        not at all. Scores are `nothing + guidance (conditional - nothing)` (Ho and Salimans 2021, "Classifier-free
        diffusion guidance", eq. 6, with the weight counted from 1).
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    guidance: float = 1.0

    def __post_init__(self) -> None:
        def number(name: str, wanted: str, good: Any) -> None:
            value = getattr(self, name)
            real = isinstance(value, int | float) and not isinstance(value, bool) and good(value)
            if not real and not (value is None and name.startswith("top")):
                raise bad_parameter("sample", name, wanted, value)

        number("temperature", "a number above 0", lambda v: 0 < v < float("inf"))
        number("top_k", "a positive integer or None", lambda v: isinstance(v, int) and v >= 1)
        number("top_p", "a number above 0 and up to 1, or None", lambda v: 0 < v <= 1)
        number("guidance", "a number from 0 on", lambda v: 0 <= v < float("inf"))

    def pick(self, scores: Tensor, lot: Tensor) -> Tensor:
        """One symbol a row: scores (n, symbols), and evenly drawn numbers from 0 to 1, (n,)."""
        scores = scores / self.temperature
        if self.top_k is not None and self.top_k < scores.shape[1]:
            scores = scores.masked_fill(scores < scores.topk(self.top_k).values[:, -1:], -torch.inf)
        share = scores.softmax(1)
        if self.top_p is not None and self.top_p < 1:
            ranked, order = share.sort(1, descending=True)
            ranked[ranked.cumsum(1) - ranked >= self.top_p] = 0
            share = torch.zeros_like(share).scatter_(1, order, ranked)
        heap = share.cumsum(1)
        return torch.searchsorted(heap, (lot[:, None] * heap[:, -1:]).clamp(max=heap[:, -1:] * (1 - 1e-6)), right=True)[
            :, 0
        ].clamp(max=scores.shape[1] - 1)


class AutoregressivePrior(nn.Module):
    """`p(s | c) = prod_i p(s_i | s_1 .. s_{i-1}, c)`, by a causal transformer (Vaswani et al. 2017, section 3).

    Van den Oord et al. 2017, "Neural discrete representation learning", section 3.3: the prior over the codes is
    fitted after the autoencoder, by the same training loop. Its loss is the cross-entropy per symbol, in nats. Its
    condition is a prefix of the code: the tokens of a text, as in Ramesh et al. 2021, "Zero-shot text-to-image
    generation", section 2.2, or one token made of a context.
    """

    def __init__(self, spec: Autoregressive, latent_dim: int, context_dim: int = 0) -> None:
        super().__init__()
        self.spec, self.latent_dim, self.baseline_loss = spec, latent_dim, math.log(spec.vocabulary)
        self.symbol_embedding = nn.Parameter(torch.zeros(spec.vocabulary + 1, spec.width))  # the last one opens a code
        pieces, self.context_length = spec.prompt or (0, 1 if context_dim else 0)
        self.position_embedding = nn.Parameter(torch.zeros(self.context_length + latent_dim, spec.width))
        self.token_embedding = (
            nn.Parameter(torch.zeros(pieces + 1, spec.width)) if pieces else None
        )  # the last one says nothing
        self.context_layer = Linear(context_dim, spec.width) if context_dim and not pieces else None
        self.blocks: Any = nn.ModuleList(
            TransformerBlock(spec.width, spec.heads, causal=True) for _ in range(spec.layers)
        )
        self.norm = nn.LayerNorm(spec.width)
        self.head = Linear(spec.width, spec.vocabulary)

    @torch.no_grad()
    def start(self, codes: Tensor, rng: torch.Generator) -> None:
        """Small random tables: the layers' weights are drawn by `initialize`."""
        for table in (self.symbol_embedding, self.position_embedding, self.token_embedding):
            if table is not None:
                table.normal_(0.0, 0.1, generator=rng)

    def prefix(self, condition: Tensor | None, n: int) -> Tensor:
        """The tokens that stand before the first symbol: the condition, and the one that opens the code.

        Texts are numbers of pieces (n, places), NaN where nothing is; contexts are (n, context_dim). None: no
        condition.
        """
        parts = []
        if self.token_embedding is not None:
            nothing = len(self.token_embedding) - 1
            tokens = (
                self.token_embedding.new_full((n, self.context_length), torch.nan) if condition is None else condition
            )
            parts = [self.token_embedding[tokens.nan_to_num(nothing).long()]]
        elif self.context_layer is not None:
            weight = self.context_layer.weight
            silence = weight.new_zeros(n, weight.shape[1]) if condition is None else condition.to(weight.dtype)
            parts = [self.context_layer(silence)[:, None]]
        return torch.cat([*parts, self.symbol_embedding[-1].expand(n, 1, -1)], dim=1)

    def forward(self, symbols: Tensor, condition: Tensor | None = None) -> Tensor:
        """Scores of every symbol at every place given those before it: (n, latent_dim, vocabulary)."""
        before = self.prefix(condition, len(symbols))
        h = torch.cat([before, self.symbol_embedding[symbols[:, :-1]]], dim=1) + self.position_embedding
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h[:, self.context_length :]))

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """The mean cross-entropy per symbol of codes `batch.x` (n, latent_dim), in nats.

        While training, a tenth of the texts is kept from it.
        """
        symbols, condition = batch.x.long(), batch.condition
        if self.token_embedding is not None and condition is not None and self.training and rng is not None:
            dropped = torch.rand(len(symbols), 1, generator=rng, device=symbols.device) < CONDITION_DROPOUT
            condition = condition.masked_fill(dropped, torch.nan)
        scores = self(symbols, condition).float()
        error = F.cross_entropy(scores.flatten(0, 1), symbols.flatten())
        return LossOutput(error, error.detach(), error.new_zeros(()))

    @torch.inference_mode()
    def sample(
        self, n: int, rng: torch.Generator, condition: Tensor | None = None, drawing: SamplingConfig | None = None
    ) -> Tensor:
        """New codes, (n, latent_dim) integers, drawn from left to right; of a condition, one for each of its n rows."""
        lots = torch.rand(n, self.latent_dim, generator=rng)
        conditions = [None] * n if condition is None else condition.split(ROWS_PER_CHUNK)
        return torch.cat(
            [self._drawn(lot, c, drawing or SamplingConfig()) for lot, c in zip(lots.split(ROWS_PER_CHUNK), conditions)]
        )

    def _drawn(self, lots: Tensor, condition: Tensor | None, how: SamplingConfig) -> Tensor:
        """Codes for uniform numbers (n, latent_dim). With guidance, rows are scored with and without condition."""
        n = len(lots)
        guided = condition is not None and how.guidance != 1
        prefix = self.prefix(condition, n)
        h = torch.cat([prefix, self.prefix(None, n)]) if guided else prefix
        pasts = [KeyValueCache(self.context_length + self.latent_dim) for _ in self.blocks]
        symbols = torch.zeros(n, self.latent_dim, dtype=torch.long)
        h = h + self.position_embedding[: h.shape[1]]
        for i in range(self.latent_dim):
            for block, past in zip(self.blocks, pasts):
                h = block.extend(h, past)
            scores = self.head(self.norm(h[:, -1])).log_softmax(1)
            if guided:
                with_it, without = scores.chunk(2)
                scores = without + how.guidance * (with_it - without)
            symbols[:, i] = how.pick(scores, lots[:, i])
            following = self.symbol_embedding[symbols[:, i]]
            h = (torch.cat([following, following]) if guided else following)[:, None]
            if i + 1 < self.latent_dim:
                h = h + self.position_embedding[self.context_length + i + 1]
        return symbols

    @torch.inference_mode()
    def log_prob(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """The log-probability of codes (n, latent_dim) in nats, (n,)."""
        symbols = z.long()
        scores = self(symbols, condition).log_softmax(-1)
        return scores.gather(2, symbols[:, :, None])[:, :, 0].sum(1)
