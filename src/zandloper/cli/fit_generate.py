"""Generation: learn what data look like, then draw new ones, freely or under conditions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from zandloper.cli import given
from zandloper.cli import options as opt
from zandloper.cli.applications import Application, Job
from zandloper.cli.captions import read_captions
from zandloper.cli.commands import fit_app
from zandloper.errors import ParameterError

PART = 50_000  # rows in memory at a time

Number = Annotated[
    int | None,
    typer.Option("--number", "-n", metavar="N", help="How many, of each caption; by default 16, of a caption 1."),
]
Conditions = Annotated[
    list[str] | None, typer.Option("--condition", metavar="COLUMN=VALUE", help="Draw rows with this value; repeatable.")
]
Captions = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A table with a caption for each image, which they are drawn by.")
]
Texts = Annotated[list[str] | None, typer.Option(metavar="CAPTION", help="Draw what this says; repeatable.")]
Guidance = Annotated[
    float | None, typer.Option(metavar="NUMBER", help="How strongly captions are followed: 1 as learned, 2 by default.")
]
SampleSeed = Annotated[int | None, typer.Option("--seed", metavar="N", help="The same seed gives the same samples.")]


@fit_app.command()
def generate(
    data: opt.Data,
    output: opt.ModelOut,
    captions: Captions = None,
    columns: opt.Columns = None,
    drop: opt.Drop = None,
    modality: opt.Modality = None,
    size: opt.Size = None,
    channels: opt.Channels = None,
    window: opt.Window = None,
    time: opt.Time = None,
    max_epochs: opt.MaxEpochs = None,
    max_minutes: opt.MaxMinutes = None,
    seed: opt.Seed = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Learn what data look like, so that new ones can be drawn, freely or with given values."""
    given.check_model_output(output, data, force)
    import zandloper
    from zandloper import files

    X = given.read(data, columns, drop)
    settings = given.settings(
        modality=given.modality(X, modality, size, channels, window, time),
        max_epochs=max_epochs,
        max_minutes=max_minutes,
        random_state=seed,
    )
    say = given.speaker(quiet)
    say(f"data     {files.in_words(X)}")
    texts = None if captions is None else read_captions(captions, X)
    generator = zandloper.Generator(**settings).fit(X, condition=texts)
    generator.save(output, overwrite=force)
    say(str(generator.describe()))
    folder = isinstance(X, files.Images | files.Sounds)
    free = "-n 16 -o samples" if folder else "-n 1000 -o new.csv"
    following = free if texts is None else f'--text "{texts[0]}" -o new.png'
    say(f"written  {output}\nnext     zandloper run {output} {following}")


def run(
    job: Job,
    *,
    number: Number = None,
    condition: Conditions = None,
    text: Texts = None,
    guidance: Guidance = None,
    seed: SampleSeed = None,
) -> None:
    """New data into a file; rows of a table part by part, so that memory does not grow with their number."""
    from zandloper import files
    from zandloper.files.parts import WRITERS, write_parts
    from zandloper.parameters import seed_of

    told: Any = text or _conditions(condition or [])
    if text and condition:
        raise ParameterError("--text and --condition are two ways to say what is wanted: take one")
    total, drawing = (1 if text else 16) if number is None else number, given.settings(guidance=guidance)
    if total < 1:
        raise ParameterError(f"-n {total}: wanted is at least 1")
    first = seed_of(seed, "run")
    draw = lambda rows, k: job.fitted.sample(rows, condition=told, random_state=(first + k) % 2**31, **drawing)  # noqa: E731
    if files.ending(job.output) in WRITERS and job.form.column_names():
        counted = write_parts(job.output, _parts(draw, total), force=job.force)
    else:
        made = draw(total, 0)
        rate = getattr(job.form, "rate", None)  # of sounds
        columns = getattr(made, "ndim", 0) == 2 and rate is None
        names = list(getattr(job.fitted, "feature_names_in_", [])) if columns else []
        files.write(job.output, made, names or None, job.force, rate)
        counted = len(made)
    job.say(f"written  {job.output} ({counted:,} new sample{'s' if counted > 1 else ''})")


def _parts(draw: Any, total: int) -> Iterator[Any]:
    import narwhals as nw

    for k, start in enumerate(range(0, total, PART)):
        yield nw.from_native(draw(min(PART, total - start), k), eager_only=True).to_arrow()


def _conditions(texts: list[str]) -> dict[str, list[Any]] | None:
    """What `--condition column=value` says, numbers as numbers."""
    told: dict[str, list[Any]] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise ParameterError(f"--condition {text}: wanted is COLUMN=VALUE")
        told[name] = [value]
    return told or None


APPLICATION = Application(
    name="generate",
    model="generator",
    estimator="Generator",
    gives="draws new data",
    run=run,
    reads=False,
    form=lambda fitted: fitted.model_._form,
)
