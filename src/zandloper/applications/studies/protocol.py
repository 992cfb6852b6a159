"""Shared steps of studies: reading data, holding out rows, latent sizes and the autoencoder that is cloned."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import clone

from zandloper.autoencoders.autoencoder import Autoencoder
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.errors import DataError, bad_parameter
from zandloper.modality import Schema, modality

MOST_LATENTS = 64  # of the sizes tried unasked


def read(X: Any, choice: Any, caller: str) -> tuple[Schema, np.ndarray]:
    """Schema and raw array of data, samples first."""
    schema, raw = modality("auto" if choice is None else choice, X, caller).learn(X, caller)
    if len(raw) < 5:
        raise DataError(
            f"{caller} got {len(raw)} samples: at least 5 are needed to train on some and measure on others"
        )
    return schema, raw


def held_out(n: int, test_size: Any, seed: int, caller: str) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows, both in rising order; `test_size` is a share or a number of rows."""
    k = 0
    if isinstance(test_size, numbers.Integral) and not isinstance(test_size, bool):
        k = int(test_size)
    elif isinstance(test_size, float | np.floating) and 0 < test_size < 1:
        k = min(n - 2, max(1, round(n * float(test_size))))
    if not 1 <= k <= n - 2:
        wanted = f"a share between 0 and 1, or a number of rows from 1 to {n - 2}"
        raise bad_parameter(caller, "test_size", wanted, test_size)
    order = np.random.default_rng(seed).permutation(n)
    return np.sort(order[k:]), np.sort(order[:k])


def seed_of(random_state: Any, caller: str) -> int:
    """Seed of the study; None draws one without touching the global generator."""
    if isinstance(random_state, bool) or not isinstance(random_state, numbers.Integral | None):
        raise bad_parameter(caller, "random_state", "an integer or None", random_state)
    return int(np.random.default_rng().integers(2**31)) if random_state is None else int(random_state) % 2**31


def sizes_of(latent_dims: Any, default: Iterable[int], caller: str) -> list[int]:
    """Latent sizes, in rising order, each once."""
    if latent_dims is None:
        return list(default)
    sizes = [latent_dims] if isinstance(latent_dims, numbers.Integral) else latent_dims
    if isinstance(sizes, str) or not isinstance(sizes, Iterable):
        sizes = [None]
    sizes = list(sizes)
    if not sizes or any(isinstance(k, bool) or not isinstance(k, numbers.Integral) or k < 1 for k in sizes):
        raise bad_parameter(caller, "latent_dims", "positive integers, such as (1, 2, 4, 8)", latent_dims)
    return sorted({int(k) for k in sizes})


def powers_of_two(most: int) -> list[int]:
    """Powers of two up to `most`, at most 64."""
    return [2**i for i in range(max(1, min(most, MOST_LATENTS).bit_length()))]


def template(autoencoder: Any, caller: str, **settings: Any) -> BaseAutoencoder:
    """Unfitted copy of the user's autoencoder (None: the default one), with the settings that are not None."""
    if not isinstance(autoencoder, BaseAutoencoder | None):
        wanted = "an autoencoder, such as zl.Autoencoder(hidden=(64,)), or None"
        raise bad_parameter(caller, "autoencoder", wanted, autoencoder)
    model = Autoencoder() if autoencoder is None else clone(autoencoder)
    return model.set_params(**{name: value for name, value in settings.items() if value is not None})
