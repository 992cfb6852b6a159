"""Checks of the parameters of a compressor."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.errors import bad_parameter


def check_parameters(compressor: Any) -> None:
    """Refuse parameters of a wrong type or out of their range."""
    caller = type(compressor).__name__
    for name, most in (("max_error", math.inf), ("quality", 1.0)):
        value = getattr(compressor, name)
        good = isinstance(value, numbers.Real) and not isinstance(value, bool) and 0 <= float(value) <= most
        if value is not None and not (good and math.isfinite(float(value))):
            wanted = "a finite number from 0 on, or None" if name == "max_error" else "a number from 0 to 1, or None"
            raise bad_parameter(caller, name, wanted, value)
    if compressor.max_error is not None and compressor.quality is not None:
        raise bad_parameter(caller, "quality", "None where max_error is given: it sets no bound", compressor.quality)
    if not isinstance(compressor.relative, bool | np.bool_):
        raise bad_parameter(caller, "relative", "True or False", compressor.relative)
    inner: Any = getattr(compressor.autoencoder, "estimator", compressor.autoencoder)
    if inner is not None and not isinstance(inner, BaseAutoencoder):
        wanted = "None, an autoencoder of zandloper, or a FrozenEstimator of a fitted one"
        raise bad_parameter(caller, "autoencoder", wanted, compressor.autoencoder)
    if inner is not None and inner.target != "input":
        raise bad_parameter(caller, "autoencoder", 'one that gives back its input (target="input")', inner.target)
