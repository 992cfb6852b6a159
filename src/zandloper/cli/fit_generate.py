"""Generation: learn what data look like, then draw new ones, freely or under conditions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import fit_app
from zandloper.cli.applications import Application, Job, known
from zandloper.cli.captions import folders_of, read_captions, read_labels
from zandloper.errors import ParameterError

PART = 50_000  # rows in memory at a time

Number = Annotated[
    int | None,
    typer.Option("--number", "-n", metavar="N", help="How many, of each caption; by default 16, of a caption 1."),
]
Told = Annotated[
    str | None,
    typer.Option(
        "--condition",
        metavar="FILE|COLUMN|folder",
        help="What is known of each item and may be asked for: a table with a column label, a column of the data, or "
        "`folder`, the name of the folder that a file lies in.",
    ),
]
Conditions = Annotated[
    list[str] | None,
    typer.Option("--condition", metavar="[COLUMN=]VALUE", help="Draw what has this class or value; repeatable."),
]
Continue = Annotated[
    Path | None, typer.Option("--continue", metavar="SERIES", help="Draw how these series may go on, --steps of each.")
]
Steps = Annotated[int | None, typer.Option(metavar="N", help="With --continue, how many; by default a window.")]
Captions = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A table with a caption for each image, which they are drawn by.")
]
Texts = Annotated[list[str] | None, typer.Option(metavar="CAPTION", help="Draw what this says; repeatable.")]
Guidance = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        help="How strongly conditions are followed: 1 as learned; by default 1.75 of texts, 2 of classes.",
    ),
]
SampleSeed = Annotated[int | None, typer.Option("--seed", metavar="N", help="The same seed gives the same samples.")]


@fit_app.command()
def generate(
    data: opt.Data,
    output: opt.ModelOut,
    captions: Captions = None,
    condition: Told = None,
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
    inputs.check_model_output(output, data, force)
    import zandloper
    from zandloper import io

    X = inputs.read(data, columns, drop)
    settings = inputs.settings(
        modality=inputs.modality(X, modality, size, channels, window, time),
        max_epochs=max_epochs,
        max_minutes=max_minutes,
        random_state=seed,
    )
    say = inputs.speaker(quiet)
    say(f"data     {io.in_words(X)}")
    if captions is not None and condition is not None:
        raise ParameterError("--captions and --condition are two ways to say what items show: take one")
    texts = None if captions is None else read_captions(captions, X)
    generator = zandloper.Generator(**settings).fit(X, condition=texts or _told(condition, X))
    generator.save(output, overwrite=force)
    say(str(generator.describe()))
    folder = isinstance(X, io.Images | io.Sounds)
    free = "-n 16 -o samples" if folder else "-n 1000 -o new.csv"
    free = free if condition is None else f"--condition VALUE {free}"
    following = free if texts is None else f'--text "{texts[0]}" -o new.png'
    say(f"written  {output}\nnext     zandloper run {output} {following}")


def _told(text: str | None, X: Any) -> Any:
    """What `--condition` says of the training data."""
    if text is None:
        return None
    if text == "folder":
        return folders_of(X)
    if text in getattr(X, "column_names", []):
        return X[text].to_pylist()
    return read_labels(Path(text), X)


def run(
    job: Job,
    *,
    number: Number = None,
    condition: Conditions = None,
    text: Texts = None,
    guidance: Guidance = None,
    like: opt.Like = None,
    onward: Continue = None,
    steps: Steps = None,
    seed: SampleSeed = None,
) -> None:
    """New data into a file; rows of a table part by part, so that memory does not grow with their number."""
    from zandloper import io
    from zandloper.fitting.validation import seed_of
    from zandloper.io.table_writer import WRITERS, write_parts

    ways = {"--text": text, "--condition": condition, "--continue": onward}
    taken = [name for name, value in ways.items() if value]
    if len(taken) > 1:
        raise ParameterError(f"{' and '.join(taken)} are two ways to say what is wanted: take one")
    if steps is not None and onward is None:
        raise ParameterError("--steps goes with --continue SERIES")
    drawing = inputs.settings(guidance=guidance)
    one = text or like or onward
    total = (1 if one else 16) if number is None else number
    if total < 1:
        raise ParameterError(f"-n {total}: wanted is at least 1")
    first, generator = seed_of(seed, "run"), job.fitted
    if onward is not None:
        made = generator.continue_series(
            known(generator, io.read(onward)), steps or job.schema.window, total, random_state=first
        )
        _write(job, made)
        return
    told: Any = text or _asked(job, condition or [])
    if like is not None:
        drawing["like"] = known(generator, io.read(like))
    draw = lambda rows, k: generator.sample(rows, condition=told, random_state=(first + k) % 2**31, **drawing)  # noqa: E731
    if job.schema.name != "series_schema" and io.ending(job.output) in WRITERS and job.schema.column_names():
        counted = write_parts(job.output, _parts(draw, total), force=job.force)
        job.say(f"written  {job.output} ({counted:,} new sample{'s' if counted > 1 else ''})")
    else:
        _write(job, draw(total, 0))


def _write(job: Job, made: Any) -> None:
    """Samples into one file or a folder, and beside it a sheet of them."""
    from zandloper import io

    rate, series = getattr(job.schema, "rate", None), job.schema.name == "series_schema"
    folder = io.ending(job.output) == ""
    if series and folder:
        raise ParameterError(f"{job.output} has no ending, and series go into one file: say -o new.csv, or new.npy")
    counted, sheet = len(made), None
    if series or (folder and hasattr(made[0], "ndim")):
        sheet = job.output.with_name(job.output.stem + "-sheet.png")
        io.check_output(sheet, job.force)
        figure = job.fitted.contact_sheet(made)
    table = series and io.ending(job.output) in io.tables.ENDINGS
    columns = getattr(made, "ndim", 0) == 2 and rate is None
    names = list(getattr(job.fitted, "feature_names_in_", [])) if columns else []
    io.write(job.output, _one_table(job.schema, made) if table else made, names or None, job.force, rate)
    if sheet is not None:
        io.write_figure(sheet, figure, job.force)
    beside = "" if sheet is None else f", all on {sheet}"
    job.say(f"written  {job.output} ({counted:,} new sample{'s' if counted > 1 else ''}{beside})")


def _one_table(schema: Any, made: Any) -> Any:
    """Series below each other, with a column that numbers them."""
    import numpy as np
    import pyarrow as pa

    parts = [part.values for part in schema.parse(list(made), "run")]
    values = np.concatenate(parts)
    names = [str(column.name) for column in schema.columns]
    number = {"sample": np.repeat(np.arange(len(parts)), [len(part) for part in parts])}
    return pa.table(number | {name: np.ascontiguousarray(values[:, i]) for i, name in enumerate(names)})


def _parts(draw: Any, total: int) -> Iterator[Any]:
    import narwhals as nw

    for k, start in enumerate(range(0, total, PART)):
        yield nw.from_native(draw(min(PART, total - start), k), eager_only=True).to_arrow()


def _asked(job: Job, texts: list[str]) -> Any:
    """What `--condition` says is wanted: classes or numbers, or `column=value`, numbers as numbers."""
    schema = job.fitted.model_._blueprint.condition
    if getattr(schema, "flat", False):  # of one kind: no name is needed
        levels = schema.columns[0].levels
        kind = type(levels[0]) if levels else float
        try:
            return [kind(text.partition("=")[2] or text) for text in texts] or None
        except ValueError as error:
            known_ = ", ".join(map(str, levels[:8])) or "a number"
            raise ParameterError(f"--condition {texts[0]}: wanted is {known_}") from error
    told: dict[str, list[Any]] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            also = "" if schema is not None else "; this model learned without a condition, fit one with --condition"
            raise ParameterError(f"--condition {text}: wanted is COLUMN=VALUE{also}")
        told[name] = [value]
    return told or None


APPLICATION = Application(
    name="generate",
    model="generator",
    estimator="Generator",
    gives="draws new data",
    run=run,
    reads=False,
    schema=lambda fitted: fitted.model_._schema,
)
