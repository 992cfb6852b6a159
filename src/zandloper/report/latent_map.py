"""The map of the latent space: every item a point, drawn by the page; pictures or rows of a sample come along."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from zandloper.report.examples import examples_for
from zandloper.report.html import packed
from zandloper.report.measurements import Evidence

FINE = 65_535  # positions are 16 bits each way


def plane(evidence: Evidence) -> tuple[np.ndarray, tuple[str, str], str]:
    """Every item's place, the names of both axes, and what was done to get there."""
    z = evidence.z.astype(np.float64)
    if z.shape[1] == 1:
        errors = np.log10(np.maximum(evidence.errors, max(1e-12, float(evidence.errors.max()) * 1e-4)))
        caption = (
            "The model has one latent: it runs from left to right, and upwards runs the error, on a logarithmic scale."
        )
        return np.stack([z[:, 0], errors], axis=1), ("latent 0", "error (log)"), caption
    if z.shape[1] == 2:
        return z, ("latent 0", "latent 1"), "The model has two latents: this is all of its latent space."
    from sklearn.decomposition import PCA

    # Latents have units of their own: what counts is how far each moves the output.
    report, weight = evidence.latent, np.zeros(z.shape[1])
    effect, deviation = report.output_sensitivity.mean(1), report.deviation
    weight[report.latents] = np.divide(effect, deviation, out=np.zeros_like(effect), where=deviation > 0)
    z = z * weight if weight.any() else z
    if not z.var(0).any():
        return z[:, :2], ("latent 0", "latent 1"), "All items have the same latents: the model tells them not apart."
    fitted = PCA(2, svd_solver="auto" if z.shape[1] <= 500 else "randomized", random_state=0).fit(z[:20_000])
    share = fitted.explained_variance_ratio_.sum()
    caption = (
        f"The {z.shape[1]} latents, each weighed by how far it moves the output, are seen from the side on which they "
        f"spread most: their first two principal components, which carry {share:.0%} of their variance. Points that "
        "lie apart are apart; points that lie together may still differ in what is not seen."
    )
    return fitted.transform(z), ("1st component", "2nd component"), caption


@dataclass(frozen=True)
class Map:
    """The content of a map: `data`, JSON that is safe inside a page, for its script; the names of the axes, words about
    them, and how many items can be looked at."""

    data: str
    axes: tuple[str, str]
    caption: str
    items: int


def latent_map(evidence: Evidence) -> Map:
    """The map of these data."""
    points, axes, caption = plane(evidence)
    low, high = points.min(0), points.max(0)
    span = np.where(high > low, high - low, 1.0)
    grid = np.round((points - low) / span * FINE).astype(np.uint16)
    errors = np.log(np.maximum(evidence.errors, max(1e-300, float(evidence.errors.max()) * 1e-6)))
    share = (errors - errors.min()) / (errors.max() - errors.min() or 1.0)
    sample, panes = _panes(evidence)
    labels = evidence.labels
    values: dict[str, Any] = {
        "points": packed(grid),
        "axes": axes,
        "errors": packed(np.round(254 * share).astype(np.uint8)),
        "errorEnds": [float(f"{v:.3g}") for v in (evidence.errors.min(), evidence.errors.max())],
        "labels": None if labels is None else packed(labels.codes),
        "names": None if labels is None or not labels.names else labels.names,
        "labelEnds": None
        if labels is None or labels.values is None
        else [float(f"{v:.4g}") for v in (np.nanmin(labels.values), np.nanmax(labels.values))],
        "items": packed(evidence.sample[sample].astype(np.uint32)),
        "captions": [evidence.caption(i) for i in sample.tolist()],
        "panes": panes,
    }
    text = json.dumps(values, separators=(",", ":")).replace("<", "\\u003c")
    return Map(text, axes, caption, len(sample))


def _panes(evidence: Evidence) -> tuple[np.ndarray, list[Any]]:
    """Which of the sample come along, and what is shown of them: the item beside its reconstruction, or the input and
    then the target beside the prediction."""
    inputs, outputs = examples_for(evidence.schema, evidence.originals), None
    most = inputs.capacity()
    if evidence.wanted is not None:
        outputs = examples_for(evidence.output, evidence.wanted)
        most = min(most, outputs.capacity())
    sample = np.linspace(0, len(evidence.sample) - 1, min(most, len(evidence.sample))).round().astype(int)
    sample = np.unique(np.concatenate([sample, evidence.worst]))
    originals, made, heat = evidence.originals[sample], evidence.made[sample], heat_of(evidence)[sample]
    if outputs is None:
        return sample, [inputs.hover(originals, made, ("original", "reconstruction"), heat)]
    return sample, [
        inputs.hover(originals, None, ("input", ""), heat),
        outputs.hover(evidence.wanted[sample], made, ("target", "prediction"), heat),  # type: ignore[index]
    ]


def heat_of(evidence: Evidence) -> np.ndarray:
    """Errors of the sample as multiples of those of the constant prediction, (k, features)."""
    baseline = np.maximum(evidence.feature_constant, 1e-12)
    return evidence.sample_errors / baseline
