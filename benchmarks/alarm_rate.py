"""Is the stated false-alarm rate the real one? Alarms of `AnomalyDetector` on fresh normal rows of many tables.

usage: python benchmarks/alarm_rate.py FOLDER_OF_NPZ [--rates 0.01 0.05 0.1] [--rows 4000] [--only glass,cardio]

Each file holds X and y (0: normal), as ADBench's do. Half of the normal rows are fitted on, the other half are counted.
With m calibration rows and n fresh ones the number of alarms of a threshold that holds its rate is beta-binomial (Vovk
2012, "Conditional validity of inductive conformal predictors", proposition 2a): the bounds printed hold 95 % of that.
"""

import argparse
import math
import warnings
from pathlib import Path

import numpy as np
from figures import figure
from scipy.stats import betabinom

import zandloper as zl

warnings.simplefilter("ignore", UserWarning)  # of few rows the smallest rate is taken: those are left out below
parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--rates", type=float, nargs="+", default=[0.01, 0.05, 0.1])
parser.add_argument("--rows", type=int, default=4_000)
parser.add_argument("--only", default="")
args = parser.parse_args()

within: dict[float, list[bool]] = {rate: [] for rate in args.rates}
ratios: dict[float, list[float]] = {rate: [] for rate in args.rates}
for path in sorted(args.folder.glob("*.npz")):
    if not any(part in path.name for part in args.only.split(",")):
        continue
    data = np.load(path, allow_pickle=False)
    X = data["X"][data["y"].ravel() == 0].astype(float)
    X = X[np.random.default_rng(0).permutation(len(X))[: args.rows]]
    A, B = X[: len(X) // 2], X[len(X) // 2 :]
    detector = zl.AnomalyDetector(random_state=0).fit(A)
    p, m = detector.p_values(B), len(detector.calibration_)
    said = []
    for rate in args.rates:
        above = math.floor(rate * (m + 1) + 1e-9)  # the threshold is the so-manieth highest calibration score
        if above == 0:
            continue
        low, high = (v / len(B) for v in betabinom(len(B), above, m + 1 - above).interval(0.95))
        share = float((p <= rate).mean())
        within[rate].append(low <= share <= high)
        ratios[rate].append(share / rate)
        said.append(f"{rate:g}: {share:.4f} ({low:.4f} to {high:.4f}){'' if within[rate][-1] else ' *'}")
    print(f"{path.stem:16s} {len(A):5d} rows  {'  '.join(said)}", flush=True)
for rate in args.rates:
    name = f"false alarms at {rate:g}, {len(ratios[rate])} tables"
    figure(f"{name}: share within 95 % bounds", float(np.mean(within[rate])), "beta-binomial", "about 0.95", ".2f")
    figure(f"{name}: mean rate / stated rate", float(np.mean(ratios[rate])), "1", "about 1", ".2f")
