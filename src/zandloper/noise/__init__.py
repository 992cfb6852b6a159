"""Noise: settings of noises, estimation of the noise in data, and an audit that compares the two.

`zl.noise.Gaussian(0.1)` and its siblings are settings of a noise, for `DenoisingAutoencoder(noise=...)`; `.apply(X)`
adds the noise to data. `zl.noise.estimate(noisy, clean)` returns the noise in data; `zl.noise.audit(noise, noisy,
clean)` tests whether a noise resembles it. A model removes the noise of its training: if that differs from the real
noise, it fails.
"""

from __future__ import annotations

from typing import Any

import zandloper.model.corruptions
from zandloper.model.corruptions import Noise
from zandloper.noise.audit import Audit, audit
from zandloper.noise.estimate import estimate
from zandloper.noise.parsing import from_text
from zandloper.noise.units import apply
from zandloper.spec import discover

# The slot handles batches in model units alone, and must not import this folder: `apply` is attached from here.
Noise.apply = apply  # type: ignore[method-assign]

_FAMILIES = {
    part.__name__: part
    for part in discover(zandloper.model.corruptions).values()
    if isinstance(part, type) and issubclass(part, Noise)
}

__all__ = ["Audit", "Noise", "audit", "estimate", "from_text", *sorted(_FAMILIES)]


def __getattr__(name: str) -> Any:
    """`zl.noise.Gaussian` and its siblings, found by discovery."""
    if name in _FAMILIES:
        return _FAMILIES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; there is: {', '.join(sorted(_FAMILIES))}")


def __dir__() -> list[str]:
    return sorted(__all__)
