"""What `fit` and `predict` of a segmenter do: patches, pre-training, training, and tiles at every turn."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zandloper import defaults
from zandloper.alignment import slid
from zandloper.batch import Batch, Seen
from zandloper.compare.dice import Dice
from zandloper.compare.mse import MSE
from zandloper.fields import Field
from zandloper.grids import GridHourglass, MaskScale
from zandloper.layers import initialise
from zandloper.masks import Classes, confusion, overlaps
from zandloper.muon import Muon
from zandloper.nets.unet2d import UNet2d
from zandloper.patches import each_way
from zandloper.tiles import tiled
from zandloper.training import Run, Training, train
from zandloper.warps import Changes, MaskedPatches, mean_and_spread

PATCH, BATCH, LR = 160, 4, 0.02
EDGE = 0.15  # of the rate, for the first and last layers and all that is no matrix: see `zandloper.muon`
STEPS = 400, 3_000  # of a run whose length nobody says, at least and at most
PASSES = 100  # over the pixels, within those steps
ENDLESS = 1_000_000  # epochs where minutes end a run
HELD_FROM, HELD = 20, 0.05  # images from which on some validate, and which share of them
PRETRAINING = 0.12  # of the steps or minutes, where there are unlabelled images
HIDDEN = 0.5  # of the squares of unlabelled patches are blackened: the net has to say what was there
SQUARE = 8  # pixels
TILE, OVERLAP, AROUND = 768, 96, 12  # pixels, and how many of the coarsest level an overlap is wide, at least
TIPPED, SEEN = 4, 1_000  # images that decide how scores are tipped, and pixels that a class has in them, at least
MIDDLE, VALUES = 1024, 2**22  # the side of the part of an image that is looked at, and probabilities of it, at most
TIPS = [step / 10 for step in range(-10, 11)]  # what may be added to the score of a class
WAYS = {False: (0,), True: tuple(range(8))}


@dataclass(frozen=True)
class Plan:
    """All that decides how a segmenter is built; goes to JSON."""

    channels: int
    classes: int
    hidden: tuple[int, ...]
    skips: bool
    weights: tuple[float, ...] = ()
    fold: int = 2
    offset: tuple[float, float] = (0.0, 0.0)  # see `zandloper.alignment`

    def build(self) -> GridHourglass:
        """The module, its weights not drawn yet."""
        compare = Dice(self.classes, self.weights).build((1, 1))
        module = GridHourglass(self.unet, self.channels, self.classes, compare, MaskScale())
        module.offset = self.offset
        return module

    @property
    def unet(self) -> UNet2d:
        """The nets."""
        return UNet2d(self.hidden, skips=self.skips, fold=self.fold, grid=True)


@dataclass(frozen=True)
class Budget:
    """How long to train and on what; the constructor's parameters."""

    max_epochs: int | None
    max_minutes: float | None
    device: str
    seed: int
    progress: bool
    augment: bool
    patch: int
    validation: float | None


def fit_masks(
    plan: Plan, items: list[Field], masks: list[Field], unlabelled: list[Field], budget: Budget, started: float
) -> tuple[GridHourglass, Run]:
    """A net trained to give every pixel its class."""
    module, seed = plan.build(), budget.seed
    initialise(module, torch.Generator().manual_seed(seed))
    module.decoder.start_at_zero()
    _mark_edges(module)
    mean, spread = mean_and_spread([*items, *unlabelled])
    module.centre.fill_(mean)
    module.spread.fill_(spread)
    size = _patch(budget.patch, [*items, *unlabelled], plan.unet.stride)
    share = HELD * (len(items) >= HELD_FROM) if budget.validation is None else budget.validation
    held = np.random.default_rng(seed).permutation(len(items))[: round(share * len(items))]
    train_on = np.setdiff1d(np.arange(len(items)), held)
    changes = Changes() if budget.augment else None
    patches: dict[str, Any] = {"batch_size": BATCH, "seed": seed, "spread": spread, "offset": plan.offset}
    source = MaskedPatches(_some(items, train_on), _some(masks, train_on), size, changes=changes, **patches)
    validation = None
    if len(held):
        validation = MaskedPatches(_some(items, held), _some(masks, held), size, changes=None, **patches)
    rates = class_rates(_some(masks, train_on), plan.classes)
    module.constant.copy_(torch.tensor(rates, dtype=torch.float32).clamp(min=1e-4).log().reshape(1, 1, -1))
    settings = _settings(budget, source.steps)
    if unlabelled:
        pretrain(module, plan, [*items, *unlabelled], size, settings, spread, started, source.steps)
    module.natural_loss = _natural_loss(module, source)
    run = train(module, source, validation, settings, started=started)
    module.to("cpu")
    if not plan.weights:  # who weighs classes wants them as they come out then
        judged = held if len(held) else train_on
        tip(module, _some(items, judged), _some(masks, judged), plan.classes)
    return module, run


@torch.no_grad()
def tip(module: GridHourglass, items: list[Field], masks: list[Field], classes: int) -> None:
    """Add to the score of each class what makes the mean intersection over union of some images largest.

    The likeliest class makes the fewest mistakes, not the largest overlap: for that a class wants a pixel from a
    probability of half its Dice on (Lipton, Elkan and Naryanaswamy 2014, "Optimal thresholding of classifiers to
    maximize F1 measure", theorem 1), so that unsure pixels go to rare classes.
    """
    scores, truth = [], []
    for i in np.unique(np.linspace(0, len(items) - 1, min(TIPPED, len(items))).round().astype(int)):
        item, mask = (_middle(field) for field in (items[i], masks[i]))
        known = np.flatnonzero(mask.values[0] >= 0)
        known = known[:: max(1, -(-len(known) * classes // VALUES))]
        scores.append(np.log(probabilities(module, item, False, "cpu").reshape(-1, classes)[known].clip(1e-7)))
        truth.append(mask.values[0].ravel()[known])
    score, target = np.concatenate(scores), np.concatenate(truth).astype(np.int64)
    counts, added = np.bincount(target, minlength=classes), np.zeros(classes, np.float32)

    def overlap() -> float:
        table = np.bincount(target * classes + (score + added).argmax(1), minlength=classes**2)
        return float(np.nanmean(overlaps(table.reshape(classes, classes))))

    best = overlap()
    for c in np.argsort(counts):  # the rarest first, the commonest stays as it is
        if counts[c] < SEEN or c == counts.argmax():
            continue
        for way in TIPS:
            before, added[c] = added[c], way
            reached = overlap()
            if reached > best + 1e-4:
                best = reached
            else:
                added[c] = before
    module.constant += torch.from_numpy(added)


def _middle(field: Field) -> Field:
    """The middle of a large image or mask."""
    first = [max(0, side - MIDDLE) // 2 for side in field.size]
    rows, columns = (slice(at, at + MIDDLE) for at in first)
    return dataclasses.replace(field, values=field.values[:, rows, columns])


def pretrain(
    module: GridHourglass,
    plan: Plan,
    items: list[Field],
    size: tuple[int, int],
    settings: Training,
    spread: float,
    started: float,
    steps: int,
) -> None:
    """Bring up the encoder as that of an autoencoder without skips, which sees patches with black squares in them.

    Pathak et al. 2016, "Context encoders: feature learning by inpainting"; He et al. 2022, "Masked autoencoders are
    scalable vision learners". `steps` are those of an epoch with masks, which epochs are counted in.
    """
    spec = dataclasses.replace(plan.unet, skips=False)
    channels = plan.channels
    twin = GridHourglass(spec, channels, channels, MSE().build((channels, 1, 1)), last=False)
    initialise(twin, torch.Generator().manual_seed(settings.seed + 1))
    twin.encoder.load_state_dict(module.encoder.state_dict())
    twin.decoder.start_at_zero()
    _mark_edges(twin)
    for mine, theirs in (
        (twin.centre, module.centre),
        (twin.spread, module.spread),
        (twin.target_spread, module.spread),
    ):
        mine.copy_(theirs)
    twin.constant.fill_(float(module.centre))
    twin.corrupt = Squares(float(module.centre))
    source = MaskedPatches(items, None, size, settings.batch_size, settings.seed, Changes(), spread)
    twin.natural_loss = spread**2
    epochs, minutes = settings.max_epochs, settings.max_minutes
    if minutes is None:
        epochs = max(1, round(PRETRAINING * epochs * steps / source.steps))
    else:
        spent = (time.monotonic() - started) / 60
        minutes = max(1e-9, PRETRAINING * (minutes - spent))
    train(twin, source, None, dataclasses.replace(settings, max_epochs=epochs, max_minutes=minutes))
    module.encoder.load_state_dict({k: v.cpu() for k, v in twin.encoder.state_dict().items()})


class Squares(torch.nn.Module):
    """Half of the squares of a patch as grey as the mean: a neighbour's pixels do not tell what was there."""

    def __init__(self, grey: float) -> None:
        super().__init__()
        self.grey = grey

    def forward(self, batch: Batch, rng: torch.Generator | None = None) -> Seen:
        """What the encoder sees of a batch."""
        if rng is None:
            return Seen(batch.x)
        n, _, h, w = batch.x.shape
        hidden = torch.rand(n, 1, -(-h // SQUARE), -(-w // SQUARE), generator=rng, device=rng.device) < HIDDEN
        hidden = hidden.repeat_interleave(SQUARE, 2).repeat_interleave(SQUARE, 3)[..., :h, :w]
        return Seen(torch.where(hidden, self.grey, batch.x))


def probabilities(module: GridHourglass, item: Field, flips: bool, device: str) -> np.ndarray:
    """The probability of every class at every pixel of an image, (height, width, classes), float32.

    With `flips` the mean over all eight ways to turn and flip it.
    """
    module.to(device).eval()
    image = np.moveaxis(item.values, 0, -1)

    def function(tiles: Tensor) -> Tensor:
        x = tiles.movedim(-1, 1).to(device).float() / item.unit
        said = each_way(lambda part: module(part).softmax(-1).movedim(-1, 1), x, WAYS[flips])
        return said.mean(0).movedim(1, -1)

    return slid(tiled(function, image, TILE, overlap_of(module), module.stride), module.offset)


def overlap_of(module: GridHourglass) -> int:
    """Pixels that tiles share: deeper nets look further."""
    return max(OVERLAP, AROUND * module.stride)


def entropy(p: np.ndarray) -> np.ndarray:
    """How unsure probabilities (..., classes) are: their entropy over the largest there could be, from 0 to 1."""
    return -(p * np.log(np.clip(p, 1e-12, None))).sum(-1) / np.log(p.shape[-1])


def table_of(said: Iterable[np.ndarray], truth: list[Field], classes: int) -> np.ndarray:
    """The confusion of all images together, from places."""
    pairs = (confusion(field.values[0], place, classes) for place, field in zip(said, truth))
    total: np.ndarray = sum(pairs, np.zeros((classes, classes), np.int64))
    return total


def class_rates(masks: list[Field], classes: int) -> np.ndarray:
    """The share of each class among the pixels that are known, (classes,)."""
    counts = sum(np.bincount(m.values[m.values >= 0].ravel(), minlength=classes) for m in masks)
    return np.asarray(counts) / max(1, np.sum(counts))


def weights_of(choice: Any, classes: Classes, masks: list[Field]) -> tuple[float, ...]:
    """What the cross-entropy of each class weighs, 1 on average over the pixels."""
    if choice is None:
        return ()
    rates = class_rates(masks, len(classes))
    if choice == "balanced":
        weights = 1 / np.clip(rates, 1e-4, None)
    else:
        weights = np.array([float(choice.get(v.item(), 1.0)) for v in classes.values])
    return tuple((weights / max(1e-12, (weights * rates).sum())).tolist())


def _settings(budget: Budget, steps: int) -> Training:
    epochs = budget.max_epochs
    if epochs is None:
        passes = -(-int(np.clip(PASSES * steps, *STEPS)) // steps)
        epochs = passes if budget.max_minutes is None else ENDLESS
    return Training(
        max_epochs=epochs,
        max_minutes=budget.max_minutes,
        paced=True,
        batch_size=BATCH,
        block=BATCH,
        optimizer=Muon,
        lr=LR,
        memory=100,
        patience=ENDLESS,
        precision=defaults.precision("auto", budget.device, int(defaults.LARGE_WORK), "Segmenter"),
        device=budget.device,
        threads=torch.get_num_threads(),
        seed=budget.seed,
        progress=budget.progress,
    )


def _mark_edges(module: Any) -> None:
    first, last = module.encoder.levels[0][0][0].weight, module.decoder.last.weight
    for weight in module.parameters():
        if weight.dim() < 2 or weight is first or weight is last:
            weight.lr_scale = EDGE


def _patch(side: int, items: list[Field], stride: int) -> tuple[int, int]:
    """Height and width of patches: as wanted, less where all images are smaller, and what the net's stride divides."""
    most = [max(item.size[axis] for item in items) for axis in (0, 1)]
    height, width = (max(stride, -(-min(side, m) // stride) * stride) for m in most)
    return height, width


@torch.no_grad()
def _natural_loss(module: GridHourglass, source: MaskedPatches) -> float:
    """Of the best constant prediction, which an untrained module gives."""
    return float(module.loss(next(source.epoch(0))).total)


def _some(items: list[Field], rows: np.ndarray) -> list[Field]:
    return [items[i] for i in rows]
