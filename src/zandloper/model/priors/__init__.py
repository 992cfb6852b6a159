"""Priors: distributions over the latent space that `sample` draws from, fitted after training.

One file per prior, a `Spec` whose `build(latent_dim, context_dim)` returns a module with
`sample(n, rng, context) -> (n, latent_dim)` and `log_prob(z) -> (n,)` in nats. It is fitted by `learn(codes, rng)`, or,
if it has `loss(batch, rng)`, by the training loop after `start(codes, rng)`; its context is then `batch.condition`.

`of_symbols` declares whether its codes are symbols or points, `conditional` whether it supports models with a
condition. The normal prior does: the networks receive the condition, and the variational cost pulls the codes of every
condition towards it.
"""

from __future__ import annotations

import sys
from typing import Any

from zandloper.spec import public_attribute


def __getattr__(name: str) -> Any:
    """`zl.priors.Mixture` and the others, found by discovery."""
    return public_attribute(sys.modules[__name__], name)


def __dir__() -> list[str]:
    return list(public_attribute(sys.modules[__name__], "__all__"))
