"""The hourglass: the five slots joined, and what one batch goes through. Read this file first.

    corrupt -> encode -> bottleneck -> decode -> compare

A `Batch` of raw numbers comes in. The scaler, part of the graph, turns it into what nets like. The corruption decides
what the encoder sees; the encoder makes a *neck* of it; the bottleneck turns the neck into a code and says what that
costs; the decoder makes parameters of the output from the code alone; the comparison measures the error against the
target. Beside the two nets runs a linear path that starts at the PCA solution (`linear.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from zandloper.model.batch import Batch, BottleneckOutput, CorruptedInput, EncoderOutput, LossOutput
from zandloper.model.linear_path import LinearPath


class Hourglass(nn.Module):
    """The five slots with a scaler in front and a linear path beside.

    Parameters
    ----------
    in_shape : tuple of int
        Of what the encoder sees, without the samples.
    scaler : nn.Module
        From the modality: `encode(raw) -> (x, valid)`, `target(raw) -> (target, valid)`, `restore(point) -> raw`.
    corrupt, encoder, bottleneck, decoder, compare : nn.Module
        The slots.
    target_scaler : nn.Module or None
        The scaler of a target that is not the input.
    linear : LinearPath or None
        The linear path; its last word is added to the nets' own.
    """

    scaler: Any
    target_scaler: Any
    corrupt: Any
    encoder: Any
    bottleneck: Any
    decoder: Any
    compare: Any
    linear: LinearPath | None
    in_shape: tuple[int, ...]
    center: Tensor
    spread: Tensor
    target_spread: Tensor
    baseline: Tensor
    draws_globally = False  # whether a part may draw from torch's global generators
    zero_init_decoder = False  # whether the decoder begins with nothing, beside something that passes by the bottleneck

    def __init__(
        self,
        in_shape: tuple[int, ...],
        scaler: Any,
        corrupt: nn.Module,
        encoder: nn.Module,
        bottleneck: nn.Module,
        decoder: nn.Module,
        compare: Any,
        target_scaler: nn.Module | None = None,
        linear: LinearPath | None = None,
    ) -> None:
        super().__init__()
        self.in_shape = in_shape
        self.scaler, self.target_scaler = scaler, target_scaler
        self.corrupt, self.encoder, self.bottleneck = corrupt, encoder, bottleneck
        self.decoder, self.compare, self.linear = decoder, compare, linear
        self.prior: Any = None  # what new codes are drawn from, where the type has it
        self.text_prior = False  # whether only the prior is told the batch's raw condition, as it is: texts
        self.condition_embedder: Any = (
            None  # makes of a batch's raw condition what nets and prior are told, where there is one
        )
        # Nets and linear path see inputs of mean zero and unit spread and give outputs of unit spread, whatever the
        # model's units; set once from the data. Scales that standardize already spare every step that work.
        self.unit, self.target_unit = scaler.unit, (target_scaler or scaler).unit
        self.register_buffer("center", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))
        self.register_buffer("target_spread", torch.ones(()))
        # The parameters of the best constant prediction: what `score` compares with.
        self.register_buffer("baseline", torch.zeros(tuple(compare.params_shape)))
        self.baseline_loss = 0.0  # of that prediction; training that ends up far above has diverged

    def learn(self, inputs: Callable[[], Iterable[Tensor]]) -> None:
        """What a kind of hourglass wants to know of the raw training rows, chunk by chunk, before training."""

    def scaled(self, batch: Batch, rng: torch.Generator | None = None) -> Batch:
        """The raw batch in model units. Without a target of its own, the target is the input.

        With `rng`, some of what the condition says is held back, so that less may be said later.
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
        """What nets and prior are told of raw conditions, (n, dim); None: nothing is known of the rows."""
        if self.condition_embedder is None:
            return None
        return (
            self.condition_embedder.unknown(n, like) if condition is None else self.condition_embedder(condition, rng)
        )

    def prior_condition(
        self, n: int, like: Tensor, condition: Tensor | None, rng: torch.Generator | None = None
    ) -> Tensor | None:
        """What the prior is told of raw conditions: what the nets are, or where it reads texts, these themselves."""
        return condition if self.text_prior else self.embed_condition(n, like, condition, rng)

    def encode(
        self,
        seen: CorruptedInput,
        condition: Tensor | None = None,
        rng: torch.Generator | None = None,
        progress: float = 1.0,
    ) -> tuple[BottleneckOutput, tuple]:
        """The code of what was seen, and the skips that the decoder may want. Without `rng` nothing is drawn."""
        neck, offset = self.bottleneck_inputs(seen.x, condition)
        return self.bottleneck(neck.value, offset, rng, progress), neck.skips

    def bottleneck_inputs(self, x: Tensor, context: Tensor | None = None) -> tuple[EncoderOutput, Tensor | None]:
        """What the bottleneck gets: the encoder's neck, and what the linear path adds to the code."""
        x = self.centered(x)
        return self.encoder_output(x, context), None if self.linear is None else self.linear.encode(x)

    def encoder_output(self, x: Tensor, context: Tensor | None) -> EncoderOutput:
        """What the encoder makes of centered inputs."""
        neck: EncoderOutput = self.encoder(x, context)
        return neck

    def centered(self, x: Tensor) -> Tensor:
        """Inputs as the encoder gets them: of mean zero and unit spread."""
        return x if self.unit else (x - self.center) / self.spread

    def decode(self, z: Tensor, skips: tuple = (), condition: Tensor | None = None) -> Tensor:
        """The output's parameters, (n, *params_shape), from the code."""
        params = self.decoder(z, skips, condition).reshape(len(z), *self.compare.params_shape)
        if self.linear is not None:
            params = params + self.linear.decode(z).reshape(params.shape)
        if self.compare.in_target_units and not self.target_unit:
            params = params * self.target_spread
        return params if self.linear is not None else params + self.baseline

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """Error and cost of one raw batch: sums per sample, averaged over samples, divided by elements per sample.

        `progress` is the share of the steps that are done: what warms up looks at it, and is at full weight at 1.
        """
        batch = self.scaled(batch, rng if self.training else None)
        seen = self.corrupt(batch, rng)
        batch = self.reweight(batch, seen)
        code, skips = self.encode(seen, batch.condition, rng, progress)
        return self.loss_from_code(batch, code, skips)

    def loss_from_code(self, batch: Batch, code: BottleneckOutput, skips: tuple) -> LossOutput:
        """Error and cost of a batch in model units whose code is known."""
        if code.draws > 1:
            batch = batch.map(lambda t: t.repeat_interleave(code.draws, 0))
        params = self.decode(code.z, skips, batch.condition)
        error = weighted(self.compare(params.float(), batch.target), batch.target_valid)
        mean_error = error.mean()
        cost = mean_error.new_zeros(()) if code.cost is None else code.cost.mean() / error[0].numel()
        if code.draws > 1 and code.cost is not None:
            bound = importance_weighted(error.flatten(1).sum(1) + code.cost, code.draws).mean() / error[0].numel()
            return LossOutput(bound, mean_error.detach(), cost.detach())
        return LossOutput(mean_error + cost, mean_error.detach(), cost.detach())

    def reweight(self, batch: Batch, seen: CorruptedInput) -> Batch:
        """The batch with what its errors weigh after the corruption: as before it, unless that says otherwise."""
        return batch if seen.loss_weight is None else replace(batch, target_valid=seen.loss_weight)

    def dummy_context(self, x: Tensor, condition: Tensor | None = None) -> Tensor | None:
        """What to tell the encoder on a dry run."""
        return condition

    def latent(self, batch: Batch) -> Tensor:
        """Codes of clean raw inputs, (n, *latent_shape)."""
        return self._clean(batch)[0]

    def reconstruct(self, batch: Batch) -> Tensor:
        """The point prediction for clean raw inputs, in raw units."""
        z, skips, batch = self._clean(batch)
        return self.restore(self.decode(z, skips, batch.condition))

    def check(self, batch: Batch) -> None:
        """Have the comparison refuse a raw batch that it cannot measure."""
        batch = self.scaled(batch)
        if batch.target is not None:
            self.compare.check(batch.target if batch.target_valid is None else batch.target[batch.target_valid > 0])

    def error_map(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """The error of every element of a raw batch and its weight."""
        z, skips, batch = self._clean(batch)
        params = self.decode(z, skips, batch.condition)
        return self.compare(params.float(), batch.target), batch.target_valid

    def baseline_error_map(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """As `error_map`, of the best constant prediction."""
        batch = self.scaled(batch)
        return self.compare(self.baseline.expand(len(batch.x), *self.baseline.shape), batch.target), batch.target_valid

    def restore(self, params: Tensor) -> Tensor:
        """Parameters of the output as a point in raw units."""
        out = self.scaler if self.target_scaler is None else self.target_scaler
        return out.restore(self.compare.point(params.float()))

    def generated(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """The point that codes decode to given raw conditions, in raw units."""
        return self.restore(self.decode(z, (), self.embed_condition(len(z), z, condition)))

    def _clean(self, batch: Batch) -> tuple[Tensor, tuple, Batch]:
        batch = self.scaled(batch)
        code, skips = self.encode(CorruptedInput(batch.x, batch.valid), batch.condition)
        return code.z, skips, batch


def importance_weighted(losses: Tensor, draws: int) -> Tensor:
    """`-log mean exp(-losses)` over the draws of each sample: (n * draws,) -> (n,).

    Burda, Grosse and Salakhutdinov 2016, "Importance weighted autoencoders", eq. 8.
    """
    return math.log(draws) - torch.logsumexp(-losses.reshape(-1, draws), dim=1)


def weighted(error: Tensor, weight: Tensor | None) -> Tensor:
    """The error map with what does not count set to zero.

    `where`, not a product: the error of a missing value may be anything, and 0 x NaN is NaN.
    """
    return error if weight is None else torch.where(weight > 0, error * weight, 0.0)


def map_fixed_batches(function: Callable[[Batch], Tensor], batch: Batch, block: int) -> Tensor:
    """`function` over fixed blocks of rows, the last one padded, so that no result depends on how rows are batched."""
    n, parts = len(batch.x), []
    for start in range(0, n, block):
        rows = batch.map(lambda t: t[start : start + block])  # noqa: B023 (called at once)
        short = block - len(rows.x)
        if short:
            rows = rows.map(lambda t: torch.cat([t, t[-1:].expand(short, *t.shape[1:])]))  # noqa: B023
        parts.append(function(rows)[: block - short])
    return torch.cat(parts)
