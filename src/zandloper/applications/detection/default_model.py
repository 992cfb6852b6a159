"""Default autoencoder of a detector, and the schema that it reads data with."""

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

TRAINING_STEPS = 5_000
SERIES_TRAINING_STEPS = 500  # fewer, because steps of series resemble those next to them
BATCH_SIZE = 256
UNIT_ROWS, UNIT_VALUES = 1_024, 2**24  # from which the noise unit is estimated, at most; but at least 32 rows


def as_numbers(reader: Any, X: Any, caller: str) -> tuple[Any, Any]:
    """Schema and raw rows of data, read as plain numbers if all are numbers, zeros and ones included."""
    schema, raw = reader.learn(X, caller)
    if not _all_numbers(schema):
        try:
            other, numbers = reader.learn(X, caller, "mse")
        except (DataError, ParameterError):
            return schema, raw
        if _all_numbers(other):
            return other, numbers
    return schema, raw


def default_model(schema: Any, raw: Any, series: bool) -> DenoisingAutoencoder:
    """Unfitted model: noise-conditional for numbers, else plain denoising; `series`: rows are steps of series."""
    rows = len(raw)
    batch = min(BATCH_SIZE, max(32, 2 ** round(math.log2(max(1, rows) / 4))))
    settings: dict[str, Any] = {
        "latent_dim": 64,
        "batch_size": batch,
        "max_epochs": max(1, round((SERIES_TRAINING_STEPS if series else TRAINING_STEPS) * batch / rows)),
        "validation": 0,
    }
    if _all_numbers(schema):
        unit = _unit(schema, raw)
        noise = Gaussian((LEVELS[0] * unit, LEVELS[1] * unit), "log")
        settings |= {"noise": noise, "noise_conditional": True, "hidden": (256,), "lr": 3e-3, "loss": "mse"}
    return DenoisingAutoencoder(**settings)


def _all_numbers(schema: Any) -> bool:
    """Check that all values of a schema are numbers with squared errors."""
    try:
        return (
            schema.loss("mse").name == "mse"
            and schema.target_shape == schema.in_shape
            and schema.loss("auto").name != "bce"
        )
    except (DataError, ParameterError):
        return False


def _unit(schema: Any, raw: Any) -> float:
    """Unit of noise levels in model units: the standard deviation along the first principal axis.

    Values of images and windows are correlated, so that noise as large as one of them hides nothing of the content: a
    model would only separate rough from smooth images. For tables, where a single column may be anomalous, the unit is
    1, the standard deviation of a column.
    """
    if isinstance(schema, TableSchema):
        return 1.0
    scale, rows = schema.scaler(), as_rows(raw)
    scale.learn(chunks_of(raw))
    most = min(len(rows), UNIT_ROWS, max(32, UNIT_VALUES // math.prod(rows.shape[1:])))
    at = torch.from_numpy(np.linspace(0, len(rows) - 1, most).astype(int))
    x = scale.encode(rows[at])[0].flatten(1).double()
    # The axis comes from one half of the rows and the deviation along it from the other: with many pixels and few rows,
    # the largest variance of the same rows would be due to chance.
    one, other = (half - half.mean(0) for half in (x[::2], x[1::2]))
    if len(other) < 2:
        return 1.0
    axis = one.T @ torch.linalg.eigh(one @ one.T)[1][:, -1]
    along = other @ (axis / axis.norm().clamp(min=1e-300))
    deviation, least = float(along.std()), float(x.std()) * 1e-6
    return deviation if deviation > least else float(x.std()) or 1.0
