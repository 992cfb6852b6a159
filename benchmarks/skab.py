"""Anomalies in the sensors of a water circuit (SKAB): fit on the first 400 steps of each file, judge the rest.

usage: python benchmarks/skab.py [FOLDER]
needs: pip install pandas

FOLDER holds SKAB's CSV files (by default `skab` in ZANDLOPER_DATA); those without anomalies are left out. F1, false
alarms and missed steps are over all judged steps together, as on the public leaderboard, where the best is a
convolutional autoencoder with F1 0.78 and 13.6 % false alarms.
"""

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from figures import figure
from sklearn.metrics import roc_auc_score

import zandloper as zl

KNOWN = 400  # steps at the start of each file, all normal


def judged(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, verdicts and scores of the steps of one file after the first 400."""
    table = pd.read_csv(file, sep=";", index_col="datetime", parse_dates=True)
    X, truth = table.drop(columns=["anomaly", "changepoint"]), table["anomaly"].to_numpy() == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # 400 steps are few for a rate of 1 %, and it says so
        detector = zl.AnomalyDetector(modality="series", random_state=0).fit(X[:KNOWN])
    return truth[KNOWN:], detector.predict(X[KNOWN:]) == -1, detector.anomaly_score(X[KNOWN:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path(os.environ.get("ZANDLOPER_DATA", ".")) / "skab")
    folder = parser.parse_args().folder
    found = [judged(file) for file in sorted(folder.rglob("*.csv")) if "anomaly-free" not in str(file)]
    truth, odd = (np.concatenate([one[k] for one in found]) for k in (0, 1))
    f1 = 2 * (truth & odd).sum() / (truth.sum() + odd.sum())
    alarms, missed = odd[~truth].mean(), 1 - odd[truth].mean()
    area = np.mean([roc_auc_score(one[0], one[2]) for one in found])
    name = f"SKAB, {len(found)} files, defaults"
    figure(f"{name}: F1 of single steps", float(f1), against="0.78, the best published", wanted=">= 0.79")
    figure(f"{name}: false alarms", float(alarms), against="0.136 of the best published", wanted="<= 0.135")
    figure(f"{name}: missed steps", float(missed), against="0.280 of the best published")
    figure(f"{name}: mean AUROC of a file", float(area), against="chance, 0.5")


if __name__ == "__main__":
    main()
