"""Data files in and out, by their ending: tables, arrays, images and sounds. One file per kind; `model_folder.py` reads
and writes saved models.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zandloper.errors import FileError
from zandloper.io import arrays, audio, images, tables
from zandloper.io.atomic import atomic, check_place, ending, in_one_sentence, named
from zandloper.io.audio import Sounds
from zandloper.io.chunks import chunks_of_file
from zandloper.io.images import Images
from zandloper.io.summary import choose_columns, in_words
from zandloper.io.tables import beside

__all__ = [
    "Images",
    "Sounds",
    "atomic",
    "beside",
    "check_output",
    "check_place",
    "choose_columns",
    "chunks_of_file",
    "ending",
    "holds_sounds",
    "in_words",
    "read",
    "write",
    "write_figure",
]

FOLDER = ""  # a path without ending is a folder of images
READABLE = (*tables.ENDINGS, *arrays.ENDINGS, *images.ENDINGS, *audio.ENDINGS)
WRITABLE = (*tables.ENDINGS, *arrays.ENDINGS, ".png", *audio.ENDINGS)


def read(path: str | os.PathLike[str]) -> Any:
    """The data in a file, or the images or sounds in a folder.

    Parameters
    ----------
    path : path
        CSV (separated by commas, semicolons or tabs, perhaps gzipped) and Parquet are tables, NPY and NPZ arrays (of an
        NPZ file the array named X, or the only one); PNG, JPEG, BMP, TIFF, WebP and GIF are images, WAV, FLAC
        and OGG sounds; a folder is all images, or else all sounds, in it and below it, in natural order of their names.

    Returns
    -------
    pyarrow.Table, ndarray, Images or Sounds

    Raises
    ------
    FileError, DataError
        In one sentence, if the file is missing, empty, damaged or of another kind.
    """
    path = Path(path)
    with in_one_sentence(path, "read"):
        if path.is_dir():
            return audio.read_folder(path) if holds_sounds(path) else images.read_folder(path)
        if not path.exists():
            raise FileError(f"{path} does not exist: check the name, and the folder that it is in")
        end = ending(path)
        if end not in READABLE:
            raise FileError(
                f"{path}: {named(end)} cannot be read; wanted is a table ({', '.join(tables.ENDINGS)}), an "
                f"array ({', '.join(arrays.ENDINGS)}), an image ({', '.join(images.ENDINGS)}), a sound "
                f"({', '.join(audio.ENDINGS)}), or a folder of images or sounds"
            )
        if path.stat().st_size == 0:
            raise FileError(f"{path} is an empty file: write the data again")
        return next(kind for kind in (tables, arrays, images, audio) if end in kind.ENDINGS).read(path)


def holds_sounds(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a sound file, or a folder with sounds and no image in it."""
    path = Path(path)
    if not path.is_dir():
        return ending(path) in audio.ENDINGS
    return not any(p.suffix.lower() in images.ENDINGS for p in path.rglob("*")) and bool(audio.in_folder(path))


def write(
    path: str | os.PathLike[str],
    data: Any,
    names: Sequence[str] | None = None,
    force: bool = False,
    rate: int | None = None,
) -> None:
    """Write data in the format that the ending of the path says.

    Parameters
    ----------
    path : path
        `.csv`, `.tsv` (also with `.gz`) and `.parquet` take tables: frames, and arrays of one or two dimensions; `.npy`
        and `.npz` take arrays and images of one size; `.png` takes one image, `.wav`, `.flac` and `.ogg` one
        sound; a path without ending becomes a folder with a PNG file an image, or a WAV file a sound.
    data : frame, ndarray or list of ndarray
        Images are uint8, uint16 (gray), boolean, or floats in [0, 1].
    names : sequence of str, optional
        Names of an array's columns, or the file names of images or sounds.
    rate : int, optional
        Samples a second: the data are sounds. Numbers are in -1 to 1 or int16.
    force : bool
        Replace what is there. In a folder only files of the same names are replaced, nothing is removed.

    Raises
    ------
    FileError
        In one sentence. Nothing half-written is left behind.
    """
    path = Path(path)
    check_output(path, force)
    end = ending(path)
    with in_one_sentence(path, "written"):
        if end == FOLDER:
            if rate is None:
                images.write_folder(path, data, names)
            else:
                audio.write_folder(path, data, rate, names)
            return
        with atomic(path) as file:
            if end in tables.ENDINGS:
                tables.write(file, data, names, path)
            elif end in arrays.ENDINGS:
                arrays.write(file, data, path)
            elif end in audio.ENDINGS:
                if rate is None:
                    raise FileError(f"{path} is a sound, and the data have no rate: pass rate=, samples a second")
                audio.write(file, data[0] if isinstance(data, list) and len(data) == 1 else data, rate, path)
            else:
                images.write(file, data, path)


def check_output(path: str | os.PathLike[str], force: bool = False) -> None:
    """Refuse, before work is done, a path that `write` could not write to afterwards; creates nothing.

    Raises
    ------
    FileError
        If the ending is unknown, something is there already and `force` is false, or the folder is not writable.
    """
    path = Path(path)
    if ending(path) not in (*WRITABLE, FOLDER):
        raise FileError(
            f"{path}: {named(ending(path))} cannot be written; wanted is one of {', '.join(WRITABLE)}, "
            "or a folder (no ending) for images or sounds"
        )
    check_place(path, force, WRITABLE)


def write_figure(path: str | os.PathLike[str], figure: Any, force: bool = False) -> None:
    """Write a matplotlib figure as PNG, whole or not at all."""
    path = Path(path)
    check_output(path, force)
    with in_one_sentence(path, "written"), atomic(path) as file:
        figure.savefig(file, format="png")
