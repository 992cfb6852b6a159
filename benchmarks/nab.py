"""Anomalies in series: NAB's labeled windows, the detector beside windows in PyOD, matrix profile and z-score.

usage: python benchmarks/nab.py [FOLDER] [--only taxi,ambient] [--buffer 100] [--most 20000] [--seed 0]
needs: the extra `bench`

FOLDER has `data` and `labels`, as the Numenta Anomaly Benchmark (Lavin and Ahmad 2015) has them; by default it is `nab`
in ZANDLOPER_DATA. Every detector learns from the first 15 % of a series, NAB's probationary period, labels unseen, and
scores each step of the rest. The measure is `volume.py`'s VUS, over buffers of 0 to 100 steps; series without a label
in the rest, or without a step that has none, cannot be judged. Peers that look at windows look at as many steps as the
modality of series chooses (the data's own period, else 64), and a step's score is the mean of its windows'. The
detector has its defaults.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from figures import figure
from volume import volume

import zandloper as zl
from zandloper.data.seasonality import window_of

warnings.simplefilter("ignore")
from pyod.models.iforest import IForest  # noqa: E402
from pyod.models.knn import KNN  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path, nargs="?", default=Path(os.environ.get("ZANDLOPER_DATA", ".")) / "nab")
parser.add_argument("--only", default="")
parser.add_argument("--buffer", type=int, default=100)
parser.add_argument("--every", type=int, default=10, help="steps from one buffer to the next")
parser.add_argument("--most", type=int, default=10**9, help="leave out longer series")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()


def steps_of(scores, window):
    """Each step the mean of the windows that it is in; windows start at every step."""
    total, count = np.zeros(len(scores) + window - 1), np.zeros(len(scores) + window - 1)
    for i in range(window):
        total[i : i + len(scores)] += scores
        count[i : i + len(scores)] += 1
    return total / count


def windows(x, window):
    return np.lib.stride_tricks.sliding_window_view(x, window)


def ours(train, test, window):
    return zl.AnomalyDetector(modality="series", random_state=args.seed).fit(train).anomaly_score(test)


def pyod(model):
    def score(train, test, window):
        return steps_of(model.fit(windows(train, window)).decision_function(windows(test, window)), window)

    return score


def matrix_profile(train, test, window):
    """The distance of each window to the nearest of training, each standardized by itself."""
    import stumpy

    found = stumpy.stump(test, window, train, ignore_trivial=False)[:, 0].astype(float)
    return steps_of(np.where(np.isfinite(found), found, 2 * np.sqrt(window)), window)


DETECTORS = {
    "zandloper": ours,
    "kNN on windows (PyOD)": pyod(KNN()),
    "isolation forest on windows (PyOD)": pyod(IForest(random_state=args.seed)),
    "matrix profile (stumpy)": matrix_profile,
    "z-score": lambda train, test, window: np.abs(test),
}
found = {name: [] for name in DETECTORS}
seconds = dict.fromkeys(found, 0.0)
spans = json.loads((args.folder / "labels" / "combined_windows.json").read_text())
for name, labeled in sorted(spans.items()):
    path = args.folder / "data" / name
    if not path.exists() or not any(part in name for part in args.only.split(",")):
        continue
    frame = pd.read_csv(path, parse_dates=["timestamp"])
    if len(frame) > args.most:
        continue
    labels = np.zeros(len(frame), int)
    for first, last in labeled:
        labels[frame["timestamp"].between(pd.Timestamp(first), pd.Timestamp(last)).to_numpy()] = 1
    cut = int(0.15 * len(frame))
    truth = labels[cut:]
    if truth.min() == truth.max():
        print(f"{name}: no label in the rest", flush=True)
        continue
    x = frame["value"].to_numpy(float)
    x = (x - x[:cut].mean()) / (x[:cut].std() or 1.0)
    train, test = x[:cut], x[cut:]
    window, scores = window_of([train[:, None]]), {}
    for peer, score in DETECTORS.items():
        begin = time.perf_counter()
        scores[peer] = score(train, test, window)
        seconds[peer] += time.perf_counter() - begin
    for peer, score in scores.items():
        found[peer].append(volume(truth, score, args.buffer, args.every))
    said = "  ".join(f"{peer.split(' (')[0]} {found[peer][-1][0]:.3f} {found[peer][-1][1]:.3f}" for peer in scores)
    print(f"{name} ({len(frame):,} steps, windows of {window}): {said}", flush=True)

number = len(found["zandloper"])
for k, measure in enumerate(("VUS-ROC", "VUS-PR")):
    means = {peer: float(np.mean([pair[k] for pair in pairs])) for peer, pairs in found.items()}
    against = ", ".join(f"{peer} {mean:.3f}" for peer, mean in means.items() if peer != "zandloper")
    figure(f"NAB, {number} series: mean {measure}", means["zandloper"], against, "above all")
print("seconds: " + ", ".join(f"{peer} {time_:.0f}" for peer, time_ in seconds.items()))
