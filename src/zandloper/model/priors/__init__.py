"""What is sampled from: a distribution over the latent space, fitted after training. One file each: a `Spec` whose
`build(latent_dim, context_dim)` gives a module with `sample(n, rng, context) -> (n, latent_dim)` and
`log_prob(z) -> (n,)` in nats. It is fitted by `learn(codes, rng)`, or, where it has `loss(batch, rng)`, by the training
loop after `start(codes, rng)`; its context then stands in `batch.condition`.

`of_symbols` says whether its codes are symbols or points, `conditional` whether it may stand in a model that is told a
condition. The normal one may: its nets are told, and the variational cost pulls every condition's codes towards it."""

from __future__ import annotations

import sys
from typing import Any

from zandloper.spec import public_attribute


def __getattr__(name: str) -> Any:
    """`zl.priors.Mixture` and the others, found by discovery."""
    return public_attribute(sys.modules[__name__], name)


def __dir__() -> list[str]:
    return list(public_attribute(sys.modules[__name__], "__all__"))
