"""Arrays on disk: NPY and NPZ, numbers only."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zandloper.errors import FileError
from zandloper.io.atomic import ending

ENDINGS = (".npy", ".npz")


def read(path: Path) -> np.ndarray:
    """The array in a file; of several in an NPZ file the one named X."""
    with open(path, "rb") as file:
        if not file.read(6).startswith((b"\x93NUMPY", b"PK\x03\x04", b"PK\x05\x06")):
            raise FileError(f"{path} is not a NumPy file: write it with numpy.save or numpy.savez")
        file.seek(0)
        try:
            found = np.load(file, allow_pickle=False)
            return found if isinstance(found, np.ndarray) else found[_the_one(found.files, path)]
        except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, OSError) as error:
            if isinstance(error, OSError) and (error.errno or isinstance(error, FileError)):
                raise
            if "allow_pickle" in str(error):
                raise FileError(
                    f"{path} holds Python objects, which are not read since that would run code from the file: "
                    "save an array of numbers"
                ) from error
            raise FileError(f"{path} is damaged, or not a NumPy file: {error}") from error


def _the_one(names: list[str], path: Path) -> str:
    if "X" in names or len(names) == 1:
        return "X" if "X" in names else names[0]
    raise FileError(
        f"{path} holds {len(names)} arrays ({', '.join(names[:8])}) and none named X: "
        "keep one array in the file, or name the data X"
    )


def write(file: BinaryIO, data: Any, path: Path) -> None:
    """An array, or images of one size; in an NPZ file it is named X."""
    if isinstance(data, list) and len({np.shape(item) for item in data}) > 1:
        raise FileError(f"{path} holds one array, and the images differ in size: write them to a folder")
    array = np.asarray(data)
    if array.dtype.hasobject:
        raise FileError(f"{path} holds numbers, and the data hold text or mixed columns: write to .csv or .parquet")
    if ending(path) == ".npy":
        np.save(file, array, allow_pickle=False)
    else:
        np.savez_compressed(file, X=array)
