"""A progress bar for long runs, drawn by rich on a terminal; nothing is printed elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from zandloper.training.state import TrainingConfig

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

SECONDS_BEFORE_BAR = 2.0  # short runs stay without one


class Progress:
    """A context manager that shows epochs and losses of a run."""

    def __init__(self, settings: TrainingConfig) -> None:
        self._wanted = settings.progress and sys.stderr is not None
        self._total, self._begin = settings.max_epochs, time.monotonic()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        return self

    def show(self, entry: dict[str, float]) -> None:
        """Show the losses after an epoch."""
        if not self._wanted or (self._bar is None and time.monotonic() - self._begin < SECONDS_BEFORE_BAR):
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("training", total=self._total)
        text = f"training, epoch {entry['epoch']}: loss {entry['train']:.4g}, validation {entry['validation']:.4g}"
        assert self._task is not None
        self._bar.update(self._task, completed=entry["epoch"], description=text)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
