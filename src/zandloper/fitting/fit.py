"""What `fit` does, in order: read, split, scaler, choose, build, start at PCA, train."""

from __future__ import annotations

import copy
import math
import numbers
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from zandloper.data.frames import dims_of, is_frame
from zandloper.errors import bad_parameter
from zandloper.fitting.blueprint import HIDING, Blueprint, flops_per_row
from zandloper.fitting.choose_network import _decoder, _latent_dim, _net, _wants_linear
from zandloper.fitting.dataset import Rows, _read
from zandloper.fitting.epoch_choice import train_by_folds
from zandloper.fitting.fitted_model import FittedModel
from zandloper.fitting.initialization import start
from zandloper.fitting.input_columns import InputColumns
from zandloper.fitting.validation import check_parameters, seed_of
from zandloper.fitting.warm_start import copy_weights
from zandloper.io.state_file import read_about
from zandloper.modality import Schema, chunks_of
from zandloper.model.custom import Custom
from zandloper.model.hourglass import Hourglass
from zandloper.model.linear_path import MOST_FEATURES, principal_components
from zandloper.model.networks import Network
from zandloper.training import defaults
from zandloper.training.checkpoint import fingerprint_of
from zandloper.training.loop import train
from zandloper.training.sources import ArraySource
from zandloper.training.state import TrainingConfig, TrainingState


@dataclass(frozen=True)
class Fitted:
    """What `fit` leaves in an estimator."""

    model: FittedModel
    run: TrainingState


def fit_hourglass(estimator: Any, X: Any, y: Any, init_from: Any, started: float, condition: Any = None) -> Fitted:
    """All of `fit`; the estimator's parameters are read and nothing is written to it."""
    estimator, caller = estimator, type(estimator).__name__
    check_parameters(estimator, caller)
    seed = _seed(estimator, caller)
    if init_from is not None:
        check_is_fitted(init_from)
    if is_frame(X):  # names that scikit-learn refuses are refused before the work
        InputColumns.of(X)
    schema, target_schema, condition_schema, rows = _read(estimator, X, y, caller, seed, init_from, condition)
    columns = InputColumns.of(X) if len(schema.in_shape) == 1 and (is_frame(X) or dims_of(X) == 2) else None
    own = {  # copies: what the user gave is only stored
        slot: copy.deepcopy(part)
        for slot, part in {
            "encoder": estimator.encoder,
            "decoder": estimator.decoder,
            "compare": estimator.loss,
            "corrupt": estimator.corrupt,
            "bottleneck": estimator.bottleneck,
        }.items()
        if isinstance(part, nn.Module)
    }
    compare = Custom() if "compare" in own else estimator._compare_spec(target_schema or schema)

    scaler = schema.scaler()
    inputs = chunks_of(rows.raw, rows.train, _step(rows.raw, schema) * _size(rows.raw))
    scaler.learn(inputs)
    features = math.prod(schema.in_shape)
    principal = None
    if features <= MOST_FEATURES and (estimator.linear_path or not isinstance(estimator.latent_dim, numbers.Integral)):
        principal = principal_components(
            lambda: (scaler.encode(c)[0].flatten(1) for c in inputs()), features, rows.n_train
        )
    latent = _latent_dim(
        estimator.latent_dim if estimator.latent_dim is not None else estimator._default_latents(features),
        principal,
        features,
    )

    encoder = Custom() if "encoder" in own else _net(estimator.encoder, schema, latent, estimator, caller, "encoder")
    if (
        estimator.latent_dim is None
        and isinstance(encoder, Network)
        and (better := encoder.latents(schema.in_shape, latent)) != latent
    ):
        latent = better
        encoder = _net(estimator.encoder, schema, latent, estimator, caller, "encoder")
    decoder = Custom() if "decoder" in own else _decoder(estimator, schema, target_schema, encoder, latent, caller)
    linear = _wants_linear(estimator, schema, target_schema, own, caller)
    noise_conditional = bool(getattr(estimator, "noise_conditional", False))
    hiding = estimator._corrupt_spec(schema).name in HIDING
    numbers_alone = compare.name == "mse" and schema.target_shape == schema.in_shape
    if noise_conditional and (
        own or target_schema is not None or (len(schema.in_shape) == 3 if hiding else not numbers_alone)
    ):
        wanted = (
            "False here: networks of tables and series can be conditioned on what is missing, and of numbers "
            "measured by squared error against the input how noisy they are"
        )
        raise bad_parameter(caller, "noise_conditional", wanted, True)
    blueprint = Blueprint(
        schema,
        target_schema,
        estimator._corrupt_spec(schema),
        encoder,
        estimator._bottleneck_spec(),
        decoder,
        compare,
        latent,
        linear,
        estimator._prior_spec(condition_schema),
        noise_conditional,
        condition_schema,
    )
    module = blueprint.build(own)
    module.scaler.load_state_dict(scaler.state_dict())
    targets = None
    if rows.target is not None and module.target_scaler is not None:
        targets = chunks_of(rows.target, rows.train, values=_step(rows.raw, schema) * _size(rows.target))
        module.target_scaler.learn(targets)
    if module.condition_embedder is not None:
        module.condition_embedder.learn(chunks_of(rows.condition, rows.train))
    _check_targets(module, rows)
    rng = torch.Generator().manual_seed(seed)
    start(module, rng, inputs, targets, principal)
    if init_from is not None:
        copy_weights(module, init_from.module_)

    work = flops_per_row(module)
    settings = _settings(estimator, rows, module, work, seed, caller)
    arrays = rows.raw, rows.target, rows.condition
    source = ArraySource(*arrays, rows=rows.train, batch_size=settings.batch_size, seed=seed)
    validation = None if rows.validation is None else ArraySource(*rows.validation, seed=seed)
    fingerprint = ""
    if settings.checkpoint is not None:
        fingerprint = _fingerprint(estimator, rows, module, blueprint, seed, init_from)
    if not rows.crossed:
        run = train(module, source, validation, settings, fingerprint=fingerprint, started=started)
    else:

        def fold(part: np.ndarray, seed: int) -> Hourglass:
            return _of_some(module, blueprint, copy.deepcopy(own), rows, part, seed, principal is not None, init_from)

        patience = None if estimator.patience == "auto" else settings.patience
        run = train_by_folds(module, fold, arrays, settings, patience, fingerprint, started)
    size = defaults.inference_batch_size(work + module.scaler.work)
    return Fitted(FittedModel(module, blueprint, size, work, caller, columns), run)


def _of_some(
    whole: Hourglass,
    blueprint: Blueprint,
    own: dict[str, nn.Module],
    rows: Rows,
    part: np.ndarray,
    seed: int,
    linear: bool,
    init_from: Any,
) -> Hourglass:
    """An hourglass as the whole one, in its units, started from some of the rows."""
    schema, module = blueprint.schema, blueprint.build(own)
    for name in ("scaler", "target_scaler", "condition_embedder"):
        if getattr(module, name) is not None:
            getattr(module, name).load_state_dict(getattr(whole, name).state_dict())
    step = _step(rows.raw, schema)
    inputs = chunks_of(rows.raw, part, step * _size(rows.raw))
    targets = None if rows.target is None else chunks_of(rows.target, part, values=step * _size(rows.target))
    principal = None
    if linear:
        features = math.prod(schema.in_shape)
        encoded = lambda: (module.scaler.encode(c)[0].flatten(1) for c in inputs())  # noqa: E731
        principal = principal_components(encoded, features, len(part))
    start(module, torch.Generator().manual_seed(seed), inputs, targets, principal)
    if init_from is not None:
        copy_weights(module, init_from.module_)
    return module


def _seed(estimator: Any, caller: str) -> int:
    """The run's seed; one that was drawn when a run began is remembered by its checkpoint."""
    if estimator.random_state is None and estimator.checkpoint is not None:
        states = sorted(Path(estimator.checkpoint).glob("**/state.safetensors"))
        about = read_about(states[0]) if states else None
        if about is not None and isinstance(about.get("seed"), int):
            return about["seed"]
    return seed_of(estimator.random_state, caller)


def _fingerprint(estimator: Any, rows: Rows, module: Hourglass, blueprint: Blueprint, seed: int, init_from: Any) -> str:
    """All that decides how a run goes: a checkpoint of another one must not be gone on from."""
    free = ("max_minutes", "verbose", "checkpoint", "device", "random_state", "validation")
    settings = {
        k: repr(v)
        for k, v in estimator.get_params(deep=False).items()
        if k not in free and not isinstance(v, nn.Module)
    }
    shapes = {k: tuple(v.shape) for k, v in module.state_dict().items()}
    start = [] if init_from is None else [v.cpu().numpy() for v in init_from.module_.state_dict().values()]
    arrays = [rows.raw, rows.target, rows.condition, rows.train, *(rows.validation or ()), *start]
    return fingerprint_of(arrays, {**settings, "seed": seed, "blueprint": blueprint.to_dict(), "shapes": shapes})


def _step(raw: Any, schema: Schema) -> int:
    """Rows in a chunk of the inputs, so that chunks of targets keep step; what nets read may be wider than the raw."""
    return max(16, 2**21 // max(_size(raw), math.prod(schema.in_shape)))


def _size(raw: Any) -> int:
    """Values in a row."""
    return max(1, math.prod(raw.shape[1:]))


def _check_targets(module: Hourglass, rows: Rows) -> None:
    """Have the comparison refuse what it cannot measure, before training."""
    scaler, raw = module.scaler, rows.raw
    if rows.target is not None and module.target_scaler is not None:
        scaler, raw = module.target_scaler, rows.target
    for chunk in chunks_of(raw)():
        target, weight = scaler.target(chunk)
        module.compare.check(target if weight is None else target[weight > 0])


def _settings(estimator: Any, rows: Rows, module: Hourglass, work: int, seed: int, caller: str) -> TrainingConfig:
    pick = lambda name, value: value if getattr(estimator, name) == "auto" else getattr(estimator, name)  # noqa: E731
    size = sum(w.numel() for w in module.parameters())
    batch = pick("batch_size", defaults.batch_size(rows.n_train, size))
    usual = estimator._default_epochs(rows.n_train, work)
    epochs = pick("max_epochs", max(1, usual // 2) if rows.crossed else usual)
    widths = [min(w.shape[:2]) for w in module.parameters() if w.dim() >= 2]
    where = defaults.device(estimator.device, caller)
    return TrainingConfig(
        max_epochs=int(epochs),
        max_minutes=estimator._minutes(),
        paced=estimator._paced(),
        batch_size=int(batch),
        inference_batch_size=defaults.inference_batch_size(work),
        lr=float(pick("lr", defaults.learning_rate(max(widths, default=64), size))),
        optimizer=estimator.optimizer,
        weight_decay=float(estimator.weight_decay),
        beta2_horizon=defaults.beta2_horizon(size),
        patience=int(pick("patience", max(10, epochs // 2))),
        precision=defaults.precision(estimator.precision, where, work, caller),
        device=where,
        threads=defaults.threads(3.0 * work * batch),
        seed=seed,
        checkpoint=None if estimator.checkpoint is None else Path(estimator.checkpoint),
        progress=interactive() if estimator.verbose == "auto" else bool(estimator.verbose),
    )


def interactive() -> bool:
    """Whether somebody looks on."""
    return sys.stderr is not None and sys.stderr.isatty()
