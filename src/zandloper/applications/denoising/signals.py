"""What `fit` and `transform` of a denoiser do with images and sounds of any size."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from zandloper.applications.denoising.audio_network import AudioNetwork
from zandloper.applications.denoising.gate_training import learn_weights
from zandloper.applications.denoising.image_network import ImageNetwork, Restorer
from zandloper.applications.denoising.objectives import FromClean, FromPairs, Objective, lesson_alone
from zandloper.applications.denoising.patch_matching import PatchMatchingNet, with_estimates
from zandloper.data.signals import Fields, crops, read_fields
from zandloper.data.tiling import bands
from zandloper.errors import DataError
from zandloper.model.corruptions import Noise
from zandloper.model.corruptions.colored import Colored
from zandloper.model.corruptions.gaussian import Gaussian
from zandloper.model.layers.layers import initialize
from zandloper.noise.audit import Audit, audit
from zandloper.noise.estimate import estimate
from zandloper.training import defaults
from zandloper.training.loop import train
from zandloper.training.muon import Muon
from zandloper.training.patch_source import AUGMENTATIONS, PatchSource, map_symmetries
from zandloper.training.state import TrainingConfig, TrainingState

PATCH = {"image": (64, 64), "audio": (16_384,)}
BATCH = 16
LR = 0.02
FURTHER = 0.3  # of the rate where a net has learned before: steps that do not undo that
STEPS = 300, 4_000  # of a run whose length nobody says, at least and at most
PASSES = 50  # over the data, within those steps
ENDLESS = 1_000_000  # epochs where minutes end a run
WEIGHING = 0.25, 15.0  # share of the minutes, and at most so many, for the weights of estimates
HELD_FROM, HELD_SHARE, HELD_MOST = 20, 0.05, 64  # items from which on some validate, and how many
MEASURED = 2_000_000  # values that noise is measured on
CROP = {"image": (128, 128), "audio": (16_384,)}
AUTO: dict[str, Noise] = {"image": Gaussian((0.0, 0.2)), "audio": Colored("pink", snr=(-5.0, 20.0))}
TILE, OVERLAP = 512, 64  # pixels
SMALL = 2**20  # values of an image that all is done for where "auto" decides
PART = 2**18  # samples of a long sound that go through the net at once
RATE, FRAME = 16_000, 0.032  # samples a second of arrays that come without, and seconds of a spectrum


@dataclass(frozen=True)
class Task:
    """What is to be learned from."""

    kind: str
    fields: Fields
    targets: Fields | None
    objective: Objective
    noise: Noise
    audit: Audit | None


def task_of(kind: str, X: Any, y: Any, noisy: Any, learn_from: str, noise: Noise | None, caller: str) -> Task:
    """Data read, the noise that is meant or found, the lesson, and how the noise compares with that in the data."""
    fields = read_fields(X, kind, caller)
    targets = None if y is None else read_fields(y, kind, caller)
    if targets is not None:
        check_pairs(fields, targets, caller)
    if len(fields.channels | (targets.channels if targets else set())) > 1:
        raise DataError(f"{caller} got items with {sorted(fields.channels)} channels: convert them to one kind")
    size, given = CROP[kind], noise
    some = crops(fields, size, MEASURED)
    found: Audit | None = None
    if learn_from == "pairs":
        assert targets is not None
        clean = crops(targets, size, MEASURED)
        noise = noise or estimate(some, clean, kind)
        found = audit(noise, some, clean, kind)
        objective: Objective = FromPairs()
    elif learn_from == "noisy":
        noise = noise or estimate(some, modality=kind)
        found = audit(noise, some, modality=kind)
        objective = lesson_alone(noise)
    else:
        real = None if noisy is None else crops(read_fields(noisy, kind, caller), size, MEASURED)
        if real is not None:
            noise = noise or estimate(real, modality=kind)
            found = audit(noise, real, some, kind, paired=False)
        noise = noise or AUTO[kind]
        first = fields.items[0]
        whole = first.low is not None and first.high is not None and first.values.dtype.kind != "b"
        steps = round((first.high - first.low) * first.unit) + 1 if whole else 0  # type: ignore[operator]
        objective = FromClean(noise, steps, first.low or 0.0, 1.0 if first.high is None else first.high)
    if found is not None and not found.realistic and given is not None:
        warnings.warn(f"{found.verdict} audit_ has the numbers.", UserWarning, stacklevel=4)
    return Task(kind, fields, targets, objective, noise, found)


def fit_fields(
    task: Task,
    hidden: tuple[int, ...] | None,
    rate: float | None,
    patch_matching: bool,
    max_epochs: int | None,
    max_minutes: float | None,
    device: str,
    seed: int,
    progress: bool,
    started: float,
    first: Any = None,
    caller: str = "Denoiser",
) -> tuple[Restorer, TrainingState]:
    """A net trained for a task, from the weights of the net `first` on where there is one.

    With `similar` the weights of estimates from similar patches are learned after it, in a run of their own; the one
    that is given back is the net's, whose errors are in other units.
    """
    channels = len(task.fields.items[0].values)
    before, first = (first, first.first) if isinstance(first, PatchMatchingNet) else (None, first)
    spec: Any = (
        _net(task.kind, channels, hidden, rate) if first is None else _net_of(first, task, channels, rate, caller)
    )
    restorer = Restorer(spec.build(), task.objective)
    if first is None:
        initialize(restorer, torch.Generator().manual_seed(seed))
        restorer.net.zero_init()  # type: ignore[operator]
    else:
        restorer.net.load_state_dict(first.state_dict())
    size = tuple(min(want, -(-have // spec.stride) * spec.stride) for want, have in zip(PATCH[task.kind], _usual(task)))
    targets = None if task.targets is None else task.targets.items
    source = PatchSource(task.fields.items, targets, size, BATCH, seed, augment=len(size) == 2)
    validation, count = None, len(task.fields.items)
    if count >= HELD_FROM:
        # The same ones for any seed: a net that goes on with another seed would know the new ones by heart, and win.
        held = np.sort(np.random.default_rng(0).permutation(count)[: min(HELD_MOST, round(HELD_SHARE * count))])
        source, validation = source.without(held), source.held(held)
    with torch.no_grad():
        batch = next(source.epoch(0))
        restorer.baseline_loss = float(restorer.loss(batch, torch.Generator().manual_seed(seed)).total)
    later = 0.0 if max_minutes is None or not patch_matching else min(WEIGHING[0] * max_minutes, WEIGHING[1])
    epochs = max_epochs
    if epochs is None:
        epochs = -(-int(np.clip(PASSES * source.steps, *STEPS)) // source.steps) if max_minutes is None else ENDLESS
    settings = TrainingConfig(
        max_epochs=epochs,
        max_minutes=None if max_minutes is None else max_minutes - later,
        paced=True,
        batch_size=BATCH,
        inference_batch_size=BATCH,
        lr=LR if first is None else FURTHER * LR,
        optimizer=Muon,
        patience=ENDLESS,
        precision=defaults.precision("auto", device, int(defaults.BFLOAT16_MIN_FLOPS_PER_ROW), "Denoiser"),
        device=device,
        threads=torch.get_num_threads(),
        seed=seed,
        progress=progress,
    )
    run = train(restorer, source, validation, settings, started=started)
    if patch_matching:
        restorer = _with_weights(restorer, before, task, settings, later)
    return restorer.to("cpu"), run


def _with_weights(
    first: Restorer, before: PatchMatchingNet | None, task: Task, settings: TrainingConfig, later: float
) -> Restorer:
    """A trained net with estimates from similar patches, whose weights start from those of `before` where it has some.

    They get `later` minutes, where the settings, which are those of the net, have any.
    """
    net = with_estimates(first.net)  # type: ignore[arg-type]
    if before is None:
        initialize(net.gate, torch.Generator().manual_seed(settings.seed))
        net.zero_init()
    else:
        net.gate.load_state_dict(before.gate.state_dict())
    settings = dataclasses.replace(
        settings,
        max_minutes=None if settings.max_minutes is None else later,
        lr=LR if before is None else FURTHER * LR,
    )
    targets = None if task.targets is None else task.targets.items
    learn_weights(net, task.objective, task.fields.items, targets, settings, time.monotonic())
    return Restorer(net, task.objective)


def restore_fields(
    net: Any, fields: Fields, n_augmentations: int | str, patch_matching: bool | str, caller: str
) -> list[np.ndarray]:
    """Every item without its noise, in its own dtype; a net for one channel takes each channel by itself."""
    channels = net.spec.channels
    wrong = sorted(c for c in fields.channels if channels not in (1, c))
    if wrong:
        raise DataError(f"{caller} was fitted on items of {channels} channels and got one of {wrong[0]}: convert it")
    if patch_matching is True and not isinstance(net, PatchMatchingNet):
        raise DataError(
            f"{caller} has patch_matching=True and was fitted without: set patch_matching=False, or fit it again"
        )
    out = []
    for item in fields.items:
        made = item.blank()
        apart = [slice(k, k + 1) for k in range(len(made))] if channels == 1 else [slice(None)]
        for part in apart:
            some = dataclasses.replace(item, values=item.values[part])
            if fields.kind == "image":
                small = made.size <= SMALL
                ways = AUGMENTATIONS[(8 if small else 1) if isinstance(n_augmentations, str) else n_augmentations]
                parts = _image_bands(net, some, ways, small if isinstance(patch_matching, str) else patch_matching)
            else:
                parts = _sound_parts(net, some)
            top = 0
            for band in parts:
                made[part, top : top + band.shape[1]] = some.stored(band)
                top += band.shape[1]
        out.append(made)
    return out


def knows_similar(restorer: Restorer | None) -> bool:
    """Whether a denoiser's net has learned to compare similar patches."""
    return restorer is not None and isinstance(restorer.net, PatchMatchingNet)


def _image_bands(net: Any, item: Any, ways: tuple[int, ...], patch_matching: bool) -> Any:
    """An image without noise from the top to the bottom, in arrays (channels, rows, width)."""
    stride = net.spec.stride
    if isinstance(net, PatchMatchingNet) and not patch_matching:
        net = net.first

    def function(tiles: torch.Tensor) -> torch.Tensor:
        y = tiles.movedim(-1, 1).float() / item.unit
        made: torch.Tensor = net(y) if isinstance(net, PatchMatchingNet) else map_symmetries(net, y, ways).mean(0)
        return made.movedim(1, -1)

    view = np.moveaxis(item.values, 0, -1)
    for band in bands(function, view, TILE, OVERLAP, stride, rim=False):  # mirrored noise looks like texture
        yield np.moveaxis(band, -1, 0)


@torch.inference_mode()
def _sound_parts(net: Any, item: Any) -> Any:
    """A sound without noise from its start on, in arrays (1, samples); what a part cannot hear is heard beside it."""
    spec, length = net.spec, item.size[0]
    part = max(spec.step, PART // spec.step * spec.step)
    heard = (item.part((slice(at, at + part),)).astype(np.float64) for at in range(0, length, part))
    power = torch.full((1, 1, 1), sum(float(np.square(x).sum()) for x in heard) / length)
    for at in range(0, length, part):
        first, last = max(0, at - spec.reach), min(length, at + part + spec.reach)
        y = torch.from_numpy(item.part((slice(first, last),)))[None]
        yield net(y, power)[0, :, at - first : at - first + part].numpy()


def _net(kind: str, channels: int, hidden: tuple[int, ...] | None, rate: float | None) -> Any:
    """The settings of the net for a kind of data."""
    given = {} if hidden is None else {"hidden": hidden}
    if kind == "image":
        return dataclasses.replace(ImageNetwork(channels), **given)  # type: ignore[arg-type]
    frame = 2 ** round(math.log2(FRAME * (rate or RATE)))
    return dataclasses.replace(AudioNetwork(frame), **given)  # type: ignore[arg-type]


def _net_of(first: Any, task: Task, channels: int, rate: float | None, caller: str) -> Any:
    """The settings of a net that has learned before, where it fits the data."""
    spec, usual = first.spec, _net(task.kind, channels, None, rate)
    if task.kind == "image" and spec.channels != channels:
        raise DataError(
            f"{caller} got images of {channels} channel(s) and an init_from that learned images of {spec.channels}: "
            "convert them, or fit without init_from (a net for one channel denoises those of color images one by one)"
        )
    if task.kind == "audio" and spec.frame != usual.frame:
        raise DataError(
            f"{caller} reads these sounds in frames of {usual.frame} samples, for their rate, and init_from learned "
            f"frames of {spec.frame}: resample them to that one's rate, or fit without init_from"
        )
    return spec


def _usual(task: Task) -> tuple[int, ...]:
    """Along each axis the smallest size of any image, and of sounds, which are often short, the median."""
    of = np.median if task.kind == "audio" else np.min
    return tuple(int(of([item.size[a] for item in task.fields.items])) for a in range(len(task.fields.items[0].size)))


def check_pairs(fields: Fields, targets: Fields, caller: str) -> None:
    """Refuse noisy and clean items that are not as many, or not of the same shapes."""
    mine, theirs = ([item.values.shape for item in f.items] for f in (fields, targets))
    if len(mine) != len(theirs):
        raise DataError(f"{caller} got {len(mine)} noisy items and {len(theirs)} clean ones: pairs must be as many")
    odd = next((i for i, (a, b) in enumerate(zip(mine, theirs)) if a != b), None)
    if odd is not None:
        raise DataError(
            f"{caller} got a noisy item of shape {mine[odd]} and a clean one of shape {theirs[odd]} at position {odd} "
            "(from 0), channels first: the two of a pair must have the same shape"
        )
