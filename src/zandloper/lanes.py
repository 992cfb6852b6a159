"""How data lie when they are coded: cut into blocks, each with its values as (channels, steps, lanes).

Rows of a table are lanes of one step, images lanes of a step a pixel, series are cut into lanes of about a thousand
steps that are coded side by side. A `Layout` goes both ways: the user's data to blocks, and blocks to the user's data.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import torch
from torch import Tensor

from zandloper import clock
from zandloper.columns import (
    Column,
    dims_of,
    give_column,
    give_frame,
    give_numbers,
    is_frame,
    learn_column,
    read_column,
)
from zandloper.errors import DataError, FileError
from zandloper.modality import Form
from zandloper.several import are_several, each_of

BLOCK = 2**20  # values in a block, about
SPAN = 1_024  # steps in a lane of a series, about
WHOLE = 2.0**53  # integers from here on are not all floats


@dataclass
class Block:
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

    def __init__(self, form: Any) -> None:
        self.form: Any = form
        self.image = form.name == "image_form"
        if self.image:
            self.unit = "images"
            self.height, self.width, channels = form.shape
            self.kinds, self.dtypes = ("number",) * channels, (form.dtype,) * channels
        else:
            self.height = self.width = 1
            self.kinds = tuple("category" if c.kind == "category" else "number" for c in self.form.columns)
            self.dtypes = tuple(_held(c, self.form) for c in self.form.columns)

    @property
    def channels(self) -> int:
        """Columns, colours or channels."""
        return len(self.kinds)

    @property
    def exact(self) -> np.ndarray:
        """Which channels have no errors to speak of, bool (channels,): categories, truth values, times."""
        if self.image:
            return np.full(self.channels, self.form.dtype == "bool")
        return np.array([c.kind != "number" for c in self.form.columns])

    @property
    def itemsize(self) -> float:
        """Bytes of a value in its own type, on average; of categories and times, those of a number."""
        if self.image:
            return float(np.dtype(self.form.dtype).itemsize)
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

    def read(self, X: Any, owner: str) -> Any:
        """Data as raw rows, in which nothing is lost."""
        raw = self.form.read(X, owner)
        if is_frame(X) and not self.image:
            self._check_levels(X, raw, owner)
        if raw.dtype.kind == "i" and raw.dtype.itemsize == 8 and len(raw) and np.abs(raw).max() >= WHOLE:
            raise DataError(f"{owner} keeps whole numbers below 2^53 and got {np.abs(raw).max()}: take smaller ones")
        return raw

    def blocks(self, raw: Any) -> Iterator[Block]:
        """Raw rows in blocks."""
        step = max(64, BLOCK // int(np.prod(raw.shape[1:])))
        for start in range(0, len(raw), step):
            yield Block(raw[start : start + step])

    def values(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Values (channels, steps, lanes) in float64, NaN where nothing is, and which there could be (steps, lanes)."""
        flat = np.asarray(block.raw, np.float64).reshape(len(block.raw), -1, self.channels)
        out = np.ascontiguousarray(np.moveaxis(flat, 0, -1).swapaxes(0, 1))
        return out, np.ones(out.shape[1:], bool)

    def shape(self, numbers: list[int]) -> tuple[int, int, np.ndarray]:
        """Steps, lanes, and which values there could be, of a block whose `numbers` were kept."""
        steps = self.height * self.width
        return steps, numbers[0], np.ones((steps, numbers[0]), bool)

    def numbers(self, block: Block) -> list[int]:
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

    def predicted(self, rows: np.ndarray, lanes: int) -> np.ndarray:
        """What the decoder made of raw rows, as (channels, steps, lanes)."""
        return np.ascontiguousarray(np.moveaxis(rows.reshape(lanes, -1, self.channels), 0, -1).swapaxes(0, 1))

    def codes(self, codes: np.ndarray, lanes: int) -> np.ndarray:
        """Codes of samples (n, latents) as (steps, latents, lanes)."""
        return codes.T[None]

    def of_codes(self, codes: np.ndarray) -> np.ndarray:
        """The inverse of `codes`."""
        return codes[0].T

    def back(self, values: np.ndarray, numbers: list[int], times: bytes) -> Block:
        """Values (channels, steps, lanes) as a block."""
        rows = np.moveaxis(values.swapaxes(0, 1), -1, 0)
        return Block(rows.reshape(numbers[0], self.height, self.width, -1) if self.image else rows[:, 0])

    def times(self, block: Block) -> bytes:
        """The time stamps of a block, packed."""
        return b""

    def give(self, blocks: list[Block], about: dict[str, Any]) -> Any:
        """Blocks as the user's own kind of data."""
        return self.form.give(np.concatenate([b.raw for b in blocks]))

    def _check_levels(self, X: Any, raw: np.ndarray, owner: str) -> None:
        frame = nw.from_native(X, eager_only=True)
        for i, column in enumerate(self.form.columns):
            if column.kind == "category" and (gone := np.isnan(raw[:, i])).any():
                series = frame.get_column(column.name)
                if gone.sum() > series.null_count():
                    strange = next(v for v, g in zip(series.to_list(), gone) if g and v is not None and v == v)
                    raise DataError(
                        f"column {column.name!r} holds {strange!r}, which is not among the {len(column.levels)} levels "
                        f"that {owner} knows, and would be lost: fit on data that hold it, or keep the column elsewhere"
                    )


class SeriesLayout(Layout):
    """Of series: pieces of at most a block, in lanes of about a thousand steps, windows side by side in each."""

    unit = "steps"

    def __init__(self, form: Form, time: Column | None = None, names: tuple[str, ...] = ()) -> None:
        self.form, self.time, self.names, self.image = form, time, names, False
        self.height, self.width = 1, 0
        self.window: int = self.form.window
        self.kinds = ("number",) * len(self.form.columns)
        self.dtypes = tuple(_held(c, self.form) for c in self.form.columns)

    def about(self, X: Any) -> dict[str, Any]:
        """One series or several, and how one came."""
        kind = ("list" if isinstance(X, list | tuple) else "array") if are_several(X) else "one"
        first = each_of(X, "")[0]
        stamped = self.time is not None and is_frame(first)
        return {"kind": kind, "flat": not is_frame(first) and dims_of(first) == 1, "stamped": stamped}

    def read(self, X: Any, owner: str) -> list[Block]:
        """Each series as a block of its own, however long."""
        out = []
        for i, one in enumerate(each_of(X, owner)):
            part = self.form.parse(one, owner)[0]
            times: tuple[np.ndarray, ...] = ()
            if self.time is not None and is_frame(one):
                column = clock.stamps(one, self.form.where, self.form.time, owner)
                if column is None:
                    raise DataError(f"{owner} was fitted on frames with a time index and got one without")
                times = (read_column(self.time, column, owner),)
            values = np.asarray(part.values, np.float64)
            out.append(Block([values], (i,), times))
        return out

    def blocks(self, raw: list[Block]) -> Iterator[Block]:
        """Long series are cut, short ones put together."""
        most = max(self.window, BLOCK // self.channels // self.span * self.span)
        gathered: list[tuple[int, np.ndarray, Any]] = []
        room = most
        for one in raw:
            values, at = one.raw[0], 0
            while at < len(values) or (len(values) == 0 and at == 0):
                step = min(len(values) - at, most)
                if step > room and gathered:
                    yield _gathered(gathered)
                    gathered, room = [], most
                gathered.append((one.numbers[0], values[at : at + step], [t[at : at + step] for t in one.times]))
                room, at = room - max(step, self.span), at + max(1, step)
                if room <= 0:
                    yield _gathered(gathered)
                    gathered, room = [], most
        if gathered:
            yield _gathered(gathered)

    def joined(self, parts: Iterable[tuple[list[Block], Any]]) -> Iterator[tuple[list[Block], Any]]:
        """The next steps of one series."""
        held: list[Block] = []
        for raw, part in parts:
            held += raw
            if sum(block.rows for block in held) * self.channels >= BLOCK:
                yield [_one_block(held)], part
                held = []
        if held:
            yield [_one_block(held)], part

    @property
    def span(self) -> int:
        """Steps in a lane: whole windows."""
        return self.window * -(-SPAN // self.window)

    def numbers(self, block: Block) -> list[int]:
        """Each piece's series and length."""
        return [v for number, piece in zip(block.numbers, block.raw) for v in (number, len(piece))]

    def shape(self, numbers: list[int]) -> tuple[int, int, np.ndarray]:
        """As for rows."""
        lengths = numbers[1::2]
        longest = max(1, min(self.span, max(lengths)))
        steps = self.window * -(-longest // self.window)
        there = [np.arange(steps) < length - start for length in lengths for start in range(0, length, steps)]
        if not there:
            there = [np.zeros(steps, bool)]
        return steps, len(there), np.stack(there, axis=1)

    def values(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """As for rows."""
        steps, lanes, there = self.shape(self.numbers(block))
        out, lane = np.full((self.channels, steps, lanes), np.nan), 0
        for piece in block.raw:
            for start in range(0, len(piece), steps):
                part = piece[start : start + steps]
                out[:, : len(part), lane] = part.T
                lane += 1
        return out, there

    def samples(self, values: np.ndarray) -> Tensor:
        """Windows (n, channels, steps), lane by lane."""
        channels, steps, lanes = values.shape
        cut = values.reshape(channels, steps // self.window, self.window, lanes)
        return torch.from_numpy(np.ascontiguousarray(cut.transpose(3, 1, 0, 2)).reshape(-1, channels, self.window))

    def predicted(self, rows: np.ndarray, lanes: int) -> np.ndarray:
        """As for rows."""
        cut = rows.reshape(lanes, -1, self.channels, self.window).transpose(2, 1, 3, 0)
        return np.ascontiguousarray(cut).reshape(self.channels, -1, lanes)

    def codes(self, codes: np.ndarray, lanes: int) -> np.ndarray:
        """The windows of a lane follow each other."""
        return np.ascontiguousarray(codes.reshape(lanes, -1, codes.shape[1]).transpose(1, 2, 0))

    def of_codes(self, codes: np.ndarray) -> np.ndarray:
        """The inverse of `codes`."""
        return np.ascontiguousarray(codes.transpose(2, 0, 1)).reshape(-1, codes.shape[1])

    def back(self, values: np.ndarray, numbers: list[int], times: bytes) -> Block:
        """As for rows."""
        steps, lane, pieces = values.shape[1], 0, []
        for length in numbers[1::2]:
            lanes = -(-length // steps)
            joined = values[:, :, lane : lane + lanes].transpose(2, 1, 0).reshape(-1, self.channels)
            pieces.append(joined[:length])
            lane += lanes
        return Block(pieces, tuple(numbers[::2]), _unpack_times(times, numbers[1::2]) if times else ())

    def times(self, block: Block) -> bytes:
        """Second differences of whole numbers, which are zeros where steps are regular; other numbers as they are."""
        if not block.times:
            return b""
        joined = np.concatenate(block.times)
        if np.isfinite(joined).all() and (joined == np.rint(joined)).all() and np.abs(joined).max(initial=0) < 2**62:
            ends = np.cumsum([len(t) for t in block.times])[:-1]
            twice = [np.diff(t.astype(np.int64), prepend=np.int64(0)) for t in np.split(joined, ends)]
            twice = [np.concatenate([d[:2], np.diff(d[1:])]) if len(d) > 2 else d for d in twice]
            return b"i" + zlib.compress(np.concatenate(twice).astype("<i8").tobytes(), 9)
        return b"f" + zlib.compress(joined.astype("<f8").tobytes(), 9)

    def give(self, blocks: list[Block], about: dict[str, Any]) -> Any:
        """Pieces of one series put together, in the kind that they came in."""
        pieces: dict[int, list[tuple[np.ndarray, Any]]] = {}
        for block in blocks:
            for i, (number, piece) in enumerate(zip(block.numbers, block.raw)):
                pieces.setdefault(number, []).append((piece, block.times[i] if block.times else None))
        out = [self._one(parts, about) for _, parts in sorted(pieces.items())]
        if about["kind"] == "one":
            return out[0]
        return out if about["kind"] == "list" else np.stack(out)

    def _one(self, parts: list[tuple[np.ndarray, Any]], about: dict[str, Any]) -> Any:
        values = np.concatenate([p for p, _ in parts])
        if self.form.backend == "array":
            out = give_numbers(values, self.form.given)
            return out[:, 0] if about["flat"] else out
        backend = self.form.backend
        made = {c.name: give_column(c, values[:, i], backend) for i, c in enumerate(self.form.columns)}
        if not about["stamped"] or self.time is None:
            return give_frame(made, backend)
        stamps = give_column(self.time, np.concatenate([t for _, t in parts]), backend)
        if self.form.where == "column":
            return give_frame({name: made.get(name, stamps) for name in self.names}, backend)
        import pandas as pd

        return give_frame(made, backend).set_axis(pd.Index(stamps, name=self.form.time or None))


def layout_of(form: Form, X: Any, owner: str) -> Layout:
    """The layout for data of a form; of a series' frame it learns the time column."""
    if form.name != "series_form":
        return Layout(form)
    first, known = each_of(X, owner)[0], None
    names: tuple[str, ...] = ()
    where: str = form.where  # type: ignore[attr-defined]
    if is_frame(first) and where:
        column = clock.stamps(first, where, form.time, owner)  # type: ignore[attr-defined]
        known = None if column is None else learn_column(column, owner)
        names = tuple(nw.from_native(first, eager_only=True).columns)
    return SeriesLayout(form, known, names)


def _one_block(blocks: list[Block]) -> Block:
    times = [b.times[0] for b in blocks if b.times]
    return Block([np.concatenate([b.raw[0] for b in blocks])], (0,), (np.concatenate(times),) if times else ())


def _gathered(pieces: list[tuple[int, np.ndarray, Any]]) -> Block:
    times = tuple(t for _, _, ts in pieces for t in ts)
    return Block([p for _, p, _ in pieces], tuple(n for n, _, _ in pieces), times)


def _unpack_times(data: bytes, lengths: list[int]) -> tuple[np.ndarray, ...]:
    ends = np.cumsum(lengths)[:-1]
    try:
        flat = np.frombuffer(zlib.decompress(data[1:]), "<i8" if data[:1] == b"i" else "<f8")
    except zlib.error as error:
        raise FileError("the time stamps of a block are damaged") from error
    parts = np.split(flat, ends)
    if data[:1] == b"f":
        return tuple(p.astype(np.float64) for p in parts)
    once = [np.concatenate([p[:1], np.cumsum(p[1:])]) for p in parts]
    return tuple(np.cumsum(p).astype(np.float64) for p in once)


def _held(column: Column, form: Any) -> str:
    """What a column's numbers are given back as, as far as it rounds them."""
    if form.backend == "array":
        return form.given if np.dtype(form.given).kind in "fiu" else "float64"
    word = column.dtype.removeprefix("arrow:").lower()
    narrow = {"float32": "float32", "float": "float32", "float16": "float16", "halffloat": "float16"}
    return narrow.get(word, "float64") if column.kind == "number" else "float64"
