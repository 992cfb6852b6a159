"""Detection: learn what is normal, then say which data are odd, and why."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import fit_app
from zandloper.cli.applications import Application, Job
from zandloper.errors import FileError


@fit_app.command()
def detect(
    data: opt.Data,
    output: opt.ModelOut,
    columns: opt.Columns = None,
    drop: opt.Drop = None,
    modality: opt.Modality = None,
    size: opt.Size = None,
    channels: opt.Channels = None,
    window: opt.Window = None,
    time: opt.Time = None,
    false_alarm_rate: opt.FalseAlarmRate = None,
    n_neighbors: opt.Neighbors = None,
    fast: opt.Fast = False,
    max_epochs: opt.MaxEpochs = None,
    max_minutes: opt.MaxMinutes = None,
    seed: opt.Seed = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Learn what is normal, and from which score on data are odd at a stated false-alarm rate."""
    inputs.check_model_output(output, data, force)
    import zandloper
    from zandloper import io

    X = inputs.read(data, columns, drop)
    settings = inputs.settings(
        modality=inputs.modality(X, modality, size, channels, window, time),
        false_alarm_rate=false_alarm_rate,
        n_neighbors=n_neighbors,
        fast=fast,
        max_epochs=max_epochs,
        max_minutes=max_minutes,
        random_state=seed,
    )
    say = inputs.speaker(quiet)
    say(f"data     {io.in_words(X)}")
    detector = zandloper.AnomalyDetector(**settings).fit(X)
    detector.save(output, overwrite=force)
    say(str(detector.describe()))
    say(f"written  {output}\nnext     zandloper run {output} {data} -o odd.csv")


def run(job: Job) -> None:
    """Scores, verdicts and reasons into a table."""
    from zandloper import io
    from zandloper.applications.detection.results import answers

    if io.ending(job.output) not in io.tables.ENDINGS:
        raise FileError(f"{job.output}: verdicts and reasons are a table: write to {', '.join(io.tables.ENDINGS)}")
    X = job.read()
    found = answers(job.fitted, X)
    io.write(job.output, found, force=job.force)
    odd = found["verdict"].to_pylist().count("odd")
    job.say(f"data     {io.in_words(X)}\nodd      {odd:,} of {len(found):,}\nwritten  {job.output}")


def stream(fitted: Any) -> None:
    """Answer CSV rows from standard input as they come."""
    from zandloper.applications.detection.streaming import answer_stream, to_standard_output

    gc.collect()
    gc.freeze()  # what is there stays: looking through it again and again would hold up answers
    try:
        answer_stream(fitted, sys.stdin.fileno(), to_standard_output)
    except BrokenPipeError:  # who asked has gone: nothing is left to do
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    finally:
        gc.unfreeze()


def schema(fitted: Any) -> Any:
    """What the data look like."""
    from zandloper.applications.detection.results import schema_of

    return schema_of(fitted)


APPLICATION = Application(
    name="detect",
    model="detector",
    estimator="AnomalyDetector",
    gives="writes scores, verdicts and reasons",
    run=run,
    stream=stream,
    schema=schema,
)
