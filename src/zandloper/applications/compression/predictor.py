"""The autoencoder that predicts the data: the default one, its training, and the models that cannot be used."""

from __future__ import annotations

import math
from typing import Any

from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from zandloper.autoencoders.autoencoder import Autoencoder
from zandloper.errors import UnsupportedError
from zandloper.modality import modality

VALUES_A_WEIGHT = 256  # of the data, for one weight of the default model, so that it saves more than it takes


def trained_predictor(compressor: Any, X: Any, caller: str, seed: int) -> Any:
    """Fit the autoencoder of a compressor; a frozen one is returned as it is."""
    if hasattr(compressor.autoencoder, "estimator"):
        check_is_fitted(compressor.autoencoder.estimator)
        return compressor.autoencoder.estimator
    inner = compressor.autoencoder
    given = isinstance(compressor.modality, str) and compressor.modality == "auto" and inner is not None
    reader = modality(inner.modality if given else compressor.modality, X, caller)
    if inner is None:
        schema, raw = reader.learn(X, caller)
        values = raw.store.numel() if hasattr(raw, "store") else math.prod(raw.shape)
        inner = _default_model(schema, values, compressor.quality is not None)
    model = clone(inner).set_params(modality=reader, random_state=seed)
    for name in ("max_epochs", "max_minutes"):
        if getattr(compressor, name) is not None:
            model.set_params(**{name: getattr(compressor, name)})
    return model.fit(X)


def _default_model(schema: Any, values: int, unbound: bool) -> Autoencoder:
    """The default autoencoder, with a number of weights in proportion to the data; linear for few data."""
    size = math.prod(schema.in_shape)
    weights = values / (VALUES_A_WEIGHT // (16 if unbound else 1))
    latents = int(min(32, max(1, size // 4), max(1, weights / (8 * size))))
    hidden = int(min(256, (weights - 4 * size * latents) / (2 * (size + latents))))
    return Autoencoder(latent_dim=latents, hidden=(hidden,) if hidden >= 8 else (), encoder="dense")


def check_predictor(model: Any, caller: str) -> None:
    """Refuse models whose latents do not determine the prediction of values."""
    module, blueprint = model.module_, model.model_.blueprint
    if blueprint.noise_conditional:
        raise UnsupportedError(f"{caller} needs latents that determine the output: fit with noise_conditional=False")
    if blueprint.compare.name in ("cross_entropy", "custom"):
        raise UnsupportedError(f"{caller} has no values for loss={blueprint.compare.name!r}: take loss='auto'")
    if getattr(module, "draws_globally", False):
        raise UnsupportedError(f"{caller} needs modules that compute the same on every machine: leave out custom parts")
