"""Images: what a classifier that learned on real ones makes of generated ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from zandloper.applications.generation.evaluation.metrics import (
    SAID,
    SHOWN,
    Verdict,
    drawn_for,
    labels_of,
    seen_by_judge,
)

MOST = 10_000  # real images


def evaluate(generator: Any, real: Any, labels: Any, seed: int, judge: Any = None) -> Verdict:
    """Fréchet distance, precision and recall in the features of a classifier; with labels, what is recognized."""
    schema = generator.autoencoder_.model_.output
    scaler = generator.autoencoder_.module_.scaler
    units = lambda raw: scaler.encode(torch.as_tensor(np.asarray(raw)))[0].numpy()  # noqa: E731
    raw = np.asarray(schema.read(real, "evaluate"))
    kept = np.random.default_rng(seed).permutation(len(raw))[:MOST]
    told = labels_of(labels, kept, len(raw))
    made, asked = drawn_for(generator, told, len(kept), seed)
    drawn = np.asarray(schema.read(made, "evaluate"))
    objective = None if judge is None else (units(np.asarray(schema.read(judge[0], "evaluate"))), judge[1])
    found, base = seen_by_judge(units(raw[kept]), units(drawn), told, asked, seed, objective=objective)
    remark = f"{len(kept):,} images of each kind; real: one half against the other."
    return Verdict(found, base, SAID, remark=remark, shown=(schema, raw[kept][:SHOWN], drawn[:SHOWN]))
