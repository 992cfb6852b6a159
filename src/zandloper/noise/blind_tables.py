"""Blind noise estimation for tables: the variance in directions in which the rows vary by noise alone."""

from __future__ import annotations

import numpy as np

from zandloper.noise import statistics
from zandloper.noise.profile import Profile
from zandloper.noise.statistics import PROBABILITIES, Array, Flags

FILLINGS = 20  # iterations that fill missing values from the others


def table_profile(x: Array, there: Flags | None) -> Profile:
    """Return the profile of the noise in a table, from the directions in which its rows vary by noise alone.

    The noise variance is the median eigenvalue of the covariance over that of the law of Marchenko and Pastur, then the
    mean of the eigenvalues that noise alone may have. In a table without such directions the estimate is too high.

    References
    ----------
    Gavish and Donoho 2014, "The optimal hard threshold for singular values is 4/sqrt(3)", IEEE Trans. Information
    Theory 60, section III.E.
    """
    n, d = x.shape
    missing, beta = 0.0 if there is None else float(1 - there.mean()), min(1.0, d / n)
    x = x - x.mean(0)
    for _ in range(1 if there is None else FILLINGS):
        values, vectors = np.linalg.eigh(x.T @ x / n)
        variance = float(np.median(values)) / _median_of_marchenko_pastur(beta)
        inside = values < 1.05 * variance * (1 + np.sqrt(beta)) ** 2
        inside[: max(1, d // 4)] = True
        basis = vectors[:, inside]
        left = x @ basis @ basis.T
        if there is not None:
            x = np.where(there, x, x - left)  # missing values become their estimate from the others
    share = inside.sum() / d * (1 - missing)
    variance = float(np.mean(left[slice(None) if there is None else there] ** 2) * (1 - missing) / share)
    r = left.ravel() * np.sqrt(1 / share)
    s = x.ravel() - left.ravel()
    if there is not None:
        r, s = r[there.ravel()], s[there.ravel()]
    where = statistics.bins_of(s)
    each = [where == k for k in range(where.max() + 1)]
    levels = np.array([np.sqrt(np.mean(r[mine] ** 2)) for mine in each])
    z = r / np.maximum(1e-12, levels[where])
    counts = np.bincount(where).astype(float)
    return Profile(
        paired=False,
        level=float(np.sqrt(variance)),
        signal=np.array([s[mine].mean() for mine in each]),
        levels=levels,
        counts=counts,
        errors=np.sqrt(2 / counts),
        quantiles=np.quantile(z, PROBABILITIES),
        kurtosis=statistics.kurtosis_of(z),
        missing=missing,
    )


def _median_of_marchenko_pastur(beta: float) -> float:
    """Median of the Marchenko-Pastur law, by summing its density on points that are dense at its ends."""
    low, high = (1 - np.sqrt(beta)) ** 2, (1 + np.sqrt(beta)) ** 2
    edges = low + (high - low) * (1 - np.cos(np.linspace(0, np.pi, 4001))) / 2
    at = (edges[1:] + edges[:-1]) / 2
    mass = np.sqrt((high - at) * (at - low)) / np.maximum(1e-12, at) * np.diff(edges)
    return float(at[np.searchsorted(np.cumsum(mass) / mass.sum(), 0.5)])
