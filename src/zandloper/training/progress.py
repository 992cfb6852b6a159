"""A progress bar for long work, on a terminal, drawn by rich; silent everywhere else."""

from __future__ import annotations

import sys
import time
from typing import Any

PATIENCE = 2.0  # seconds of work before a bar appears


class Progress:
    """Shows epochs and losses of a run. A context manager; costs nothing while it is silent."""

    def __init__(self, settings: Any) -> None:
        self._wanted = settings.progress and sys.stderr is not None
        self._total, self._begin = settings.max_epochs, time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Progress:
        return self

    def show(self, entry: dict[str, float]) -> None:
        """The state after an epoch."""
        if not self._wanted or (self._bar is None and time.monotonic() - self._begin < PATIENCE):
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("training", total=self._total)
        text = f"training, epoch {entry['epoch']}: loss {entry['train']:.4g}, validation {entry['validation']:.4g}"
        self._bar.update(self._task, completed=entry["epoch"], description=text)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
