"""Compressed files: writing blocks, writing a stream of parts, opening, and decoding block by block."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zandloper.applications.compression.block_codec import BlockCodec, PartSizes
from zandloper.applications.compression.file_format import CompressedReader, CompressedWriter
from zandloper.applications.compression.layout import DataBlock
from zandloper.applications.compression.rate_distortion import Compressed
from zandloper.errors import DataError, FileError, UnsupportedError, bad_parameter
from zandloper.io.atomic import in_one_sentence


def write_data(codec: BlockCodec, model_hash: str, file: BinaryIO, X: Any, caller: str) -> tuple[PartSizes, int, float]:
    """Write data to a file; return the sizes of the parts, the number of values, and the bytes of the raw data."""
    layout = codec.layout
    raw = layout.read(X, caller)
    rows = sum(block.rows for block in raw) if isinstance(raw, list) else len(raw)
    total, values = PartSizes(0, 0, 0), 0
    writing = CompressedWriter(file, {"model": model_hash, "rows": rows, "layout": layout.about(X)})
    for block in layout.blocks(raw):
        payload, sizes = codec.encode(block)
        writing.block(block.rows, payload)
        total = total + sizes
        values += block.rows * layout.channels * (layout.height * layout.width or 1)
    writing.close()
    return total, values, values * layout.itemsize


def write_stream(codec: BlockCodec, model_hash: str, file: BinaryIO, parts: Iterable[Any], caller: str) -> Compressed:
    """Write the parts of a stream to a file."""
    layout = codec.layout
    writing, total, values, about = None, PartSizes(0, 0, 0), 0, None
    for raw, part in layout.joined((layout.read(part, caller), part) for part in parts):
        if writing is None:
            about = layout.about(part)
            writing = CompressedWriter(file, {"model": model_hash, "rows": None, "layout": about})
        elif layout.about(part) != about or (about and about["kind"] != "one"):
            raise DataError("the parts of a stream must be of one kind: rows of a table, images, or one series")
        for block in layout.blocks(raw):
            payload, sizes = codec.encode(block)
            writing.block(block.rows, payload)
            total, values = (
                total + sizes,
                values + block.rows * layout.channels * (layout.height * layout.width or 1),
            )
    if writing is None:
        raise DataError("there are no data to compress: the stream has no parts")
    writing.close()
    return Compressed(writing.size, values * layout.itemsize, values, total, None, None)


def open_reader(model_hash: str, file: BinaryIO, name: str, damaged: str) -> CompressedReader:
    """Open a compressed file that the model with a hash wrote."""
    if damaged not in ("error", "skip"):
        raise bad_parameter("decompress", "damaged", "'error' or 'skip'", damaged)
    reading = CompressedReader(file, name)
    if reading.about.get("model") != model_hash:
        raise FileError(
            f"{name} was written by another model ({str(reading.about.get('model'))[:8]}, and this is "
            f"{model_hash[:8]}): load the one that wrote it"
        )
    if reading.lost:
        warnings.warn(reading.lost, UserWarning, stacklevel=3)
    return reading


def decoded_blocks(
    codec: BlockCodec, reading: CompressedReader, damaged: str, rows: tuple[int, int] | None
) -> Iterator[tuple[int, DataBlock]]:
    """Yield the number and the content of each block that holds any of `rows`."""
    start = 0
    for number, (_, count) in enumerate(reading.index):
        wanted = rows is None or (start < rows[1] and rows[0] < start + count)
        start += count
        if not wanted:
            continue
        try:
            yield number, codec.decode(reading.block(number))
        except FileError as error:
            if damaged == "error" or rows is not None:
                raise
            lost = f"{error}: its {count:,} {codec.layout.unit} are left out"
            warnings.warn(lost, UserWarning, stacklevel=3)


def check_rows(rows: Any, reading: CompressedReader) -> None:
    """Refuse a range of rows outside the data, or of several series."""
    good = isinstance(rows, tuple | list) and len(rows) == 2 and all(isinstance(r, int | np.integer) for r in rows)
    if not good or not 0 <= rows[0] < rows[1] <= reading.rows:
        raise bad_parameter("decompress", "rows", f"(first, last + 1) within 0 and {reading.rows}", rows)
    if reading.about["layout"].get("kind", "one") != "one":
        raise UnsupportedError("rows= is for tables, images and one series; several series: use decompress_blocks")


class OpenedData:
    """Context manager that opens bytes or a path as a binary file; enters as the file and its name."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __enter__(self) -> tuple[BinaryIO, str]:
        if isinstance(self.data, bytes | bytearray | memoryview):
            self.file: BinaryIO = io.BytesIO(self.data)
            return self.file, "the compressed data"
        if not isinstance(self.data, str | Path):
            raise bad_parameter("decompress", "data", "bytes or the path of a file", type(self.data).__name__)
        with in_one_sentence(Path(self.data), "read"):
            if not Path(self.data).is_file():
                raise FileError(f"{self.data} does not exist, or is no file: check the name")
            self.file = open(self.data, "rb")
        return self.file, str(self.data)

    def __exit__(self, *error: Any) -> None:
        self.file.close()
