"""Compression: data in few bytes, which only the model reads."""

from __future__ import annotations

from zandloper.cli.applications import Application, Fit, Job
from zandloper.errors import ParameterError


def fit(task: Fit) -> None:
    """Learn to keep data in few bytes, within a bound that holds for every value."""
    if task.settings.get("relative") and "max_error" not in task.settings:
        raise ParameterError("--relative makes --max-error a share of each column's range: give --max-error too")
    model = task.train(task.X, modality=task.modality())
    task.finish(str(model.describe()), f"zandloper compress {task.data} -m {task.output} -o {task.data.stem}.zl")


def run(job: Job) -> None:
    """Name the commands that use such a model."""
    raise ParameterError(
        "a compressor runs both ways: zandloper compress FILE -m MODEL -o FILE.zl, and zandloper decompress"
    )


APPLICATION = Application(
    name="compress",
    model="compressor",
    estimator="Compressor",
    gives="has two commands, compress and decompress",
    run=run,
    fit=fit,
)
