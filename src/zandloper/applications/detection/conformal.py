"""Conformal p-values, thresholds with a stated false-alarm rate, and false-discovery control for batches.

Scores of rows that trained no model are distributed as those of fresh normal rows; the share of them that is at least
as high as a row's score is its p-value (Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world",
section 2.2; for outliers Bates et al. 2023, "Testing for outliers with conformal p-values", eq. 3). High scores are
anomalous.

Scores of successive time steps are dependent: m of them are worth fewer, `independent`, and rates below
1 / (independent + 1) cannot be resolved. Beyond the highest of them the tail is then taken to fall
exponentially, at the slope that it has above nine tenths of them (Pickands 1975, "Statistical inference using extreme
order statistics"; for thresholds on series Siffer et al. 2017, "Anomaly detection in streams with extreme value
theory"). All of this is approximate.
"""

from __future__ import annotations

import math

import numpy as np


def p_values(scores: np.ndarray, calibration: np.ndarray, independent: int | None = None) -> np.ndarray:
    """Probability that a normal row scores as high, (n,): from 1 / (m + 1) for m independent calibration scores to 1.

    >>> p_values(np.array([0.0, 2.5, 9.0]), np.array([1.0, 2.0, 3.0])).tolist()
    [1.0, 0.5, 0.25]
    """
    ordered = np.sort(calibration, kind="stable")  # of what is in order already, at once
    as_high = len(ordered) - np.searchsorted(ordered, scores, side="left")
    worth = len(ordered) if independent is None else independent
    p = (1 + as_high * (worth / max(1, len(ordered)))) / (worth + 1)
    if worth < len(ordered):
        p *= np.exp(-np.maximum(0, scores - ordered[-1]) / _slope(ordered))
    return p


def threshold(calibration: np.ndarray, rate: float, independent: int | None = None) -> float:
    """Score above which p-values are at most `rate`; the highest calibration score where the rate is too small.

    >>> threshold(np.arange(99.0), 0.05)
    94.0
    """
    m = len(calibration)
    worth = m if independent is None else independent
    above = math.floor((rate * (worth + 1) - 1) * m / worth + 1e-9)  # so many calibration scores may be higher
    ordered = np.sort(calibration, kind="stable")  # of what is in order already, at once
    found = float(ordered[m - 1 - min(m - 1, max(0, above))])
    beyond = worth < m and rate < smallest_rate(worth)
    return found + _slope(ordered) * math.log(smallest_rate(worth) / rate) if beyond else found


def _slope(ordered: np.ndarray) -> float:
    """Mean excess over nine tenths of the scores: the scale of an exponential tail."""
    high = ordered[int(0.9 * len(ordered)) :]
    return max(1e-9, float(high.mean() - high[0]))


def smallest_rate(m: int) -> float:
    """Smallest false-alarm rate that m calibration scores can guarantee."""
    return 1 / (m + 1)


def discoveries(p: np.ndarray, rate: float) -> np.ndarray:
    """Mask of the anomalies of a batch, bool (n,), of which at most a share `rate` is expected to be normal.

    Benjamini and Hochberg 1995, "Controlling the false discovery rate"; that it holds for conformal p-values, which
    share their calibration scores, is theorem 2 of Bates et al. 2023.

    >>> discoveries(np.array([0.01, 0.5, 0.02, 0.9]), 0.05).tolist()
    [True, False, True, False]
    """
    n, order = len(p), np.argsort(p, kind="stable")
    passed = np.flatnonzero(p[order] <= rate * np.arange(1, n + 1) / n)
    found = np.zeros(n, bool)
    if len(passed):
        found[order[: passed[-1] + 1]] = True
    return found
