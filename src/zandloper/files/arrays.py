"""Arrays on disk: NPY and NPZ, numbers only."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zandloper.errors import FileError
from zandloper.files.place import ending

ENDINGS = (".npy", ".npz")


def read(path: Path) -> np.ndarray:
    """The array in a file; of several in an NPZ file the one named X."""
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            names = found.files
            name = "X" if "X" in names else names[0] if len(names) == 1 else None
            if name is None:
                raise FileError(f"{path} holds {len(names)} arrays ({', '.join(names[:8])}) and none named X: "
                                "keep one array in the file, or name the data X")
            return found[name]
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, OSError) as error:
        if isinstance(error, OSError) and (error.errno or isinstance(error, FileError)):
            raise
        if "pickle" in str(error):
            raise FileError(f"{path} holds Python objects, or is no NumPy file: objects are not read, since that would "
                            "run code from the file; save an array of numbers") from error
        raise FileError(f"{path} is damaged, or not a NumPy file: {error}") from error


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
