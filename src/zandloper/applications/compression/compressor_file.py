"""Saving and loading of compressors; the integers of the codec are packed and compressed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from torch import Tensor, nn

from zandloper import __version__
from zandloper.applications.compression.block_codec import BlockCodec
from zandloper.applications.compression.context_model import ContextModel
from zandloper.applications.compression.latent_codec import LatentCodec
from zandloper.applications.compression.layout import Layout
from zandloper.applications.compression.quantization import UniformQuantizer
from zandloper.applications.compression.series_layout import SeriesLayout
from zandloper.data.columns import Column
from zandloper.errors import FileError, ZandloperError
from zandloper.io.model_folder import write_folder
from zandloper.persistence.estimators import estimator_of, parameters_of, recipe_of, type_of, with_parameters

PREFIX = "model."


def save_compressor(compressor: Any, path: str | Path, overwrite: bool) -> None:
    """Write a fitted compressor as one folder."""
    recipe, model = parameters_of(compressor), compressor.autoencoder_
    inner = compressor.autoencoder
    if inner is not None:
        recipe["autoencoder"] = "frozen" if isinstance(inner, FrozenEstimator) else parameters_of(inner)
        recipe["parameters_not_saved"].remove("autoencoder")
    weights = {PREFIX + name: _halved(v) for name, v in model.module_.state_dict().items()}
    described = recipe_of(model)
    described["learned"]["history"] = _shortened(described["learned"]["history"])
    recipe["model"] = described
    recipe["learned"] = {
        "n_features_in": compressor.n_features_in_,
        "expected": compressor.expected_,
        "model_hash": compressor.model_hash_,
        "layout": _pack_layout(compressor.codec_.layout),
    }
    packed = np.frombuffer(_pack_codec(compressor.codec_), np.uint8)
    write_folder(path, recipe, {**weights, "coding": torch.from_numpy(packed.copy())}, overwrite)


def compressor_of(
    kind: type,
    types: dict[str, type],
    path: str | Path,
    recipe: dict[str, Any],
    tensors: dict[str, Tensor],
    parts: dict[str, nn.Module],
) -> Any:
    """Restore a fitted compressor from a recipe and tensors."""
    try:
        described = recipe["model"]
        weights = {n.removeprefix(PREFIX): v.float() if v.dtype == torch.half else v for n, v in tensors.items()}
        coding = weights.pop("coding")
        model = estimator_of(path, type_of(path, described, types), described, weights, parts)
        inner = recipe.get("autoencoder")
        own: dict[str, Any] = {}
        if inner == "frozen":
            own["autoencoder"] = FrozenEstimator(model)
        elif inner is not None:
            own["autoencoder"] = with_parameters(type_of(path, inner, types), inner, **parts)
        compressor = with_parameters(kind, recipe, **own)
        compressor.autoencoder_ = model
        compressor.n_features_in_ = recipe["learned"]["n_features_in"]
        compressor.expected_ = recipe["learned"]["expected"]
        layout = _unpack_layout(recipe["learned"]["layout"], model.model_.schema)
        compressor.codec_ = _unpack_codec(coding.numpy().tobytes(), model, layout)
        # Stored, so that compressed files stay readable when names in the model change.
        compressor.model_hash_ = recipe["learned"]["model_hash"]
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, RuntimeError, zlib.error) as error:
        if isinstance(error, ZandloperError):
            raise
        raise FileError(f"{path} does not fit this zandloper ({__version__}): {error}") from error
    return compressor


def hash_of(codec: BlockCodec) -> str:
    """A hash of all that determines the meaning of compressed bytes; files of other models differ in it."""
    digest = hashlib.blake2b(_pack_codec(codec), digest_size=16)
    digest.update(json.dumps(codec.latent_codec.model.model_.blueprint.to_dict(), sort_keys=True, default=str).encode())
    for name, tensor in sorted(codec.latent_codec.model.module_.state_dict().items()):
        digest.update(name.encode() + tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _shortened(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first, the best and the last entry, in four digits: the size of the folder counts."""
    scored = [i for i, entry in enumerate(history) if entry["validation"] is not None]
    kept = {0, len(history) - 1, *sorted(scored, key=lambda i: history[i]["validation"])[:1]}
    return [
        {k: None if v is None else float(f"{v:.4g}") for k, v in history[i].items()}
        for i in sorted(kept)
        if 0 <= i < len(history)
    ]


def _halved(tensor: Tensor) -> Tensor:
    """Convert a tensor to 16 bits if that is exact."""
    half = tensor.half() if tensor.dtype == torch.float32 else tensor
    return half if torch.equal(half.to(tensor.dtype), tensor) else tensor


def _pack_codec(codec: BlockCodec) -> bytes:
    arrays: dict[str, np.ndarray] = {"rest": codec.rest}
    settings: dict[str, Any] = {"dtypes": list(codec.quantizer.dtypes)}
    for name in ("bound", "offset", "step", "scale"):
        arrays[f"quantizer.{name}"] = getattr(codec.quantizer, name)
    if codec.latent_codec.steps is not None:
        arrays["steps"] = codec.latent_codec.steps
    for part in ("latents", "correction"):
        context = getattr(codec, part)
        if context is not None:
            for field in dataclasses.fields(context):
                value = getattr(context, field.name)
                if isinstance(value, np.ndarray):
                    arrays[f"{part}.{field.name}"] = _narrow(value)
                else:
                    settings[f"{part}.{field.name}"] = value
    listed = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    head = json.dumps({"settings": settings, "arrays": listed}, separators=(",", ":")).encode()
    body = b"".join(np.ascontiguousarray(a).tobytes() for a in arrays.values())
    return zlib.compress(len(head).to_bytes(4, "little") + head + body, 9)


def _unpack_codec(data: bytes, model: Any, layout: Layout) -> BlockCodec:
    flat = zlib.decompress(data)
    size = int.from_bytes(flat[:4], "little")
    head, at, arrays = json.loads(flat[4 : 4 + size]), 4 + size, {}
    for name, dtype, shape in head["arrays"]:
        count = int(np.prod(shape)) * np.dtype(dtype).itemsize
        arrays[name] = np.frombuffer(flat[at : at + count], dtype).reshape(shape).copy()
        at += count
    settings = head["settings"]
    steps: Any = {n: arrays[f"quantizer.{n}"] for n in ("bound", "offset", "step", "scale")}
    quantizer = UniformQuantizer(**steps, dtypes=tuple(settings["dtypes"]))
    contexts: dict[str, ContextModel | None] = {}
    for part in ("latents", "correction"):
        own = {n.removeprefix(f"{part}."): v for n, v in {**settings, **arrays}.items() if n.startswith(f"{part}.")}
        contexts[part] = ContextModel(**own) if own else None
    codec = LatentCodec(model, arrays.get("steps"))
    return BlockCodec(layout, quantizer, codec, contexts["latents"], contexts["correction"], arrays["rest"])


def _narrow(array: np.ndarray) -> np.ndarray:
    """Convert integers to the smallest dtype that holds them, little-endian."""
    if array.dtype.kind not in "iu" or not array.size:
        return array
    kinds = [np.dtype(k) for k in ("<u1", "<i1", "<i2", "<i4", "<i8")]
    low, high = int(array.min()), int(array.max())
    return array.astype(next(k for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max))


def _pack_layout(layout: Layout) -> dict[str, Any]:
    if not isinstance(layout, SeriesLayout):
        return {}
    time = None if layout.time is None else dataclasses.asdict(layout.time)
    return {"time": time, "names": [str(n) for n in layout.names]}


def _unpack_layout(settings: dict[str, Any], schema: Any) -> Layout:
    if not settings:
        return Layout(schema)
    given = settings["time"]
    plain: Any = None if given is None else {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return SeriesLayout(schema, None if plain is None else Column(**plain), tuple(settings["names"]))
