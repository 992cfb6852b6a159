"""What is kept, and at what cost? One file each: a `Spec` whose `build(neck_dim, latent_dim)` gives a module
`(neck, offset, rng, progress) -> Code`.

It owns its heads. `offset` is what the linear path says, to be added to the head's word; a spec with `linear = False`
wants no such path and has no `zero_init`. Without `rng` nothing is drawn: the code is the one that `transform`
gives. `progress` is the share of the training steps that are done; costs that warm up are at full weight at 1.
`zero_init()` makes the heads silent, so that the linear path alone speaks at first. A module that says
`zero_init_decoder = True` has the decoder begin with the mean of the data: against the noise of a random decoder
training would first silence the code, and neurons that are silent on all samples hardly come back.
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
