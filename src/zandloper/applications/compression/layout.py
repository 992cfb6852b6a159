"""Layout of data for coding: blocks of values (channels, steps, sequences), whose sequences are coded in parallel.

A row of a table is a sequence of one step, an image a sequence of one step per pixel, and series are cut into sequences
of about a thousand steps. A `Layout` converts the user's data to blocks and blocks to the user's data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import torch
from torch import Tensor

from zandloper.data.columns import Column
from zandloper.data.frames import is_frame
from zandloper.errors import DataError

BLOCK = 2**20  # values in a block, about
SPAN = 1_024  # steps of a sequence of a series, about
WHOLE = 2.0**53  # floats represent all integers below


@dataclass
class DataBlock:
    """A part of the data: raw rows, or pieces of series with the index of the series of each piece."""

    raw: Any
    numbers: tuple[int, ...] = ()
    times: tuple[np.ndarray, ...] = ()

    @property
    def rows(self) -> int:
        """Rows, images or time steps."""
        return sum(map(len, self.raw)) if isinstance(self.raw, list) else len(self.raw)


class Layout:
    """The layout of tables and images; that of series is a subclass.

    Parameters
    ----------
    schema : Schema
        Schema of the model.
    """

    window = 1
    unit = "rows"

    def __init__(self, schema: Any) -> None:
        self.schema: Any = schema
        self.image = schema.name == "image_schema"
        if self.image:
            self.unit = "images"
            self.height, self.width, channels = schema.shape
            self.kinds, self.dtypes = ("number",) * channels, (schema.dtype,) * channels
        else:
            self.height = self.width = 1
            self.kinds = tuple("category" if c.kind == "category" else "number" for c in self.schema.columns)
            self.dtypes = tuple(held_as(c, self.schema) for c in self.schema.columns)

    @property
    def channels(self) -> int:
        """Columns, colors or channels."""
        return len(self.kinds)

    @property
    def exact(self) -> np.ndarray:
        """Flags of the channels that are coded exactly, (channels,): categories, booleans, times."""
        if self.image:
            return np.full(self.channels, self.schema.dtype == "bool")
        return np.array([c.kind != "number" for c in self.schema.columns])

    @property
    def itemsize(self) -> float:
        """Bytes of a raw value, on average; categories and times count as numbers."""
        if self.image:
            return float(np.dtype(self.schema.dtype).itemsize)
        return float(np.mean([np.dtype(d).itemsize for d in self.dtypes]))

    def joined(self, parts: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        """Raw rows of small parts put together into blocks, each with one of the parts that it came from."""
        held: list[Any] = []
        for raw, part in parts:
            held.append(raw)
            if sum(map(np.size, held)) >= BLOCK:
                yield np.concatenate(held), part
                held = []
        if held:
            yield np.concatenate(held), part

    def about(self, X: Any) -> dict[str, Any]:
        """What has to be known beside the values to give data back."""
        return {}

    def read(self, X: Any, caller: str) -> Any:
        """Data as raw rows, in which nothing is lost."""
        raw = self.schema.read(X, caller)
        if is_frame(X) and not self.image:
            self._check_levels(X, raw, caller)
        if raw.dtype.kind == "i" and raw.dtype.itemsize == 8 and len(raw) and np.abs(raw).max() >= WHOLE:
            raise DataError(f"{caller} keeps whole numbers below 2^53 and got {np.abs(raw).max()}: take smaller ones")
        return raw

    def blocks(self, raw: Any) -> Iterator[DataBlock]:
        """Raw rows in blocks."""
        step = max(64, BLOCK // int(np.prod(raw.shape[1:])))
        for start in range(0, len(raw), step):
            yield DataBlock(raw[start : start + step])

    def values(self, block: DataBlock) -> tuple[np.ndarray, np.ndarray]:
        """Values (channels, steps, sequences) in float64, NaN if missing, and flags of positions (steps, sequences)."""
        flat = np.asarray(block.raw, np.float64).reshape(len(block.raw), -1, self.channels)
        out = np.ascontiguousarray(np.moveaxis(flat, 0, -1).swapaxes(0, 1))
        return out, np.ones(out.shape[1:], bool)

    def shape(self, numbers: list[int]) -> tuple[int, int, np.ndarray]:
        """Steps, sequences, and flags of positions, of a block with the stored `numbers`."""
        steps = self.height * self.width
        return steps, numbers[0], np.ones((steps, numbers[0]), bool)

    def numbers(self, block: DataBlock) -> list[int]:
        """The integers from which the shape of a block follows."""
        return [len(block.raw)]

    def samples(self, values: np.ndarray) -> Tensor:
        """Values (channels, steps, sequences) as raw rows for the encoder."""
        rows = np.moveaxis(values, -1, 0)  # (sequences, channels, steps)
        if self.image:
            return torch.from_numpy(
                np.ascontiguousarray(rows.swapaxes(1, 2).reshape(len(rows), self.height, self.width, -1))
            )
        return torch.from_numpy(np.ascontiguousarray(rows[:, :, 0]))

    def predicted(self, rows: np.ndarray, sequences: int) -> np.ndarray:
        """Output rows of the decoder as (channels, steps, sequences)."""
        return np.ascontiguousarray(np.moveaxis(rows.reshape(sequences, -1, self.channels), 0, -1).swapaxes(0, 1))

    def codes(self, codes: np.ndarray, sequences: int) -> np.ndarray:
        """Codes of samples (n, latents) as (steps, latents, sequences)."""
        return codes.T[None]

    def of_codes(self, codes: np.ndarray) -> np.ndarray:
        """The inverse of `codes`."""
        return codes[0].T

    def rebuild(self, values: np.ndarray, numbers: list[int], times: bytes) -> DataBlock:
        """Values (channels, steps, sequences) as a block."""
        rows = np.moveaxis(values.swapaxes(0, 1), -1, 0)
        return DataBlock(rows.reshape(numbers[0], self.height, self.width, -1) if self.image else rows[:, 0])

    def times(self, block: DataBlock) -> bytes:
        """The time stamps of a block, packed."""
        return b""

    def give(self, blocks: list[DataBlock], about: dict[str, Any]) -> Any:
        """Blocks as data of the user's kind."""
        return self.schema.give(np.concatenate([b.raw for b in blocks]))

    def _check_levels(self, X: Any, raw: np.ndarray, caller: str) -> None:
        frame = nw.from_native(X, eager_only=True)
        for i, column in enumerate(self.schema.columns):
            if column.kind == "category" and (gone := np.isnan(raw[:, i])).any():
                series = frame.get_column(column.name)
                if gone.sum() > series.null_count():
                    strange = next(v for v, g in zip(series.to_list(), gone) if g and v is not None and v == v)
                    raise DataError(
                        f"column {column.name!r} holds {strange!r}, which is none of the {len(column.levels)} levels "
                        f"that {caller} knows, and would be lost: fit on data that hold it, or keep it elsewhere"
                    )


def held_as(column: Column, schema: Any) -> str:
    """The dtype to which the numbers of a column are rounded."""
    if schema.backend == "array":
        return schema.given if np.dtype(schema.given).kind in "fiu" else "float64"
    word = column.dtype.removeprefix("arrow:").lower()
    narrow = {"float32": "float32", "float": "float32", "float16": "float16", "halffloat": "float16"}
    return narrow.get(word, "float64") if column.kind == "number" else "float64"
