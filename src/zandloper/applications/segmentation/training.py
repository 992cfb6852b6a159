"""Training of segmentation networks: patches, pre-training, training, and tuning of class scores."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from zandloper.applications.segmentation.augmentation import Augmentation, SegmentationPatches, mean_and_spread
from zandloper.applications.segmentation.masks import Classes, class_rates, iou_by_class
from zandloper.applications.segmentation.network import Plan, SpatialHourglass
from zandloper.applications.segmentation.prediction import probabilities
from zandloper.data.signals import Field
from zandloper.model import ZeroInit
from zandloper.model.batch import Batch, CorruptedInput
from zandloper.model.layers.layers import initialize
from zandloper.model.losses.mse import MSE
from zandloper.training import defaults
from zandloper.training.loop import train
from zandloper.training.muon import Muon
from zandloper.training.state import TrainingConfig, TrainingState

PATCH, BATCH, LR = 160, 4, 0.02
EDGE = 0.15  # share of the rate for the first and last layers and for vectors: see `zandloper.training.muon`
STEPS = 400, 3_000  # of a run without max_epochs and max_minutes, at least and at most
PASSES = 100  # over the pixels, within those steps
ENDLESS = 1_000_000  # epochs of a run that max_minutes ends
VALIDATION_FROM, VALIDATION_SHARE = 20, 0.05  # images from which on some validate, and their share
PRETRAINING = 0.12  # share of the steps or minutes, with unlabeled images
HIDDEN = 0.5  # share of the squares of unlabeled patches that are masked
SQUARE = 8  # pixels
TUNING_IMAGES, TUNING_PIXELS = 4, 1_000  # images that class scores are tuned on, and pixels of a class, at least
TUNING_SIDE, TUNING_VALUES = 1024, 2**22  # pixels of a side, and probabilities of an image, at most
ADDED_SCORES = [step / 10 for step in range(-10, 11)]  # candidates for a class


@dataclass(frozen=True)
class FitOptions:
    """The parameters of the constructor that control training."""

    max_epochs: int | None
    max_minutes: float | None
    device: str
    seed: int
    progress: bool
    augment: bool
    patch: int
    validation: float | None


def train_network(
    plan: Plan, items: list[Field], masks: list[Field], unlabeled: list[Field], options: FitOptions, started: float
) -> tuple[SpatialHourglass, TrainingState]:
    """Train a network to classify every pixel."""
    module, seed = plan.build(), options.seed
    initialize(module, torch.Generator().manual_seed(seed))
    cast(ZeroInit, module.decoder).zero_init()
    _mark_edges(module)
    mean, spread = mean_and_spread([*items, *unlabeled])
    module.center.fill_(mean)
    module.spread.fill_(spread)
    size = _patch(options.patch, [*items, *unlabeled], plan.unet.stride)
    share = VALIDATION_SHARE * (len(items) >= VALIDATION_FROM) if options.validation is None else options.validation
    validating = np.random.default_rng(seed).permutation(len(items))[: round(share * len(items))]
    train_on = np.setdiff1d(np.arange(len(items)), validating)
    augmentation = Augmentation() if options.augment else None
    patches: dict[str, Any] = {"batch_size": BATCH, "seed": seed, "spread": spread, "offset": plan.offset}
    source = SegmentationPatches(
        _some(items, train_on), _some(masks, train_on), size, augmentation=augmentation, **patches
    )
    validation = None
    if len(validating):
        validation = SegmentationPatches(
            _some(items, validating), _some(masks, validating), size, augmentation=None, **patches
        )
    rates = class_rates(_some(masks, train_on), plan.classes)
    module.baseline.copy_(torch.tensor(rates, dtype=torch.float32).clamp(min=1e-4).log().reshape(1, 1, -1))
    settings = _settings(options, source.steps)
    if unlabeled:
        pretrain(module, plan, [*items, *unlabeled], size, settings, spread, started, source.steps)
    module.baseline_loss = _baseline_loss(module, source)
    run = train(module, source, validation, settings, started=started)
    module.to("cpu")
    if not plan.weights:  # with class weights, scores stay as trained
        tuned_on = validating if len(validating) else train_on
        tune_class_scores(module, _some(items, tuned_on), _some(masks, tuned_on), plan.classes)
    return module, run


@torch.no_grad()
def tune_class_scores(module: SpatialHourglass, items: list[Field], masks: list[Field], classes: int) -> None:
    """Add to the score of each class the value that maximizes the mean intersection over union of some images.

    The most probable class minimizes the number of errors, and does not maximize the overlap: the optimal threshold of
    a class is half its Dice (Lipton, Elkan and Naryanaswamy 2014, "Optimal thresholding of classifiers to maximize F1
    measure", theorem 1), so that uncertain pixels go to rare classes.
    """
    scores, truth = [], []
    for i in np.unique(np.linspace(0, len(items) - 1, min(TUNING_IMAGES, len(items))).round().astype(int)):
        item, mask = (_middle(field) for field in (items[i], masks[i]))
        known = np.flatnonzero(mask.values[0] >= 0)
        known = known[:: max(1, -(-len(known) * classes // TUNING_VALUES))]
        scores.append(np.log(probabilities(module, item, 1, "cpu").reshape(-1, classes)[known].clip(1e-7)))
        truth.append(mask.values[0].ravel()[known])
    score, target = np.concatenate(scores), np.concatenate(truth).astype(np.int64)
    counts, added = np.bincount(target, minlength=classes), np.zeros(classes, np.float32)

    def overlap() -> float:
        table = np.bincount(target * classes + (score + added).argmax(1), minlength=classes**2)
        return float(np.nanmean(iou_by_class(table.reshape(classes, classes))))

    best = overlap()
    for c in np.argsort(counts):  # the rarest first; the most frequent stays as it is
        if counts[c] < TUNING_PIXELS or c == counts.argmax():
            continue
        for step in ADDED_SCORES:
            before, added[c] = added[c], step
            reached = overlap()
            if reached > best + 1e-4:
                best = reached
            else:
                added[c] = before
    module.baseline += torch.from_numpy(added)


def _middle(field: Field) -> Field:
    """Crop the middle of a large image or mask."""
    first = [max(0, side - TUNING_SIDE) // 2 for side in field.size]
    rows, columns = (slice(at, at + TUNING_SIDE) for at in first)
    return dataclasses.replace(field, values=field.values[:, rows, columns])


def pretrain(
    module: SpatialHourglass,
    plan: Plan,
    items: list[Field],
    size: tuple[int, int],
    settings: TrainingConfig,
    spread: float,
    started: float,
    steps: int,
) -> None:
    """Train the encoder first as that of an autoencoder without skips, on patches with masked squares.

    Pathak et al. 2016, "Context encoders: feature learning by inpainting"; He et al. 2022, "Masked autoencoders are
    scalable vision learners". `steps` is the number of steps of an epoch with masks, the unit of `max_epochs`.
    """
    spec = dataclasses.replace(plan.unet, skips=False)
    channels = plan.channels
    twin = SpatialHourglass(spec, channels, channels, MSE().build((channels, 1, 1)), last=False)
    initialize(twin, torch.Generator().manual_seed(settings.seed + 1))
    twin.encoder.load_state_dict(module.encoder.state_dict())
    cast(ZeroInit, twin.decoder).zero_init()
    _mark_edges(twin)
    for mine, theirs in (
        (twin.center, module.center),
        (twin.spread, module.spread),
        (twin.target_spread, module.spread),
    ):
        mine.copy_(theirs)
    twin.baseline.fill_(float(module.center))
    twin.corrupt = SquareMasking(float(module.center))
    source = SegmentationPatches(items, None, size, settings.batch_size, settings.seed, Augmentation(), spread)
    twin.baseline_loss = spread**2
    epochs, minutes = settings.max_epochs, settings.max_minutes
    if minutes is None:
        epochs = max(1, round(PRETRAINING * epochs * steps / source.steps))
    else:
        spent = (time.monotonic() - started) / 60
        minutes = max(1e-9, PRETRAINING * (minutes - spent))
    train(twin, source, None, dataclasses.replace(settings, max_epochs=epochs, max_minutes=minutes))
    module.encoder.load_state_dict({k: v.cpu() for k, v in twin.encoder.state_dict().items()})


class SquareMasking(torch.nn.Module):
    """Corruption that replaces half of the squares of a patch by the mean gray."""

    def __init__(self, gray: float) -> None:
        super().__init__()
        self.gray = gray

    def forward(self, batch: Batch, rng: torch.Generator | None = None) -> CorruptedInput:
        """Mask a batch."""
        if rng is None:
            return CorruptedInput(batch.x)
        n, _, h, w = batch.x.shape
        hidden = torch.rand(n, 1, -(-h // SQUARE), -(-w // SQUARE), generator=rng, device=rng.device) < HIDDEN
        hidden = hidden.repeat_interleave(SQUARE, 2).repeat_interleave(SQUARE, 3)[..., :h, :w]
        return CorruptedInput(torch.where(hidden, self.gray, batch.x))


def weights_of(choice: Any, classes: Classes, masks: list[Field]) -> tuple[float, ...]:
    """Cross-entropy weights of the classes, 1 on average over the pixels."""
    if choice is None:
        return ()
    rates = class_rates(masks, len(classes))
    if choice == "balanced":
        weights = 1 / np.clip(rates, 1e-4, None)
    else:
        weights = np.array([float(choice.get(v.item(), 1.0)) for v in classes.values])
    return tuple((weights / max(1e-12, (weights * rates).sum())).tolist())


def _settings(options: FitOptions, steps: int) -> TrainingConfig:
    epochs = options.max_epochs
    if epochs is None:
        passes = -(-int(np.clip(PASSES * steps, *STEPS)) // steps)
        epochs = passes if options.max_minutes is None else ENDLESS
    return TrainingConfig(
        max_epochs=epochs,
        max_minutes=options.max_minutes,
        paced=True,
        batch_size=BATCH,
        inference_batch_size=BATCH,
        optimizer=Muon,
        lr=LR,
        beta2_horizon=100,
        patience=ENDLESS,
        precision=defaults.precision("auto", options.device, int(defaults.BFLOAT16_MIN_FLOPS_PER_ROW), "Segmenter"),
        device=options.device,
        threads=torch.get_num_threads(),
        seed=options.seed,
        progress=options.progress,
    )


def _mark_edges(module: Any) -> None:
    first, last = module.encoder.levels[0][0][0].weight, module.decoder.last.weight
    for weight in module.parameters():
        if weight.dim() < 2 or weight is first or weight is last:
            weight.lr_scale = EDGE


def _patch(side: int, items: list[Field], stride: int) -> tuple[int, int]:
    """Height and width of patches: `side`, or less if all images are smaller, as multiples of the stride."""
    most = [max(item.size[axis] for item in items) for axis in (0, 1)]
    height, width = (max(stride, -(-min(side, m) // stride) * stride) for m in most)
    return height, width


@torch.no_grad()
def _baseline_loss(module: SpatialHourglass, source: SegmentationPatches) -> float:
    """The loss of the best constant prediction, which an untrained module outputs."""
    return float(module.loss(next(source.epoch(0))).total)


def _some(items: list[Field], rows: np.ndarray) -> list[Field]:
    return [items[i] for i in rows]
