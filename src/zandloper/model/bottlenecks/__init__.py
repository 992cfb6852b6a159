"""Bottlenecks: codes and their costs. One file per bottleneck, a `Spec` whose `build(encoding_dim, latent_dim)` returns
a module `(encoding, offset, rng, progress) -> BottleneckOutput`.

The module contains its heads. `offset` is the output of the linear path, to be added to theirs; a spec with
`linear = False` has no linear path and no `zero_init`. Without `rng` nothing is drawn: the code is that of `transform`.
`progress` is the finished share of the training steps; costs that warm up are at full weight at 1. `zero_init()` sets
the heads to zero, so that the linear path alone decides at first. With `zero_init_decoder = True` the decoder starts at
the mean of the data: against the noise of a random decoder, training would first shrink the code to zero, and neurons
that are inactive on all samples rarely recover.
"""

from __future__ import annotations

import sys
from typing import Any

from zandloper.spec import public_attribute


def __getattr__(name: str) -> Any:
    """`zl.bottlenecks.TopK` and the others, found by discovery."""
    return public_attribute(sys.modules[__name__], name)


def __dir__() -> list[str]:
    return list(public_attribute(sys.modules[__name__], "__all__"))
