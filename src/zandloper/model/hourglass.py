"""The hourglass: the five slots joined, and the path of one batch through them. Read this file first.

    corrupt -> encode -> bottleneck -> decode -> loss

1. The scaler, part of the graph, turns a `Batch` of raw numbers into model units.
2. The corruption changes the input; the target stays clean.
3. The encoder maps the corrupted input to an encoding.
4. The bottleneck maps the encoding to a code, and returns the cost of the code.
5. The decoder maps the code to the parameters of the output.
6. The loss compares the parameters with the target, element by element.

A linear path that starts at the PCA solution (`linear_path.py`) runs in parallel with encoder and decoder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from zandloper.model import Bottleneck, ConditionEmbedder, Corruption, Decoder, Encoder, Loss, Scaler
from zandloper.model.batch import Batch, BottleneckOutput, CorruptedInput, EncoderOutput, LossOutput
from zandloper.model.linear_path import LinearPath


class Hourglass(nn.Module):
    """The five slots behind a scaler, with an optional linear path in parallel.

    Parameters
    ----------
    in_shape : tuple of int
        The shape of one input of the encoder.
    scaler : Scaler
        The scaler of the input, from its modality.
    corrupt, encoder, bottleneck, decoder, compare : Corruption, Encoder, Bottleneck, Decoder, Loss
        The slots; their contracts stand in `zandloper.model`.
    target_scaler : Scaler or None
        The scaler of a target that differs from the input.
    linear : LinearPath or None
        The linear path; its outputs are added to those of encoder and decoder.
    """

    scaler: Scaler
    target_scaler: Scaler | None
    corrupt: Corruption
    encoder: Encoder
    bottleneck: Bottleneck
    decoder: Decoder
    compare: Loss
    linear: LinearPath | None
    in_shape: tuple[int, ...]
    center: Tensor
    spread: Tensor
    target_spread: Tensor
    baseline: Tensor
    draws_globally = False  # whether a part may draw from torch's global generators
    zero_init_decoder = False  # whether the decoder starts at zero, since a part of the input bypasses the bottleneck

    def __init__(
        self,
        in_shape: tuple[int, ...],
        scaler: Scaler,
        corrupt: Corruption,
        encoder: Encoder,
        bottleneck: Bottleneck,
        decoder: Decoder,
        compare: Loss,
        target_scaler: Scaler | None = None,
        linear: LinearPath | None = None,
    ) -> None:
        super().__init__()
        self.in_shape = in_shape
        self.scaler, self.target_scaler = scaler, target_scaler
        self.corrupt, self.encoder, self.bottleneck = corrupt, encoder, bottleneck
        self.decoder, self.compare, self.linear = decoder, compare, linear
        self.prior: Any = None  # new codes are drawn from it, where the estimator has one
        self.text_prior = False  # whether the prior alone is conditioned, on texts as they are
        self.condition_embedder: ConditionEmbedder | None = None
        # Networks and linear path get inputs of mean zero and unit spread and return outputs of unit spread, whatever
        # the model's units: set once from the data. Scalers that standardize already make this step unnecessary.
        self.unit, self.target_unit = scaler.unit, (target_scaler or scaler).unit
        self.register_buffer("center", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))
        self.register_buffer("target_spread", torch.ones(()))
        # The parameters of the best constant prediction, the baseline of `score`.
        self.register_buffer("baseline", torch.zeros(tuple(compare.params_shape)))
        self.baseline_loss = 0.0  # of that prediction; training that ends far above has diverged

    def learn(self, inputs: Callable[[], Iterable[Tensor]]) -> None:
        """Learn from the raw training rows, chunk by chunk, before training; here nothing."""

    def scaled(self, batch: Batch, rng: torch.Generator | None = None) -> Batch:
        """Return the raw batch in model units; a batch without a target gets its input as the target.

        With `rng`, parts of the condition are dropped, so that the model learns to do without them.
        """
        if self.condition_embedder is not None or self.text_prior:
            batch = replace(batch, condition=self.embed_condition(len(batch.x), batch.x, batch.condition, rng))
        if self.target_scaler is None:
            x, valid, target, target_valid = self.scaler.both(batch.x)
            return Batch(x, valid, target, target_valid, batch.condition)
        x, valid = self.scaler.encode(batch.x)
        if batch.target is None:
            return replace(batch, x=x, valid=valid)
        target, target_valid = self.target_scaler.target(batch.target)
        return Batch(x, valid, target, target_valid, batch.condition)

    def embed_condition(
        self, n: int, like: Tensor, condition: Tensor | None, rng: torch.Generator | None = None
    ) -> Tensor | None:
        """Return the context of raw conditions, (n, context_dim); None stands for rows without a condition."""
        if self.condition_embedder is None:
            return None
        return (
            self.condition_embedder.unknown(n, like) if condition is None else self.condition_embedder(condition, rng)
        )

    def prior_condition(
        self, n: int, like: Tensor, condition: Tensor | None, rng: torch.Generator | None = None
    ) -> Tensor | None:
        """Return the prior's context: that of the networks, or the raw condition where the prior reads texts."""
        return condition if self.text_prior else self.embed_condition(n, like, condition, rng)

    def encode(
        self,
        corrupted: CorruptedInput,
        condition: Tensor | None = None,
        rng: torch.Generator | None = None,
        progress: float = 1.0,
    ) -> tuple[BottleneckOutput, tuple[Tensor, ...]]:
        """Return the code of a corrupted input and the skips for the decoder. Without `rng` nothing is drawn."""
        encoded, offset = self.bottleneck_inputs(corrupted.x, condition)
        return self.bottleneck(encoded.value, offset, rng, progress), encoded.skips

    def bottleneck_inputs(self, x: Tensor, context: Tensor | None = None) -> tuple[EncoderOutput, Tensor | None]:
        """Return the inputs of the bottleneck: the encoder's output, and the linear path's part of the code."""
        x = self.centered(x)
        return self.encoder_output(x, context), None if self.linear is None else self.linear.encode(x)

    def encoder_output(self, x: Tensor, context: Tensor | None) -> EncoderOutput:
        """Return the encoder's output for centered inputs."""
        return self.encoder(x, context)

    def centered(self, x: Tensor) -> Tensor:
        """Return inputs of mean zero and unit spread."""
        return x if self.unit else (x - self.center) / self.spread

    def decode(self, z: Tensor, skips: tuple[Tensor, ...] = (), condition: Tensor | None = None) -> Tensor:
        """Return the parameters of the output, (n, *params_shape), for codes."""
        params = self.decoder(z, skips, condition).reshape(len(z), *self.compare.params_shape)
        if self.linear is not None:
            params = params + self.linear.decode(z).reshape(params.shape)
        if self.compare.in_target_units and not self.target_unit:
            params = params * self.target_spread
        return params if self.linear is not None else params + self.baseline

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """Return error and cost of a raw batch: summed per sample, averaged over samples, divided by elements.

        `progress` is the share of the training steps that are done: costs that warm up have full weight at 1.
        """
        batch = self.scaled(batch, rng if self.training else None)
        corrupted = self.corrupt(batch, rng)
        batch = self.reweight(batch, corrupted)
        code, skips = self.encode(corrupted, batch.condition, rng, progress)
        return self.loss_from_code(batch, code, skips)

    def loss_from_code(self, batch: Batch, code: BottleneckOutput, skips: tuple[Tensor, ...]) -> LossOutput:
        """Return error and cost of a batch in model units, given its code."""
        if code.draws > 1:
            batch = batch.map(lambda t: t.repeat_interleave(code.draws, 0))
        params = self.decode(code.z, skips, batch.condition)
        error = weighted(self.compare(params.float(), _target(batch)), batch.target_valid)
        mean_error = error.mean()
        cost = mean_error.new_zeros(()) if code.cost is None else code.cost.mean() / error[0].numel()
        if code.draws > 1 and code.cost is not None:
            bound = importance_weighted(error.flatten(1).sum(1) + code.cost, code.draws).mean() / error[0].numel()
            return LossOutput(bound, mean_error.detach(), cost.detach())
        return LossOutput(mean_error + cost, mean_error.detach(), cost.detach())

    def reweight(self, batch: Batch, corrupted: CorruptedInput) -> Batch:
        """Return the batch with the loss weights of the corruption, where it has any."""
        return batch if corrupted.loss_weight is None else replace(batch, target_valid=corrupted.loss_weight)

    def dummy_context(self, x: Tensor, condition: Tensor | None = None) -> Tensor | None:
        """Return a context for a dry run of the encoder."""
        return condition

    def latent(self, batch: Batch) -> Tensor:
        """Return the codes of clean raw inputs, (n, *latent_shape)."""
        return self._clean(batch)[0]

    def reconstruct(self, batch: Batch) -> Tensor:
        """Return the point prediction for clean raw inputs, in raw units."""
        z, skips, batch = self._clean(batch)
        return self.restore(self.decode(z, skips, batch.condition))

    def check(self, batch: Batch) -> None:
        """Raise a `DataError` for a raw batch whose target the loss is not defined for."""
        batch = self.scaled(batch)
        if batch.target is not None:
            self.compare.check(batch.target if batch.target_valid is None else batch.target[batch.target_valid > 0])

    def error_map(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return the error of every element of a raw batch, and the weights."""
        z, skips, batch = self._clean(batch)
        params = self.decode(z, skips, batch.condition)
        return self.compare(params.float(), _target(batch)), batch.target_valid

    def baseline_error_map(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return the error map of the best constant prediction."""
        batch = self.scaled(batch)
        params = self.baseline.expand(len(batch.x), *self.baseline.shape)
        return self.compare(params, _target(batch)), batch.target_valid

    def restore(self, params: Tensor) -> Tensor:
        """Return the point prediction of parameters, in raw units."""
        out = self.scaler if self.target_scaler is None else self.target_scaler
        return out.restore(self.compare.point(params.float()))

    def generated(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the point prediction of codes given raw conditions, in raw units."""
        return self.restore(self.decode(z, (), self.embed_condition(len(z), z, condition)))

    def _clean(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...], Batch]:
        batch = self.scaled(batch)
        code, skips = self.encode(CorruptedInput(batch.x, batch.valid), batch.condition)
        return code.z, skips, batch


def _target(batch: Batch) -> Tensor:
    assert batch.target is not None
    return batch.target


def importance_weighted(losses: Tensor, draws: int) -> Tensor:
    """Return `-log mean exp(-losses)` over the draws of each sample: (n * draws,) -> (n,).

    Burda, Grosse and Salakhutdinov 2016, "Importance weighted autoencoders", eq. 8.
    """
    return math.log(draws) - torch.logsumexp(-losses.reshape(-1, draws), dim=1)


def weighted(error: Tensor, weight: Tensor | None) -> Tensor:
    """Return the error map times its weights.

    `where`, not a product: the error of a missing value may be anything, and 0 x NaN is NaN.
    """
    return error if weight is None else torch.where(weight > 0, error * weight, 0.0)


def map_fixed_batches(function: Callable[[Batch], Tensor], batch: Batch, batch_size: int) -> Tensor:
    """Apply a function in batches of one size, the last one padded: no result depends on how rows are batched."""
    n, parts = len(batch.x), []
    for start in range(0, n, batch_size):
        rows = batch.map(lambda t: t[start : start + batch_size])  # noqa: B023 (called at once)
        short = batch_size - len(rows.x)
        if short:
            rows = rows.map(lambda t: torch.cat([t, t[-1:].expand(short, *t.shape[1:])]))  # noqa: B023
        parts.append(function(rows)[: batch_size - short])
    return torch.cat(parts)
