"""What `fit` does, in order: read, split, scale, choose, build, start at PCA, train."""

from __future__ import annotations

import copy
import dataclasses
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

import zandloper.nets
from zandloper import defaults
from zandloper.blueprint import HIDING, Blueprint, flops_per_row, start
from zandloper.columns import dims_of, is_frame
from zandloper.condition import learn_condition, read_condition
from zandloper.errors import DataError, bad_parameter
from zandloper.hourglass import Hourglass
from zandloper.linear import MOST_FEATURES, Principal, principal_components
from zandloper.modality import Form, chunks_of, modality
from zandloper.nets import Net
from zandloper.own import Own
from zandloper.parameters import check_parameters, seed_of
from zandloper.persist import copy_weights, fingerprint_of
from zandloper.source import ArraySource
from zandloper.spec import Spec, discover
from zandloper.storage import read_about
from zandloper.training import Run, Training, train

SMALL = 4_096  # values: up to here dense nets with a linear path, above convolutions
LARGE = {2: "conv1d", 3: "conv2d"}  # by how many dimensions a sample has


@dataclass(frozen=True)
class Fitted:
    """What `fit` leaves in an estimator."""

    module: Hourglass
    blueprint: Blueprint
    run: Run
    block: int
    work: int


@dataclass(frozen=True)
class Rows:
    """The data as raw arrays, and which rows train and which choose."""

    raw: Any
    target: Any
    condition: Any
    train: np.ndarray | None
    validation: tuple[Any, Any, Any, np.ndarray | None] | None

    @property
    def n_train(self) -> int:
        """How many rows train."""
        return len(self.raw) if self.train is None else len(self.train)


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


def _read(
    p: Any, X: Any, y: Any, owner: str, seed: int, init_from: Any, condition: Any
) -> tuple[Form, Form | None, Form | None, Rows]:
    reader = p._reader(X, owner)
    supervised = p.target == "y"
    if supervised and y is None:
        raise DataError(f'{owner} with target="y" requires y to be passed, but the target y is None')
    if init_from is not None:  # columns and categories keep the places that the weights know them by
        form: Form = init_from._blueprint.form
        raw = form.read_to_train(X, owner)
    else:
        form, raw = reader.learn(X, owner, p.loss if isinstance(p.loss, str) and not supervised else "auto")
    if len(raw) < 2:
        raise DataError(
            f"Found array with {len(raw)} sample(s) (shape={raw.shape}) while a minimum of 2 is required by "
            f"{owner}: 1 sample cannot show what varies"
        )
    target_form, target = None, None
    if supervised:
        choice = (
            "table"
            if p.target_modality == "auto" and dims_of(y) == 1 and not isinstance(y, list | tuple)
            else p.target_modality
        )
        y = np.asarray(y) if isinstance(y, list) and len(y) and np.isscalar(y[0]) else y
        target_reader = modality(choice, y, owner, "target_modality").beside(form)
        target_form, target = target_reader.learn(
            y, f"{owner}'s y", p.loss if isinstance(p.loss, str) else "auto", target=True
        )
        if len(target) != len(raw):
            raise DataError(f"X has {len(raw)} samples and y has {len(target)}: they must be as many")
    condition_form, told = None, None
    if condition is not None and init_from is not None and init_from._blueprint.condition is not None:
        condition_form = init_from._blueprint.condition
        told = read_condition(condition_form, by_row(form, condition, raw), owner)
    elif condition is not None:
        condition_form, told = learn_condition(by_row(form, condition, raw), len(raw), owner)
    train, validation = _split(p.validation, form, target_form, raw, target, told, y, owner, seed)
    return form, target_form, condition_form, Rows(raw, target, told, train, validation)


def by_row(form: Form, condition: Any, raw: Any) -> Any:
    """What is known of each sample, for each raw row: the windows of a series or a sound share it."""
    return condition if is_frame(condition) or dims_of(condition) != 1 else form.labels(condition, raw)


def _split(
    choice: Any,
    form: Form,
    target_form: Form | None,
    raw: Any,
    target: Any,
    condition: Any,
    y: Any,
    owner: str,
    seed: int,
) -> tuple[np.ndarray | None, tuple[Any, Any, Any, np.ndarray | None] | None]:
    """Which rows train (None: all), and what validates: arrays with the rows of them that count."""
    wanted = "a share of the rows from 0 to below 1, validation data, or a scikit-learn splitter"
    if isinstance(choice, numbers.Real) and not isinstance(choice, bool):
        if not 0 <= float(choice) < 1:
            raise bad_parameter(owner, "validation", wanted, choice)
        n = round(len(raw) * float(choice))
        if n == 0:
            return None, None
        if len(raw) - n < 1:
            raise bad_parameter(
                owner, "validation", f"a share that leaves some of the {len(raw)} rows to train on", choice
            )
        train, held = form.split(raw, float(choice), seed)
        return train, None if held is None else (raw, target, condition, held)
    if hasattr(choice, "split") and not isinstance(choice, str):
        train, held = form.split_by(choice, raw, y, owner)
        return train, (raw, target, condition, held)
    if choice is None or isinstance(choice, str | bool):
        raise bad_parameter(owner, "validation", wanted, choice)
    X, held_y = choice if isinstance(choice, tuple) and len(choice) == 2 and target_form is not None else (choice, None)
    if target_form is not None and held_y is None:
        raise bad_parameter(owner, "validation", 'a pair (X, y), since target="y"', type(choice).__name__)
    held = form.read(X, owner)
    if len(held) == 0:
        raise DataError(f"Found array with 0 sample(s) in `validation` of {owner} while a minimum of 1 is required")
    # Other data come without a condition: they are measured as rows of which nothing is known.
    return None, (held, None if target_form is None else target_form.read(held_y, owner), None, None)


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


def _latent_dim(choice: Any, principal: Principal | None, features: int) -> int:
    if isinstance(choice, numbers.Integral):
        return int(choice)
    if principal is None:
        return 64
    k = principal.dimensions_for(0.9 if choice is None else float(choice))
    return min(max(k, min(2, features)), 64) if choice is None else min(k, len(principal.variances))


def _net(choice: Any, form: Form, latent: int, p: Any, owner: str, parameter: str) -> Net:
    """The net that fits a form: dense, or convolutions for series and images that are not small."""
    nets: dict[str, type[Net]] = discover(zandloper.nets)
    shape = form.in_shape
    if choice == "auto":
        choice = form.net or (LARGE.get(len(shape), "dense") if math.prod(shape) > SMALL else "dense")
    if choice not in nets:
        raise bad_parameter(owner, parameter, f"'auto', one of {sorted(nets)} or an nn.Module", choice)
    net = nets[choice]
    if not net.fits(shape):
        fitting = " or ".join(repr(name) for name in ["auto", *sorted(n for n in nets if nets[n].fits(shape))])
        raise bad_parameter(
            owner, parameter, f"{fitting} for samples of shape {shape} ({choice!r} reads {net.reads})", choice
        )
    auto = net.auto(shape, latent, p.activation)
    if p.hidden == "auto":
        return auto
    hidden = tuple(int(h) for h in p.hidden)
    if not hidden and not net.shallow:
        wanted = f"at least one number for {parameter}={choice!r} ({parameter}='dense' takes ())"
        raise bad_parameter(owner, "hidden", wanted, hidden)
    return dataclasses.replace(auto, hidden=hidden)


def _decoder(p: Any, form: Form, target_form: Form | None, encoder: Spec, latent: int, owner: str) -> Spec:
    """The mirror of the encoder, or the net of another form."""
    if (
        p.decoder == "auto"
        and not isinstance(encoder, Own)
        and (target_form is None or (len(target_form.in_shape), target_form.net) == (len(form.in_shape), form.net))
    ):
        return encoder
    return _net(p.decoder, target_form or form, latent, p, owner, "decoder")


def _wants_linear(p: Any, form: Form, target_form: Form | None, own: dict[str, nn.Module], owner: str) -> bool:
    """Whether there is a linear path: where it can be, and the bottleneck is of a kind that it suits."""
    outputs = math.prod((target_form or form).target_shape)
    few = max(math.prod(form.in_shape), outputs) <= MOST_FEATURES
    told = bool(getattr(p, "told", False)) and p._corrupt_spec(form).name not in HIDING
    possible = not told and few and not {"decoder", "bottleneck", "compare"} & set(own) and p._bottleneck_spec().linear
    if p.linear_path is True and not possible:
        wanted = f"'auto' or False with own parts, a sparse or quantised code, or more than {MOST_FEATURES} values"
        raise bad_parameter(owner, "linear_path", wanted, True)
    return possible if p.linear_path == "auto" else bool(p.linear_path)


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
