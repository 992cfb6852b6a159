"""The measurements behind a report, made once in one pass over the data; other files only draw them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zandloper.data.windows import Windows
from zandloper.errors import DataError
from zandloper.inspection.architecture import Architecture, architecture
from zandloper.inspection.description import Description, describe
from zandloper.inspection.latents import LatentReport, latent_report
from zandloper.inspection.response import decoded, error_of, spread
from zandloper.model.batch import Batch, CorruptedInput
from zandloper.model.hourglass import Hourglass, weighted
from zandloper.report.labels import Labels
from zandloper.report.pca import AgainstPCA, against_pca

MOST_ROWS = 100_000  # measured and drawn on the map
HOVERED = 3_000  # of them with their picture or their row
HOVERED_VALUES = 2**24  # and at most so many numbers
MOST_GIVEN = 5_000  # that a type looks at for its own chapter
LISTED = 12  # typical items, and as many of the worst
CHUNK = 2**22  # numbers in memory at a time, for each of the measurements


@dataclass(frozen=True)
class Evidence:
    """All that the sections draw.

    Parameters
    ----------
    estimator : a fitted estimator
    rows : int
        In the data.
    seen : ndarray of int, (m,)
        Which of them were measured: all, up to 100,000.
    z : ndarray, (m, latents)
    errors : ndarray, (m,)
        Per item, in the loss's units.
    feature_error, feature_constant : ndarray, (features of the target,)
        Mean errors of the model and of the best constant prediction.
    sample : ndarray of int, (k,)
        Positions among `seen` of the items that can be looked at.
    originals, made : ndarray
        Of the sample: raw inputs, and raw outputs.
    wanted : ndarray or None
        Of the sample: raw targets, where the target is not the input.
    sample_errors : ndarray, (k, features of the target)
    labels : Labels or None
    """

    estimator: Any
    rows: int
    seen: np.ndarray
    z: np.ndarray
    errors: np.ndarray
    feature_error: np.ndarray
    feature_constant: np.ndarray
    score: float
    sample: np.ndarray
    originals: np.ndarray
    made: np.ndarray
    wanted: np.ndarray | None
    sample_errors: np.ndarray
    labels: Labels | None
    some: tuple[Any, Any]
    """Up to 5,000 of the inputs and targets in the user's own form, for what a type measures itself."""
    latent: LatentReport
    pca: AgainstPCA | str
    """The comparison, or why there is none."""
    seconds: float

    @cached_property
    def description(self) -> Description:
        """The model in words and numbers."""
        return describe(self.estimator)

    @cached_property
    def architecture(self) -> Architecture:
        """Its layers."""
        return architecture(self.estimator)

    @property
    def schema(self) -> Any:
        """Return the schema of the inputs."""
        return self.estimator.model_.schema

    @property
    def output(self) -> Any:
        """Return the schema of the outputs."""
        return self.estimator.model_.output

    @property
    def typical(self) -> np.ndarray:
        """Positions in the sample of items with small to large errors, evenly over all: a fair choice."""
        order = self._by_error
        return order[spread(len(order), LISTED)]

    @property
    def worst(self) -> np.ndarray:
        """Positions in the sample of the items with the largest errors of all."""
        return self._by_error[::-1][:LISTED]

    @property
    def _by_error(self) -> np.ndarray:
        return np.argsort(self.errors[self.sample], kind="stable")

    def caption(self, i: int) -> str:
        """Which item of the data a member of the sample is, its label and its error."""
        at = int(self.sample[i])
        label = "" if self.labels is None else f" · label {self.labels.text(at)}"
        return f"item {int(self.seen[at]):,}{label} · error {self.errors[at]:.3g}"


def gather(estimator: Any, X: Any, y: Any, labels: Any) -> Evidence:
    """Measure all of it."""
    began = time.monotonic()
    raw, target = estimator.model_.read_pair(X, y)
    model = estimator.model_
    if len(raw) < 2:
        raise DataError(f"a report needs at least 2 rows to see what varies, got {len(raw)}: pass more")
    if labels is None and target is not None and target[0].numel() == 1:
        labels = y  # one thing is predicted: that is what the map is looked at for
    known = None if labels is None else Labels.read(model.schema.labels(labels, raw), len(raw))
    rows, seen = len(raw), spread(len(raw), MOST_ROWS)
    if len(seen) < rows:
        raw, target = _some(raw, seen), _some(target, seen)
        known = None if known is None else known.some(seen)
    z, errors, feature_error, feature_constant, score = _measure(estimator, raw, target)
    sample = _sample(errors, math.prod(raw.shape[1:]))
    part, part_target = raw[sample], None if target is None else target[sample]
    made = model.reconstruct(part)
    module = estimator.module_

    def error(batch: Batch) -> Tensor:
        params, scaled = decoded(module, batch)
        return weighted(error_of(module, params, scaled.target), scaled.target_valid).flatten(1)

    return Evidence(
        estimator=estimator,
        rows=rows,
        seen=seen,
        z=z,
        errors=errors,
        feature_error=feature_error,
        feature_constant=feature_constant,
        score=score,
        sample=sample,
        originals=part.numpy(),
        made=made.numpy(),
        wanted=None if part_target is None else part_target.numpy(),
        sample_errors=model.map_batches(error, part, part_target).numpy(),
        labels=known,
        some=_given_back(estimator, raw, target),
        latent=latent_report(estimator, X, y),
        pca=against_pca(estimator, raw),
        seconds=time.monotonic() - began,
    )


def _given_back(estimator: Any, raw: Tensor, target: Tensor | None) -> tuple[Any, Any]:
    """Some rows as the user gave them: what they were read from may be a folder."""
    rows = torch.as_tensor(spread(len(raw), MOST_GIVEN))
    blueprint = estimator.model_.blueprint
    X = blueprint.schema.readable(raw[rows].numpy())
    return X, None if target is None else blueprint.output.readable(target[rows].numpy())


def _measure(estimator: Any, raw: Any, target: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Latents, errors per item, per feature, those of a constant, and the score: in chunks of whole blocks."""
    module: Hourglass = estimator.module_
    model = estimator.model_
    latents, features = model.n_latents, math.prod(model.output.target_shape)

    def measure(batch: Batch) -> Tensor:
        batch = module.scaled(batch)
        code, skips = module.encode(CorruptedInput(batch.x, batch.valid), batch.condition)
        error = error_of(module, module.decode(code.z, skips, batch.condition), batch.target)
        baseline = module.baseline.expand(len(batch.x), *module.baseline.shape)
        base = error_of(module, baseline, batch.target)
        weight = torch.ones_like(error) if batch.target_valid is None else batch.target_valid.expand_as(error)
        parts = (weighted(error, batch.target_valid), weighted(base, batch.target_valid), weight)
        return torch.cat([code.z.flatten(1), *(part.flatten(1) for part in parts)], dim=1)

    size = model.inference_batch_size
    step = size * max(1, CHUNK // (size * max(1, 3 * features)))
    codes, errors, sums = [], [], torch.zeros(3, features, dtype=torch.float64)
    for start in range(0, len(raw), step):
        ends = slice(start, start + step)
        out = model.map_batches(measure, raw[ends], None if target is None else target[ends])
        z, error, base, weight = out.split([latents, features, features, features], dim=1)
        codes.append(z)
        errors.append(error.double().sum(1) / weight.double().sum(1).clamp(min=1))
        sums += torch.stack([part.double().sum(0) for part in (error, base, weight)])
    total, baseline, weight = sums
    score = float(1 - total.sum() / baseline.sum()) if baseline.sum() > 0 else 1.0
    per_feature = (sums[:2] / weight.clamp(min=1)).numpy()
    return torch.cat(codes).numpy(), torch.cat(errors).numpy(), per_feature[0], per_feature[1], score


def _some(rows: Any, which: np.ndarray) -> Any:
    """Some of the raw rows; windows are not cut for that."""
    return None if rows is None else rows.some(which) if isinstance(rows, Windows) else rows[which]


def _sample(errors: np.ndarray, values: int) -> np.ndarray:
    """Which items can be looked at: evenly spread ones, and those with the largest errors."""
    most = max(2 * LISTED, min(HOVERED, HOVERED_VALUES // max(1, values)))
    worst = np.argsort(-errors, kind="stable")[:LISTED]
    return np.unique(np.concatenate([spread(len(errors), most), worst]))
