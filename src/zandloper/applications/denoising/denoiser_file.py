"""Saving and loading of denoisers: parameters, learned attributes, and the weights of network or autoencoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import zandloper.model.corruptions
from zandloper import __version__
from zandloper.applications.denoising import audio_network, image_network, objectives, patch_matching
from zandloper.applications.denoising.image_network import DenoisingModule
from zandloper.errors import FileError, ZandloperError
from zandloper.io.model_folder import write_folder
from zandloper.persistence.estimators import estimator_of, parameters_of, recipe_of, type_of, with_parameters
from zandloper.spec import Spec, build_spec

NUMBERS = ("learned_from_", "modality_", "n_epochs_", "stopped_by_", "fit_seconds_")


def save(denoiser: Any, path: str | Path, overwrite: bool) -> None:
    """Write a fitted denoiser as one folder."""
    recipe = parameters_of(denoiser)
    inner, whole = denoiser.autoencoder, denoiser.network_
    if inner is not None:
        recipe["autoencoder"] = parameters_of(inner)
        recipe["parameters_not_saved"].remove("autoencoder")
    learned: dict[str, Any] = {name.rstrip("_"): getattr(denoiser, name) for name in NUMBERS}
    learned["history"] = [{k: None if v != v else v for k, v in entry.items()} for entry in denoiser.history_]
    learned["noise"] = denoiser.noise_.to_dict()
    if whole is None:
        learned["model"] = recipe_of(denoiser.autoencoder_)
        tensors = dict(denoiser.autoencoder_.module_.state_dict())
    else:
        learned |= {"net": whole.net.spec.to_dict(), "objective": whole.objective.to_dict()}
        tensors = dict(whole.state_dict())
    write_folder(path, {**recipe, "learned": learned}, tensors, overwrite)


def denoiser_of(kind: type, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Any:
    """Restore a fitted denoiser from a recipe and tensors. The audit, a property of the data, is not saved."""
    try:
        learned, own = recipe["learned"], {}
        if "autoencoder" in recipe:
            inner = recipe["autoencoder"]
            own["autoencoder"] = with_parameters(type_of(path, inner, types), inner, **parts)
        denoiser = with_parameters(kind, recipe, **own)
        for name in NUMBERS:
            setattr(denoiser, name, learned[name.rstrip("_")])
        nan = float("nan")
        denoiser.history_ = [{k: nan if v is None else v for k, v in entry.items()} for entry in learned["history"]]
        denoiser.noise_, denoiser.audit_ = build_spec(zandloper.model.corruptions, learned["noise"]), None
        denoiser.network_ = denoiser.autoencoder_ = None
        if "model" in learned:
            model = learned["model"]
            denoiser.autoencoder_ = estimator_of(path, type_of(path, model, types), model, tensors, parts)
            denoiser.n_features_in_ = denoiser.autoencoder_.n_features_in_
        else:
            whole = DenoisingModule(
                _spec((image_network, patch_matching, audio_network), learned["net"]).build(),
                _spec((objectives,), learned["objective"]),
            )
            whole.load_state_dict(tensors)
            denoiser.network_ = whole.eval()
            noise: Any = getattr(whole.objective, "noise", None)
            if noise is not None and learned["noise"]["name"] == noise.name:
                denoiser.noise_ = noise.filled(whole.noise)  # recordings are kept beside the weights
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        if isinstance(error, ZandloperError):
            raise
        raise FileError(f"{path} does not fit this zandloper ({__version__}): {error}") from error
    return denoiser


def _spec(modules: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    """A setting of one of the kinds in some modules, by its name."""
    parts = [part for module in modules for part in vars(module).values()]
    kinds = {part.name: part for part in parts if isinstance(part, type) and issubclass(part, Spec) and part.name}
    return kinds[settings["name"]].from_dict(settings)
