"""Compressors of format version 1: names inside their packed codec, and the hash that their compressed files carry."""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

PREFIX, CODING = "model.", "coding"
PACKED_OF_1 = {
    "grid": "quantizer",
    "place": "position_errors",
    "centres": "center_edges",
    "scales": "scale_edges",
    "distances": "distance_tables",
}


def model_hash_of_1(recipe: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    """The hash in the files that a compressor of version 1 wrote, from a folder as it was saved."""
    digest = hashlib.blake2b(tensors[CODING].numpy().tobytes(), digest_size=16)
    digest.update(json.dumps(recipe["model"]["blueprint"], sort_keys=True).encode())
    weights = {name.removeprefix(PREFIX): value for name, value in tensors.items() if name != CODING}
    for name, value in sorted(weights.items()):
        whole = value.float() if value.dtype == torch.half else value  # weights are stored in 16 bits where exact
        digest.update(name.encode() + whole.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def migrated_coding(coding: Tensor) -> Tensor:
    """The packed codec of version 1 with the names of this version."""
    flat = zlib.decompress(coding.numpy().tobytes())
    size = int.from_bytes(flat[:4], "little")
    head, body = json.loads(flat[4 : 4 + size]), flat[4 + size :]
    head["settings"] = {_renamed(name): value for name, value in head["settings"].items()}
    head["arrays"] = [[_renamed(name), *rest] for name, *rest in head["arrays"]]
    text = json.dumps(head, separators=(",", ":")).encode()
    packed = zlib.compress(len(text).to_bytes(4, "little") + text + body, 9)
    return torch.from_numpy(np.frombuffer(packed, np.uint8).copy())


def _renamed(name: str) -> str:
    return ".".join(PACKED_OF_1.get(part, part) for part in name.split("."))
