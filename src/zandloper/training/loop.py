"""The one training loop, for every module with a `loss(batch, rng, progress)`: hourglasses, priors, denoisers.

`train` -> `_Run.fit` -> `_Run._train_epoch` -> `_Run._train_step`. The same seed gives the same bits: random numbers
follow from (seed, step), schedules from steps, and a run that was killed resumes from its checkpoint to the same end.
"""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from zandloper.errors import TrainingError
from zandloper.training.checkpoint import Checkpoint
from zandloper.training.optimizers import build_optimizer
from zandloper.training.progress import Progress
from zandloper.training.schedule import paced_schedule, schedule
from zandloper.training.sources import Movable, Source, World, mixed_seed
from zandloper.training.state import (
    Trainable,
    TrainingConfig,
    TrainingState,
    copy_state,
    restore_state,
    store_state,
)

MAX_RESTARTS = 5  # how often a run may diverge before it is given up
RESTART_LR_FACTOR = 0.3  # of the learning rate, after each divergence
DIVERGENCE_FACTOR = 20.0  # a loss that exceeds the reference by this many times the reference has diverged
NAN_CHECK_EVERY_STEPS = 20  # a check waits for the device, so not every step has one


def train(
    module: nn.Module,
    source: Source,
    validation: Source | None,
    settings: TrainingConfig,
    *,
    fingerprint: str = "",
    started: float | None = None,
    world: World | None = None,
) -> TrainingState:
    """Train a module in place; it ends with the weights of the lowest validation loss (epoch 0 takes part).

    Parameters
    ----------
    module : nn.Module
        A `Trainable`: has `loss(batch, rng, progress) -> LossOutput`. It may have a `baseline_loss`, far above which
        training has diverged.
    source, validation : Source
        Training rows and validation rows; without the latter the last weights are kept.
    settings : TrainingConfig
    fingerprint : str
        Identifies the data and settings that this run's checkpoints belong to.
    started : float
        `time.monotonic()` when `fit` began: `max_minutes` counts from there.
    world : World
        The processes that share the work; by default this one alone.

    Raises
    ------
    TrainingError
        The loss diverged again and again.
    """
    started = time.monotonic() if started is None else started
    device = torch.device(settings.device)
    module.to(device)
    with _threads(settings.threads), _global_seeding(module) as seed_globally, Progress(settings) as progress:
        run = _Run(module, source, validation, settings, world or World(), seed_globally)
        state = run.fit(Checkpoint(settings, fingerprint), progress, started)
    module.eval()
    return state


class _Run:
    """One run of `train`: the module, its optimizer, the best weights so far and the state."""

    def __init__(
        self,
        module: nn.Module,
        source: Source,
        validation: Source | None,
        settings: TrainingConfig,
        world: World,
        seed_globally: Callable[[int], object],
    ) -> None:
        if not isinstance(module, Trainable):
            raise TypeError(f"{type(module).__name__} has no `loss(batch, rng, progress)`")
        self.module: Any = module  # a module and a Trainable, for which there is no type
        self.source, self.validation, self.settings, self.world = source, validation, settings, world
        self.seed_globally = seed_globally
        self.device = torch.device(settings.device)
        self.rng = torch.Generator(self.device)
        self.total_steps = settings.max_epochs * source.steps
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.optimizer = build_optimizer(self.parameters, settings)
        self.best = copy_state(module)
        self.state = TrainingState()
        # Gradients of unit size, whatever the data's units: optimizers compare them with constants of their own.
        self.baseline = abs(float(getattr(module, "baseline_loss", 0.0)))
        self.loss_scale = 1 / self.baseline if self.baseline > 0 else 1.0

    def fit(self, checkpoint: Checkpoint, progress: Progress, started: float) -> TrainingState:
        """Train epoch by epoch until something stops the run, then restore the best weights."""
        self.state = state = checkpoint.resume(self.module, self.best, self.optimizer) or self.state
        started -= state.seconds  # those of the runs before this one count
        if not state.history:
            state.best = state.mark = self._validate()
            state.history.append({"epoch": 0, "train": math.nan, "validation": state.best})
        last = self.settings.max_epochs if self.settings.stop_after is None else self.settings.stop_after
        while not state.stopped_by and state.epoch < last:
            self._finish_epoch(self._train_epoch(checkpoint, started))
            progress.show(state.history[-1])
            checkpoint.log(state)
            if checkpoint.due():
                checkpoint.write(self.module, self.best, self.optimizer, state)
        if state.tries and not state.good and not math.isfinite(state.history[0]["validation"]):
            raise _given_up(state, "no epoch went well")
        state.stopped_by = state.stopped_by or "max_epochs"
        checkpoint.write(self.module, self.best, self.optimizer, state)
        restore_state(self.module, self.best)
        for parameter in self.parameters:
            parameter.grad = None
        return state

    def _train_epoch(self, checkpoint: Checkpoint, started: float) -> float:
        """Train on the batches of an epoch from the present step on; returns the mean loss."""
        state, settings = self.state, self.settings
        self.module.train()
        losses = torch.tensor(state.sum_loss, dtype=torch.float64, device=self.device)
        for batch in self.source.epoch(state.epoch, state.step):
            losses += self._train_step(batch)
            state.step += 1
            state.seconds = time.monotonic() - started
            if self.world.any(settings.max_minutes is not None and state.seconds >= 60 * settings.max_minutes):
                state.stopped_by = "max_minutes"
                break
            if checkpoint.due() and state.step < self.source.steps:
                state.sum_loss = float(losses)
                checkpoint.write(self.module, self.best, self.optimizer, state)
            if state.step % NAN_CHECK_EVERY_STEPS == 0 and not math.isfinite(float(losses)):
                break
        return self.world.mean(float(losses) / max(1, state.step))

    def _train_step(self, batch: Movable) -> Tensor:
        """Forward, backward and one step of the optimizer; returns the loss."""
        step = self.state.epoch * self.source.steps + self.state.step
        share = self._lr_share(step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.lr * group["scale"] * self.state.lr_scale * share
        self.rng.manual_seed(mixed_seed(self.settings.seed, step, 1))
        self.seed_globally(mixed_seed(self.settings.seed, step, 2))
        with _autocast(self.settings):
            loss: Tensor = self.module.loss(batch.to(self.device), self.rng, step / self.total_steps).total
        for parameter in self.parameters:
            parameter.grad = None
        (loss * self.loss_scale).backward()
        self.world.share_gradients(self.module)
        self.optimizer.step()
        return loss.detach()

    def _lr_share(self, step: int) -> float:
        if not self.settings.paced:
            return schedule(step, self.total_steps)
        minutes = self.settings.max_minutes
        spent = 0.0 if minutes is None else self.state.seconds / (60 * minutes)
        return paced_schedule(step, max(step / self.total_steps, spent))

    def _finish_epoch(self, train_loss: float) -> None:
        """Validate, then keep the weights, go back to better ones, or stop."""
        state, settings, validation = self.state, self.settings, self.validation
        score = self._validate()
        state.epoch, state.step, state.sum_loss = state.epoch + 1, 0, 0.0
        state.history.append({"epoch": state.epoch, "train": train_loss, "validation": score})
        if math.isnan(state.reference) and math.isfinite(train_loss):
            state.reference = max(train_loss, state.best if math.isfinite(state.best) else 0.0, self.baseline)
        if self._diverged(train_loss, score):
            _restart(self.module, self.best, self.optimizer, state)
        elif validation is None or score < state.best:
            state.best, state.good = score, state.good + 1
            store_state(self.module, self.best)
        if score < state.mark - settings.min_delta * abs(state.mark):
            state.mark, state.mark_epoch = score, state.epoch
        elif validation is not None and state.epoch - state.mark_epoch >= settings.patience:
            state.stopped_by = state.stopped_by or "early_stopping"

    def _diverged(self, train_loss: float, score: float) -> bool:
        # Where nothing validates, only the weights show that a last step went wrong.
        sound = _finite(self.parameters) if self.validation is None else math.isfinite(score)
        # A few extreme rows make the mean over the training rows huge; weights that do well elsewhere are sound.
        least = train_loss if self.validation is None else min(train_loss, score)
        limit = self.state.reference + DIVERGENCE_FACTOR * abs(self.state.reference) + 1e-9
        return not (math.isfinite(train_loss) and sound) or least > limit

    @torch.no_grad()
    def _validate(self) -> float:
        """Return the mean loss over the validation rows, in full precision, with the same random numbers every time."""
        self.seed_globally(mixed_seed(self.settings.seed, -2))
        if self.validation is None:
            return math.nan
        self.module.eval()
        rng = torch.Generator(self.device).manual_seed(mixed_seed(self.settings.seed, -1))
        total = 0.0
        for batch in self.validation.in_order(self.settings.inference_batch_size):
            total += len(batch.x) * float(self.module.loss(batch.to(self.device), rng).total)
        return self.world.mean(total / self.validation.rows)


def _restart(
    module: nn.Module, best: dict[str, Tensor], optimizer: torch.optim.Optimizer, state: TrainingState
) -> None:
    """Restore the best weights with a lower rate, and warn with the cause; after a few tries, raise."""
    rate = optimizer.param_groups[0]["lr"]
    broken = [name for name, weight in module.named_parameters() if not bool(torch.isfinite(weight).all())]
    weights = (
        f"the first weights that are no longer finite are {broken[0]}" if broken else "all weights are still finite"
    )
    cause = (
        f"the loss became {state.history[-1]['train']:.4g} (validation {state.history[-1]['validation']:.4g}) in epoch "
        f"{state.epoch} at a learning rate of {rate:.2g}; {weights}"
    )
    state.tries, state.lr_scale = state.tries + 1, state.lr_scale * RESTART_LR_FACTOR
    if state.tries > MAX_RESTARTS:
        raise _given_up(state, cause)
    warnings.warn(
        f"training diverged: {cause}. Going on from the best weights with {state.lr_scale:.2g} of the rate",
        RuntimeWarning,
        stacklevel=5,  # where `train` was called
    )
    restore_state(module, best)
    optimizer.state.clear()


def _given_up(state: TrainingState, cause: str) -> TrainingError:
    return TrainingError(
        f"training diverged {state.tries} times: {cause}. Set a lower `lr`, or remove extreme values from the data"
    )


def _finite(parameters: list[nn.Parameter]) -> bool:
    return all(bool(torch.isfinite(p).all()) for p in parameters)


def _autocast(settings: TrainingConfig) -> contextlib.AbstractContextManager[None]:
    if settings.precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(torch.device(settings.device).type, getattr(torch, settings.precision))


@contextlib.contextmanager
def _threads(number: int) -> Iterator[None]:
    """Set torch's thread count and restore it."""
    before = torch.get_num_threads()
    if number == before:
        yield
        return
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _global_seeding(module: nn.Module) -> Iterator[Callable[[int], object]]:
    """Yield a function that seeds the global generators, which custom modules may draw from; restore them after.

    Without such modules the function does nothing.
    """
    if not getattr(module, "draws_globally", False):
        yield _ignore_seed
        return
    with torch.random.fork_rng():
        yield torch.manual_seed


def _ignore_seed(seed: int) -> None:
    pass
