"""Metrics of generated samples in a feature space: Fréchet distance, precision and recall, variety."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of two sets of features (n, width), approximated as Gaussian.

    `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))` (Dowson and Landau 1982; Heusel et al. 2017, "GANs trained by a two
    time-scale update rule", eq. 6, in the features of a network trained on other images).
    """
    c, d = (np.cov(v, rowvar=False) for v in (a, b))
    values = np.linalg.eigvals(c @ d).real.clip(0)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c) + np.trace(d) - 2 * np.sqrt(values).sum())


def precision_and_recall(real: np.ndarray, made: np.ndarray, k: int = 3) -> tuple[float, float]:
    """Precision, the share of generated samples among the real ones, and recall, the share of real ones among them.

    Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative models", eq. 1: a
    sample lies among others if it is within the distance of one of them to its k-th neighbor.
    """

    def share(inside: np.ndarray, of: np.ndarray) -> float:
        reach = NearestNeighbors(n_neighbors=k + 1).fit(inside).kneighbors(inside)[0][:, -1]
        apart = np.sqrt(((of[:, None] - inside[None]) ** 2).sum(-1)) if len(of) * len(inside) < 2**18 else None
        if apart is not None:
            return float((apart <= reach).any(1).mean())
        found = [(np.sqrt(_squares(o, inside)) <= reach).any(1) for o in np.array_split(of, -(-len(of) // 256))]
        return float(np.concatenate(found).mean())

    return share(real, made), share(made, real)


def variety(features: np.ndarray, classes: np.ndarray) -> float:
    """Mean distance of features from the mean of their class, averaged over classes."""
    spread = [
        np.linalg.norm(features[classes == c] - features[classes == c].mean(0), axis=1).mean()
        for c in np.unique(classes)
    ]
    return float(np.mean(spread))


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return ((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T).clip(0)
