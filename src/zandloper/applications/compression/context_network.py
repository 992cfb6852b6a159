"""The small network of a context model: a shift of the center and a scale, trained on logistic distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.applications.compression.context_model import (
    FINE,
    UNIT,
    ContextModel,
)
from zandloper.model.batch import Batch, LossOutput
from zandloper.training.loop import train
from zandloper.training.sources import ArraySource, mixed_seed
from zandloper.training.state import TrainingConfig

EXAMPLES = 2**18  # training values of the network


VALUES_A_WEIGHT = 96  # of the data, for one weight of the network


HIDDEN = 24  # units of the network, at most


EPOCHS = 6


class _ContextNetwork(nn.Module):
    """The small networks of all channels, trained with the code length of a logistic distribution."""

    baseline_loss = 0.0

    def __init__(self, channels: int, inputs: int, hidden: int, start: Tensor, unit: Tensor, seed: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(mixed_seed(seed, 11))
        self.inputs = inputs
        self.w1 = nn.Parameter(torch.randn(channels, hidden, inputs, generator=rng) / inputs**0.5)
        self.b1 = nn.Parameter(torch.zeros(channels, hidden))
        self.w2 = nn.Parameter(torch.zeros(channels, 2, hidden))
        self.b2 = nn.Parameter(torch.stack([torch.zeros_like(start), start], dim=1))
        self.register_buffer("unit", unit)
        self.unit: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Shift and scale, (n, channels, 2), of inputs (n, channels, inputs) in units of 64."""
        h = torch.relu(torch.einsum("nci,chi->nch", x / UNIT, self.w1) + self.b1)
        return torch.einsum("nch,coh->nco", h, self.w2) + self.b2

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """The mean number of nats per value; the last two columns are the distance in steps and its weight."""
        x, distance, weight = batch.x[..., : self.inputs], batch.x[..., -2], batch.x[..., -1]
        shift, scale = self(x).unbind(-1)
        nats = logistic_nats(distance - shift * self.unit, scale)
        error = (nats * weight).sum() / weight.sum().clamp(min=1)
        return LossOutput(error, error.detach(), error.new_zeros(()))


def logistic_nats(distance: Tensor, scale: Tensor) -> Tensor:
    """`-log(F(distance + 1/2) - F(distance - 1/2))` of a logistic distribution F of scale 2^scale, in steps."""
    s = torch.exp2(scale.clamp(-7, 30))
    upper, lower = (distance + 0.5) / s, (distance - 0.5) / s
    return F.softplus(-upper) + F.softplus(lower) - torch.log(-torch.expm1(-1 / s))


def fit_context_network(
    context: ContextModel, features: Any, values: np.ndarray, present: np.ndarray, total: int, seed: int
) -> None:
    """Train the networks of a context model and store their weights as integers."""
    steps, channels, sequences = values.shape
    inputs = context.shifts.shape[1]
    hidden = int(min(HIDDEN, total / VALUES_A_WEIGHT / channels / (inputs + 3)))
    rng = np.random.default_rng(mixed_seed(seed, 12))
    keep = min(steps * sequences, max(64, EXAMPLES // channels))
    chosen = np.sort(rng.permutation(steps * sequences)[:keep])
    x = np.zeros((keep, channels, inputs + 2), np.float32)
    at, sequence = np.divmod(chosen, sequences)
    cuts = np.searchsorted(at, np.arange(steps + 1))
    for s in range(steps):
        part, mine = slice(cuts[s], cuts[s + 1]), sequence[cuts[s] : cuts[s + 1]]
        for c in range(channels):
            _, _, seen, linear, _ = features[s][c]
            x[part, c, :inputs] = seen[:, mine].T
            x[part, c, -2] = values[s, c][mine] - linear[mine] / FINE
            x[part, c, -1] = present[s, c][mine]
    unit = 2.0**context.unit / FINE
    mean = (abs(x[..., -2]) * x[..., -1]).sum(0) / np.maximum(x[..., -1].sum(0), 1)
    start = np.log2(np.maximum(0.72 * mean, 0.05))
    net = _ContextNetwork(
        channels, inputs, max(0, hidden), torch.from_numpy(start).float(), torch.from_numpy(unit).float(), seed
    )
    held = max(1, keep // 10)
    order = rng.permutation(keep)
    source = ArraySource(x, rows=order[held:], batch_size=256 if keep > 4096 else 64, seed=seed)
    validation = ArraySource(x, rows=order[:held], seed=seed)
    settings = TrainingConfig(
        max_epochs=EPOCHS if hidden else 2, lr=5e-3 if hidden else 5e-2, inference_batch_size=4096, seed=seed
    )
    if keep > 20:
        train(net, source, validation, settings)

    def whole(w: Tensor, size: int) -> np.ndarray:
        return np.rint(w.detach().double().numpy() * size).clip(-(2**23), 2**23).astype(np.int64)

    context.w1, context.b1 = whole(net.w1, 256), whole(net.b1, 256 * UNIT)
    context.w2, context.b2 = whole(net.w2, 256), whole(net.b2, 256 * UNIT)
