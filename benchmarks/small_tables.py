"""Small tables: how much the test error of the default changes with the seed, and how it compares with PCA's.

usage: python benchmarks/small_tables.py [--seeds 20] [--half 0] [--save NEW.jsonl] [--against OLD.jsonl]

Ten tables of at most 500 rows: three of scikit-learn's and linnerud, and small ones of ADBench and OddBench in
`ZANDLOPER_DATA`. 30% of the rows test, the same ones for all seeds, and train nothing. Columns are standardized on the
training rows; the latent space has as many dimensions as PCA needs for 90% of their variance. Prints for each table
mean and standard deviation over the seeds of the test error divided by PCA's, and seconds of CPU time per fit.

It measures the zandloper that Python finds: run it with one version and `--save`, then with another and `--against`
that file, and it prints the ratios. A file of `--save` is gone on from. `--half 1` has the tables that settings were
chosen by, `--half 2` the others.
"""

import argparse
import json
import os
import pathlib
import time
import warnings

import numpy as np
import torch
from sklearn import datasets
from sklearn.decomposition import PCA

import zandloper as zl

FIRST = ["iris", "14_glass", "42_WBC", "diabetes", "OnlineLearningOutcomes"]
SECOND = ["wine", "linnerud", "18_Ionosphere", "46_WPBC", "GPUPowerProfile"]
MOST, TESTED, VARIANCE = 500, 0.3, 0.9


def load(name):
    """The rows of a table as floats."""
    if name == "linnerud":
        found = datasets.load_linnerud()
        return np.c_[found.data, found.target]
    if name in ("iris", "wine", "diabetes"):
        return getattr(datasets, f"load_{name}")().data
    folder = pathlib.Path(os.environ["ZANDLOPER_DATA"])
    kind, key = ("adbench", "X") if name[0].isdigit() else ("oddbench", "train")
    return np.load(folder / kind / f"{name}.npz", allow_pickle=False)[key].astype(float)


def prepared(name):
    """Training and test rows, and how many latents."""
    X = load(name)
    X = X[np.random.default_rng(0).permutation(len(X))][:MOST]
    cut = round(len(X) * (1 - TESTED))
    mean, deviation = X[:cut].mean(0), X[:cut].std(0)
    X = (X - mean) / np.where(deviation > 0, deviation, 1)
    share = np.cumsum(PCA(svd_solver="full").fit(X[:cut]).explained_variance_ratio_)
    return X[:cut], X[cut:], max(2, int(np.searchsorted(share, VARIANCE - 1e-9)) + 1)


def error_of_pca(train, test, latents):
    """Mean squared error of PCA on the test rows."""
    pca = PCA(min(latents, *train.shape), svd_solver="full").fit(train)
    return float(((pca.inverse_transform(pca.transform(test)) - test) ** 2).mean())


def measure(name, seed):
    """One fit with the defaults."""
    train, test, latents = prepared(name)
    begin = time.process_time()
    model = zl.Autoencoder(latents, loss="mse", random_state=seed).fit(train)
    seconds = time.process_time() - begin
    error = float(((model.predict(test) - test) ** 2).mean())
    return {"table": name, "seed": seed, "ratio": error / error_of_pca(train, test, latents), "seconds": seconds}


def read(path):
    """The measurements of a file by table and seed."""
    lines = pathlib.Path(path).read_text().splitlines() if path and os.path.exists(path) else []
    return {(m["table"], m["seed"]): m for m in map(json.loads, lines)}


def of_table(found, name, seeds):
    """Ratios and seconds of one table, as far as there are any."""
    rows = [found[name, seed] for seed in range(seeds) if (name, seed) in found]
    return np.array([m["ratio"] for m in rows]), np.array([m["seconds"] for m in rows])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--half", type=int, choices=(0, 1, 2), default=0)
    parser.add_argument("--save")
    parser.add_argument("--against")
    args = parser.parse_args()
    tables = (FIRST + SECOND, FIRST, SECOND)[args.half]
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    new, old = read(args.save), read(args.against)
    for seed in range(args.seeds):  # by seeds, so that fewer are a fair part of more
        for name in tables:
            if (name, seed) not in new:
                if not new:
                    measure(name, seed)  # the first fit of a process loads what all use
                new[name, seed] = measure(name, seed)
                if args.save:
                    with open(args.save, "a") as file:
                        file.write(json.dumps(new[name, seed]) + "\n")
    print(f"{'table':24s} {'mean':>7s} {'spread':>7s} {'s':>6s}   against: mean, spread, s; ratios of the three")
    means, spreads, times = [], [], []
    for name in tables:
        ratio, seconds = of_table(new, name, args.seeds)
        line = f"{name:24s} {ratio.mean():7.3f} {ratio.std(ddof=1):7.3f} {np.median(seconds):6.2f}"
        before, took = of_table(old, name, args.seeds)
        if len(before) > 1:
            means.append(ratio.mean() / before.mean())
            spreads.append(max(ratio.std(ddof=1), 1e-3) / max(before.std(ddof=1), 1e-3))
            times.append(seconds.sum() / took[: len(seconds)].sum())
            line += f"   {before.mean():7.3f} {before.std(ddof=1):7.3f} {np.median(took):6.2f}"
            line += f"   {means[-1]:5.3f} {spreads[-1]:5.3f} {times[-1]:5.2f}"
        print(line, flush=True)
    if means:
        of = [float(np.exp(np.mean(np.log(v)))) for v in (means, spreads, times)]
        print(f"geometric means of the ratios: mean {of[0]:.3f}, spread {of[1]:.3f}, time {of[2]:.2f}")


if __name__ == "__main__":
    main()
