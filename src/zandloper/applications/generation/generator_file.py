"""Model folder of a generator: its parameters with the recipe and the weights of its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sklearn.frozen import FrozenEstimator
from torch import Tensor, nn

from zandloper import __version__
from zandloper.errors import FileError, ZandloperError
from zandloper.io.model_folder import write_folder
from zandloper.persistence.estimators import parameters_of, recipe_of, type_of, with_parameters


def save_generator(generator: Any, path: str | Path, overwrite: bool) -> None:
    """Write a fitted generator as one folder. Training rows are not written."""
    recipe, inner = parameters_of(generator), generator.autoencoder
    if inner is not None:
        frozen = isinstance(inner, FrozenEstimator)  # it is the model itself, which is saved anyway
        recipe["autoencoder"] = "frozen" if frozen else parameters_of(inner)
        recipe["parameters_not_saved"].remove("autoencoder")
    recipe["model"] = recipe_of(generator.autoencoder_)
    write_folder(path, recipe, dict(generator.autoencoder_.module_.state_dict()), overwrite)


def generator_of(
    kind: type,
    types: dict[str, type],
    path: str | Path,
    recipe: dict[str, Any],
    tensors: dict[str, Tensor],
    parts: dict[str, nn.Module],
) -> Any:
    """The fitted generator that a recipe and tensors describe."""
    try:
        model = type_of(path, recipe["model"], types)._from_file(path, recipe["model"], tensors, parts, types)  # type: ignore[attr-defined]
        inner, own = recipe.get("autoencoder"), {}
        if inner == "frozen":
            own["autoencoder"] = FrozenEstimator(model)
        elif inner is not None:
            own["autoencoder"] = with_parameters(type_of(path, inner, types), inner, **parts)
        generator = with_parameters(kind, recipe, **own)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, ZandloperError):
            raise
        raise FileError(f"{path} does not fit this zandloper ({__version__}): {error}") from error
    generator.autoencoder_, generator.n_features_in_ = model, model.n_features_in_
    if hasattr(model, "feature_names_in_"):
        generator.feature_names_in_ = model.feature_names_in_
    return generator
