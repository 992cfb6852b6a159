"""Finite scalar quantization: each value of the code is rounded to one of a few levels; no book can collapse."""

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
class FSQ(Spec):
    """Settings of finite scalar quantization; `latent_dim` is the number of symbols per sample.

    Parameters
    ----------
    levels : tuple of int
        Levels of each value of a symbol: (8, 6, 5) makes 240 symbols (the paper's advice for about 2^8).
    """

    name: ClassVar[str] = "fsq"
    linear: ClassVar[bool] = False
    per_position: ClassVar[bool] = True
    levels: tuple[int, ...] = (8, 6, 5)

    def build(self, encoding_dim: int, latent_dim: int, n_positions: int = 1) -> FSQBottleneck:
        """The module for a neck of `neck_dim` values and `latent_dim` symbols, as many for each of `places` parts."""
        return FSQBottleneck(self, encoding_dim, latent_dim, n_positions)


class FSQBottleneck(nn.Module):
    """`z = round(bound(W neck + b))`, gradients copied straight through.

    Mentzer et al. 2024, "Finite scalar quantization: VQ-VAE made simple", section 3.1 and appendix A.1 (the bound is a
    hyperbolic tangent, shifted for even numbers of levels). Codes are scaled to [-1, 1].
    """

    levels: Tensor
    bases: Tensor

    def __init__(self, spec: FSQ, encoding_dim: int, latent_dim: int, n_positions: int = 1) -> None:
        super().__init__()
        self.symbols_per_sample, self.vocabulary = latent_dim, math.prod(spec.levels)
        # Where each place of a grid has a part of the neck and of the symbols, all places share one head.
        self.n_positions = n_positions if latent_dim % n_positions == 0 else 1
        self.head = Linear(encoding_dim // self.n_positions, latent_dim // self.n_positions * len(spec.levels))
        self.latent_shape = (latent_dim, len(spec.levels))
        levels = torch.tensor(spec.levels, dtype=torch.float32)
        self.register_buffer("levels", levels, persistent=False)
        self.register_buffer("bases", torch.cat([torch.ones(1), levels[:-1].cumprod(0)]), persistent=False)

    def symbols(self, encoding: Tensor) -> Tensor:
        """The symbols' numbers, (n, latent_dim) integers."""
        return ((self._steps(encoding) * self.bases).sum(-1)).round().long()

    def vectors_of(self, symbols: Tensor) -> Tensor:
        """The code that symbols (n, latent_dim) stand for, (n, latent_dim, values)."""
        steps = torch.div(symbols[..., None], self.bases, rounding_mode="floor") % self.levels
        return self._scaled(steps)

    def forward(
        self, encoding: Tensor, offset: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> BottleneckOutput:
        """The quantized code of a neck, (n, latent_dim, values), free of cost."""
        return BottleneckOutput(self._scaled(self._steps(encoding)))

    def _steps(self, encoding: Tensor) -> Tensor:
        """Whole numbers from 0 to levels - 1, with the gradient of the bound."""
        h = self.head(encoding.reshape(len(encoding) * self.n_positions, -1)).float().reshape(-1, *self.latent_shape)
        bounded = (torch.tanh(h) + 1) / 2 * (self.levels - 1e-3) - 0.5 + 5e-4
        return bounded + (bounded.round() - bounded).detach()

    def _scaled(self, steps: Tensor) -> Tensor:
        return 2 * steps / (self.levels - 1) - 1
