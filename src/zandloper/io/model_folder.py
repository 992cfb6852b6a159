"""Safe files: a recipe in JSON beside weights in safetensors, one folder. Loading runs no code and never unpickles.

The recipe carries the format's version and the SHA-256 of the weights. Folders are written beside their place and
moved there whole. This file knows folders and files, no estimator.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load_file, save_file
from torch import Tensor

from zandloper.errors import FileError
from zandloper.io.atomic import flush
from zandloper.io.compressor_version_1 import migrated_coding, model_hash_of_1
from zandloper.io.state_file import plain_tensors, write_errors

FORMAT, VERSION = "zandloper model", 2
RECIPE, WEIGHTS = "recipe.json", "weights.safetensors"

# Format version 1 used other names. Read by `_migrated` alone; a later version gets a table of its own.
KEYS_OF_1 = {
    "Measure": "ScoreCombiner",
    "Neighbourhood": "NearestNeighbors",
    "Place": "HotellingT2",
    "Spans": "RollingFeatures",
    "Witness": "EnsembleMember",
    "average": "n_augmentations",
    "flips": "n_augmentations",
    "form": "schema",
    "grey": "gray",
    "lesson": "objective",
    "neighbourhood_": "neighbors_",
    "neighbours": "n_neighbors",
    "similar": "patch_matching",
    "target_form": "target_schema",
    "told": "noise_conditional",
    "trim": "trim_fraction",
    "witnesses_": "estimators_",
}
PARTS_OF_1 = {
    "audio_form": "audio_schema",
    "blind_spots": "blind_spot",
    "categorical": "cross_entropy",
    "coloured": "colored",
    "discretised": "discretized",
    "dropouts": "block_masking",
    "grid": "spatial",
    "hum": "mains_hum",
    "image_form": "image_schema",
    "own": "custom",
    "picture": "image_network",
    "places": "observed_subset",
    "quantisation": "quantization",
    "redrawn": "recorrupted",
    "series_form": "series_schema",
    "similar": "patch_matching",
    "spectrum": "audio_network",
    "spikes": "impulses",
    "symbol_form": "discrete_table_schema",
    "symbol_table": "discrete_table",
    "symbols": "token_cross_entropy",
    "table_form": "table_schema",
    "text_form": "text_schema",
    "vocabulary": "tokenizer",
}
FIELDS_OF_1 = {  # of learned objects, by their kind
    "Measure": {
        "group_spread": "group_deviation",
        "lean": "hotelling_column",
        "spare": "slack",
        "spread": "deviation",
    },
    "Neighbourhood": {"known": "points", "number": "n_neighbors"},
    "Spans": {"spans": "lengths"},
    "Witness": {"place": "hotelling"},
}
ENSEMBLE_OF_1 = {  # what a detector had learned itself and its ensemble holds now
    "_apart": "correlated_steps",
    "_measure": "combiner",
    "_same": "same_schema",
    "_spans": "rolling_features",
    "_usual": "typical_residuals",
    "neighbourhood_": "neighbors",
    "witnesses_": "members",
}
CHOICES_OF_1 = {
    "encoder": {"grid": "spatial"},
    "decoder": {"grid": "spatial"},
    "loss": {"categorical": "cross_entropy"},
}
VALUES_OF_1 = {"flips": {True: 8, False: 1}}  # by key; once a truth value, now a number of copies
TENSORS_OF_1 = {
    "centre": "center",
    "constant": "baseline",
    "neighbourhood_": "neighbors_",
    "scale": "scaler",
    "target_scale": "target_scaler",
    "teller": "condition_embedder",
    "witnesses_": "estimators_",
}
# Parts of tensors' names, numbers included, where a single component would not do.
PATHS_OF_1 = tuple(
    (re.compile(rf"(?<![^.]){old}(?![^.])"), new)
    for old, new in (
        (r"linear_answer\.first", "linear_imputer.initial_precision"),
        (r"linear_answer", "linear_imputer"),
        (r"bottleneck\.book", "bottleneck.codebook"),
        (r"bottleneck\.silent", "bottleneck.steps_inactive"),
        (r"blocks\.(\d+)\.ask", r"blocks.\1.qkv"),
        (r"blocks\.(\d+)\.answer", r"blocks.\1.projection"),
        (r"blocks\.(\d+)\.before", r"blocks.\1.attention_norm"),
        (r"blocks\.(\d+)\.between", r"blocks.\1.mlp_norm"),
        (r"blocks\.(\d+)\.widen", r"blocks.\1.mlp_in"),
        (r"blocks\.(\d+)\.narrow", r"blocks.\1.mlp_out"),
        (r"encoder\.sum_up", "encoder.summary_layer"),
        (r"decoder\.whole", "decoder.summary_layer"),
        (r"decoder\.deal", "decoder.redistribute"),
        (r"decoder\.tones\.(\d+)\.say", r"decoder.films.\1.scale_shift"),
        (r"(en|de)coder\.rest\.(\d+)\.hear", r"\1coder.residual_blocks.\2.spatial_conv"),
        (r"(en|de)coder\.rest\.(\d+)\.think", r"\1coder.residual_blocks.\2.pointwise_conv"),
        (r"(en|de)coder\.rest\.(\d+)\.tone\.say", r"\1coder.residual_blocks.\2.film.scale_shift"),
        (r"prior\.symbol", "prior.symbol_embedding"),
        (r"prior\.place", "prior.position_embedding"),
        (r"prior\.piece", "prior.token_embedding"),
        (r"prior\.context", "prior.context_layer"),
        (r"prior\.word", "prior.head"),
        (r"prior\.shares", "prior.component_weights"),
        (r"prior\.middles", "prior.component_means"),
        (r"prior\.turned", "prior.full_covariance"),
        (r"prior\.axes", "prior.component_axes"),
        (r"prior\.variances", "prior.component_variances"),
        (r"prior\.told_middles", "prior.context_means"),
        (r"prior\.told_variances", "prior.context_variances"),
    )
)
NAMED_BY_USERS = ("columns", "time")  # below these, a "name" is a column's


def write_folder(path: str | Path, recipe: dict[str, Any], tensors: dict[str, Tensor], overwrite: bool = False) -> None:
    """Write a model folder, whole or not at all.

    An existing model is only replaced with `overwrite`, anything else that stands there never. While one model takes
    the place of another, the old one stands beside it under a hidden name, which `read_folder` knows.
    """
    path = Path(path)
    if not path.exists() and _backup(path).exists():  # of a save that was cut off
        _backup(path).rename(path)
    if path.exists() and not (path.is_dir() and ((path / RECIPE).exists() or not any(path.iterdir()))):
        raise FileError(f"{path} exists and is not a model: choose another path, nothing was written")
    others = sorted(p.name for p in path.iterdir() if p.name not in (RECIPE, WEIGHTS)) if path.exists() else []
    if others:
        raise FileError(f"{path} holds {others[0]} beside a model: move it away, or choose another path")
    if path.exists() and any(path.iterdir()) and not overwrite:
        raise FileError(f"{path} exists already: pass overwrite=True to replace it (--force on the command line)")
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        try:
            save_file(plain_tensors(tensors), beside / WEIGHTS)
            digest = _digest(beside / WEIGHTS)
            text = json.dumps({"format": FORMAT, "version": VERSION, "weights_sha256": digest, **recipe}, indent=1)
            (beside / RECIPE).write_text(text + "\n", encoding="utf-8")
            for name in (RECIPE, WEIGHTS):
                flush(beside / name)
            beside.chmod(0o755)
            if path.exists():
                shutil.rmtree(_backup(path), ignore_errors=True)
                path.rename(_backup(path))
            beside.rename(path)
            shutil.rmtree(_backup(path), ignore_errors=True)
        except OSError:
            if not path.exists() and _backup(path).exists():
                _backup(path).rename(path)
            raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def read_folder(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Recipe and weights of a model folder.

    Raises
    ------
    FileError
        There is no such folder, or it is no model, of a newer format, damaged or cut off.
    """
    path = Path(path)
    if not path.exists() and _backup(path).exists():
        path = _backup(path)
    if not path.exists():
        raise FileError(f"no model at {path}: there is no such folder")
    if not (path / RECIPE).is_file():
        raise FileError(f"{path} is not a model: wanted is a folder with {RECIPE} and {WEIGHTS}")
    try:
        recipe = json.loads((path / RECIPE).read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise FileError(f"{path / RECIPE} is damaged: {error}") from error
    if not isinstance(recipe, dict) or recipe.get("format") != FORMAT:
        raise FileError(f"{path} is not a zandloper model: its {RECIPE} does not say so")
    if not isinstance(recipe.get("version"), int) or recipe["version"] > VERSION:
        raise FileError(
            f"{path} has format version {recipe.get('version')!r}, this zandloper reads up to {VERSION}: upgrade it"
        )
    if not (path / WEIGHTS).is_file():
        raise FileError(f"{path} is damaged: {WEIGHTS} is missing")
    if _digest(path / WEIGHTS) != recipe.get("weights_sha256"):
        raise FileError(f"{path / WEIGHTS} is damaged or cut off: its checksum is not the recipe's")
    try:
        tensors = load_file(path / WEIGHTS)
    except (safetensors.SafetensorError, OSError) as error:
        raise FileError(f"{path / WEIGHTS} cannot be read: {error}") from error
    if recipe["version"] == 1:
        if recipe.get("estimator") == "Compressor":
            recipe["learned"]["model_hash"] = model_hash_of_1(recipe, tensors)
            tensors["coding"] = migrated_coding(tensors["coding"])
        recipe = {**_migrated(recipe), "version": VERSION}
        tensors = {_renamed(k): v for k, v in tensors.items()}
    return recipe, tensors


def _renamed(tensor: str) -> str:
    """Return the present name of a tensor of format version 1; below `module` stand the names of the user."""
    ours, dot, users = tensor.partition(".module.")
    ours = ".".join(TENSORS_OF_1.get(part, part) for part in ours.split("."))
    for pattern, new in PATHS_OF_1:
        ours = pattern.sub(new, ours)
    return ours + dot + users


def _migrated(value: Any, key: str = "") -> Any:
    """Return a value of a recipe of format version 1 with the names that this version has; `key` is what holds it."""
    if isinstance(value, list):
        return [_migrated(v, key) for v in value]
    if isinstance(value, str) and key in ("array", "tensor", "weights"):  # the name of a tensor, or how names begin
        return _renamed(value)
    if not isinstance(value, dict):
        return CHOICES_OF_1.get(key, {}).get(value, value) if isinstance(value, str) else value
    names = {**KEYS_OF_1, **FIELDS_OF_1.get(key, {})}
    changed = {names.get(k, k): _migrated(v, k) for k, v in value.items()}
    changed |= {KEYS_OF_1.get(k, k): new[value[k]] for k, new in VALUES_OF_1.items() if isinstance(value.get(k), bool)}
    if key == "learned" and "_measure" in changed:
        ensemble = {new: changed.pop(KEYS_OF_1.get(old, old)) for old, new in ENSEMBLE_OF_1.items()}
        changed |= {"ensemble_": {"Ensemble": ensemble}, "tiles_per_score_": changed.pop("_covered")}
    if changed.get("name") == "audio":
        changed["representation"] = changed.pop("schema")
    if key not in NAMED_BY_USERS and isinstance(changed.get("name"), str):
        changed["name"] = PARTS_OF_1.get(changed["name"], changed["name"])
    return changed


def _backup(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
