"""Checkpoints: the state of a run in a folder, and the fingerprint of the data and settings that it belongs to."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.data.windows import Windows
from zandloper.errors import ParameterError
from zandloper.io.model_folder import append_line, read_state, write_atomically, write_state
from zandloper.training.state import TrainingConfig, TrainingState, restore_state

CHECKPOINT_TIME_SHARE = 0.05  # of the time may go into writing checkpoints


class Checkpoint:
    """A folder with the state of a run, written whole or not at all, and its history as JSON lines.

    Writing takes at most a twentieth of the time: states are as many steps apart as that allows. When they are
    written does not change what they lead to.
    """

    def __init__(self, settings: TrainingConfig, fingerprint: str) -> None:
        self.folder, self.fingerprint, self.seed = settings.checkpoint, fingerprint, settings.seed
        self._next = 0.0

    def due(self) -> bool:
        """Whether it is time to write."""
        return self.folder is not None and time.monotonic() >= self._next

    def write(
        self, module: nn.Module, best: dict[str, Tensor], optimizer: torch.optim.Optimizer, run: TrainingState
    ) -> None:
        """Write all that the run needs to go on."""
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
        """Put back the state of an earlier run of the same settings on the same data, if there is one."""
        if self.folder is None:
            return None
        for litter in self.folder.glob(".state.safetensors.*.part"):  # of a run that was killed while writing
            litter.unlink(missing_ok=True)
        if not (self.folder / "state.safetensors").exists():
            self._cut_history(-1)
            return None
        tensors, about = read_state(self.folder / "state.safetensors")
        if about["fingerprint"] != self.fingerprint:
            raise ParameterError(
                f"checkpoint {self.folder} belongs to a run with other settings or data: "
                "take another folder, or remove it to start anew"
            )
        group = lambda kind: {k.split("/", 1)[1]: v for k, v in tensors.items() if k.startswith(kind)}  # noqa: E731
        restore_state(module, group("now/"))
        best |= {k: v.to(best[k].device) for k, v in group("best/").items()}
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in group("optimizer/").items():
            index, slot = key.split("/")
            state.setdefault(int(index), {})[slot] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        run = TrainingState(**about["run"])
        self._cut_history(run.epoch)
        run.stopped_by = "" if run.stopped_by == "max_minutes" else run.stopped_by
        return run

    def _cut_history(self, epoch: int) -> None:
        """Forget the lines of epochs that the state does not know: they will be run again."""
        file = (self.folder or Path()) / "history.jsonl"
        if file.is_file():
            lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
            kept = [line for line in lines if json.loads(line)["epoch"] <= epoch]
            write_atomically(file, lambda beside: beside.write_text("".join(f"{line}\n" for line in kept)))

    def log(self, run: TrainingState) -> None:
        """One line of history."""
        if self.folder is not None:
            entry = {k: None if v != v else v for k, v in run.history[-1].items()}
            append_line(self.folder / "history.jsonl", json.dumps({**entry, "seconds": round(run.seconds, 2)}))


def fingerprint_of(arrays: list[Any], settings: dict[str, Any]) -> str:
    """A short name for data and settings, to tell checkpoints apart."""
    import hashlib
    import json

    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True, default=str).encode(), digest_size=16)
    for array in (part for a in arrays for part in (a.arrays if isinstance(a, Windows) else (a,))):
        if array is not None:
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()
