"""A fitted model as applications use it: raw rows in, latents, reconstructions and errors out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from zandloper.data.windows import RawRows, as_rows
from zandloper.errors import DataError
from zandloper.fitting.blueprint import Blueprint
from zandloper.fitting.conditioning import read_condition
from zandloper.fitting.input_columns import InputColumns
from zandloper.modality import Schema
from zandloper.model.batch import Batch
from zandloper.model.hourglass import Hourglass, map_fixed_batches, weighted
from zandloper.training import defaults


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A trained network, the schemas that read its data, and the size of the batches that it is applied to.

    Parameters
    ----------
    module : Hourglass
    blueprint : Blueprint
        Schemas and settings of the network's slots.
    inference_batch_size : int
        Rows that pass through the network at a time.
    flops_per_row : int
        Of one forward pass; the number of threads follows from it.
    caller : str
        Name of the estimator in error messages.
    columns : InputColumns or None
        Of tables, the columns that later data must have.
    """

    module: Hourglass
    blueprint: Blueprint
    inference_batch_size: int
    flops_per_row: int
    caller: str
    columns: InputColumns | None = None

    @property
    def schema(self) -> Schema:
        """Schema of the input."""
        return self.blueprint.schema

    @property
    def output(self) -> Schema:
        """Schema of the decoder's output: the target's, where there is one."""
        return self.blueprint.output

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of a sample's code."""
        return tuple(self.module.bottleneck.latent_shape)

    @property
    def n_latents(self) -> int:
        """Values of a sample's code."""
        return math.prod(self.latent_shape)

    # ------------------------------------------------------------------------------------------- user data to raw rows

    def read(self, X: Any) -> RawRows:
        """Raw rows of data of the input's schema: a tensor, or windows."""
        if self.columns is not None:
            self.columns.check(X, self.caller)
        return as_rows(self.schema.read(X, self.caller))

    def read_target(self, y: Any, rows: int | None = None) -> RawRows | None:
        """Raw rows of a target; None for models whose target is the input.

        Raises
        ------
        DataError
            The model has a target and y is None, or y has another number of samples than `rows`.
        """
        schema = self.blueprint.target_schema
        if schema is None:
            return None
        if y is None:
            raise DataError(f'{self.caller} was fitted with target="y" and measures against y: pass y')
        target = as_rows(schema.read(y, self.caller))
        if rows is not None and len(target) != rows:
            raise DataError(f"X has {rows} samples and y has {len(target)}: they must be as many")
        return target

    def read_pair(self, X: Any, y: Any) -> tuple[RawRows, RawRows | None]:
        """Raw rows of data and of their target."""
        raw = self.read(X)
        return raw, self.read_target(y, len(raw))

    def read_condition(self, condition: Any, repeats: int = 1) -> Tensor | None:
        """Raw rows of conditions, each repeated; None where the condition is None."""
        if condition is None:
            return None
        if self.blueprint.condition is None:
            raise DataError(f"{self.caller} was fitted without a condition and knows none: fit(X, condition=...)")
        raw = torch.as_tensor(read_condition(self.blueprint.condition, condition, self.caller))
        return raw.repeat_interleave(repeats, 0)

    # ------------------------------------------------------------------------------------------- through the network

    def map_batches(
        self,
        function: Callable[[Batch], Tensor],
        raw: RawRows,
        target: RawRows | None = None,
        condition: Tensor | None = None,
        batch_size: int | None = None,
        passes: int = 1,
    ) -> Tensor:
        """Apply a function to raw rows in batches of one size, without gradients; results are on the CPU.

        Parameters
        ----------
        function : callable
            From a batch of raw rows to a tensor with one row each.
        batch_size : int or None
            None: the model's own.
        passes : int
            Forward passes that the function makes per row; the number of threads follows from it.
        """
        device = self.module.center.device
        before, size = torch.get_num_threads(), batch_size or self.inference_batch_size
        torch.set_num_threads(defaults.threads(self.flops_per_row * passes * size))
        try:
            with torch.inference_mode():
                batch = Batch(cast(Tensor, raw), target=cast(Tensor | None, target), condition=condition)
                out = map_fixed_batches(lambda rows: function(rows.to(device)).cpu(), batch, size)
        finally:
            torch.set_num_threads(before)
        return out.clone()

    def encode(self, raw: RawRows) -> Tensor:
        """Latents (n, n_latents) of raw rows."""
        return self.map_batches(lambda batch: self.module.latent(batch).flatten(1), raw)

    def decode(self, codes: Tensor, condition: Tensor | None = None) -> Tensor:
        """Raw output of latents (n, n_latents), given raw conditions."""
        codes = codes.reshape(len(codes), *self.latent_shape)
        return self.map_batches(
            lambda batch: self.module.generated(batch.x, batch.condition), codes, condition=condition
        )

    def reconstruct(self, raw: RawRows) -> Tensor:
        """Raw output for raw rows."""
        return self.map_batches(self.module.reconstruct, raw)

    def error_map(self, raw: RawRows, target: RawRows | None = None, baseline: bool = False) -> tuple[Tensor, Tensor]:
        """Weighted errors of raw rows, (n, *target_shape), and the sum of the weights of each row, (n,).

        Parameters
        ----------
        baseline : bool
            Errors of the best constant prediction instead of the model's.
        """
        measure = self.module.baseline_error_map if baseline else self.module.error_map

        def errors_and_weights(batch: Batch) -> Tensor:
            self.module.check(batch)
            error, weight = measure(batch)
            total = (
                error.new_full((len(error), 1), error[0].numel())
                if weight is None
                else weight.flatten(1).sum(1, keepdim=True)
            )
            return torch.cat([weighted(error, weight).flatten(1), total], dim=1)

        out = self.map_batches(errors_and_weights, raw, target)
        return out[:, :-1].reshape(len(out), *self.output.target_shape), out[:, -1].clamp(min=1)

    def prior_context(self, n: int, condition: Tensor | None) -> Tensor | None:
        """Context (n, dim) that the prior receives for raw conditions."""
        with torch.inference_mode():
            context = self.module.prior_condition(n, torch.zeros(()), condition)
        return None if context is None else context.float()

    def flat_inputs(self, batch: Batch) -> Tensor:
        """A raw batch as flat points in model units, in which distances are measured."""
        return self.module.centered(self.module.scaler.encode(batch.x)[0]).flatten(1).float()

    # ------------------------------------------------------------------------------------------- raw rows to user data

    def give(self, values: Tensor, like: Any = None) -> Any:
        """Raw output as the user's own kind of data."""
        return self.output.give(values.numpy(), like=like)

    def rebuild(self, values: Tensor, like: Any, raw: RawRows) -> Any:
        """Raw output for the raw rows that `like` was read to, as the user's own kind of data."""
        return self.output.rebuild(values.numpy(), like, raw)
