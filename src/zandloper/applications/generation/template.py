"""Unfitted autoencoder of a generator, from its parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from zandloper.applications.generation.default_model import default_autoencoder
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.errors import bad_parameter
from zandloper.fitting.validation import seed_of
from zandloper.modality import modality

if TYPE_CHECKING:
    from zandloper.applications.generation.generator import Generator


def check_autoencoder(generator: Generator) -> None:
    """Raise a ParameterError for an autoencoder that cannot generate."""
    caller = type(generator).__name__
    inner = getattr(generator.autoencoder, "estimator", generator.autoencoder)
    if inner is None:
        return
    if not isinstance(inner, BaseAutoencoder) or not callable(getattr(type(inner), "sample", None)):
        wanted = "None, a variational, quantized or masked autoencoder, or a FrozenEstimator of a fitted one"
        raise bad_parameter(caller, "autoencoder", wanted, generator.autoencoder)
    if inner.target != "input":
        raise bad_parameter(caller, "autoencoder", 'one that reconstructs its input (target="input")', inner.target)


def template_of(generator: Generator, X: Any, condition: Any) -> BaseAutoencoder:
    """Unfitted autoencoder with the settings that the generator's parameters override."""
    caller, inner = type(generator).__name__, generator.autoencoder
    model: BaseAutoencoder = default_autoencoder(X, generator.modality, condition) if inner is None else clone(inner)
    given = {"max_epochs": generator.max_epochs, "max_minutes": generator.max_minutes}
    settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if not (isinstance(generator.modality, str) and generator.modality == "auto"):
        settings["modality"] = generator.modality
    if inner is None:
        reader: Any = modality(generator.modality, X, "Generator")
        if reader.name == "series" and reader.scaling is None:
            settings["modality"] = replace(reader, scaling="quantile")
    if not (isinstance(generator.prior, str) and generator.prior == "auto"):
        if "prior" not in model.get_params(deep=False):
            raise bad_parameter(caller, "prior", f"'auto' with {type(model).__name__}", generator.prior)
        settings["prior"] = generator.prior
    seed = seed_of(generator.random_state, caller)
    fresh: BaseAutoencoder = model.set_params(**settings, random_state=seed)
    return fresh
