"""The training history of an application with a network of its own, for descriptions and pages."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from torch import nn

from zandloper.plotting.style import loss_curves
from zandloper.report.html import duration, figure, say, svg, table
from zandloper.report.section import Section


@dataclass(frozen=True, kw_only=True)
class TrainedDescription:
    """The facts of training: fields to compute with; `training` is their line of text."""

    parameters: int
    epochs: int
    stopped_by: str
    seconds: float
    validation: float | None

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary."""
        return asdict(self)

    @property
    def training(self) -> tuple[str, str]:
        """Size and training in words, as lines of a description."""
        best = "" if self.validation is None else f", best validation loss {self.validation:.4g}"
        return (
            f"  parameters   {self.parameters:,}",
            f"  training     {self.epochs} epochs in {duration(self.seconds)}, stopped by "
            f"{self.stopped_by.replace('_', ' ')}{best}",
        )


def facts(estimator: Any, module: nn.Module) -> dict[str, Any]:
    """The fields of `TrainedDescription` of a fitted estimator and its net."""
    scores = [e["validation"] for e in estimator.history_ if e["validation"] == e["validation"]]
    return {
        "parameters": sum(p.numel() for p in module.parameters()),
        "epochs": estimator.n_epochs_,
        "stopped_by": estimator.stopped_by_,
        "seconds": estimator.fit_seconds_,
        "validation": min(scores, default=None),
    }


def closing(estimator: Any, description: TrainedDescription, began: float) -> list[Section]:
    """The last sections of a page: the loss by epoch, and the settings; `began` is when the page was (monotonic)."""
    curves = svg(loss_curves(estimator.history_), "Loss of training and validation by epoch")
    rows = [[k, say(v)] for k, v in estimator.get_params(deep=False).items()]
    took = f'<p class="note">The page took {duration(time.monotonic() - began)}.</p>'
    settings = f"<pre>{escape(str(description))}</pre>{table(['parameter', 'value'], rows, 'Settings')}{took}"
    return [Section("Training", figure(curves)), Section("Settings", settings)]
