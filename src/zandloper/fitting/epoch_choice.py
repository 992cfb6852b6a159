"""How many epochs to train a small table for: out-of-fold errors choose, then all rows train.

A tenth of few rows is too few to choose by: which rows they are decides more than how long the training was. Here every
row is held out once. Hourglasses of all folds are trained together as one module, by the one training loop, for half as
long and half as long again while that lowers the mean out-of-fold error clearly. Runs of all lengths end at the lowest
learning rate, with settled weights. The hourglass then trains on all rows for the length that was taken. If the start
(PCA, where there is a linear path) has a lower out-of-fold error, the start is kept.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.model.batch import Batch, LossOutput
from zandloper.training.loop import train
from zandloper.training.sources import ArraySource, mixed_seed
from zandloper.training.state import TrainingConfig, TrainingState

FOLDS = 3  # five take twice as long and choose no better
LENGTHS = 4  # at most, each half as long as the one before
SHORTEST = 6  # epochs
GAIN = 0.05  # share of the error by which half the length must be better: most lengths differ by less, from noise alone


@dataclass(frozen=True, slots=True)
class FoldBatch:
    """One batch per fold; None for folds that have no part in it."""

    parts: tuple[Batch | None, ...]

    @property
    def x(self) -> Tensor:
        """The inputs of all parts."""
        return torch.cat([part.x for part in self.parts if part is not None])

    def to(self, device: torch.device) -> FoldBatch:
        """The same batches on another device."""
        return FoldBatch(tuple(None if part is None else part.to(device) for part in self.parts))


class FoldSource:
    """Batches of all folds side by side: a step takes one from each, and scoring takes the folds in turn."""

    def __init__(self, sources: list[ArraySource]) -> None:
        self._sources = sources
        self.rows = sum(source.rows for source in sources)
        self.steps = max(source.steps for source in sources)
        for source in sources:  # folds differ by a row, which could be a step
            source.steps = self.steps

    def epoch(self, epoch: int, first: int = 0) -> Iterator[FoldBatch]:
        """The batches of an epoch, from step `first` on."""
        for parts in zip(*(source.epoch(epoch, first) for source in self._sources)):
            yield FoldBatch(parts)

    def in_order(self, batch_size: int) -> Iterator[FoldBatch]:
        """All rows once, fold by fold."""
        for i, source in enumerate(self._sources):
            for batch in source.in_order(batch_size):
                yield FoldBatch(tuple(batch if i == j else None for j in range(len(self._sources))))


class Folds(nn.Module):
    """Hourglasses of one blueprint, one per fold, trained as one module."""

    def __init__(self, members: list[Any]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.baseline_loss = sum(abs(float(m.baseline_loss)) for m in members) / len(members)
        self.draws_globally = any(m.draws_globally for m in members)

    def loss(self, batch: FoldBatch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """The mean loss over the folds; each one's gradient is its own, as if it was trained alone."""
        pairs = zip(self.members, batch.parts)
        found = [m.loss(part, rng, progress) for m, part in pairs if part is not None]  # type: ignore[operator]
        total = torch.stack([loss.total for loss in found])
        gradient = total.sum()
        mean = gradient - (gradient - total.mean()).detach()
        return LossOutput(mean, *(torch.stack([getattr(loss, k) for loss in found]).mean() for k in ("error", "cost")))


def deal(rows: int, seed: int) -> list[np.ndarray]:
    """The rows that each fold holds out."""
    order = np.random.default_rng(seed).permutation(rows)
    return [np.sort(part) for part in np.array_split(order, FOLDS)]


def lengths(most: int) -> list[int]:
    """Epochs to try, from the most down."""
    found = [most]
    while len(found) < LENGTHS and found[-1] // 2 >= SHORTEST:
        found.append(found[-1] // 2)
    return found


def train_by_folds(
    module: Any,
    build: Callable[[np.ndarray, int], Any],
    arrays: tuple[Any, Any, Any],
    settings: TrainingConfig,
    patience: int | None,
    fingerprint: str,
    started: float,
) -> TrainingState:
    """Train a module on all rows for as many epochs as are best out of fold.

    Parameters
    ----------
    module : nn.Module
        Ready to train on all rows.
    build : (rows, seed) -> nn.Module
        The same, ready to train on some of the rows.
    arrays : raw, target and condition
    settings : TrainingConfig
        `max_epochs` is the longest length; with a checkpoint, each length has a folder of its own in it.
    patience : int or None
        Epochs without a better out-of-fold error after which a length is given up. None: none is.
    fingerprint : str
        Tells this run's checkpoints from others'.
    started : float
        `time.monotonic()` when `fit` began.

    Returns
    -------
    A run whose history is that of the folds over the length that was taken: mean training loss of each epoch, mean
    out-of-fold error of the start and the end. Where the start was kept, it is the start alone.
    """
    seed, size = settings.seed, settings.batch_size
    seeds, held = [mixed_seed(seed, k) for k in range(FOLDS)], deal(len(arrays[0]), seed)
    kept = [np.setdiff1d(np.arange(len(arrays[0])), part) for part in held]

    def phase(name: str, **changes: Any) -> dict[str, Any]:
        folder = None if settings.checkpoint is None else settings.checkpoint / name
        return {
            "settings": dataclasses.replace(settings, checkpoint=folder, **changes),
            "fingerprint": f"{fingerprint} {name}",
            "started": started,
        }

    def of_folds(parts: list[np.ndarray]) -> FoldSource:
        return FoldSource([ArraySource(*arrays, rows=p, batch_size=size, seed=s) for p, s in zip(parts, seeds)])

    start, best, seconds = math.inf, TrainingState(), 0.0
    for i, epochs in enumerate(lengths(settings.max_epochs), start=1):
        folds = Folds([build(part, s) for part, s in zip(kept, seeds)])
        changes = {"max_epochs": epochs, "patience": epochs if patience is None else patience}
        run = train(folds, of_folds(kept), of_folds(held), **phase(f"folds-{i}", **changes))
        seconds, started = seconds + run.seconds, time.monotonic()
        start = run.history[0]["validation"]
        run.best = run.history[-1]["validation"] if run.epoch == epochs else math.inf
        if run.best >= best.best - GAIN * abs(best.best):
            break
        best = run
    length = best.epoch if best.best < start else 0
    source = ArraySource(*arrays, batch_size=size, seed=seed)
    run = train(module, source, None, **phase("all", max_epochs=max(1, length), stop_after=length))
    history = best.history[: length + 1]
    for entry in history[1:-1]:  # of nets in the midst of large steps, which are none that could be kept
        entry["validation"] = math.nan
    reason = "max_epochs" if length == settings.max_epochs else "early_stopping"
    return TrainingState(epoch=length, history=history, seconds=seconds + run.seconds, stopped_by=reason)
