"""The bottleneck against overfitting: small real tables with a target, five seeds, best size against the widest.

usage: python benchmarks/overfitting.py [--seeds 5] [--sizes 1 2 4 8 16 32 64] [--only NAME ...]

Tables come with scikit-learn, and two with adbench where ZANDLOPER_DATA is set; at most 500 rows train. A quarter
of the rows is held out, others for every seed. Two settings: the defaults, which stop early, and one hidden layer
trained to the end on all rows (`hidden=(32,), validation=0, lr=0.003`), where nothing but the bottleneck works
against overfitting. The best size is the one with the lowest mean validation error. It *holds* if it beats the
widest by more than the spread, the larger of the two sizes' standard deviations over the seeds. The best of seven
flatters itself: so the same two sizes are trained again with as many new seeds (other rows), and that margin and
spread stand beside. Writes results/overfitting.csv, .md and pictures.
"""

import argparse
import csv
import os
import time
import warnings
from pathlib import Path

import numpy as np
from figures import RESULTS, figure
from sklearn import datasets

import zandloper as zl

parser = argparse.ArgumentParser()
parser.add_argument("--seeds", type=int, default=5)
parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
parser.add_argument("--only", nargs="+")
args = parser.parse_args()


def digits():
    """500 rows of them, so that it is small."""
    X, y = datasets.load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(X))[:500]
    return X[rows], y[rows].astype(str)


def adbench(name):
    """650 rows at most: a quarter is held out."""
    data = np.load(Path(os.environ["ZANDLOPER_DATA"]) / "adbench" / f"{name}.npz", allow_pickle=False)
    rows = np.random.default_rng(0).permutation(len(data["X"]))[:650]
    return data["X"][rows].astype(float), data["y"][rows].astype(str)


def classes(load):
    X, y = load(return_X_y=True)
    return X, y.astype(str)


TABLES = {
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
    "wine": lambda: classes(datasets.load_wine),
    "breast cancer": lambda: classes(datasets.load_breast_cancer),
    "digits": digits,
}
if "ZANDLOPER_DATA" in os.environ:
    TABLES |= {"12_fault": lambda: adbench("12_fault"), "18_Ionosphere": lambda: adbench("18_Ionosphere")}
SETTINGS = {"defaults": {}, "to the end": {"hidden": (32,), "validation": 0, "lr": 0.003}}


def spread_of(found, size):
    """The larger standard deviation over the seeds, of a size and of the widest."""
    return found.validation.std(axis=1, ddof=1)[[size, -1]].max()


rows = []
RESULTS.mkdir(exist_ok=True)
for name in args.only or TABLES:
    X, y = TABLES[name]()
    for setting, parameters in SETTINGS.items():
        begin = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = {"autoencoder": zl.Autoencoder(**parameters), "seeds": args.seeds}
            found = zl.compare_latent_dims(X, y, args.sizes, random_state=0, **given)
            again = zl.compare_latent_dims(X, y, [found.best, max(args.sizes)], random_state=1000, **given)
        print(f"{name} ({X.shape[1]} columns), {setting}, {time.perf_counter() - begin:.0f} s\n{found}", flush=True)
        best = found.latent_dims.index(found.best)
        margin, spread = found.validation[-1].mean() - found.validation[best].mean(), spread_of(found, best)
        new_margin, new_spread = again.validation[-1].mean() - again.validation[0].mean(), spread_of(again, 0)
        rows.append(
            {
                "table": name,
                "training rows": found.rows[0],
                "setting": setting,
                "loss": found.loss,
                "best": found.best,
                "error at best": round(found.validation[best].mean(), 4),
                "error at widest": round(found.validation[-1].mean(), 4),
                "error at narrowest": round(found.validation[0].mean(), 4),
                "margin": round(margin, 4),
                "spread": round(spread, 4),
                "new seeds: margin": round(new_margin, 4),
                "new seeds: spread": round(new_spread, 4),
                "holds": "yes" if margin > spread else "no",
                "holds again": "yes" if new_margin > new_spread else "no",
            }
        )
        found.plot().savefig(RESULTS / f"overfitting_{name}_{setting}.png".replace(" ", "_"))
        figure(
            f"overfitting, {name}, {setting}: margin of the best latent size over the widest",
            margin,
            f"{found.best} latents, spread over {args.seeds} seeds {spread:.3f}; on new seeds {new_margin:.3f}, spread "
            f"{new_spread:.3f}",
            "> spread",
        )
        with open(RESULTS / "overfitting.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
lines = [f"| {' | '.join(rows[0])} |", "|---" * len(rows[0]) + "|"]
lines += [f"| {' | '.join(str(value) for value in row.values())} |" for row in rows]
(RESULTS / "overfitting.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
print("\n".join(lines))
