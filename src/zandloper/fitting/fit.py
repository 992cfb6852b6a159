"""What `fit` does, in order: read, split, scale, choose, build, start at PCA, train."""

from __future__ import annotations

import copy
import math
import numbers
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from zandloper.errors import bad_parameter
from zandloper.fitting.blueprint import HIDING, Blueprint, flops_per_row
from zandloper.fitting.choose_network import _decoder, _latent_dim, _net, _wants_linear
from zandloper.fitting.dataset import Rows, _read
from zandloper.fitting.initialisation import start
from zandloper.fitting.validation import check_parameters, seed_of
from zandloper.fitting.warm_start import copy_weights
from zandloper.io.model_folder import read_about
from zandloper.modality import Form, chunks_of
from zandloper.model.custom import Own
from zandloper.model.hourglass import Hourglass
from zandloper.model.linear_path import MOST_FEATURES, principal_components
from zandloper.model.networks import Net
from zandloper.training import defaults
from zandloper.training.checkpoint import fingerprint_of
from zandloper.training.loop import train
from zandloper.training.sources import ArraySource
from zandloper.training.state import Run, Training


@dataclass(frozen=True)
class Fitted:
    """What `fit` leaves in an estimator."""

    module: Hourglass
    blueprint: Blueprint
    run: Run
    block: int
    work: int


def fit_hourglass(estimator: Any, X: Any, y: Any, init_from: Any, started: float, condition: Any = None) -> Fitted:
    """All of `fit`; the estimator's parameters are read and nothing is written to it."""
    p, owner = estimator, type(estimator).__name__
    check_parameters(p, owner)
    seed = _seed(p, owner)
    if init_from is not None:
        check_is_fitted(init_from)
    form, target_form, condition_form, rows = _read(p, X, y, owner, seed, init_from, condition)
    own = {  # copies: what the user gave is only stored
        slot: copy.deepcopy(part)
        for slot, part in {
            "encoder": p.encoder,
            "decoder": p.decoder,
            "compare": p.loss,
            "corrupt": p.corrupt,
            "bottleneck": p.bottleneck,
        }.items()
        if isinstance(part, nn.Module)
    }
    compare = Own() if "compare" in own else p._compare_spec(target_form or form)

    scale = form.scale()
    inputs = chunks_of(rows.raw, rows.train, _step(rows.raw, form) * _size(rows.raw))
    scale.learn(inputs)
    features = math.prod(form.in_shape)
    principal = None
    if features <= MOST_FEATURES and (p.linear_path or not isinstance(p.latent_dim, numbers.Integral)):
        principal = principal_components(
            lambda: (scale.encode(c)[0].flatten(1) for c in inputs()), features, rows.n_train
        )
    latent = _latent_dim(
        p.latent_dim if p.latent_dim is not None else p._default_latents(features), principal, features
    )

    encoder = Own() if "encoder" in own else _net(p.encoder, form, latent, p, owner, "encoder")
    if (
        p.latent_dim is None
        and isinstance(encoder, Net)
        and (better := encoder.latents(form.in_shape, latent)) != latent
    ):
        latent = better
        encoder = _net(p.encoder, form, latent, p, owner, "encoder")
    decoder = Own() if "decoder" in own else _decoder(p, form, target_form, encoder, latent, owner)
    linear = _wants_linear(p, form, target_form, own, owner)
    told = bool(getattr(p, "told", False))
    hiding = p._corrupt_spec(form).name in HIDING
    numbers_alone = compare.name == "mse" and form.target_shape == form.in_shape
    if told and (own or target_form is not None or (len(form.in_shape) == 3 if hiding else not numbers_alone)):
        wanted = (
            "False here: of tables and series the nets can be told what is missing, and of numbers measured by squared "
            "error against the input how noisy they are"
        )
        raise bad_parameter(owner, "told", wanted, True)
    blueprint = Blueprint(
        form,
        target_form,
        p._corrupt_spec(form),
        encoder,
        p._bottleneck_spec(),
        decoder,
        compare,
        latent,
        linear,
        p._prior_spec(condition_form),
        told,
        condition_form,
    )
    module = blueprint.build(own)
    module.scale.load_state_dict(scale.state_dict())
    targets = None
    if rows.target is not None:
        targets = chunks_of(rows.target, rows.train, values=_step(rows.raw, form) * _size(rows.target))
        module.target_scale.learn(targets)
    if module.teller is not None:
        module.teller.learn(chunks_of(rows.condition, rows.train))
    _check_targets(module, rows)
    rng = torch.Generator().manual_seed(seed)
    start(module, rng, inputs, targets, principal)
    if init_from is not None:
        copy_weights(module, init_from.module_)

    work = flops_per_row(module)
    settings = _settings(p, rows, module, work, seed, owner)
    arrays = rows.raw, rows.target, rows.condition
    source = ArraySource(*arrays, rows=rows.train, batch_size=settings.batch_size, seed=seed)
    validation = None if rows.validation is None else ArraySource(*rows.validation, seed=seed)
    fingerprint = ""
    if settings.checkpoint is not None:
        fingerprint = _fingerprint(p, rows, module, blueprint, seed, init_from)
    run = train(module, source, validation, settings, fingerprint=fingerprint, started=started)
    return Fitted(module, blueprint, run, defaults.block(work + module.scale.work), work)


def _seed(p: Any, owner: str) -> int:
    """The run's seed; one that was drawn when a run began is remembered by its checkpoint."""
    if p.random_state is None and p.checkpoint is not None:
        about = read_about(Path(p.checkpoint) / "state.safetensors")
        if about is not None and isinstance(about.get("seed"), int):
            return about["seed"]
    return seed_of(p.random_state, owner)


def _fingerprint(p: Any, rows: Rows, module: Hourglass, blueprint: Blueprint, seed: int, init_from: Any) -> str:
    """All that decides how a run goes: a checkpoint of another one must not be gone on from."""
    free = ("max_minutes", "verbose", "checkpoint", "device", "random_state", "validation")
    told = {k: repr(v) for k, v in p.get_params(deep=False).items() if k not in free and not isinstance(v, nn.Module)}
    shapes = {k: tuple(v.shape) for k, v in module.state_dict().items()}
    start = [] if init_from is None else [v.cpu().numpy() for v in init_from.module_.state_dict().values()]
    arrays = [rows.raw, rows.target, rows.condition, rows.train, *(rows.validation or ()), *start]
    return fingerprint_of(arrays, {**told, "seed": seed, "blueprint": blueprint.to_dict(), "shapes": shapes})


def _step(raw: Any, form: Form) -> int:
    """Rows in a chunk of the inputs, so that chunks of targets keep step; what nets read may be wider than the raw."""
    return max(16, 2**21 // max(_size(raw), math.prod(form.in_shape)))


def _size(raw: Any) -> int:
    """Values in a row."""
    return max(1, math.prod(raw.shape[1:]))


def _check_targets(module: Hourglass, rows: Rows) -> None:
    """Have the comparison refuse what it cannot measure, before training."""
    scale, raw = (module.scale, rows.raw) if rows.target is None else (module.target_scale, rows.target)
    for chunk in chunks_of(raw)():
        target, weight = scale.target(chunk)
        module.compare.check(target if weight is None else target[weight > 0])


def _settings(p: Any, rows: Rows, module: Hourglass, work: int, seed: int, owner: str) -> Training:
    pick = lambda name, value: value if getattr(p, name) == "auto" else getattr(p, name)  # noqa: E731
    size = sum(w.numel() for w in module.parameters())
    batch = pick("batch_size", defaults.batch_size(rows.n_train, size))
    epochs = pick("max_epochs", p._default_epochs(rows.n_train, work))
    widths = [min(w.shape[:2]) for w in module.parameters() if w.dim() >= 2]
    where = defaults.device(p.device, owner)
    return Training(
        max_epochs=int(epochs),
        max_minutes=p._minutes(),
        paced=p._paced(),
        batch_size=int(batch),
        block=defaults.block(work),
        lr=float(pick("lr", defaults.learning_rate(max(widths, default=64), size))),
        optimizer=p.optimizer,
        weight_decay=float(p.weight_decay),
        memory=defaults.memory(size),
        patience=int(pick("patience", max(10, epochs // 2))),
        precision=defaults.precision(p.precision, where, work, owner),
        device=where,
        threads=defaults.threads(3.0 * work * batch),
        seed=seed,
        checkpoint=None if p.checkpoint is None else Path(p.checkpoint),
        progress=interactive() if p.verbose == "auto" else bool(p.verbose),
    )


def interactive() -> bool:
    """Whether somebody looks on."""
    return sys.stderr is not None and sys.stderr.isatty()
