"""Checks of a detector's parameters, and the values that its defaults stand for."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.errors import ParameterError, bad_parameter

if TYPE_CHECKING:
    from zandloper.applications.detection.detector import AnomalyDetector

FALSE_ALARM_RATE = 0.01  # where neither a rate nor a contamination is given


def check_parameters(detector: AnomalyDetector) -> None:
    """Raise a ParameterError that names the first invalid parameter."""
    caller, rate, contamination = type(detector).__name__, detector.false_alarm_rate, detector.contamination
    if rate is not None and not (_is_real(rate) and 0 < float(rate) < 1):
        raise bad_parameter(caller, "false_alarm_rate", "None, or a number above 0 and below 1", rate)
    if contamination is not None and not (_is_real(contamination) and 0 < float(contamination) <= 0.5):
        raise bad_parameter(caller, "contamination", "None, or a number above 0 and up to 0.5", contamination)
    if rate is not None and contamination is not None:
        raise ParameterError(
            f"{caller} got false_alarm_rate={rate:g} and contamination={contamination:g}, which set the same "
            "threshold: pass one of them"
        )
    k = detector.n_neighbors
    if isinstance(k, bool) or not isinstance(k, numbers.Integral) or k < 0:
        raise bad_parameter(caller, "n_neighbors", "an integer >= 0", k)
    trim = detector.trim_fraction
    if not (_is_real(trim) and 0 <= float(trim) < 0.5):
        raise bad_parameter(caller, "trim_fraction", "a number from 0 to below 0.5", trim)
    inner = getattr(detector.autoencoder, "estimator", detector.autoencoder)
    if detector.autoencoder is not None and not isinstance(inner, BaseAutoencoder):
        wanted = "None, an autoencoder of zandloper, or a FrozenEstimator of a fitted one"
        raise bad_parameter(caller, "autoencoder", wanted, detector.autoencoder)
    if getattr(inner, "target", "input") != "input":
        raise bad_parameter(caller, "autoencoder", 'one that reconstructs its input (target="input")', inner.target)


def modality_of(detector: AnomalyDetector) -> Any:
    """Modality parameter, which by default is that of the given autoencoder."""
    inner = getattr(detector.autoencoder, "estimator", detector.autoencoder)
    automatic = isinstance(detector.modality, str) and detector.modality == "auto"
    return inner.modality if automatic and inner is not None else detector.modality


def expected_share(detector: AnomalyDetector) -> float:
    """Share of rows like the training rows that are flagged: the contamination, or else the false-alarm rate."""
    return rate_of(detector) if detector.contamination is None else float(detector.contamination)


def rate_of(detector: AnomalyDetector) -> float:
    """False-alarm rate, with its default."""
    return FALSE_ALARM_RATE if detector.false_alarm_rate is None else float(detector.false_alarm_rate)


def _is_real(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
