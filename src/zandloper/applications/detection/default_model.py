"""What a detector detects with where no autoencoder is given, and how it reads the data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from zandloper.applications.detection.scoring import LEVELS
from zandloper.autoencoders.denoising import DenoisingAutoencoder
from zandloper.data.windows import as_rows
from zandloper.errors import DataError, ParameterError
from zandloper.modality import chunks_of
from zandloper.modality.table import TableSchema
from zandloper.model.corruptions.gaussian import Gaussian

STEPS = 5_000  # that the model trains for
SLOW_STEPS = 500  # the same for steps of series, which say much the same as those beside them
BATCH = 256
MEASURED, VALUES = 1_024, 2**24  # rows that tell how far data spread, at most; fewer, but 32, of so many numbers


def as_numbers(reader: Any, X: Any, caller: str) -> tuple[Any, Any]:
    """The form of data and their raw rows, as numbers alone where they are: zeros and ones among them."""
    schema, raw = reader.learn(X, caller)
    if not _all_numbers(schema):
        try:
            other, numbers = reader.learn(X, caller, "mse")
        except (DataError, ParameterError):
            return schema, raw
        if _all_numbers(other):
            return other, numbers
    return schema, raw


def default_model(schema: Any, raw: Any, slow: bool) -> DenoisingAutoencoder:
    """For numbers one that is told the noise level, else a plain denoising one. `slow`: rows are steps of series."""
    rows = len(raw)
    batch = min(BATCH, max(32, 2 ** round(math.log2(max(1, rows) / 4))))
    settings: dict[str, Any] = {
        "latent_dim": 64,
        "batch_size": batch,
        "max_epochs": max(1, round((SLOW_STEPS if slow else STEPS) * batch / rows)),
        "validation": 0,
    }
    if _all_numbers(schema):
        unit = _unit(schema, raw)
        noise = Gaussian((LEVELS[0] * unit, LEVELS[1] * unit), "log")
        settings |= {"noise": noise, "noise_conditional": True, "hidden": (256,), "lr": 3e-3, "loss": "mse"}
    return DenoisingAutoencoder(**settings)


def _all_numbers(schema: Any) -> bool:
    """Whether squared errors measure all of it, value by value."""
    try:
        return (
            schema.loss("mse").name == "mse"
            and schema.target_shape == schema.in_shape
            and schema.loss("auto").name != "bce"
        )
    except (DataError, ParameterError):
        return False


def _unit(schema: Any, raw: Any) -> float:
    """What noise levels are multiples of, in model units: the standard deviation along the first principal axis.

    Values of images and windows vary together, so that noise as large as one of them hides nothing of what they show: a
    model would tell rough from fine images, whatever they are of. Of tables, where what is odd may be a single column,
    it is 1, that of a column.
    """
    if isinstance(schema, TableSchema):
        return 1.0
    scale, rows = schema.scaler(), as_rows(raw)
    scale.learn(chunks_of(raw))
    most = min(len(rows), MEASURED, max(32, VALUES // math.prod(rows.shape[1:])))
    at = torch.from_numpy(np.linspace(0, len(rows) - 1, most).astype(int))
    x = scale.encode(rows[at])[0].flatten(1).double()
    # The axis from one half of the rows and the deviation along it from the other: of many pixels and few rows, the
    # largest variance would be that of chance.
    one, other = (half - half.mean(0) for half in (x[::2], x[1::2]))
    if len(other) < 2:
        return 1.0
    axis = one.T @ torch.linalg.eigh(one @ one.T)[1][:, -1]
    along = other @ (axis / axis.norm().clamp(min=1e-300))
    deviation, least = float(along.std()), float(x.std()) * 1e-6
    return deviation if deviation > least else float(x.std()) or 1.0
