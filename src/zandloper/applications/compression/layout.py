"""How data lie when they are coded: cut into blocks, each with its values as (channels, steps, lanes).

Rows of a table are lanes of one step, images lanes of a step a pixel, series are cut into lanes of about a thousand
steps that are coded side by side. A `Layout` goes both ways: the user's data to blocks, and blocks to the user's data.
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
SPAN = 1_024  # steps in a lane of a series, about
WHOLE = 2.0**53  # integers from here on are not all floats


@dataclass
class DataBlock:
    """A part of the data: raw rows, or pieces of series with the number of the series that each belongs to."""

    raw: Any
    numbers: tuple[int, ...] = ()
    times: tuple[np.ndarray, ...] = ()

    @property
    def rows(self) -> int:
        """Rows, images or time steps."""
        return sum(map(len, self.raw)) if isinstance(self.raw, list) else len(self.raw)


class Layout:
    """Of tables and images; series override.

    Parameters
    ----------
    form : Form
        Of the model.
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
        """Which channels have no errors to speak of, bool (channels,): categories, truth values, times."""
        if self.image:
            return np.full(self.channels, self.schema.dtype == "bool")
        return np.array([c.kind != "number" for c in self.schema.columns])

    @property
    def itemsize(self) -> float:
        """Bytes of a value in its own type, on average; of categories and times, those of a number."""
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
        """Values (channels, steps, lanes) in float64, NaN where nothing is, and which there could be (steps, lanes)."""
        flat = np.asarray(block.raw, np.float64).reshape(len(block.raw), -1, self.channels)
        out = np.ascontiguousarray(np.moveaxis(flat, 0, -1).swapaxes(0, 1))
        return out, np.ones(out.shape[1:], bool)

    def shape(self, numbers: list[int]) -> tuple[int, int, np.ndarray]:
        """Steps, lanes, and which values there could be, of a block whose `numbers` were kept."""
        steps = self.height * self.width
        return steps, numbers[0], np.ones((steps, numbers[0]), bool)

    def numbers(self, block: DataBlock) -> list[int]:
        """What a block has to keep to know its shape."""
        return [len(block.raw)]

    def samples(self, values: np.ndarray) -> Tensor:
        """Values (channels, steps, lanes) as raw rows for the encoder."""
        rows = np.moveaxis(values, -1, 0)  # (lanes, channels, steps)
        if self.image:
            return torch.from_numpy(
                np.ascontiguousarray(rows.swapaxes(1, 2).reshape(len(rows), self.height, self.width, -1))
            )
        return torch.from_numpy(np.ascontiguousarray(rows[:, :, 0]))

    def predicted(self, rows: np.ndarray, sequences: int) -> np.ndarray:
        """What the decoder made of raw rows, as (channels, steps, lanes)."""
        return np.ascontiguousarray(np.moveaxis(rows.reshape(sequences, -1, self.channels), 0, -1).swapaxes(0, 1))

    def codes(self, codes: np.ndarray, sequences: int) -> np.ndarray:
        """Codes of samples (n, latents) as (steps, latents, lanes)."""
        return codes.T[None]

    def of_codes(self, codes: np.ndarray) -> np.ndarray:
        """The inverse of `codes`."""
        return codes[0].T

    def rebuild(self, values: np.ndarray, numbers: list[int], times: bytes) -> DataBlock:
        """Values (channels, steps, lanes) as a block."""
        rows = np.moveaxis(values.swapaxes(0, 1), -1, 0)
        return DataBlock(rows.reshape(numbers[0], self.height, self.width, -1) if self.image else rows[:, 0])

    def times(self, block: DataBlock) -> bytes:
        """The time stamps of a block, packed."""
        return b""

    def give(self, blocks: list[DataBlock], about: dict[str, Any]) -> Any:
        """Blocks as the user's own kind of data."""
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
    """What a column's numbers are given back as, as far as it rounds them."""
    if schema.backend == "array":
        return schema.given if np.dtype(schema.given).kind in "fiu" else "float64"
    word = column.dtype.removeprefix("arrow:").lower()
    narrow = {"float32": "float32", "float": "float32", "float16": "float16", "halffloat": "float16"}
    return narrow.get(word, "float64") if column.kind == "number" else "float64"
