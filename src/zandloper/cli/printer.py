"""Output of a command: lines for people, or one JSON object for programs."""

from __future__ import annotations

import json
import math
from typing import Any

import typer


class Printer:
    """Prints lines, or collects facts and prints them as one JSON object.

    Parameters
    ----------
    quiet : bool
        Lines are not printed.
    as_json : bool
        Facts are printed by `finish`, and lines are not; it wins over `quiet`.
    """

    def __init__(self, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet, self.as_json = quiet, as_json
        self.facts: dict[str, Any] = {}

    def __call__(self, lines: str, **facts: Any) -> None:
        """Print lines, which state these facts."""
        self.facts |= facts
        if not (self.quiet or self.as_json):
            typer.echo(lines)

    def finish(self) -> None:
        """Print the facts where JSON was asked for."""
        if self.as_json:
            typer.echo(json.dumps(plain(self.facts), indent=2))


def plain(value: Any) -> Any:
    """A value as JSON has it: paths as text, numbers that are not finite as null.

    >>> plain({"loss": float("nan"), "layers": (1, 2)})
    {'loss': None, 'layers': [1, 2]}
    """
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "tolist"):  # of numpy
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)
