"""ADBench's sets as detectors get them, in two settings: `normals` and `mixed`."""

import numpy as np
from sklearn.model_selection import train_test_split

MOST = 10_000  # rows of a set, drawn with seed 0


def split(path, setting):
    """Rows to train on, rows to test, and which of those are odd; None of a set with fewer than 4 odd rows.

    `normals`: half of the normal rows train, the other half and all odd rows test (the setting of Livernoche et al.
    2024, "On diffusion modeling for anomaly detection"). `mixed`: 70 % of all rows train, labels unseen, the rest
    tests (ADBench's unsupervised setting, Han et al. 2022).
    """
    data = np.load(path, allow_pickle=False)
    X, y = data["X"].astype(float), data["y"].ravel().astype(int)
    rng = np.random.default_rng(0)
    if len(X) > MOST:
        chosen = rng.permutation(len(X))[:MOST]
        X, y = X[chosen], y[chosen]
    if y.sum() < 4:
        return None
    if setting == "normals":
        normal = rng.permutation(np.flatnonzero(y == 0))
        half = len(normal) // 2
        odd = np.r_[np.zeros(len(normal) - half, int), np.ones(int(y.sum()), int)]
        return X[normal[:half]], np.r_[X[normal[half:]], X[y == 1]], odd
    train, test, _, odd = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    return train, test, odd
