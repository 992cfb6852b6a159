"""Filling gaps: a table of mixed columns and a series, a fifth of the values missing at random, beside scikit-learn's.

usage: python benchmarks/impute.py DATA [--rows 8000] [--steps 17420] [--share 0.2] [--only adult ett]

DATA is the folder of data sets (adult, ett). All learn from the same rows, complete ones of Adult and of ETTh1 the
first 70 %, and fill the same gaps in others. Printed: of numbers the root mean square error in standard deviations of
each column of the training rows, the mean over the columns; of categories the share that is right. The peers get
categories as one-hot columns, and series also with the three steps before and after beside each.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from figures import figure
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

import zandloper as zl

parser = argparse.ArgumentParser()
parser.add_argument("data", type=Path)
parser.add_argument("--rows", type=int, default=8_000)
parser.add_argument("--steps", type=int, default=17_420)
parser.add_argument("--share", type=float, default=0.2)
parser.add_argument("--only", nargs="+", default=["adult", "ett"])
parser.add_argument("--lags", type=int, default=3)
args = parser.parse_args()
warnings.filterwarnings("ignore")

PEERS = {
    "mean or most frequent": lambda: SimpleImputer(),
    "kNN": lambda: KNNImputer(n_neighbors=10, weights="distance"),
    "iterative": lambda: IterativeImputer(max_iter=10, random_state=0),
}


def hidden(shape: tuple[int, ...]) -> np.ndarray:
    """Where values are taken away."""
    return np.random.default_rng(1).random(shape) < args.share


def adult() -> None:
    """Rows of census data: 6 columns of numbers, 9 of categories."""
    rows = pd.read_csv(args.data / "adult" / "adult.csv").sample(args.rows, random_state=0).reset_index(drop=True)
    train, test = rows[: len(rows) * 3 // 4], rows[len(rows) * 3 // 4 :]
    gaps = hidden(test.shape)
    numbers = [c for c in rows if rows[c].dtype.kind in "if"]
    spread = train[numbers].std()

    def measured(made: pd.DataFrame) -> tuple[float, float]:
        off, right = [], []
        for j, c in enumerate(rows):
            asked = gaps[:, j]
            if c in numbers:
                off.append(np.sqrt(np.mean((made[c].to_numpy(float) - test[c])[asked] ** 2)) / spread[c])
            else:
                right.append(np.mean(made[c].astype(str).to_numpy()[asked] == test[c].astype(str).to_numpy()[asked]))
        return float(np.mean(off)), float(np.mean(right))

    with_gaps = test.astype(object).mask(gaps).astype({c: float for c in numbers})
    beside = {}
    for name, make in PEERS.items():
        wide = pd.get_dummies(train, columns=[c for c in rows if c not in numbers], dtype=float)
        mean, unit = wide.mean(), wide.std().replace(0, 1)
        given = pd.get_dummies(with_gaps, columns=[c for c in rows if c not in numbers], dtype=float)
        given = given.reindex(columns=wide.columns, fill_value=0.0)
        for c in set(rows) - set(numbers):
            given.loc[with_gaps[c].isna().to_numpy(), [w for w in wide if w.startswith(f"{c}_")]] = np.nan
        begin = time.perf_counter()
        made = make().fit((wide - mean) / unit).transform((given - mean) / unit)
        made = pd.DataFrame(made * unit.to_numpy() + mean.to_numpy(), columns=wide.columns, index=test.index)
        out = with_gaps.copy()
        for c in rows:
            own = [c] if c in numbers else [w for w in wide if w.startswith(f"{c}_")]
            out[c] = made[c] if c in numbers else made[own].idxmax(axis=1).str[len(c) + 1 :]
        beside[name] = measured(out)
        took = time.perf_counter() - begin
        print(f"adult, {name}: off by {beside[name][0]:.3f}, right {beside[name][1]:.3f}, {took:.0f} s", flush=True)
    begin = time.perf_counter()
    model = zl.Denoiser(random_state=0).fit(train)
    off, right = measured(model.transform(with_gaps.astype(train.dtypes[[c for c in rows if c not in numbers]])))
    print(f"adult, ours: off by {off:.3f}, right {right:.3f}, {time.perf_counter() - begin:.0f} s", flush=True)
    best = lambda k: ", ".join(f"{name} {beside[name][k]:.3f}" for name in beside)  # noqa: E731
    figure("Adult, a fifth missing: error of numbers", off, f"in deviations; {best(0)}", "least")
    figure("Adult, a fifth missing: categories right", right, best(1), "most")


def ett() -> None:
    """Hourly readings of a transformer: 7 channels."""
    steps = pd.read_csv(args.data / "ett" / "ETTh1.csv", nrows=args.steps).iloc[:, 1:].to_numpy(np.float32)
    train, test = np.split(steps, [len(steps) * 7 // 10])
    mean, spread, gaps = train.mean(0), train.std(0), hidden(test.shape)
    with_gaps = np.where(gaps, np.nan, test)
    measured = lambda made: float(np.sqrt(np.mean(((made - test) / spread)[gaps] ** 2)))  # noqa: E731
    beside = {}

    def lagged(x: np.ndarray) -> np.ndarray:
        """Each step with its neighbors beside it."""
        padded = np.pad(x, ((args.lags, args.lags), (0, 0)), constant_values=np.nan)
        return np.hstack([padded[k : k + len(x)] for k in range(2 * args.lags + 1)])

    line = pd.DataFrame(with_gaps).interpolate(limit_direction="both").to_numpy()
    beside["straight lines"] = measured(line)
    print(f"ETTh1, straight lines: off by {beside['straight lines']:.3f}")
    middle = slice(args.lags * steps.shape[1], (args.lags + 1) * steps.shape[1])
    for name, make in PEERS.items():
        for lags in (False, True):
            if name.startswith("mean") and lags:
                continue
            schema = lagged if lags else lambda x: x
            begin = time.perf_counter()
            some = schema((train - mean) / spread)
            some = some[:: 1 if name != "kNN" else 4]  # whose work grows with the square
            made = make().fit(some).transform(schema((with_gaps - mean) / spread))
            made = made[:, middle] if lags else made
            key = f"{name}{', with neighbors' if lags else ''}"
            beside[key] = measured(made * spread + mean)
            print(f"ETTh1, {key}: off by {beside[key]:.3f}, {time.perf_counter() - begin:.0f} s", flush=True)
    begin = time.perf_counter()
    model = zl.Denoiser(modality=zl.modality.Series(window=96), random_state=0).fit(train)
    off = measured(model.transform(with_gaps))
    print(f"ETTh1, ours: off by {off:.3f}, {time.perf_counter() - begin:.0f} s", flush=True)
    remark = "in deviations; " + ", ".join(f"{name} {value:.3f}" for name, value in beside.items())
    figure("ETTh1, a fifth missing: error", off, remark, "least")


for part in args.only:
    {"adult": adult, "ett": ett}[part]()
