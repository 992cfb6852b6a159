"""Training of the gate on single pixels, sampled from many patches and mixed.

The gate's features hardly differ within a patch, so that a batch of patches has few different cases and a batch of
pixels thousands. Estimates cost far more than the gate: they are computed once.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from typing import Any

import torch
from torch import Tensor, nn

from zandloper.applications.denoising.objectives import Objective
from zandloper.applications.denoising.patch_matching import PatchMatchingNet, gate_inputs
from zandloper.data.signals import Field
from zandloper.model.batch import Batch, LossOutput
from zandloper.training.loop import train
from zandloper.training.patch_source import PatchSource
from zandloper.training.sources import ArraySource, mixed_seed
from zandloper.training.state import TrainingConfig

SIDE, IMAGES = 128, 4  # pixels of a patch's side, at most, and patches at once
MOST, QUICK = 400, 25  # batches of patches at most, with and without max_minutes
KEPT = 4_096  # pixels of each batch
FLAT = 0.2  # added to the sampling weights, in deviations of the noise: pixels with equal estimates are drawn too
SAMPLING_SHARE = 0.85  # share of the minutes for sampling
BATCH, EPOCHS, ENOUGH = 8_192, 20, 50  # passes over the pixels, without and with minutes; more overfit


class GateModule(nn.Module):
    """The gate with its loss, for the training loop, on rows that `_pixels` makes."""

    def __init__(self, net: PatchMatchingNet, objective: Objective) -> None:
        super().__init__()
        self.gate, self.baseline_loss = net.gate, 0.0
        self._count, self._channels, self._absolute = net.ESTIMATES, net.spec.channels, objective.loss == "mae"

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """The mean error over the pixels of `batch.x`."""
        sizes = [self._count * self._channels, self._channels, 1]
        seen, apart, wanted, stands_for = batch.x.split([batch.x.shape[1] - sum(sizes), *sizes], 1)
        weights = self.gate(seen).float()
        wrong = (weights[:, :, None] * apart.unflatten(1, (self._count, -1))).sum(1) - wanted
        total = ((wrong.abs() if self._absolute else wrong.square()) * stands_for).mean()
        return LossOutput(total, total.detach(), total.new_zeros(()))


def train_gate(
    net: PatchMatchingNet,
    objective: Objective,
    items: list[Field],
    targets: list[Field] | None,
    settings: TrainingConfig,
    started: float,
) -> None:
    """Train the gate of a network in place.

    Parameters
    ----------
    net : PatchMatchingNet
        Its first part is trained already.
    objective : Objective
    items, targets : list of Field
        As `PatchSource` takes them.
    settings : TrainingConfig
        Of the network's training; `max_minutes`, if given, is the time for the gate from `started` on.
    started : float
        `time.monotonic()` at the start.
    """
    device, minutes = torch.device(settings.device), settings.max_minutes
    net.to(device).eval()
    side = tuple(
        min(SIDE, -(-min(item.size[axis] for item in items) // net.spec.stride) * net.spec.stride) for axis in (0, 1)
    )
    patches = PatchSource(items, targets, side, IMAGES, mixed_seed(settings.seed, 1), augment=True)
    noise = getattr(objective, "noise", None)
    module = None if noise is None else noise.build().to(device)
    kept: list[Tensor] = []
    until = None if minutes is None else started + 60 * SAMPLING_SHARE * minutes
    most = QUICK if minutes is None else MOST
    for batch in itertools.chain.from_iterable(patches.epoch(epoch) for epoch in itertools.count()):
        kept.append(_pixels(net, objective, batch.to(device), module, mixed_seed(settings.seed, 2, len(kept))).cpu())
        if len(kept) == most or (until is not None and time.monotonic() >= until):
            break
    # No validation rows: pixels of a few patches are no independent sample; the last weights are best at a low rate.
    source = ArraySource(torch.cat(kept).numpy(), batch_size=BATCH, seed=settings.seed)
    gate_module = GateModule(net, objective)
    with torch.no_grad():
        gate_module.baseline_loss = float(gate_module.loss(next(source.in_order(BATCH)).to(device)).total)
    now = time.monotonic()
    settings = dataclasses.replace(
        settings,
        max_epochs=min(EPOCHS if minutes is None else ENOUGH, settings.max_epochs),
        max_minutes=None if minutes is None else minutes - (now - started) / 60,
        batch_size=BATCH,
        inference_batch_size=BATCH,
        precision="float32",
    )
    train(gate_module, source, None, settings, started=now)


@torch.no_grad()
def _pixels(net: PatchMatchingNet, objective: Objective, batch: Batch, noise: Any, seed: int) -> Tensor:
    """Sample pixels of a batch: features, differences of estimates and target from the network's output, and weights.

    Pixels whose estimates differ most from the network's output are drawn more often; the last column has the inverse
    of their probability, so that the mean error stays that of all pixels.
    """
    rng = torch.Generator(batch.x.device).manual_seed(seed)
    seen, target, weight = objective.parts(batch, rng, noise)
    inputs = gate_inputs(net, seen)
    # Relative to the noise, so that strong noise counts no more than weak noise.
    apart, wanted = inputs.apart / inputs.noise[:, None].sqrt(), (target - inputs.guess) / inputs.noise.sqrt()
    often = apart[:, :-1].square().sum(1).mean(1, keepdim=True).sqrt() + FLAT
    rows = torch.cat([part.flatten(1, -3) for part in (inputs.features, apart, wanted, often)], 1)
    rows = rows.movedim(1, -1).flatten(0, -2)
    if weight is not None:  # errors of blind spots count alone
        rows = rows[(weight > 0).all(1).flatten()]
    often = rows[:, -1]
    some = torch.multinomial(
        often, min(KEPT, len(rows)), replacement=True, generator=rng
    )  # sampling with replacement is unbiased
    rows[:, -1] = often.mean() / often
    return rows[some]
