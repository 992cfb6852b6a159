"""Vector quantization: the code is a row of symbols, each the number of a vector in a learned book."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zandloper.model.batch import BottleneckOutput
from zandloper.model.layers.layers import Linear
from zandloper.spec import Spec

DEAD_SHARE = 0.05  # of the mean use: a code that is used less is moved to where data are
START_ROUNDS = 10  # of Lloyd's algorithm, on the first batch


@dataclass(frozen=True)
class VQ(Spec):
    """Settings of vector quantization; `latent_dim` is the number of symbols per sample.

    Parameters
    ----------
    codes : int
        Vectors in the book.
    code_dim : int
        Length of a vector.
    commitment : float
        Weight of the cost that keeps the encoder near the vectors that it chose.
    decay : float
        Memory of the moving averages that the vectors follow.
    """

    name: ClassVar[str] = "vq"
    linear: ClassVar[bool] = False
    per_position: ClassVar[bool] = True
    codes: int = 256
    code_dim: int = 8
    commitment: float = 0.25
    decay: float = 0.95

    def build(self, encoding_dim: int, latent_dim: int, n_positions: int = 1) -> VQBottleneck:
        """The module for a neck of `neck_dim` values and `latent_dim` symbols, as many for each of `places` parts."""
        return VQBottleneck(self, encoding_dim, latent_dim, n_positions)


class VQBottleneck(nn.Module):
    """`z = book[argmin_k |W neck + b - book_k|]`, gradients copied straight through.

    Van den Oord, Vinyals and Kavukcuoglu 2017, "Neural discrete representation learning", eqs. 1 and 3; vectors follow
    moving averages of what chose them (appendix A.1). The book starts at a k-means of the first batch, and vectors that
    are hardly used are moved onto random data (Dhariwal et al. 2020, "Jukebox", section 4.1), so that it does not
    collapse.
    """

    codebook: Tensor
    counts: Tensor
    sums: Tensor
    started: Tensor

    def __init__(self, spec: VQ, encoding_dim: int, latent_dim: int, n_positions: int = 1) -> None:
        super().__init__()
        self.spec, self.symbols_per_sample = spec, latent_dim
        # Where each place of a grid has a part of the neck and of the symbols, all places share one head.
        self.n_positions = n_positions if latent_dim % n_positions == 0 else 1
        self.head = Linear(encoding_dim // self.n_positions, latent_dim // self.n_positions * spec.code_dim)
        self.latent_shape = (latent_dim, spec.code_dim)
        self.register_buffer("codebook", torch.zeros(spec.codes, spec.code_dim))
        self.register_buffer("counts", torch.ones(spec.codes))
        self.register_buffer("sums", torch.zeros(spec.codes, spec.code_dim))
        self.register_buffer("started", torch.zeros(()))

    @property
    def vocabulary(self) -> int:
        """How many symbols there are."""
        return self.spec.codes

    def symbols(self, encoding: Tensor) -> Tensor:
        """The numbers of the vectors chosen, (n, latent_dim) integers."""
        return self._nearest(self._vectors(encoding)).reshape(-1, self.symbols_per_sample)

    def vectors_of(self, symbols: Tensor) -> Tensor:
        """The code that symbols (n, latent_dim) stand for, (n, latent_dim, code_dim)."""
        return self.codebook[symbols]

    def forward(
        self, encoding: Tensor, offset: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> BottleneckOutput:
        """The quantized code of a neck, (n, latent_dim, code_dim), and the commitment cost."""
        vectors = self._vectors(encoding)
        if self.training and rng is not None and not bool(self.started):
            self._start(vectors.detach(), rng)
        chosen = self._nearest(vectors)
        quantized = self.codebook[chosen]
        cost = self.spec.commitment * (vectors - quantized.detach()).square().sum(1).reshape(len(encoding), -1).sum(1)
        if self.training and rng is not None:
            self._follow(vectors.detach(), chosen, rng)
        z = vectors + (quantized - vectors).detach()
        return BottleneckOutput(z.reshape(len(encoding), *self.latent_shape), cost)

    def _vectors(self, encoding: Tensor) -> Tensor:
        return self.head(encoding.reshape(len(encoding) * self.n_positions, -1)).float().reshape(-1, self.spec.code_dim)

    def _nearest(self, vectors: Tensor) -> Tensor:
        distance = self.codebook.square().sum(1) - 2 * vectors @ self.codebook.T
        return distance.argmin(1)

    @torch.no_grad()
    def _start(self, vectors: Tensor, rng: torch.Generator) -> None:
        """Lloyd's algorithm from random data; with fewer vectors than codes, some codes share one and part later."""
        k = self.spec.codes
        order = torch.randperm(len(vectors), generator=rng, device=vectors.device)
        spread = vectors.std(0) * 0.01
        self.codebook.copy_(vectors[order.repeat(-(-k // len(order)))[:k]])
        self.codebook.add_(spread * torch.randn(self.codebook.shape, generator=rng, device=vectors.device))
        for _ in range(START_ROUNDS):
            counts, sums = self._tally(vectors, self._nearest(vectors))
            self.codebook.copy_(torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], self.codebook))
        self.counts.copy_(counts)
        self.sums.copy_(self.codebook * counts[:, None])
        self.started.fill_(1.0)

    @torch.no_grad()
    def _follow(self, vectors: Tensor, chosen: Tensor, rng: torch.Generator) -> None:
        """One step of the moving averages, and a new place for vectors that are hardly used."""
        counts, sums = self._tally(vectors, chosen)
        self.counts.lerp_(counts, 1 - self.spec.decay)
        self.sums.lerp_(sums, 1 - self.spec.decay)
        self.codebook.copy_(self.sums / self.counts.clamp(min=1e-5)[:, None])
        dead = self.counts < DEAD_SHARE * len(vectors) / self.spec.codes
        number = int(dead.sum())
        if number:
            where = torch.randint(len(vectors), (number,), generator=rng, device=vectors.device)
            self.codebook[dead] = vectors[where]
            self.counts[dead] = len(vectors) / self.spec.codes
            self.sums[dead] = self.codebook[dead] * self.counts[dead][:, None]

    def _tally(self, vectors: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        counts = torch.bincount(chosen, minlength=self.spec.codes).float()
        return counts, torch.zeros_like(self.sums).index_add_(0, chosen, vectors)
