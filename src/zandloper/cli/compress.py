"""`zandloper compress` and `zandloper decompress`: data into few bytes and back, with a model of `fit compress`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import app
from zandloper.cli.applications import known
from zandloper.cli.printer import Printer
from zandloper.errors import ParameterError


@app.command()
def compress(
    data: opt.Data,
    model: opt.ModelOption,
    output: opt.Packed,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Compress data into a file that only this model decompresses. NPY, CSV and Parquet are read part by part."""
    from zandloper import io

    io.check_place(output, force)
    inputs.check_apart(output, data)
    inputs.check_apart(output, model)
    fitted = _compressor(model)
    if not data.exists():
        io.read(data)  # raises the error of a missing file
    parts = (known(fitted, part) for part in io.chunks_of_file(data))
    found = fitted.compress_file(parts, output, overwrite=force)
    Printer(quiet)(f"{found}\nwritten  {output}")


@app.command()
def decompress(
    data: opt.PackedIn,
    model: opt.ModelOption,
    output: opt.DataOut,
    rows: opt.RowRange = None,
    damaged: opt.Damaged = "error",
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Turn a compressed file back into data, with the model that wrote it."""
    from zandloper import io

    io.check_output(output, force)
    inputs.check_apart(output, data)
    inputs.check_apart(output, model)
    fitted = _compressor(model)
    X = fitted.decompress(data, rows=rows, damaged=damaged)
    flat = getattr(X, "ndim", 0) == 2
    io.write(output, X, [f"f{i}" for i in range(X.shape[1])] if flat and not hasattr(X, "columns") else None, force)
    Printer(quiet)(f"written  {output} ({len(X):,} {fitted.codec_.layout.unit})")


def _compressor(path: Path) -> Any:
    from zandloper import load

    fitted = load(path)
    if not hasattr(fitted, "decompress"):
        raise ParameterError(f"{path} is no compressor, but {type(fitted).__name__}: zandloper fit compress makes one")
    return fitted
