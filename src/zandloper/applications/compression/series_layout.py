"""Layout of series for coding: sequences of about a thousand steps, coded in parallel, with separate time stamps."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import narwhals as nw
import numpy as np
import torch
from torch import Tensor

from zandloper.applications.compression.layout import BLOCK, DataBlock, Layout, held_as
from zandloper.data import timestamps
from zandloper.data.column_dtypes import give_column
from zandloper.data.columns import Column, learn_column, read_column
from zandloper.data.frames import dims_of, give_frame, give_numbers, is_frame
from zandloper.data.series_lists import are_several, each_of
from zandloper.errors import DataError, FileError, UnsupportedError
from zandloper.modality import Schema

SPAN = 1_024  # steps of a sequence, about


class SeriesLayout(Layout):
    """The layout of series: pieces of at most a block, cut into sequences of whole windows."""

    unit = "steps"

    def __init__(self, schema: Schema, time: Column | None = None, names: tuple[str, ...] = ()) -> None:
        self.schema, self.time, self.names, self.image = schema, time, names, False
        self.height, self.width = 1, 0
        self.window: int = self.schema.window
        self.kinds = ("number",) * len(self.schema.columns)
        self.dtypes = tuple(held_as(c, self.schema) for c in self.schema.columns)

    def about(self, X: Any) -> dict[str, Any]:
        """The number and the format of the series."""
        kind = ("list" if isinstance(X, list | tuple) else "array") if are_several(X) else "one"
        first = each_of(X, "")[0]
        stamped = self.time is not None and is_frame(first)
        return {"kind": kind, "flat": not is_frame(first) and dims_of(first) == 1, "stamped": stamped}

    def read(self, X: Any, caller: str) -> list[DataBlock]:
        """One block per series, of any length."""
        out = []
        for i, one in enumerate(each_of(X, caller)):
            part = self.schema.parse(one, caller)[0]
            times: tuple[np.ndarray, ...] = ()
            if self.time is not None and is_frame(one):
                column = timestamps.stamps(one, self.schema.where, self.schema.time, caller)
                if column is None:
                    raise DataError(f"{caller} was fitted on frames with a time index and got one without")
                times = (read_column(self.time, column, caller),)
            values = np.asarray(part.values, np.float64)
            out.append(DataBlock([values], (i,), times))
        return out

    def blocks(self, raw: list[DataBlock]) -> Iterator[DataBlock]:
        """Cut long series and combine short ones."""
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

    def joined(self, parts: Iterable[tuple[list[DataBlock], Any]]) -> Iterator[tuple[list[DataBlock], Any]]:
        """The next steps of one series."""
        held: list[DataBlock] = []
        for raw, part in parts:
            held += raw
            if sum(block.rows for block in held) * self.channels >= BLOCK:
                yield [_one_block(held)], part
                held = []
        if held:
            yield [_one_block(held)], part

    @property
    def span(self) -> int:
        """Steps of a sequence: whole windows."""
        return self.window * -(-SPAN // self.window)

    def numbers(self, block: DataBlock) -> list[int]:
        """Each piece's series and length."""
        return [v for number, piece in zip(block.numbers, block.raw) for v in (number, len(piece))]

    def shape(self, numbers: list[int]) -> tuple[int, int, np.ndarray]:
        """See `Layout`."""
        lengths = numbers[1::2]
        longest = max(1, min(self.span, max(lengths)))
        steps = self.window * -(-longest // self.window)
        present = [np.arange(steps) < length - start for length in lengths for start in range(0, length, steps)]
        if not present:
            present = [np.zeros(steps, bool)]
        return steps, len(present), np.stack(present, axis=1)

    def values(self, block: DataBlock) -> tuple[np.ndarray, np.ndarray]:
        """See `Layout`."""
        steps, sequences, present = self.shape(self.numbers(block))
        out, sequence = np.full((self.channels, steps, sequences), np.nan), 0
        for piece in block.raw:
            for start in range(0, len(piece), steps):
                part = piece[start : start + steps]
                out[:, : len(part), sequence] = part.T
                sequence += 1
        return out, present

    def samples(self, values: np.ndarray) -> Tensor:
        """Windows (n, channels, steps), sequence by sequence."""
        channels, steps, sequences = values.shape
        cut = values.reshape(channels, steps // self.window, self.window, sequences)
        return torch.from_numpy(np.ascontiguousarray(cut.transpose(3, 1, 0, 2)).reshape(-1, channels, self.window))

    def predicted(self, rows: np.ndarray, sequences: int) -> np.ndarray:
        """See `Layout`."""
        cut = rows.reshape(sequences, -1, self.channels, self.window).transpose(2, 1, 3, 0)
        return np.ascontiguousarray(cut).reshape(self.channels, -1, sequences)

    def codes(self, codes: np.ndarray, sequences: int) -> np.ndarray:
        """Codes of windows as steps of their sequence."""
        return np.ascontiguousarray(codes.reshape(sequences, -1, codes.shape[1]).transpose(1, 2, 0))

    def of_codes(self, codes: np.ndarray) -> np.ndarray:
        """The inverse of `codes`."""
        return np.ascontiguousarray(codes.transpose(2, 0, 1)).reshape(-1, codes.shape[1])

    def rebuild(self, values: np.ndarray, numbers: list[int], times: bytes) -> DataBlock:
        """See `Layout`."""
        steps, sequence, pieces = values.shape[1], 0, []
        for length in numbers[1::2]:
            sequences = -(-length // steps)
            joined = values[:, :, sequence : sequence + sequences].transpose(2, 1, 0).reshape(-1, self.channels)
            pieces.append(joined[:length])
            sequence += sequences
        return DataBlock(pieces, tuple(numbers[::2]), _unpack_times(times, numbers[1::2]) if times else ())

    def times(self, block: DataBlock) -> bytes:
        """Second differences of integers, which are zeros for regular steps; other numbers unchanged."""
        if not block.times:
            return b""
        joined = np.concatenate(block.times)
        if np.isfinite(joined).all() and (joined == np.rint(joined)).all() and np.abs(joined).max(initial=0) < 2**62:
            ends = np.cumsum([len(t) for t in block.times])[:-1]
            twice = [np.diff(t.astype(np.int64), prepend=np.int64(0)) for t in np.split(joined, ends)]
            twice = [np.concatenate([d[:2], np.diff(d[1:])]) if len(d) > 2 else d for d in twice]
            return b"i" + zlib.compress(np.concatenate(twice).astype("<i8").tobytes(), 9)
        return b"f" + zlib.compress(joined.astype("<f8").tobytes(), 9)

    def give(self, blocks: list[DataBlock], about: dict[str, Any]) -> Any:
        """Concatenate the pieces of each series, in the format of the user."""
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
        if self.schema.backend == "array":
            out = give_numbers(values, self.schema.given)
            return out[:, 0] if about["flat"] else out
        backend = self.schema.backend
        made = {c.name: give_column(c, values[:, i], backend) for i, c in enumerate(self.schema.columns)}
        if not about["stamped"] or self.time is None:
            return give_frame(made, backend)
        stamps = give_column(self.time, np.concatenate([t for _, t in parts]), backend)
        if self.schema.where == "column":
            return give_frame({name: made.get(name, stamps) for name in self.names}, backend)
        import pandas as pd

        return give_frame(made, backend).set_axis(pd.Index(stamps, name=self.schema.time or None))


def layout_of(schema: Schema, X: Any, caller: str) -> Layout:
    """The layout for data with a schema; of a series' frame, the time column is learned."""
    if schema.name in ("table_schema", "image_schema"):
        return Layout(schema)
    if schema.name != "series_schema":
        what = schema.name.removesuffix("_schema")
        hint = '; sounds are compressed as series, modality="series"' if what == "audio" else ""
        raise UnsupportedError(f"{caller} keeps tables, images and series, and the data are read as {what}{hint}")
    first, known = each_of(X, caller)[0], None
    names: tuple[str, ...] = ()
    where: str = schema.where  # type: ignore[attr-defined]
    if is_frame(first) and where:
        column = timestamps.stamps(first, where, schema.time, caller)  # type: ignore[attr-defined]
        known = None if column is None else learn_column(column, caller)
        names = tuple(nw.from_native(first, eager_only=True).columns)
    return SeriesLayout(schema, known, names)


def _one_block(blocks: list[DataBlock]) -> DataBlock:
    times = [b.times[0] for b in blocks if b.times]
    return DataBlock([np.concatenate([b.raw[0] for b in blocks])], (0,), (np.concatenate(times),) if times else ())


def _gathered(pieces: list[tuple[int, np.ndarray, Any]]) -> DataBlock:
    times = tuple(t for _, _, ts in pieces for t in ts)
    return DataBlock([p for _, p, _ in pieces], tuple(n for n, _, _ in pieces), times)


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
