"""Tables on disk: CSV as it is found in the wild, and Parquet."""

from __future__ import annotations

import csv
import gzip
import itertools
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zandloper.errors import DataError, FileError
from zandloper.io.atomic import ending

ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
MOSTLY = 0.95  # text with at least this share of numbers is taken for numbers with errors in them


def read(path: Path) -> Any:
    """The pyarrow Table in a file."""
    table = _read_parquet(path) if ending(path) == ".parquet" else _read_csv(path)
    if table.num_rows == 0:
        raise FileError(f"{path} names {table.num_columns} columns and holds no rows: add at least two")
    return table


def write(file: BinaryIO, data: Any, names: Sequence[str] | None, path: Path) -> None:
    """A frame, or an array of one or two dimensions, in the format that the path names."""
    _write_table(file, _as_table(data, names, path), ending(path))


def beside(columns: Mapping[str, Any], array: np.ndarray, names: Sequence[str]) -> Any:
    """A table of some columns and, to their right, those of an array of one or two dimensions."""
    import pyarrow as pa

    array = array[:, None] if array.ndim == 1 else array
    return pa.table({**columns, **{name: np.ascontiguousarray(array[:, i]) for i, name in enumerate(names)}})


def _read_csv(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import csv as pc

    try:
        options, parse, convert = csv_options(path)
        try:
            table = pc.read_csv(path, options, parse, convert)
        except pa.ArrowInvalid:
            options.use_threads = False  # a single thread knows the number of the row that is wrong
            table = pc.read_csv(path, options, parse, convert)
        _check_columns(table, path)
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text: save it again as 'CSV UTF-8'") from error
    except (pa.ArrowException, EOFError, csv.Error) as error:
        text = re.sub(r"^CSV parse error: ", "", str(error)).strip().splitlines()[0][:160]
        text = re.sub(r"^Row #(\d+): ", r"row \1 (the header is row 1, empty lines do not count): ", text)
        raise FileError(f"{path} cannot be read as a table: {text}; correct the file") from error
    for i, column in enumerate(table.columns):  # nothing in it, so that no kind could be seen: numbers, all missing
        if pa.types.is_null(column.type):
            table = table.set_column(i, table.column_names[i], column.cast(pa.float64()))
    return table


def csv_options(path: Path, block: int | None = None) -> tuple[Any, Any, Any]:
    """How pyarrow is to read a CSV file: in blocks of so many bytes, what separates, and what stands for nothing."""
    from pyarrow import csv as pc

    delimiter, point, header = _sniff(path)
    convert = pc.ConvertOptions(
        decimal_point=point, strings_can_be_null=True, null_values=[*pc.ConvertOptions().null_values, "?"]
    )
    parse = pc.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    return pc.ReadOptions(autogenerate_column_names=not header, block_size=block), parse, convert


def _sniff(path: Path) -> tuple[str, str, bool]:
    """Separator, decimal point, and whether the first line names the columns."""
    size = 1 << 16
    with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else open(path, "rb") as file:
        head = file.read(size)
    if b"\0" in head:
        kind = "UTF-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "binary data and not"
        raise FileError(f"{path} is {kind} text: save it again as 'CSV UTF-8'")
    lines = [line for line in head.decode("utf-8-sig", "replace").splitlines() if line.strip()]
    lines = (lines[:-1] if len(head) == size and len(lines) > 1 else lines)[:50]
    if not lines:
        raise FileError(f"{path} holds nothing but empty lines: write the data again")
    bare = [re.sub(r'"[^"]*"', "", line) for line in lines]
    steady = [d for d in "\t;|," if bare[0].count(d) and len({line.count(d) for line in bare}) == 1]
    delimiter = steady[0] if steady else max(",;\t|", key=bare[0].count)
    first, *rest = csv.reader(lines, delimiter=delimiter)
    cells = [cell.strip() for row in rest or [first] for cell in row]
    comma = delimiter != "," and any(re.fullmatch(r"-?\d+,\d+", c) for c in cells)
    point = "," if comma and not any(re.fullmatch(r"-?\d+\.\d+", c) for c in cells) else "."
    header = not _is_data([cell.replace(point, ".") for cell in first])
    if not header:
        warnings.warn(f"{path} has no line with column names: they are called f0 to f{len(first) - 1}", stacklevel=5)
    return delimiter, point, header


def _is_data(first: list[str]) -> bool:
    """Whether a first line is a row of numbers. Rising numbers are names: positions (0, 1, 2 ...) or wavelengths."""
    if not all(re.match(NUMBER, cell) for cell in first):
        return False
    values = [float(cell) for cell in first]
    rising = all(a < b for a, b in itertools.pairwise(values))
    counted = values[0] in (0, 1) and values[-1] == values[0] + len(values) - 1
    return not (rising and (len(values) > 3 or counted))


def _check_columns(table: Any, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import compute

    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise DataError(f"{path} has more than one column named {twice[0]!r}: give each column a name of its own")
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_binary(column.type):
            raise FileError(f"column {name!r} of {path} is not UTF-8 text: save the file again as 'CSV UTF-8'")
        if pa.types.is_string(column.type):
            odd = compute.invert(compute.match_substring_regex(column, NUMBER))
            count, total = compute.sum(odd).as_py() or 0, len(column) - column.null_count
            if 0 < count <= (1 - MOSTLY) * total:
                row = odd.index(True).as_py()
                raise DataError(
                    f"column {name!r} of {path} holds numbers in {total - count} rows and text in {count}, first in "
                    f"data row {row + 1}: {column[row].as_py()!r}; correct it, or leave the cell empty if it is missing"
                )


def _read_parquet(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        reason = str(error).splitlines()[0].split(". ")[0][:120]
        raise FileError(f"{path} is damaged, or not a Parquet file ({reason}): write it again") from error
    # The index of a pandas frame is no column in pandas, so it is none here.
    return table.drop_columns([name for name in table.column_names if re.fullmatch(r"__index_level_\d+__", name)])


def _as_table(data: Any, names: Sequence[str] | None, path: Path) -> Any:
    import narwhals as nw
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return data
    if nw.dependencies.is_into_dataframe(data):
        frame = nw.from_native(data, eager_only=True)
        return pa.table({name: frame[name].to_arrow() for name in frame.columns})
    images = isinstance(data, list) and len(data) > 0 and np.ndim(data[0]) > 1
    array = None if images else np.asarray(data)
    if array is None or array.ndim not in (1, 2):
        what = f"{len(data)} images" if array is None else f"an array of shape {array.shape}"
        raise FileError(f"{path} is a table and cannot hold {what}: write to .npy, or images to a folder")
    return beside({}, array, names or [f"latent_{i}" for i in range(array.shape[1] if array.ndim == 2 else 1)])


def _write_table(file: BinaryIO, table: Any, end: str) -> None:
    import pyarrow as pa
    from pyarrow import csv as pc
    from pyarrow import parquet

    if end == ".parquet":
        parquet.write_table(table, file)
        return
    for i, column in enumerate(table.columns):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(i, table.column_names[i], column.cast(column.type.value_type))
    options = pc.WriteOptions(delimiter="\t" if end.startswith(".tsv") else ",")
    if end.endswith(".gz"):
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
            pc.write_csv(table, packed, options)
    else:
        pc.write_csv(table, file, options)
