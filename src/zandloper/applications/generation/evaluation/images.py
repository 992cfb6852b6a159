"""Evaluation of generated images by a classifier trained on real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from zandloper.applications.generation.evaluation.classifier import (
    MEANINGS,
    compare_by_classifier,
    drawn_for,
    labels_of,
)
from zandloper.applications.generation.evaluation.result import N_SHOWN, SampleMetrics

MAX_IMAGES = 10_000  # real images


def evaluate(generator: Any, real: Any, labels: Any, seed: int, classifier_data: Any = None) -> SampleMetrics:
    """Fréchet distance, precision and recall in the features of a classifier; with labels, the recognized share."""
    schema = generator.autoencoder_.model_.output
    scaler = generator.autoencoder_.module_.scaler

    def scaled(raw: Any) -> np.ndarray:
        values: np.ndarray = scaler.encode(torch.as_tensor(np.asarray(raw)))[0].numpy()
        return values

    raw = np.asarray(schema.read(real, "evaluate"))
    kept = np.random.default_rng(seed).permutation(len(raw))[:MAX_IMAGES]
    kept_labels = labels_of(labels, kept, len(raw))
    made, requested = drawn_for(generator, kept_labels, len(kept), seed)
    drawn = np.asarray(schema.read(made, "evaluate"))
    training_set = None
    if classifier_data is not None:
        training_set = scaled(schema.read(classifier_data[0], "evaluate")), classifier_data[1]
    found, base = compare_by_classifier(scaled(raw[kept]), scaled(drawn), kept_labels, requested, seed, training_set)
    remark = f"{len(kept):,} images of each kind; real: one half against the other."
    return SampleMetrics(found, base, MEANINGS, remark=remark, shown=(schema, raw[kept][:N_SHOWN], drawn[:N_SHOWN]))
