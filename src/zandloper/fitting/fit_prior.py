"""The prior is fitted after the autoencoder, to the codes of its training rows; what has a loss by the one loop."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.model.batch import Batch, LossOutput
from zandloper.model.layers.layers import initialize
from zandloper.training import defaults
from zandloper.training.loop import train
from zandloper.training.muon import Muon
from zandloper.training.sources import ArraySource
from zandloper.training.state import TrainingConfig

RATE = 1e-3  # at 3e-3 a net over the nearly Gaussian codes of images learns nothing
HELD = 0.1  # share of the codes that choose when to stop
PLACES = 3_000  # symbols a batch: transformers learn more from many small steps
MUON, EDGE = 0.02, 0.15  # the rate where symbols are learned, and the share of it outside the blocks: see `muon`


class ConditionalPrior(nn.Module):
    """The prior of an hourglass under the same conditions, as the loop trains it. The rest stays as it is."""

    def __init__(self, hourglass: Any) -> None:
        super().__init__()
        self.prior, self._hourglass = hourglass.prior, [hourglass]  # in a list: no part of what is trained
        self.baseline_loss = self.prior.baseline_loss

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """Return the prior's loss on codes `batch.x`, given the batch's raw conditions."""
        with torch.no_grad():
            hourglass, some = self._hourglass[0], rng if self.training else None
            context = hourglass.prior_condition(len(batch.x), batch.x, batch.condition, some)
        return self.prior.loss(replace(batch, condition=context), rng, progress)


def fit_prior(
    module: Any,
    codes: Tensor,
    condition: Any,
    rng: torch.Generator,
    *,
    max_epochs: int,
    max_minutes: float | None = None,
    precision: str = "float32",
    seed: int = 0,
    uncertainty: Tensor | None = None,
) -> list[dict[str, float]]:
    """Fit `module.prior` to codes (n, latent_dim), symbols or points, and their raw conditions.

    Parameters
    ----------
    max_epochs, max_minutes : numbers
        Of the loop, where the prior is trained by it.
    precision : "auto", "float32" or "bfloat16"
        Of the matrix products in it.
    uncertainty : Tensor (latent_dim,), optional
        Of each value of a code, where the encoder has one.

    Returns
    -------
    The loop's history; nothing where the prior is fitted in one go.
    """
    prior = module.prior
    if not hasattr(prior, "loss"):
        prior.learn(codes, rng)
        return []
    n, device = len(codes), next(module.parameters()).device
    held = np.arange(n) % round(1 / HELD) == round(1 / HELD) - 1 if n >= 20 else np.zeros(n, bool)
    initialize(prior, rng)
    some = torch.from_numpy(~held)
    if prior.spec.of_symbols:
        prior.start(codes[some], rng)
    else:
        with torch.no_grad():
            context = None if condition is None else module.prior_condition(n, codes, torch.as_tensor(condition))
        prior.start(codes[some], rng, uncertainty, None if context is None else context[some])
    batch = defaults.batch_size(int((~held).sum()))
    weights = sum(estimator.numel() for estimator in prior.parameters())
    places = codes.shape[1] if prior.spec.of_symbols else 1
    rate: float = RATE
    optimizer: Any = "adam"
    if prior.spec.of_symbols:
        rate, optimizer = MUON, Muon
        batch = min(batch, max(32, 2 ** round(math.log2(PLACES / places))))
        for part in (estimator for name, estimator in prior.named_parameters() if not name.startswith("blocks.")):
            part.lr_scale = EDGE
    settings = TrainingConfig(
        max_epochs=max_epochs,
        max_minutes=max_minutes,
        paced=max_minutes is not None,
        batch_size=batch,
        lr=rate,
        optimizer=optimizer,
        threads=defaults.threads(6.0 * batch * weights * places),
        beta2_horizon=defaults.beta2_horizon(weights),
        precision=defaults.precision(precision, str(device), 2 * weights * places, "the prior"),
        patience=max(10, max_epochs // 2),
        seed=seed,
        device=str(device),
    )
    arrays = {"raw": codes.numpy(), "condition": condition}
    source = ArraySource(**arrays, rows=np.flatnonzero(~held), batch_size=batch, seed=seed)
    rest = ArraySource(**arrays, rows=np.flatnonzero(held)) if held.any() else None
    return train(ConditionalPrior(module).to(device), source, rest, settings).history
