"""A fitted model as applications use it: rows in, model units, latents, reconstructions and errors out."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from zandloper.model.batch import Batch


def flat_inputs(model: Any, batch: Batch) -> Tensor:
    """Raw rows as flat points of model units, in which distances are taken."""
    module = model.module_
    return module.centered(module.scaler.encode(batch.x)[0]).flatten(1).float()
