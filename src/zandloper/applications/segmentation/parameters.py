"""Checks of the parameters of a segmenter."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from zandloper.errors import bad_parameter
from zandloper.training import defaults
from zandloper.training.patch_source import check_augmentations


def check_parameters(segmenter: Any) -> None:
    """Refuse parameters of a wrong type or out of their range."""
    caller, s = type(segmenter).__name__, segmenter
    check_augmentations(s.n_augmentations, caller)
    layers = isinstance(s.hidden, tuple | list) and len(s.hidden) > 0
    checks = (
        ("hidden", "a tuple of positive integers", layers and all(_whole(h, 1) for h in s.hidden)),
        ("patch", "an integer >= 8", _whole(s.patch, 8)),
        ("ignore", "an integer or None", s.ignore is None or _whole(s.ignore, -(2**62))),
        (
            "class_weight",
            "None, 'balanced' or a dict",
            s.class_weight in (None, "balanced") or isinstance(s.class_weight, dict),
        ),
        ("max_epochs", "None or an integer >= 1", s.max_epochs is None or _whole(s.max_epochs, 1)),
        (
            "max_minutes",
            "None or a finite number above 0",
            s.max_minutes is None or (_finite(s.max_minutes) and s.max_minutes > 0),
        ),
        (
            "validation",
            "None or a share from 0 to below 1",
            s.validation is None or (_finite(s.validation) and 0 <= s.validation < 1),
        ),
    )
    for name, wanted, good in checks:
        if not good:
            raise bad_parameter(caller, name, wanted, getattr(s, name))


def prediction_options(segmenter: Any) -> tuple[int, str]:
    """The number of augmented copies and the device of predictions."""
    caller = type(segmenter).__name__
    check_augmentations(segmenter.n_augmentations, caller)  # may have been set after `fit`
    device = defaults.device(segmenter.device, caller)
    return int(segmenter.n_augmentations) if segmenter.augment else 1, device


def _whole(value: Any, low: int) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= low


def _finite(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))
