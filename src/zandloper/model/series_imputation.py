"""An hourglass for gaps in series: its nets say how far what is missing lies from the best linear answer.

Most of what a missing value was follows linearly from the steps around it and from what other channels read meanwhile,
and no bottleneck should have to carry that. So what is there passes beside it, and where something is missing the
answer of a linear model of the series does; the hourglass adds what it knows of the window as a whole. Before its first
step the output is the linear answer. Codes alone decode to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.model.batch import BottleneckOutput, CorruptedInput
from zandloper.model.masked import MaskedHourglass

ORDER = 3  # steps that the next one follows from
RIDGE = 1e-5  # variance that is always added, beside that of the channels
ROUNDS, FEW, ENOUGH = 40, 12, 1e-4  # of solving, while training, and the share of the first gradient that ends it


class SeriesImputationHourglass(MaskedHourglass):
    """As `MaskedHourglass`, for series (n, channels, steps) that are compared value by value."""

    zero_init_decoder = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.linear_imputer = LinearImputer(*self.in_shape)

    def learn(self, inputs: Callable[[], Iterable[Tensor]]) -> None:
        """The linear model of the series."""
        chunks = (self.scaler.encode(raw) for raw in inputs())
        self.linear_imputer.learn(
            (self.centered(x), torch.ones_like(x) if seen is None else seen.expand_as(x)) for x, seen in chunks
        )

    def encode(
        self,
        seen: CorruptedInput,
        condition: Tensor | None = None,
        rng: torch.Generator | None = None,
        progress: float = 1.0,
    ) -> tuple[BottleneckOutput, tuple[Tensor, ...]]:
        """The code of what is there with linear answers in gaps, and these."""
        x = self.centered(seen.x)
        there = torch.ones_like(x) if seen.valid is None else seen.valid.to(x.dtype)
        filled = x if seen.valid is None else self.linear_imputer(x, there)
        encoded = self.encoder_output(filled, condition, there)
        return self.bottleneck(encoded.value, None, rng, progress), (filled,)

    def decode(self, z: Tensor, skips: tuple[Tensor, ...] = (), condition: Tensor | None = None) -> Tensor:
        """What linear answers are to become, from their code."""
        nets = super().decode(z, (), condition) - self.baseline
        if not skips:
            return nets
        return nets + (skips[0] if self.unit else skips[0] * self.spread + self.center)


class LinearImputer(nn.Module):
    """What is missing in series, taken for a vector autoregression with Gaussian innovations: its conditional mean.

    With x_t = sum_l B_l x_(t-l) + e_t the logarithm of the density of a window is a sum of squares, and the conditional
    mean of its missing values is where that is largest: linear equations, one for each of them, which conjugate
    gradients solve by convolutions alone, for all windows at once. The model is found from autocovariances
    (Yule-Walker equations; Lütkepohl 2005, "New introduction to multiple time series analysis", sections 2.1 and 3.3).
    """

    taps: Tensor
    initial_precision: Tensor

    def __init__(self, channels: int, steps: int) -> None:
        super().__init__()
        self.order = min(ORDER, max(1, steps - 1))
        c, p = channels, self.order
        self.register_buffer("taps", torch.zeros(c, c, p + 1))  # of white innovations, the oldest step first
        self.register_buffer("initial_precision", torch.eye(p * c))  # the precision of the first steps, step by step
        self.taps[:, :, -1] = torch.eye(c)

    @torch.no_grad()
    def learn(self, chunks: Iterable[tuple[Tensor, Tensor]]) -> None:
        """From chunks of windows (n, channels, steps) of about zero mean, and weights that are 0 where they miss."""
        c, p = len(self.taps), self.order
        products = torch.zeros(p + 1, c, c, dtype=torch.float64)
        counts = torch.zeros_like(products)
        for x, there in chunks:
            x, seen = (x * there).double(), (there > 0).double()
            for lag in range(p + 1):
                now, then = slice(lag, None), slice(0, x.shape[-1] - lag)
                products[lag] += torch.einsum("nit,njt->ij", x[..., now], x[..., then])
                counts[lag] += torch.einsum("nit,njt->ij", seen[..., now], seen[..., then])
        gamma = products / counts.clamp(min=1)  # of x_t and x_(t - lag)
        whole = torch.cat(
            [torch.cat([gamma[j - i] if j >= i else gamma[i - j].T for j in range(p + 1)], 1) for i in range(p + 1)]
        )
        values, axes = torch.linalg.eigh(whole)  # gaps in the data may leave it none that a covariance has
        whole = axes * values.clamp(min=0) @ axes.T + RIDGE * torch.eye(len(whole)) * max(1e-12, float(values.mean()))
        past = whole[c:, c:]
        b = torch.linalg.solve(past, whole[c:, :c]).T  # (channels, steps back and channels)
        innovation = whole[:c, :c] - b @ whole[c:, :c]
        whiten = torch.linalg.inv(torch.linalg.cholesky(innovation))
        back = b.reshape(c, p, c).flip(1).movedim(1, 2)
        self.taps.copy_(torch.cat([-(whiten @ back.reshape(c, -1)).reshape(c, c, p), whiten[:, :, None]], 2))
        # The past from the newest step to the oldest, turned round.
        order = torch.arange(p * c).reshape(p, c).flip(0).flatten()
        self.initial_precision.copy_(torch.linalg.inv(past)[order][:, order])

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """Windows (n, channels, steps) with linear answers where `there` is 0."""
        missing = (there == 0).float().expand(x.shape)
        known = torch.where(missing > 0, 0.0, x.float())
        # Taps of smooth series are large and cancel: in half precision what is left of them would be noise.
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            return known + self._solved(known, missing)

    def _solved(self, known: Tensor, missing: Tensor) -> Tensor:
        """What is missing, elsewhere zero: conjugate gradients (Hestenes and Stiefel 1952), scaled by the diagonal."""
        scale = self._diagonal(known).rsqrt() * missing
        made, slope = torch.zeros_like(known), -scale * self._precision(known)
        way, size = slope, _inner(slope, slope)
        least = size * ENOUGH**2
        for _ in range(FEW if self.training else ROUNDS):
            bent = scale * self._precision(scale * way)
            curve = _inner(way, bent)
            moving = (size > least) & (curve > 0)  # rounding ends a window's descent as well
            if not bool(moving.any()):
                break
            step = torch.where(moving, size / curve, 0.0)
            made, slope = made + step * way, slope - step * bent
            before, size = size, _inner(slope, slope)
            way = slope + torch.where(moving, size / before, 0.0) * way
        return scale * made

    def _precision(self, x: Tensor) -> Tensor:
        """The inverse covariance of windows times windows."""
        p = self.order
        out = torch.zeros_like(x) if x.shape[-1] <= p else F.conv_transpose1d(F.conv1d(x, self.taps), self.taps)
        begin = x[..., :p].transpose(1, 2).flatten(1) @ self.initial_precision
        out[..., :p] += begin.reshape(len(x), p, -1).transpose(1, 2)
        return out

    def _diagonal(self, like: Tensor) -> Tensor:
        """Of the inverse covariance, (1, channels, steps)."""
        taps, p, steps = self.taps.square().sum(0), self.order, like.shape[-1]
        out = torch.zeros_like(like[0])
        for k in range(p + 1):  # the value at a step stands under tap k of one innovation
            out[:, k : steps - p + k] += taps[:, k : k + 1]
        out[:, :p] += self.initial_precision.diagonal().reshape(p, -1).T
        return out[None]


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner products of windows, (n, 1, 1)."""
    return (a * b).sum((1, 2), keepdim=True)
