"""Conditions of a model: labels, numbers or frames, as one context for encoder, decoder and prior.

A condition is data like any other. Some modality's form reads it into a raw array, which travels as `Batch.condition`;
the `ConditionEmbedder`, part of the graph, makes a context (n, dim) of it, which nets and priors get as well. So one
more kind of condition is one more form, and a net in the teller where its numbers are to be summarized first.

While training, some of what is known is held back at random, so that one model serves whatever is said later: all of
the condition, some of its columns, or nothing (Ho and
Salimans 2021, "Classifier-free diffusion guidance", section 3.2).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.data.columns import MOST_LEVELS, Column
from zandloper.data.frames import dims_of, is_frame
from zandloper.errors import DataError
from zandloper.modality import Chunks, Schema, modality
from zandloper.modality.table import TableSchema
from zandloper.modality.text import Text, TextSchema

SILENT = 0.1  # share of the rows without a condition while training, and of those with only a part of it


def learn_condition(values: Any, rows: int, caller: str) -> tuple[Schema, np.ndarray]:
    """The form of a condition and its raw numbers, one row for each of `rows` samples.

    Lists of str are texts where there are more different ones than different words (captions are put together out of
    few words). Labels in one dimension are classes where they are text, truth values or at most 200 whole numbers;
    arrays in two are numbers; frames are what their columns are.

    Raises
    ------
    DataError
        The condition has another number of rows, or none of its values is known.
    """
    if are_texts(values):
        schema, raw = Text().learn(values, f"{caller}'s condition")
        if len(raw) != rows:
            raise DataError(f"X has {rows} samples and condition has {len(raw)}: they must be as many")
        return schema, raw
    labels = None if is_frame(values) or dims_of(values) != 1 else _labels(values)
    if labels is None:
        schema, _ = modality(
            "table" if not hasattr(values, "__fspath__") else "auto", values, f"{caller}'s condition"
        ).learn(values, f"{caller}'s condition")
    else:
        schema = TableSchema("array", (Column("condition", "category", "str", levels=labels),), given="str", flat=True)
        if not labels:
            schema = TableSchema("array", (Column("condition", "number", "float64"),), flat=True)
    raw = read_condition(schema, values, caller)
    if len(raw) != rows:
        raise DataError(f"X has {rows} samples and condition has {len(raw)}: they must be as many")
    if np.isnan(raw.astype(np.float64)).all():
        raise DataError(f"all values of {caller}'s condition are missing: there is nothing to condition on")
    return schema, raw


def read_condition(schema: Schema, values: Any, caller: str) -> np.ndarray:
    """Later conditions as raw numbers; a single value stands for one row.

    Raises
    ------
    DataError
        A class was never seen while training.
    """
    if isinstance(schema, TextSchema):
        return schema.read_known([values] if isinstance(values, str) else values, f"{caller}'s condition")
    if isinstance(schema, TableSchema) and schema.flat and np.ndim(values) == 0:
        values = [values]
    raw = np.asarray(schema.read(values, f"{caller}'s condition"))
    if isinstance(schema, TableSchema):
        _refuse_unseen(schema, values, raw, caller)
    return raw


def are_texts(values: Any) -> bool:
    """Whether a list of str are texts: more of them differ than there are different words. Else they are names."""
    if not isinstance(values, list | tuple) or not values or not isinstance(values[0], str):
        return False
    different = {value for value in values if isinstance(value, str)}
    return len(different) > len({word for value in different for word in value.split()})


def _labels(values: Any) -> tuple[Any, ...] | None:
    """The classes of labels in one dimension, the commonest first; none for plain numbers."""
    array = np.asarray(values)
    if array.dtype.kind == "f":
        return ()
    known = [v for v in array.tolist() if v is not None and v == v]
    levels, counts = np.unique(np.array(known), return_counts=True)
    if levels.dtype.kind in "iu" and len(levels) > MOST_LEVELS:
        return ()
    ranked = levels[np.argsort(-counts, kind="stable")].tolist()
    return tuple(ranked)


def _refuse_unseen(schema: TableSchema, values: Any, raw: np.ndarray, caller: str) -> None:
    """A class that no training row had says nothing: better refused than taken for missing."""
    for i, column in enumerate(schema.columns):
        if column.kind != "category":
            continue
        if schema.flat:
            given = np.asarray(values).ravel().tolist()
        else:
            import narwhals as nw

            given = nw.from_native(values, eager_only=True).get_column(column.name).to_list()
        unseen = [v for v, code in zip(given, raw[:, i]) if code != code and v is not None and v == v]
        if unseen:
            known = ", ".join(repr(level) for level in column.levels[:8]) + (" ..." if len(column.levels) > 8 else "")
            name = "condition" if schema.flat else f"column {column.name!r} of the condition"
            raise DataError(f"{name} holds {unseen[0]!r}, which {caller} never saw while training: it saw {known}")


class ConditionEmbedder(nn.Module):
    """From raw conditions to a context (n, dim): scaled values, zero where unknown, and which columns are known."""

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self.scaler = schema.scaler()
        self.columns = math.prod(schema.target_shape)
        self.dim = math.prod(schema.in_shape) + self.columns

    def learn(self, chunks: Chunks) -> None:
        """Statistics of the training rows' conditions."""
        self.scaler.learn(chunks)

    def unknown(self, n: int, like: Tensor) -> Tensor:
        """The context of rows of which nothing is known."""
        return torch.zeros(n, self.dim, device=like.device)

    def forward(self, raw: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """The context of raw conditions (n, ...); with `rng`, parts are held back."""
        if rng is not None:
            raw = torch.where(self._held_back(raw, rng), torch.nan, raw.double())
        x, valid, _, known = self.scaler.both(raw)
        known = torch.ones(len(x), self.columns, device=x.device) if known is None else known.flatten(1)
        x = x.flatten(1) if valid is None else (x * valid).flatten(1)
        return torch.cat([x, known], dim=1)

    def _held_back(self, raw: Tensor, rng: torch.Generator) -> Tensor:
        lot = torch.rand(len(raw), 1, generator=rng, device=raw.device)
        each = torch.rand(raw.shape, generator=rng, device=raw.device) < 0.5
        return (lot < SILENT) | ((lot > 1 - SILENT) & each)
