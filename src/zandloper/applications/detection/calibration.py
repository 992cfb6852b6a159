"""Threshold and p-values of a fitted detector, from its held-out scores."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from zandloper.applications.detection import conformal
from zandloper.applications.detection.large_images import LargeImages
from zandloper.applications.detection.parameters import rate_of

if TYPE_CHECKING:
    from zandloper.applications.detection.detector import AnomalyDetector


def n_independent(detector: AnomalyDetector) -> int:
    """Number of independent scores that the calibration is worth."""
    return detector.ensemble_.independent(len(detector.calibration_))


def set_threshold(detector: AnomalyDetector, scores: np.ndarray, training_scores: np.ndarray | None) -> None:
    """Set `calibration_` and `offset_` from held-out scores.

    With `contamination` the threshold is the quantile of the training scores, as in scikit-learn's IsolationForest.
    """
    detector.calibration_ = np.sort(scores)
    if detector.contamination is not None:
        of = scores if training_scores is None else training_scores
        detector.offset_ = float(np.percentile(-of, 100 * detector.contamination))
        return
    rate, independent = rate_of(detector), n_independent(detector)
    least = conformal.smallest_rate(independent)
    if rate < least:
        few = f"false_alarm_rate={rate:g} is less than {len(scores)}"
        warnings.warn(
            f"{few} steps can resolve, which are worth {independent} independent ones ({least:.2g}): the threshold "
            "lies beyond them, on an assumed tail"
            if detector.ensemble_.correlated_steps > 1
            else f"{few} rows can resolve: taking the smallest rate that they can, {least:.2g}",
            UserWarning,
            stacklevel=3,
        )
    detector.offset_ = -conformal.threshold(detector.calibration_, rate, independent)


def threshold(detector: AnomalyDetector, tests: Any = 1.0) -> Any:
    """Score above which an item is an anomaly, for scores that are the maximum of a number of tests, 1 or (n,)."""
    if np.ndim(tests) == 0 or detector.contamination is not None:
        return -detector.offset_
    rates, which = np.unique(rate_of(detector) / tests, return_inverse=True)
    worth = n_independent(detector)
    return np.array([conformal.threshold(detector.calibration_, rate, worth) for rate in rates.tolist()])[which]


def p_values(detector: AnomalyDetector, score: np.ndarray, tests: Any = 1.0) -> np.ndarray:
    """p-values of scores that are the maximum of a number of tests (Bonferroni)."""
    return np.minimum(1.0, tests * conformal.p_values(score, detector.calibration_, n_independent(detector)))


def n_tests(detector: AnomalyDetector, large: LargeImages | None) -> Any:
    """Number of tests per item, beside those of a calibration score: (n,) for larger images, else 1."""
    return 1.0 if large is None else np.maximum(1.0, large.n_tiles / detector.tiles_per_score_)


def warn_of_many_tests(detector: AnomalyDetector, tests: Any) -> None:
    """Warn where images have so many tiles that the calibration cannot resolve the false-alarm rate."""
    most = np.max(tests)
    worth = n_independent(detector)
    least = conformal.smallest_rate(worth) * most
    if detector.contamination is None and most > 1 and rate_of(detector) < least:
        warnings.warn(
            f"false_alarm_rate={rate_of(detector):g} is less than {worth} calibration scores can resolve for images of "
            f"{most:g} tiles ({least:.2g}): taking the smallest rate that they can. Fit on more images, or calibrate "
            "on images as large as these",
            UserWarning,
            stacklevel=3,
        )


def warn_of_drift(detector: AnomalyDetector, score: np.ndarray, share: float, tiles: float) -> None:
    """Warn where new calibration scores differ from the earlier ones.

    Parameters
    ----------
    score : ndarray
        New scores.
    share : float
        Of them that lay above the threshold.
    tiles : float
        Number of tiles that each is the maximum of.
    """
    before, rate = detector.calibration_, rate_of(detector)
    if detector.contamination is not None:  # fresh rows score higher than the training rows that set the threshold
        rate = float(np.mean(before > -detector.offset_))
    # Half of the maxima of k scores lie below the (1/2)^(1/k) quantile of single scores.
    typical = np.quantile(before, 0.5 ** (detector.tiles_per_score_ / tiles))
    likely = rate + 4 * math.sqrt(rate / len(score))
    if share > likely + 1 / len(score) or abs(np.median(score) - typical) > before.std():
        warnings.warn(
            f"the data have drifted: {share:.1%} of these rows lay above the threshold, where {rate:.1%} were expected "
            f"(median score {np.median(score):.2f}, before {typical:.2f}). The threshold follows them; where they are "
            "not normal, fit anew",
            UserWarning,
            stacklevel=3,
        )
