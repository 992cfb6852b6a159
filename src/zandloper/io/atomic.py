"""Checks of output paths, and atomic writes: a file appears whole or not at all, and replaces nothing unasked."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from zandloper.errors import FileError


def check_place(path: str | os.PathLike[str], force: bool = False, file_endings: Collection[str] = ()) -> None:
    """Refuse, before work is done, a path that could not be written afterwards; creates nothing.

    Parameters
    ----------
    path : path
        Of a file or a folder; an empty folder counts as free.
    force : bool
        What is there may be replaced.
    file_endings : collection of str
        A path with one of these endings is to become a file, and cannot be a folder.

    Raises
    ------
    FileError
        If something is there already and `force` is false, or if the folder is not writable.
    """
    path = Path(path)
    with in_one_sentence(path, "written"):
        if path.is_dir() and ending(path) in file_endings:
            raise FileError(f"{path} is a folder, and a file is to be written: give another name")
        if path.exists() and not (path.is_dir() and not any(path.iterdir())) and not force:
            raise FileError(f"{path} exists already: give another name, or replace it with --force (force=True)")
        place = next(p for p in (path if path.is_dir() else path.parent, *path.absolute().parents) if p.exists())
        if not place.is_dir():
            raise FileError(f"{path} cannot be written, since {place} is a file and no folder: give another name")
        if not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, "")


def ending(path: Path) -> str:
    """The ending that decides the format, in lower case; `.gz` counts together with the one before it."""
    last = path.suffix.lower()
    return Path(path.stem).suffix.lower() + last if last == ".gz" else last


def named(end: str) -> str:
    """Files of an ending, in words."""
    return f"files ending in {end!r}" if end else "files without an ending"


def natural(path: Path) -> list[tuple[int, str]]:
    """A key that sorts names as people count: 2 before 10."""
    parts = re.split(r"([0-9]+)", path.as_posix().lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; what is written there is flushed to disk and then moved to `path`.

    Nothing is left behind where writing fails. Temporary names start with ".NAME." and end with ".part".
    """
    path = Path(os.path.realpath(path))  # a link stays a link
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex[:12]}.part")
    try:
        yield temporary
        flush(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write into, which is moved to `path` only when all of it is on disk."""
    with atomic_path(path) as temporary, open(temporary, "xb") as file:
        yield file


def flush(path: Path) -> None:
    """Have the operating system write a file's content to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def in_one_sentence(path: Path, done: str) -> Iterator[None]:
    """Turn what the system says into what happened and what to do."""
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        reasons = {
            errno.ENOSPC: "the disk is full: free some space or choose another disk",
            errno.EDQUOT: "your disk quota is used up: free some space or choose another disk",
            errno.EACCES: "you have no permission: change it, or choose another place",
            errno.EPERM: "you have no permission: change it, or choose another place",
            errno.EROFS: "the disk is read-only: choose another place",
        }
        reason = reasons.get(error.errno or 0, error.strerror or str(error))
        raise FileError(f"{path} could not be {done}: {reason}") from error
