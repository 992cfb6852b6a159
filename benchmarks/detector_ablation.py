"""Why the detector's default is what it is: AUROC over many tables of all that it knows, and of parts of that.

usage: python benchmarks/detector_ablation.py [FOLDER_OF_NPZ] [--settings normals,mixed] [--only glass,cardio]

FOLDER is `adbench` in ZANDLOPER_DATA by default. One detector is fitted for each set and setting. Its witnesses are
asked once; the variants differ in whose words are heard, and what is usual for the rest comes from the same
calibration rows. So the level of `fast=True` is that of the first model, measured by what all
models found usual.
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
from zandloper.applications.detection.score_combiner import LEAN, _loudest
from zandloper.applications.detection.scoring import LEVELS, NUMBER
from zandloper.model.noise_conditional import levels as levels_between

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path, nargs="?", default=Path(os.environ.get("ZANDLOPER_DATA", ".")) / "adbench")
parser.add_argument("--settings", default="normals,mixed")
parser.add_argument("--only", default="")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
warnings.simplefilter("ignore", UserWarning)  # of few rows the smallest false-alarm rate is taken


def loudest(z, columns):
    """The highest of some columns of a testimony in standard deviations."""
    return z[:, columns].max(1)


def variants(detector, X):
    """The scores of each variant, by its name."""
    measure, first = detector._measure, detector.estimators_[0]
    raws = [w.model.model_.read(X) for w in detector.estimators_]
    each = [w.log_scores(raw, detector._usual) for w, raw in zip(detector.estimators_, raws)]
    near = np.empty((len(each[0]), 0))
    if detector.neighbors_ is not None:
        near = detector.neighbors_.log_scores(first, raws[0])

    def deviations(said):
        return (np.concatenate([said, near], axis=1) - measure.mean) / measure.spread

    def grouped(z, chosen, spare=measure.spare):
        of = _loudest(z, measure.groups, spare, np.ones(len(z), bool))
        return ((of - measure.group_mean) / measure.group_spread)[:, chosen].max(1)

    z, one = deviations(np.mean(each, axis=0)), deviations(each[0])
    levels, all_, place = len(first.levels), list(range(len(measure.groups))), 2 * len(first.levels)
    found = {
        "default": detector.anomaly_score(X),
        "without neighbors": grouped(z, [0, 1]) + LEAN * z[:, place],
        "without the place": grouped(z, all_),
        "too little change not odd": grouped(z, all_, None) + LEAN * z[:, place],
        "the place as a witness": np.maximum(grouped(z, all_), z[:, place]),
        "place only": z[:, place],
        "whole rows only": grouped(z, [0]),
        "single columns only": grouped(z, [1]),
        "neighbors only": grouped(z, [2]) if len(all_) > 2 else grouped(z, all_),
        "one model instead of all": grouped(one, all_) + LEAN * one[:, place],
        "the level of fast=True, one model": loudest(one, [levels - 2, 2 * levels - 2]),
    }
    # A column's own deviations need no more: its mean is 0 and its spread 1 over calibration rows.
    for i, level in enumerate(levels_between(*LEVELS, NUMBER) if levels == NUMBER else first.levels):
        found[f"level {level:.2f} only"] = loudest(z, [i, levels + i])
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
