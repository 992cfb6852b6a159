"""Detection: anomalies in data, at a stated false-alarm rate, with explanations."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from zandloper.cli.applications import Application, Fit, Job
from zandloper.errors import FileError


def fit(task: Fit) -> None:
    """Learn what is normal, and the score from which data are anomalies at a stated false-alarm rate."""
    model = task.train(task.X, modality=task.modality())
    task.finish(str(model.describe()), f"zandloper run {task.output} {task.data} -o anomalies.csv")


def run(job: Job) -> None:
    """Write scores, verdicts and explanations into a table."""
    from zandloper import io
    from zandloper.applications.detection.results import answers

    if io.ending(job.output) not in io.tables.ENDINGS:
        raise FileError(f"{job.output}: verdicts and explanations are a table: write to {', '.join(io.tables.ENDINGS)}")
    X = job.read()
    found = answers(job.fitted, X)
    io.write(job.output, found, force=job.force)
    anomalies = len(found) - found["verdict"].to_pylist().count("normal")
    job.show(f"data     {io.in_words(X)}\nanomaly  {anomalies:,} of {len(found):,}")
    job.finish(n=len(found), data=job.data, anomalies=anomalies)


def stream(fitted: Any) -> None:
    """Answer CSV rows from standard input as they arrive."""
    from zandloper.applications.detection.streaming import answer_stream, to_standard_output

    gc.collect()
    gc.freeze()  # the model stays: collections that scan it again and again would delay answers
    try:
        answer_stream(fitted, sys.stdin.fileno(), to_standard_output)
    except BrokenPipeError:  # the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    finally:
        gc.unfreeze()


def schema(fitted: Any) -> Any:
    """The schema of the data."""
    from zandloper.applications.detection.results import schema_of

    return schema_of(fitted)


APPLICATION = Application(
    name="detect",
    model="detector",
    estimator="AnomalyDetector",
    gives="writes scores, verdicts and explanations",
    run=run,
    fit=fit,
    stream=stream,
    schema=schema,
)
