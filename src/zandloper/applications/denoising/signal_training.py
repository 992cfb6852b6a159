"""Training of networks for images and sounds."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from zandloper.applications.denoising.audio_network import SAMPLE_RATE, AudioNetwork
from zandloper.applications.denoising.gate_training import train_gate
from zandloper.applications.denoising.image_network import DenoisingModule, ImageNetwork
from zandloper.applications.denoising.patch_matching import PatchMatchingNet, with_patch_matching
from zandloper.applications.denoising.training_data import TrainingData
from zandloper.errors import DataError
from zandloper.model.layers.layers import initialize
from zandloper.training import defaults
from zandloper.training.loop import train
from zandloper.training.muon import Muon
from zandloper.training.patch_source import PatchSource
from zandloper.training.state import TrainingConfig, TrainingState

PATCH = {"image": (64, 64), "audio": (16_384,)}
BATCH = 16
LR = 0.02
FINE_TUNING = 0.3  # share of the rate for trained networks, whose weights must not be lost
STEPS = 300, 4_000  # of a run without max_epochs and max_minutes, at least and at most
PASSES = 50  # over the data, within those steps
ENDLESS = 1_000_000  # epochs of a run that max_minutes ends
GATE_SHARE = 0.25, 15.0  # share of the minutes for the gate, and minutes at most
VALIDATION_FROM, VALIDATION_SHARE, VALIDATION_MOST = 20, 0.05, 64  # items from which on some validate; how many
FRAME = 0.032  # seconds of a spectrum


@dataclass(frozen=True)
class FitOptions:
    """The parameters of a denoiser that control training; `started` is `time.monotonic()` at the start of `fit`."""

    hidden: tuple[int, ...] | None
    sample_rate: float | None
    patch_matching: bool
    max_epochs: int | None
    max_minutes: float | None
    device: str
    seed: int
    progress: bool
    started: float
    caller: str


def train_network(data: TrainingData, options: FitOptions, first: Any = None) -> tuple[DenoisingModule, TrainingState]:
    """Train a network, from the weights of the network `first` on if given.

    With `patch_matching`, the gate is trained after the network, in a separate run. The state is that of the network's
    run, since the losses of the two have different units.
    """
    channels = len(data.fields.items[0].values)
    before, first = (first, first.first) if isinstance(first, PatchMatchingNet) else (None, first)
    spec: Any = (
        _network_settings(data.kind, channels, options.hidden, options.sample_rate)
        if first is None
        else _settings_of(first, data, channels, options.sample_rate, options.caller)
    )
    module = DenoisingModule(spec.build(), data.objective)
    if first is None:
        initialize(module, torch.Generator().manual_seed(options.seed))
        module.net.zero_init()  # type: ignore[operator]
    else:
        module.net.load_state_dict(first.state_dict())
    source, validation = _sources(data, spec.stride, options.seed)
    with torch.no_grad():
        batch = next(source.epoch(0))
        module.baseline_loss = float(module.loss(batch, torch.Generator().manual_seed(options.seed)).total)
    minutes = options.max_minutes
    later = 0.0 if minutes is None or not options.patch_matching else min(GATE_SHARE[0] * minutes, GATE_SHARE[1])
    settings = _settings(options, source.steps, later, LR if first is None else FINE_TUNING * LR)
    run = train(module, source, validation, settings, started=options.started)
    if options.patch_matching:
        module = _with_weights(module, before, data, settings, later)
    return module.to("cpu"), run


def _sources(data: TrainingData, stride: int, seed: int) -> tuple[PatchSource, PatchSource | None]:
    """Patches for training and, of enough items, for validation."""
    size = tuple(min(want, -(-have // stride) * stride) for want, have in zip(PATCH[data.kind], _typical_size(data)))
    targets = None if data.targets is None else data.targets.items
    source = PatchSource(data.fields.items, targets, size, BATCH, seed, augment=len(size) == 2)
    count = len(data.fields.items)
    if count < VALIDATION_FROM:
        return source, None
    # The same items for any seed: a network that is trained further must not validate on items it was trained on.
    most = min(VALIDATION_MOST, round(VALIDATION_SHARE * count))
    held = np.sort(np.random.default_rng(0).permutation(count)[:most])
    return source.without(held), source.held(held)


def _settings(options: FitOptions, steps: int, later: float, lr: float) -> TrainingConfig:
    epochs, minutes = options.max_epochs, options.max_minutes
    if epochs is None:
        epochs = -(-int(np.clip(PASSES * steps, *STEPS)) // steps) if minutes is None else ENDLESS
    return TrainingConfig(
        max_epochs=epochs,
        max_minutes=None if minutes is None else minutes - later,
        paced=True,
        batch_size=BATCH,
        inference_batch_size=BATCH,
        lr=lr,
        optimizer=Muon,
        patience=ENDLESS,
        precision=defaults.precision("auto", options.device, int(defaults.BFLOAT16_MIN_FLOPS_PER_ROW), "Denoiser"),
        device=options.device,
        threads=torch.get_num_threads(),
        seed=options.seed,
        progress=options.progress,
    )


def _with_weights(
    first: DenoisingModule, before: PatchMatchingNet | None, data: TrainingData, settings: TrainingConfig, later: float
) -> DenoisingModule:
    """Combine a trained network with a gate and train the gate, from that of `before` if given.

    The gate gets `later` minutes if the settings, which are those of the network, limit the time.
    """
    net = with_patch_matching(first.net)  # type: ignore[arg-type]
    if before is None:
        initialize(net.gate, torch.Generator().manual_seed(settings.seed))
        net.zero_init()
    else:
        net.gate.load_state_dict(before.gate.state_dict())
    settings = dataclasses.replace(
        settings,
        max_minutes=None if settings.max_minutes is None else later,
        lr=LR if before is None else FINE_TUNING * LR,
    )
    targets = None if data.targets is None else data.targets.items
    train_gate(net, data.objective, data.fields.items, targets, settings, time.monotonic())
    return DenoisingModule(net, data.objective)


def _network_settings(kind: str, channels: int, hidden: tuple[int, ...] | None, rate: float | None) -> Any:
    """The default settings of the network for a modality, with `hidden` if given."""
    given = {} if hidden is None else {"hidden": hidden}
    if kind == "image":
        return dataclasses.replace(ImageNetwork(channels), **given)  # type: ignore[arg-type]
    frame = 2 ** round(math.log2(FRAME * (rate or SAMPLE_RATE)))
    return dataclasses.replace(AudioNetwork(frame), **given)  # type: ignore[arg-type]


def _settings_of(first: Any, data: TrainingData, channels: int, rate: float | None, caller: str) -> Any:
    """The settings of a trained network; one that does not fit the data is refused."""
    spec, usual = first.spec, _network_settings(data.kind, channels, None, rate)
    if data.kind == "image" and spec.channels != channels:
        raise DataError(
            f"{caller} got images of {channels} channel(s) and an init_from that learned images of {spec.channels}: "
            "convert them, or fit without init_from (a net for one channel denoises those of color images one by one)"
        )
    if data.kind == "audio" and spec.frame != usual.frame:
        raise DataError(
            f"{caller} reads these sounds in frames of {usual.frame} samples, for their rate, and init_from learned "
            f"frames of {spec.frame}: resample them to that one's rate, or fit without init_from"
        )
    return spec


def _typical_size(data: TrainingData) -> tuple[int, ...]:
    """The smallest size of images along each axis, and the median size of sounds, some of which may be short."""
    of = np.median if data.kind == "audio" else np.min
    return tuple(int(of([item.size[a] for item in data.fields.items])) for a in range(len(data.fields.items[0].size)))
