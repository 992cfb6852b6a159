"""Training data of images and sounds: the items, the noise, the objective, and the audit of the noise."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from zandloper.applications.denoising.objectives import FromClean, FromPairs, Objective, objective_for_noisy
from zandloper.data.signals import Fields, crops, read_fields
from zandloper.errors import DataError
from zandloper.model.corruptions import Noise
from zandloper.model.corruptions.colored import Colored
from zandloper.model.corruptions.gaussian import Gaussian
from zandloper.noise.audit import Audit, audit
from zandloper.noise.estimate import estimate

MEASURED = 2_000_000  # values that the noise is measured on, at most


CROP = {"image": (128, 128), "audio": (16_384,)}


AUTO: dict[str, Noise] = {"image": Gaussian((0.0, 0.2)), "audio": Colored("pink", snr=(-5.0, 20.0))}


@dataclass(frozen=True)
class TrainingData:
    """Training data of images or sounds; `targets` are the clean items of pairs."""

    kind: str
    fields: Fields
    targets: Fields | None
    objective: Objective
    noise: Noise
    audit: Audit | None


def prepare_training_data(
    kind: str, X: Any, y: Any, noisy: Any, learn_from: str, noise: Noise | None, caller: str
) -> TrainingData:
    """Read the data, estimate the noise if none is named, choose the objective, and audit the noise."""
    fields = read_fields(X, kind, caller)
    targets = None if y is None else read_fields(y, kind, caller)
    if targets is not None:
        check_pairs(fields, targets, caller)
    if len(fields.channels | (targets.channels if targets else set())) > 1:
        raise DataError(f"{caller} got items with {sorted(fields.channels)} channels: convert them to one kind")
    size, given = CROP[kind], noise
    some = crops(fields, size, MEASURED)
    found: Audit | None = None
    if learn_from == "pairs":
        assert targets is not None
        clean = crops(targets, size, MEASURED)
        noise = noise or estimate(some, clean, kind)
        found = audit(noise, some, clean, kind)
        objective: Objective = FromPairs()
    elif learn_from == "noisy":
        noise = noise or estimate(some, modality=kind)
        found = audit(noise, some, modality=kind)
        objective = objective_for_noisy(noise)
    else:
        real = None if noisy is None else crops(read_fields(noisy, kind, caller), size, MEASURED)
        if real is not None:
            noise = noise or estimate(real, modality=kind)
            found = audit(noise, real, some, kind, paired=False)
        noise = noise or AUTO[kind]
        first = fields.items[0]
        whole = first.low is not None and first.high is not None and first.values.dtype.kind != "b"
        steps = round((first.high - first.low) * first.unit) + 1 if whole else 0  # type: ignore[operator]
        objective = FromClean(noise, steps, first.low or 0.0, 1.0 if first.high is None else first.high)
    if found is not None and not found.realistic and given is not None:
        warnings.warn(f"{found.verdict} audit_ has the numbers.", UserWarning, stacklevel=4)
    return TrainingData(kind, fields, targets, objective, noise, found)


def check_pairs(fields: Fields, targets: Fields, caller: str) -> None:
    """Refuse pairs that differ in number or shapes."""
    mine, theirs = ([item.values.shape for item in f.items] for f in (fields, targets))
    if len(mine) != len(theirs):
        raise DataError(f"{caller} got {len(mine)} noisy items and {len(theirs)} clean ones: pairs must be as many")
    other = next((i for i, (a, b) in enumerate(zip(mine, theirs)) if a != b), None)
    if other is not None:
        raise DataError(
            f"{caller} got a noisy item of shape {mine[other]} and a clean one of shape {theirs[other]} at "
            f"position {other} (from 0), channels first: the two of a pair must have the same shape"
        )
