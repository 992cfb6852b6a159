"""PCA on the same data as the model, in the model's own units: cheap, since no other model is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from zandloper.inspection.response import decoded, spread
from zandloper.model.hourglass import Hourglass
from zandloper.model.linear_path import MOST_FEATURES, principal_components

ROWS, VALUES = 10_000, 2**23  # that PCA is fitted to, at most


@dataclass(frozen=True)
class AgainstPCA:
    """Mean squared errors in model units on the same rows: PCA's with 1, 2, 3 ... components, and the model's."""

    pca: tuple[float, ...]
    latents: int
    model: float
    same: float
    """PCA's with as many components as the model has latents."""
    rows: int


@torch.no_grad()
def against_pca(estimator: Any, raw: Any) -> AgainstPCA | str:
    """PCA fitted to rows of these very data, and the model on the same rows, in the model's units; missing values do
    not count, and PCA reads them as the mean."""
    module: Hourglass = estimator.module_
    features = math.prod(module.in_shape)
    if module.target_scaler is not None:
        return "The model was trained towards a target that is not its input, and PCA can only rebuild the input."
    if features > MOST_FEATURES:
        return f"With {features:,} values an item, PCA is left out."
    rows = raw[torch.as_tensor(spread(len(raw), min(ROWS, max(64, VALUES // features))))]
    x, valid = module.scaler.encode(rows)
    shape = module.compare.expected(module.baseline[None]).numel()
    if shape != features:
        return "What the model makes is laid out in another way than its input, so that PCA cannot be set beside it."
    expected = estimator.model_.map_batches(
        lambda batch: module.compare.expected(decoded(module, batch)[0]).flatten(1), rows
    )
    x = x.flatten(1)
    weight = torch.ones_like(x) if valid is None else valid.flatten(1).expand_as(x)
    mean = (x * weight).sum(0) / weight.sum(0).clamp(min=1)
    centered = torch.where(weight > 0, x - mean, 0.0)
    error = lambda made: float(((made - x).square() * weight).sum() / weight.sum().clamp(min=1))  # noqa: E731
    if error(mean.expand_as(x)) <= 0:
        return "Nothing varies in these data."
    principal = principal_components(lambda: [centered], features, len(x))
    latents, most = estimator.model_.n_latents, len(principal.components)
    components = principal.components.float()
    top = min(most, max(64, 2 * latents), len(x) - 1)
    coordinates = centered @ components[:top].T
    if valid is None:
        left = centered.double().square().sum() - coordinates.double().square().sum(0).cumsum(0)
        errors = (left.clamp(min=0) / x.numel()).tolist()
    else:
        made, errors = mean.expand_as(x).clone(), []
        for k in range(top):
            made += coordinates[:, k : k + 1] * components[k]
            errors.append(error(made))
    return AgainstPCA(tuple(errors), latents, error(expected), errors[min(latents, top) - 1], len(x))
