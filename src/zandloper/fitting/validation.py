"""The constructor's parameters, checked before any data are looked at: one sentence for each that cannot be."""

from __future__ import annotations

import math
import numbers
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from zandloper.errors import bad_parameter
from zandloper.model.layers.layers import ACTIVATIONS
from zandloper.training.optimizers import OPTIMIZERS

MOST_LATENTS = 65_536


def check_parameters(estimator: Any, caller: str) -> None:
    """Refuse values that no data could make right.

    Raises
    ------
    ParameterError
        Names the parameter, what it may be, and what was got.
    """

    def want(name: str, wanted: str, good: bool) -> None:
        if not good:
            raise bad_parameter(caller, name, wanted, getattr(estimator, name))

    def part(name: str, words: tuple[str | None, ...], wanted: str) -> None:
        value = getattr(estimator, name)
        word = (value is None or isinstance(value, str)) and (value in words or (isinstance(value, str) and not words))
        want(name, wanted, word or isinstance(value, nn.Module))

    def number(name: str, low: float, whole: bool = False, words: tuple[str | None, ...] = ()) -> None:
        kind = "an integer" if whole else "a finite number"
        wanted = " or ".join([*(repr(w) for w in words), f"{kind} >= {low:g}"])
        want(
            name, wanted, _is_word(getattr(estimator, name), words) or _is_number(getattr(estimator, name), low, whole)
        )

    k = estimator.latent_dim
    wanted = f"a positive integer up to {MOST_LATENTS}, a fraction between 0 and 1, or None"
    fraction = isinstance(k, float | np.floating) and 0 < float(k) < 1
    want("latent_dim", wanted, k is None or fraction or (_is_number(k, 1, True) and int(k) <= MOST_LATENTS))
    layers = isinstance(estimator.hidden, tuple | list) and all(_is_number(h, 1, True) for h in estimator.hidden)
    want(
        "hidden",
        "'auto' or a tuple of positive integers, such as (128, 64), or ()",
        _is_word(estimator.hidden, ("auto",)) or layers,
    )
    want("activation", f"one of {sorted(ACTIVATIONS)}", _is_word(estimator.activation, tuple(ACTIVATIONS)))
    want("target", "'input' or 'y'", _is_word(estimator.target, ("input", "y")))
    for name in ("encoder", "decoder", "loss"):
        part(name, (), "a name, 'auto' or an nn.Module")
    for name in ("corrupt", "bottleneck"):
        part(name, (None,), "an nn.Module or None")
    number("max_epochs", 1, True, ("auto",))
    if estimator.max_minutes != math.inf:
        number("max_minutes", 1e-9, words=(None,))
    number("patience", 1, True, ("auto",))
    number("batch_size", 1, True, ("auto",))
    number("lr", 1e-12, words=("auto",))
    number("weight_decay", 0)
    own = isinstance(estimator.optimizer, type) and issubclass(estimator.optimizer, torch.optim.Optimizer)
    made = callable(estimator.optimizer) and not isinstance(estimator.optimizer, type)
    wanted = f"one of {sorted(OPTIMIZERS)} or a torch.optim class"
    want("optimizer", wanted, _is_word(estimator.optimizer, tuple(OPTIMIZERS)) or own or made)
    want(
        "linear_path",
        "'auto', True or False",
        _is_word(estimator.linear_path, ("auto",)) or isinstance(estimator.linear_path, bool | np.bool_),
    )
    want(
        "verbose",
        "'auto', True or False",
        _is_word(estimator.verbose, ("auto",)) or isinstance(estimator.verbose, bool | int),
    )
    want("device", "'auto' or a name that torch knows", isinstance(estimator.device, str | torch.device))
    want("precision", "'auto', 'float32' or 'bfloat16'", _is_word(estimator.precision, ("auto", "float32", "bfloat16")))
    if estimator.checkpoint is not None:
        wanted = "a folder, or a path where there is nothing yet"
        named = isinstance(estimator.checkpoint, str | os.PathLike)
        want(
            "checkpoint",
            wanted,
            named and not any(f.is_file() for f in (Path(estimator.checkpoint), *Path(estimator.checkpoint).parents)),
        )


def check_budget(estimator: Any, caller: str) -> None:
    """Refuse numbers of epochs and minutes that no application could keep to; None leaves them to the model."""
    if estimator.max_epochs is not None and not _is_number(estimator.max_epochs, 1, True):
        raise bad_parameter(caller, "max_epochs", "None or an integer >= 1", estimator.max_epochs)
    if estimator.max_minutes is not None and not _is_number(estimator.max_minutes, 1e-9, False):
        raise bad_parameter(caller, "max_minutes", "None or a finite number above 0", estimator.max_minutes)


def seed_of(random_state: Any, caller: str) -> int:
    """A number out of whatever scikit-learn allows; None draws one without touching the global generator."""
    if _is_number(random_state, 0, True):
        return int(random_state) % 2**31
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    raise bad_parameter(caller, "random_state", "an integer from 0 on, a RandomState or None", random_state)


def _is_word(value: Any, words: tuple[str | None, ...]) -> bool:
    return (value is None or isinstance(value, str)) and value in words


def _is_number(value: Any, low: float, whole: bool) -> bool:
    kind = numbers.Integral if whole else numbers.Real
    return isinstance(value, kind) and not isinstance(value, bool) and low <= float(value) < math.inf
