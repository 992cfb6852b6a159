"""CSV rows that arrive one after the other, from a pipe or a terminal: complete ones are handed on at once."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping
from typing import Any

from zandloper.errors import DataError, FileError

MOST = 1 << 18  # bytes handed on together: a few thousand rows


def arriving(source: int) -> Iterator[bytes]:
    """Complete lines from a file descriptor, as many as have come; the last one also without a line break.

    A line break inside quotes ends no line.
    """
    rest = b""
    while more := os.read(source, MOST):
        rest += more
        cut = rest.rfind(b"\n") + 1
        while cut and rest.count(b'"', 0, cut) % 2:
            cut = rest.rfind(b"\n", 0, cut - 1) + 1
        if cut:
            yield rest[:cut]
            rest = rest[cut:]
    if rest.strip():
        yield rest + b"\n"


class RowReader:
    """CSV text without its header, part by part, to tables of the same columns and types.

    Parameters
    ----------
    header : bytes
        The first line.
    types : mapping of str to pyarrow types, or one type
        What is wanted of the columns; others are left out. One type: all columns are read as that.
    """

    def __init__(self, header: bytes, types: Any) -> None:
        import pyarrow as pa

        try:
            line = header.decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise FileError("the rows on standard input are not UTF-8 text: send 'CSV UTF-8'") from error
        self.delimiter = max(",;\t|", key=line.count)
        self.names = [name.strip() for name in next(csv.reader([line], delimiter=self.delimiter), [])]
        self.types: dict[str, pa.DataType] = (
            dict(types) if isinstance(types, Mapping) else dict.fromkeys(self.names, types)
        )
        lost = [name for name in self.types if name not in self.names]
        if lost:
            raise DataError(
                f"the rows on standard input lack the columns {', '.join(lost[:20])}: their first line must name the "
                f"columns, and it names {', '.join(self.names[:20])}"
            )
        self.rows = 0

    def read(self, text: bytes) -> Any:
        """The rows in some complete lines, as a pyarrow Table."""
        import pyarrow as pa
        from pyarrow import csv as pc

        convert = pc.ConvertOptions(
            column_types=self.types,
            include_columns=list(self.types),
            strings_can_be_null=True,
            null_values=[*pc.ConvertOptions().null_values, "?"],
        )
        parse = pc.ParseOptions(delimiter=self.delimiter, newlines_in_values=True)
        options = pc.ReadOptions(column_names=self.names, use_threads=False, block_size=max(len(text) + 1, 1 << 16))
        try:
            table = pc.read_csv(io.BytesIO(text), options, parse, convert)
        except pa.ArrowException as error:
            reason = str(error).strip().splitlines()[0][:160]
            raise DataError(
                f"what came on standard input after {self.rows:,} rows cannot be read: {reason}; correct the row, or "
                "leave a cell empty if its value is missing"
            ) from error
        self.rows += table.num_rows
        return table
