"""Ablation of the detector's default: AUROC over many tables of all its scores, and of parts of them.

usage: python benchmarks/detector_ablation.py [FOLDER_OF_NPZ] [--settings normals,mixed] [--only glass,cardio]

FOLDER is `adbench` in ZANDLOPER_DATA by default. One detector is fitted for each set and setting. Its members
score once; the variants differ in the scores that are combined, and means and deviations of the rest come from the same
calibration rows. So the level of `fast=True` is that of the first model, in units of the residuals of all models.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
from adbench_sets import split
from figures import RESULTS, figure
from sklearn.metrics import roc_auc_score

import zandloper as zl
from zandloper.applications.detection.score_combiner import HOTELLING_WEIGHT, group_maxima
from zandloper.applications.detection.scoring import LEVELS, N_LEVELS
from zandloper.model.noise_conditional import levels as levels_between

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path, nargs="?", default=Path(os.environ.get("ZANDLOPER_DATA", ".")) / "adbench")
parser.add_argument("--settings", default="normals,mixed")
parser.add_argument("--only", default="")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
warnings.simplefilter("ignore", UserWarning)  # of few rows the smallest false-alarm rate is taken


def maximum(z, columns):
    """Maximum of some columns of standardized log scores."""
    return z[:, columns].max(1)


def variants(detector, X):
    """The scores of each variant, by its name."""
    ensemble = detector.ensemble_
    combiner, first = ensemble.combiner, ensemble.members[0]
    raws = [member.read(X) for member in ensemble.members]
    typical = ensemble.typical_residuals
    each = [member.log_scores(raw, typical) for member, raw in zip(ensemble.members, raws)]
    near = np.empty((len(each[0]), 0))
    if ensemble.neighbors is not None:
        near = ensemble.neighbors.log_scores(first, raws[0])

    def standardized(log_scores):
        return (np.concatenate([log_scores, near], axis=1) - combiner.mean) / combiner.deviation

    def grouped(z, chosen, slack=combiner.slack):
        of = group_maxima(z, combiner.groups, slack, np.ones(len(z), bool))
        return ((of - combiner.group_mean) / combiner.group_deviation)[:, chosen].max(1)

    z, one = standardized(np.mean(each, axis=0)), standardized(each[0])
    levels, all_, t2 = len(first.levels), list(range(len(combiner.groups))), 2 * len(first.levels)
    found = {
        "default": detector.anomaly_score(X),
        "without neighbors": grouped(z, [0, 1]) + HOTELLING_WEIGHT * z[:, t2],
        "without T-squared": grouped(z, all_),
        "small residuals ignored": grouped(z, all_, None) + HOTELLING_WEIGHT * z[:, t2],
        "T-squared in the maximum": np.maximum(grouped(z, all_), z[:, t2]),
        "T-squared only": z[:, t2],
        "whole rows only": grouped(z, [0]),
        "single columns only": grouped(z, [1]),
        "neighbors only": grouped(z, [2]) if len(all_) > 2 else grouped(z, all_),
        "one model instead of all": grouped(one, all_) + HOTELLING_WEIGHT * one[:, t2],
        "the level of fast=True, one model": maximum(one, [levels - 2, 2 * levels - 2]),
    }
    # A single column needs no group statistics: over calibration rows its mean is 0 and its deviation 1.
    for i, level in enumerate(levels_between(*LEVELS, N_LEVELS) if levels == N_LEVELS else first.levels):
        found[f"level {level:.2f} only"] = maximum(z, [i, levels + i])
    return found


rows = []
for setting in args.settings.split(","):
    table = {}
    begin = time.perf_counter()
    for path in sorted(args.folder.glob("*.npz")):
        if not any(part in path.name for part in args.only.split(",")) or (parts := split(path, setting)) is None:
            continue
        train, test, odd = parts
        detector = zl.AnomalyDetector(random_state=args.seed).fit(train)
        found = {name: 100 * roc_auc_score(odd, score) for name, score in variants(detector, test).items()}
        table[path.stem] = found
        print(f"{setting} {path.stem:16s} " + "  ".join(f"{n} {v:.1f}" for n, v in found.items()), flush=True)
    means = {name: float(np.mean([found[name] for found in table.values()])) for name in next(iter(table.values()))}
    worse = {name: sum(found[name] < found["default"] - 0.5 for found in table.values()) for name in means}
    print(f"{len(table)} sets, {time.perf_counter() - begin:.0f} s")
    rows += [(setting, name, f"{mean:.2f}", f"{worse[name]} of {len(table)}") for name, mean in means.items()]
    best = max((name for name in means if name != "default"), key=means.__getitem__)
    name = f"ablation on {len(table)} tables, {setting}: mean AUROC of the default"
    figure(name, means["default"], f"best part: {best} {means[best]:.2f}", "above all parts", ".2f")
lines = ["setting,variant,mean AUROC,sets more than 0.5 below the default", *(",".join(row) for row in rows)]
print("\n".join(lines))
if not args.only:
    (RESULTS / "detector_ablation.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
