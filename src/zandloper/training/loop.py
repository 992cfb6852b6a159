"""The one training loop, for any module whose `loss(batch, rng)` returns a `LossOutput`: hourglasses, priors.

One page, top to bottom: settings, what a run remembers, the loop, and its helpers. The same seed gives the same bits:
all random numbers follow from (seed, epoch, step), schedules from steps, and a run that was killed goes on from its
checkpoint to the same end.
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
from zandloper.training.progress import Progress
from zandloper.training.schedule import paced_schedule, schedule
from zandloper.training.sources import Source, World, mixed_seed
from zandloper.training.state import TrainingConfig, TrainingState, copy_state, restore_state, store_state

MOMENTUM = 0.9
OPTIMIZERS: dict[str, Any] = {
    "adam": lambda p, beta, **k: torch.optim.Adam(p, betas=(MOMENTUM, beta), fused=True, **k),
    "adamw": lambda p, beta, **k: torch.optim.AdamW(p, betas=(MOMENTUM, beta), fused=True, **k),
    "sgd": lambda p, beta, **k: torch.optim.SGD(p, momentum=MOMENTUM, nesterov=True, fused=True, **k),
}
TRIES = 5  # how often a run may diverge before it is given up
NAN_CHECK_EVERY = 20  # steps between two looks at whether the loss is still a number


def train(
    module: Any,
    source: Source,
    validation: Source | None,
    settings: TrainingConfig,
    *,
    fingerprint: str = "",
    started: float | None = None,
    world: World | None = None,
) -> TrainingState:
    """Train a module in place; it ends with the weights that did best on the validation rows (epoch 0 takes part).

    Parameters
    ----------
    module : nn.Module and Trainable
        Has `loss(batch, rng, progress) -> Loss`; may have a `baseline_loss`, far above which training has diverged.
    source, validation : Source
        Rows that train, and rows that choose; without the latter the last weights are kept.
    settings : Training
    fingerprint : str
        Tells this run's checkpoints from others'.
    started : float
        `time.monotonic()` when `fit` began: `max_minutes` counts from there.

    Raises
    ------
    TrainingError
        The loss diverged again and again.
    """
    world, started = world or World(), time.monotonic() if started is None else started
    device, total = torch.device(settings.device), settings.max_epochs * source.steps
    module.to(device)
    # Gradients of unit size, whatever the data's units: optimizers compare them with constants of their own.
    natural = abs(float(getattr(module, "baseline_loss", 0.0)))
    unit = 1 / natural if natural > 0 else 1.0
    with _threads(settings.threads), _own_randomness(module) as seed_globally, Progress(settings) as progress:
        parameters = [p for p in module.parameters() if p.requires_grad]
        optimizer = _optimizer(parameters, settings)
        checkpoint = Checkpoint(settings, fingerprint)
        best = copy_state(module)
        run = checkpoint.resume(module, best, optimizer) or TrainingState()
        earlier, rng = run.seconds, torch.Generator(device)

        if not run.history:
            seed_globally(mixed_seed(settings.seed, -2))
            run.best = run.mark = _evaluate(module, validation, settings, world)
            run.history.append({"epoch": 0, "train": math.nan, "validation": run.best})

        last = settings.max_epochs if settings.stop_after is None else settings.stop_after
        while not run.stopped_by and run.epoch < last:
            module.train()
            losses = torch.tensor(run.sum_loss, dtype=torch.float64, device=device)
            for batch in source.epoch(run.epoch, run.step):
                at = run.epoch * source.steps + run.step
                share = schedule(at, total)
                if settings.paced:
                    spent = 0.0 if settings.max_minutes is None else run.seconds / (60 * settings.max_minutes)
                    share = paced_schedule(at, max(at / total, spent))
                for group in optimizer.param_groups:
                    group["lr"] = settings.lr * group["scale"] * run.lr_scale * share
                rng.manual_seed(mixed_seed(settings.seed, at, 1))
                seed_globally(mixed_seed(settings.seed, at, 2))
                with _autocast(settings):
                    loss = module.loss(batch.to(device), rng, at / total).total
                for parameter in parameters:
                    parameter.grad = None
                (loss * unit).backward()
                world.share_gradients(module)
                optimizer.step()
                losses += loss.detach()
                run.step += 1
                run.seconds = earlier + time.monotonic() - started
                if world.any(settings.max_minutes is not None and run.seconds >= 60 * settings.max_minutes):
                    run.stopped_by = "max_minutes"
                    break
                if checkpoint.due() and run.step < source.steps:
                    run.sum_loss = float(losses)
                    checkpoint.write(module, best, optimizer, run)
                if run.step % NAN_CHECK_EVERY == 0 and not math.isfinite(float(losses)):
                    break

            trained = world.mean(float(losses) / max(1, run.step))
            seed_globally(mixed_seed(settings.seed, -2))
            score = _evaluate(module, validation, settings, world)
            run.epoch, run.step, run.sum_loss = run.epoch + 1, 0, 0.0
            run.history.append({"epoch": run.epoch, "train": trained, "validation": score})
            if math.isnan(run.reference) and math.isfinite(trained):
                run.reference = max(trained, run.best if math.isfinite(run.best) else 0.0, natural)
            whole = math.isfinite(trained) and (_finite(parameters) if validation is None else math.isfinite(score))
            # A few extreme rows make the mean over the training rows huge; weights that do well elsewhere are sound.
            least = trained if validation is None else min(trained, score)
            if not whole or least > run.reference + 20 * abs(run.reference) + 1e-9:
                _recover(module, best, optimizer, run)
            elif validation is None or score < run.best:
                run.best, run.good = score, run.good + 1
                store_state(module, best)
            if score < run.mark - settings.min_delta * abs(run.mark):
                run.mark, run.mark_epoch = score, run.epoch
            elif validation is not None and run.epoch - run.mark_epoch >= settings.patience:
                run.stopped_by = run.stopped_by or "early_stopping"
            progress.show(run.history[-1])
            checkpoint.log(run)
            if checkpoint.due():
                checkpoint.write(module, best, optimizer, run)

        if run.tries and not run.good and not math.isfinite(run.history[0]["validation"]):
            raise _given_up(run, "no epoch went well")
        if not run.stopped_by:
            run.stopped_by = "max_epochs"
        checkpoint.write(module, best, optimizer, run)
        restore_state(module, best)
        for parameter in parameters:
            parameter.grad = None
    module.eval()
    return run


@torch.no_grad()
def _evaluate(module: Any, validation: Source | None, settings: TrainingConfig, world: World) -> float:
    """The mean loss over the validation rows, in full precision, with the same random numbers every time."""
    if validation is None:
        return math.nan
    module.eval()
    device = torch.device(settings.device)
    rng = torch.Generator(device).manual_seed(mixed_seed(settings.seed, -1))
    total = 0.0
    for batch in validation.blocks(settings.block):
        total += len(batch.x) * float(module.loss(batch.to(device), rng).total)
    return world.mean(total / validation.rows)


def _recover(module: nn.Module, best: dict[str, Tensor], optimizer: torch.optim.Optimizer, run: TrainingState) -> None:
    """Back to the best weights with a lower rate, and a warning that names the cause; after a few tries, an error."""
    rate = optimizer.param_groups[0]["lr"]
    odd = [name for name, weight in module.named_parameters() if not bool(torch.isfinite(weight).all())]
    weights = f"the first weights that are no longer finite are {odd[0]}" if odd else "all weights are still finite"
    cause = (
        f"the loss became {run.history[-1]['train']:.4g} (validation {run.history[-1]['validation']:.4g}) in epoch "
        f"{run.epoch} at a learning rate of {rate:.2g}; {weights}"
    )
    run.tries, run.lr_scale = run.tries + 1, run.lr_scale * 0.3
    if run.tries > TRIES:
        raise _given_up(run, cause)
    warnings.warn(
        f"training diverged: {cause}. Going on from the best weights with {run.lr_scale:.2g} of the rate",
        RuntimeWarning,
        stacklevel=3,
    )
    restore_state(module, best)
    optimizer.state.clear()


def _given_up(run: TrainingState, cause: str) -> TrainingError:
    return TrainingError(
        f"training diverged {run.tries} times: {cause}. Set a lower `lr`, or look for extreme values in the data"
    )


def _finite(parameters: list[nn.Parameter]) -> bool:
    """Whether all weights are numbers: where nothing validates, only they tell of a last step that went wrong."""
    return all(bool(torch.isfinite(p).all()) for p in parameters)


def _optimizer(parameters: list[nn.Parameter], settings: TrainingConfig) -> torch.optim.Optimizer:
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter in parameters:  # a part may ask for smaller steps than the rest
        groups.setdefault(getattr(parameter, "lr_scale", 1.0), []).append(parameter)
    settled = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    parts = [{"params": group, "scale": scale} for scale, group in groups.items()]
    if not isinstance(settings.optimizer, str):
        return settings.optimizer(parts, **settled)
    return OPTIMIZERS[settings.optimizer](parts, beta=1 - 1 / settings.beta2_horizon, **settled)


def _autocast(settings: TrainingConfig) -> contextlib.AbstractContextManager:
    if settings.precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(torch.device(settings.device).type, getattr(torch, settings.precision))


@contextlib.contextmanager
def _threads(number: int) -> Iterator[None]:
    """As many threads as the work is worth, and what was there before put back."""
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
def _own_randomness(module: nn.Module) -> Iterator[Callable[[int], Any]]:
    """The user's own modules may draw from the global generators (`nn.Dropout` does): seeded a step, then put back."""
    if not getattr(module, "draws_globally", False):
        yield lambda seed: None
        return
    with torch.random.fork_rng():
        yield torch.manual_seed
