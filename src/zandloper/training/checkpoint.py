"""Checkpoints: the state of a run in a folder, and the fingerprint of its data and settings."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.data.windows import Windows
from zandloper.errors import ParameterError
from zandloper.io.atomic import atomic_path
from zandloper.io.state_file import append_line, read_state, write_errors, write_state
from zandloper.training.state import TrainingConfig, TrainingState, restore_state

CHECKPOINT_TIME_SHARE = 0.05  # of a run may go into writing checkpoints


class Checkpoint:
    """A folder with the state of a run, written whole or not at all, and its history as JSON lines.

    Writing takes at most a twentieth of the time: states are as many steps apart as that allows. The result of a run
    does not depend on when they are written.
    """

    def __init__(self, settings: TrainingConfig, fingerprint: str) -> None:
        self.folder, self.fingerprint, self.seed = settings.checkpoint, fingerprint, settings.seed
        self._next = 0.0

    def due(self) -> bool:
        """Return whether it is time to write."""
        return self.folder is not None and time.monotonic() >= self._next

    def write(
        self, module: nn.Module, best: dict[str, Tensor], optimizer: torch.optim.Optimizer, run: TrainingState
    ) -> None:
        """Write all that the run needs to resume."""
        if self.folder is None:
            return
        begin = time.monotonic()
        tensors = {f"now/{k}": v for k, v in module.state_dict().items()} | {f"best/{k}": v for k, v in best.items()}
        for index, slots in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{k}": torch.as_tensor(v) for k, v in slots.items() if v is not None}
        write_state(
            self.folder / "state.safetensors",
            tensors,
            {"fingerprint": self.fingerprint, "seed": self.seed, "run": dataclasses.asdict(run)},
        )
        self._next = time.monotonic() + (time.monotonic() - begin) / CHECKPOINT_TIME_SHARE

    def resume(
        self, module: nn.Module, best: dict[str, Tensor], optimizer: torch.optim.Optimizer
    ) -> TrainingState | None:
        """Restore the state of an earlier run of the same settings on the same data, if there is one."""
        if self.folder is None:
            return None
        for partial in self.folder.glob(".state.safetensors.*.part"):  # of a run that was killed while writing
            partial.unlink(missing_ok=True)
        if not (self.folder / "state.safetensors").exists():
            self._cut_history(-1)
            return None
        tensors, about = read_state(self.folder / "state.safetensors")
        if about["fingerprint"] != self.fingerprint:
            raise ParameterError(
                f"checkpoint {self.folder} belongs to a run with other settings or data: "
                "take another folder, or remove it to start anew"
            )
        restore_state(module, _below("now/", tensors))
        best |= {k: v.to(best[k].device) for k, v in _below("best/", tensors).items()}
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in _below("optimizer/", tensors).items():
            index, slot = key.split("/")
            state.setdefault(int(index), {})[slot] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        run = TrainingState(**about["run"])
        self._cut_history(run.epoch)
        run.stopped_by = "" if run.stopped_by == "max_minutes" else run.stopped_by
        return run

    def _cut_history(self, epoch: int) -> None:
        """Remove the lines of epochs after the state's: they will be run again."""
        file = (self.folder or Path()) / "history.jsonl"
        if file.is_file():
            lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
            kept = [line for line in lines if json.loads(line)["epoch"] <= epoch]
            with write_errors(file), atomic_path(file) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def log(self, run: TrainingState) -> None:
        """Append one line of history."""
        if self.folder is not None:
            entry = {k: None if v != v else v for k, v in run.history[-1].items()}
            append_line(self.folder / "history.jsonl", json.dumps({**entry, "seconds": round(run.seconds, 2)}))


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def fingerprint_of(arrays: list[np.ndarray | Windows | None], settings: dict[str, Any]) -> str:
    """Return a hash of data and settings, which tells checkpoints apart."""
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True, default=str).encode(), digest_size=16)
    for array in (part for a in arrays for part in (a.arrays if isinstance(a, Windows) else (a,))):
        if array is not None:
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()
