"""An estimator to a model folder and back: constructor parameters, blueprint, what was learned, weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from zandloper import __version__, modality
from zandloper.errors import FileError, ParameterError
from zandloper.fitting.blueprint import Blueprint
from zandloper.fitting.fitted_model import FittedModel
from zandloper.fitting.input_columns import InputColumns
from zandloper.io.model_folder import write_folder
from zandloper.model import corruptions, priors
from zandloper.spec import Spec, build_spec, discover

SLOTS = {
    "encoder": "encoder",
    "decoder": "decoder",
    "loss": "compare",
    "corrupt": "corrupt",
    "bottleneck": "bottleneck",
}


def save_estimator(estimator: Any, path: str | Path, overwrite: bool) -> None:
    """Write a fitted estimator."""
    write_folder(path, recipe_of(estimator), dict(estimator.module_.state_dict()), overwrite)


def parameters_of(estimator: Any) -> dict[str, Any]:
    """The name of an estimator's type, its constructor's parameters as JSON has them, and those it cannot hold."""
    parameters, lost = {}, []
    for name, value in estimator.get_params(deep=False).items():
        try:
            parameters[name] = _to_json(value)
        except TypeError:
            lost.append(name)  # an object that JSON cannot hold goes back to its default
    return {
        "estimator": type(estimator).__name__,
        "zandloper": __version__,
        "parameters": parameters,
        "parameters_not_saved": lost,
    }


def recipe_of(estimator: Any) -> dict[str, Any]:
    """All of a fitted estimator but its weights."""
    names = getattr(estimator, "feature_names_in_", None)
    return {
        **parameters_of(estimator),
        "blueprint": estimator.model_.blueprint.to_dict(),
        "learned": {
            "n_features_in": estimator.n_features_in_,
            "feature_names_in": None if names is None else [str(n) for n in names],
            "n_epochs": estimator.n_epochs_,
            "stopped_by": estimator.stopped_by_,
            "seconds": round(estimator.fit_seconds_, 2),
            "history": [{k: None if v != v else v for k, v in entry.items()} for entry in estimator.history_],
            "latent_shape": list(estimator.latent_shape_),
            "block": estimator.model_.inference_batch_size,
            "work": estimator.model_.flops_per_row,
        },
    }


def type_of(path: str | Path, recipe: dict[str, Any], types: dict[str, type]) -> type:
    """Which of `types` a recipe is for."""
    kind = recipe.get("estimator")
    if not isinstance(kind, str) or kind not in types:
        raise FileError(f"{path} holds a {kind!r}, which this zandloper ({__version__}) does not have: upgrade it")
    return types[kind]


def with_parameters(kind: type, recipe: dict[str, Any], **own: Any) -> Any:
    """An estimator of a type as its recipe's parameters make it, not fitted; `own` are the user's objects."""
    return kind(**{**{k: _from_json(v) for k, v in recipe["parameters"].items()}, **own})


def estimator_of(
    path: str | Path, kind: type, recipe: dict[str, Any], tensors: dict[str, Tensor], parts: dict[str, nn.Module]
) -> Any:
    """The fitted estimator that a recipe and weights describe; `path` is named where something is wrong."""
    try:
        blueprint = Blueprint.from_dict(recipe["blueprint"])
        learned = recipe["learned"]
        own = _own_parts(path, recipe["blueprint"], parts)
        module = blueprint.build(own)
        module.load_state_dict(tensors)
        estimator = with_parameters(kind, recipe, **parts)
        names = learned["feature_names_in"]
        columns = InputColumns(learned["n_features_in"], None if names is None else tuple(names))
        columns.store(estimator)
        estimator.n_epochs_, estimator.stopped_by_ = learned["n_epochs"], learned["stopped_by"]
        estimator.fit_seconds_ = learned["seconds"]
        estimator.history_ = [{k: float("nan") if v is None else v for k, v in e.items()} for e in learned["history"]]
        known = columns if len(blueprint.schema.in_shape) == 1 else None
        size, flops = learned["block"], learned["work"]
        estimator.model_ = FittedModel(module.eval(), blueprint, size, flops, kind.__name__, known)
    except (KeyError, TypeError, AttributeError, RuntimeError, ParameterError) as error:
        if isinstance(error, ParameterError) and "parts=" in str(error):
            raise
        raise FileError(f"{path} does not fit this zandloper ({__version__}): {error}") from error
    return estimator


def _own_parts(path: str | Path, slots: dict[str, Any], parts: dict[str, nn.Module]) -> dict[str, nn.Module]:
    unknown = set(parts) - set(SLOTS)
    if unknown:
        raise ParameterError(f"parts={sorted(unknown)} are no slots: there are {sorted(SLOTS)} (parts= of load)")
    own = {}
    for name, slot in SLOTS.items():
        if slots[slot]["name"] != "custom":
            continue
        if name not in parts:
            raise ParameterError(
                f"{path} was fitted with a module of its own as `{name}`: "
                f'pass one of the same shape, load(path, parts={{"{name}": module}})'
            )
        own[slot] = parts[name]
    idle = [name for name in parts if SLOTS[name] not in own]
    if idle:
        raise ParameterError(f"{path} was not fitted with own modules as {idle}: leave them out (parts= of load)")
    return own


def _to_json(value: Any) -> Any:
    if isinstance(value, Spec):
        return {"spec": value.to_dict()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list) and all(isinstance(v, int | float | str | np.generic) for v in value):
        return {"tuple": [_to_json(v) for v in value]}
    if isinstance(value, tuple | list) and value and all(isinstance(v, Spec) for v in value):
        return {"specs": [v.to_dict() for v in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        if "specs" in value:
            return tuple(_any_spec(v) for v in value["specs"])
        return _any_spec(value["spec"]) if "spec" in value else tuple(value["tuple"])
    return value


def _any_spec(settings: dict[str, Any]) -> Spec:
    """A modality, a noise or a prior: what parameters may be."""
    package = next((p for p in (corruptions, priors) if settings["name"] in discover(p)), modality)
    return build_spec(package, settings)
