"""Learning how far to follow estimates from similar patches: from single pixels, drawn from many patches and mixed.

What tells good estimates from bad ones hardly differs within a patch, so that a batch of patches shows few cases and
one of pixels thousands. Estimates cost far more than the small net that weighs them: they are made once.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from typing import Any

import torch
from torch import Tensor, nn

from zandloper.applications.denoising.objectives import Objective
from zandloper.applications.denoising.patch_matching import PatchMatchingNet, looked_at
from zandloper.data.signals import Field
from zandloper.model.batch import Batch, LossOutput
from zandloper.training.loop import train
from zandloper.training.patch_source import PatchSource
from zandloper.training.sources import ArraySource, mixed_seed
from zandloper.training.state import TrainingConfig

SIDE, IMAGES = 128, 4  # pixels of a patch, as far as images are that large, and patches at once
MOST, QUICK = 400, 25  # times that patches are drawn, and where no minutes are given
KEPT = 4_096  # pixels of each time
FLAT = 0.2  # of the noise's deviation: pixels whose estimates agree are drawn as if these were that far from the net's
LOOKING = 0.85  # share of the minutes for them
BATCH, EPOCHS, ENOUGH = 8_192, 20, 50  # passes over the pixels, without minutes and with them at most: more overfit


class Weighing(nn.Module):
    """What is trained: `net.gate`, on rows of what `_pixels` keeps."""

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


def learn_weights(
    net: PatchMatchingNet,
    objective: Objective,
    items: list[Field],
    targets: list[Field] | None,
    settings: TrainingConfig,
    started: float,
) -> None:
    """Train the weights of estimates in place.

    Parameters
    ----------
    net : SimilarNet
        Whose own net has been trained.
    lesson : Lesson
    items, targets : list of Field
        As `PatchSource` takes them.
    settings : Training
        Of the net before; `max_minutes`, where given, are those for the weights, from `started` on.
    started : float
        `time.monotonic()` when that began.
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
    until = None if minutes is None else started + 60 * LOOKING * minutes
    most = QUICK if minutes is None else MOST
    for batch in itertools.chain.from_iterable(patches.epoch(epoch) for epoch in itertools.count()):
        kept.append(_pixels(net, objective, batch.to(device), module, mixed_seed(settings.seed, 2, len(kept))).cpu())
        if len(kept) == most or (until is not None and time.monotonic() >= until):
            break
    # No rows choose an epoch: patches are few beside their pixels, and weights are best when the rate has come to rest.
    source = ArraySource(torch.cat(kept).numpy(), batch_size=BATCH, seed=settings.seed)
    weighing = Weighing(net, objective)
    with torch.no_grad():
        weighing.baseline_loss = float(weighing.loss(next(source.in_order(BATCH)).to(device)).total)
    now = time.monotonic()
    settings = dataclasses.replace(
        settings,
        max_epochs=min(EPOCHS if minutes is None else ENOUGH, settings.max_epochs),
        max_minutes=None if minutes is None else minutes - (now - started) / 60,
        batch_size=BATCH,
        inference_batch_size=BATCH,
        precision="float32",
    )
    train(weighing, source, None, settings, started=now)


@torch.no_grad()
def _pixels(net: PatchMatchingNet, objective: Objective, batch: Batch, noise: Any, seed: int) -> Tensor:
    """Some pixels of a batch: signs, how far from the net's result the estimates and the truth lie, and a weight.

    Where estimates are far from the net's result there is most to learn: such pixels are drawn more often, and the
    last column says how many of all pixels each stands for, so that the mean error stays that of all.
    """
    rng = torch.Generator(batch.x.device).manual_seed(seed)
    seen, target, weight = objective.parts(batch, rng, noise)
    looked = looked_at(net, seen)
    # Beside the noise: strong noise is not to count more than weak.
    apart, wanted = looked.apart / looked.noise[:, None].sqrt(), (target - looked.guess) / looked.noise.sqrt()
    often = apart[:, :-1].square().sum(1).mean(1, keepdim=True).sqrt() + FLAT
    rows = torch.cat([part.flatten(1, -3) for part in (looked.signs, apart, wanted, often)], 1)
    rows = rows.movedim(1, -1).flatten(0, -2)
    if weight is not None:  # where only some pixels are asked for, as with blind spots, others teach nothing
        rows = rows[(weight > 0).all(1).flatten()]
    often = rows[:, -1]
    some = torch.multinomial(often, min(KEPT, len(rows)), replacement=True, generator=rng)  # alone that is unbiased
    rows[:, -1] = often.mean() / often
    return rows[some]
