"""A detector to a model folder and back: its parameters, its models' recipes, and every number that it learned.

What was learned is packed by its kind, whatever it is called: arrays become tensors under a name with dots, models
become recipes whose weights stand under such a name, the rest is JSON. Nothing but the kinds below is ever made.
"""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from torch import Tensor, nn

from zandloper import __version__
from zandloper.applications.detection.ensemble import Ensemble
from zandloper.applications.detection.hotelling import HotellingT2
from zandloper.applications.detection.neighbors import NearestNeighbors
from zandloper.applications.detection.rolling_features import RollingFeatures
from zandloper.applications.detection.score_combiner import ScoreCombiner
from zandloper.applications.detection.scoring import EnsembleMember
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.errors import FileError, ZandloperError
from zandloper.io.model_folder import write_folder
from zandloper.modality.series import SeriesSchema
from zandloper.persistence.estimators import estimator_of, parameters_of, recipe_of, type_of, with_parameters

KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (Ensemble, ScoreCombiner, NearestNeighbors, HotellingT2, RollingFeatures, EnsembleMember)
}
NEEDED = {"ensemble_", "calibration_", "offset_", "tiles_per_score_", "n_features_in_"}


def save_detector(detector: Any, path: str | Path, overwrite: bool) -> None:
    """Write a fitted detector as one folder."""
    recipe = parameters_of(detector)
    tensors: dict[str, Tensor] = {}
    inner = detector.autoencoder
    if inner is not None:
        frozen = isinstance(inner, FrozenEstimator)
        # A frozen model is that of the only member, which is saved anyway.
        recipe["autoencoder"] = "frozen" if frozen else parameters_of(inner)
        recipe["parameters_not_saved"].remove("autoencoder")
    given = detector.get_params(deep=False)
    recipe["learned"] = {name: _pack(v, name, tensors) for name, v in vars(detector).items() if name not in given}
    write_folder(path, recipe, tensors, overwrite)


def detector_of(
    kind: type,
    types: dict[str, type],
    path: str | Path,
    recipe: dict[str, Any],
    tensors: dict[str, Tensor],
    parts: dict[str, nn.Module],
) -> Any:
    """The fitted detector that a recipe and tensors describe; every model gets a copy of the user's own parts."""

    def model(recipe: dict[str, Any], prefix: str) -> Any:
        weights = {name.removeprefix(prefix): v for name, v in tensors.items() if name.startswith(prefix)}
        return estimator_of(path, type_of(path, recipe, types), recipe, weights, copy.deepcopy(parts))

    def unpack(value: Any) -> Any:
        if isinstance(value, list):
            return [unpack(v) for v in value]
        if not isinstance(value, dict):
            return value
        (how, what), *more = value.items()
        if how == "array":
            return tensors[what].numpy()
        if how == "tensor":
            return tensors[what]
        if how == "names":
            return np.array(what, dtype=object)
        if how == "tuple":
            return tuple(map(unpack, what))
        if how == "slice":
            return slice(*what)
        if how == "series":
            return SeriesSchema.from_dict(what)
        if how == "model":
            return model(what, more[0][1])
        return KINDS[how](**{name: unpack(v) for name, v in what.items()})

    try:
        learned = {name: unpack(v) for name, v in recipe["learned"].items()}
        lost = NEEDED - set(learned)
        if lost:
            raise KeyError(f"{sorted(lost)} missing")
        inner = recipe.get("autoencoder")
        own: dict[str, Any] = {}
        if inner == "frozen":
            own["autoencoder"] = FrozenEstimator(learned["ensemble_"].members[0].model)
        elif inner is not None:
            own["autoencoder"] = with_parameters(type_of(path, inner, types), inner, **parts)
        detector = with_parameters(kind, recipe, **own)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, RuntimeError) as error:
        if isinstance(error, ZandloperError):
            raise
        raise FileError(f"{path} does not fit this zandloper ({__version__}): {error}") from error
    vars(detector).update(learned)
    return detector


def _pack(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """A value as JSON has it; arrays, tensors and weights go to `tensors` under a name that begins with `name`."""
    if isinstance(value, BaseAutoencoder):
        prefix = f"{name}."
        tensors |= {prefix + key: v for key, v in value.module_.state_dict().items()}
        return {"model": recipe_of(value), "weights": prefix}
    if isinstance(value, np.ndarray) and value.dtype == object:
        return {"names": [str(v) for v in value]}
    if isinstance(value, np.ndarray | Tensor):
        how = "tensor" if isinstance(value, Tensor) else "array"
        tensors[name] = torch.as_tensor(value)
        return {how: name}
    if isinstance(value, list | tuple):
        packed = [_pack(v, f"{name}.{i}", tensors) for i, v in enumerate(value)]
        return packed if isinstance(value, list) else {"tuple": packed}
    if isinstance(value, SeriesSchema):
        return {"series": value.to_dict()}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if type(value).__name__ in KINDS:
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {type(value).__name__: {key: _pack(v, f"{name}.{key}", tensors) for key, v in fields.items()}}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    raise FileError(f"a detector's {name} of type {type(value).__name__} cannot be saved")
