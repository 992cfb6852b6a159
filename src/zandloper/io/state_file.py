"""Checkpoint files: tensors and JSON in one safetensors file, and lines appended to a text file."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from zandloper.errors import FileError
from zandloper.io.atomic import atomic_path

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "there is no permission to write there",
    errno.EPERM: "there is no permission to write there",
}


def write_state(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write tensors and JSON to one safetensors file, whole or not at all."""
    with write_errors(path), atomic_path(path) as temporary:
        plain = plain_tensors(tensors)
        save_file(plain, temporary, metadata={"about": json.dumps(about), "digest": _digest_of(plain)})


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and JSON that `write_state` wrote."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            tensors, metadata = {k: file.get_tensor(k) for k in file.keys()}, file.metadata()  # noqa: SIM118
            if metadata["digest"] != _digest_of(tensors):
                raise ValueError("its checksum is wrong")
            return tensors, json.loads(metadata["about"])
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise FileError(f"checkpoint {path} is damaged or foreign: {error}; remove it to start anew") from error


def read_about(path: Path) -> dict[str, Any] | None:
    """Read the JSON of a state without its tensors; None where there is no readable state."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            about: dict[str, Any] = json.loads(file.metadata()["about"])
            return about
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None


def append_line(path: Path, line: str) -> None:
    """Append a line to a text file."""
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")


def plain_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, contiguous, no two sharing memory: safetensors accepts no others."""
    return {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}


@contextlib.contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Raise FileError for errors of the file system, with their meaning for the user's file."""
    try:
        yield
    except FileError:
        raise
    except (OSError, safetensors.SafetensorError) as error:
        code = getattr(error, "errno", None)
        # safetensors gives the system's words without their number.
        known = REASONS.get(code or 0) or next(
            (reason for number, reason in REASONS.items() if os.strerror(number) in str(error)), str(error)
        )
        raise FileError(f"could not write {path}: {known}; nothing was changed there") from error


def _digest_of(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
