"""Generation: new data like the training data, drawn freely or under conditions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.applications import Application, Fit, Job, known
from zandloper.cli.captions import folders_of, read_captions, read_labels
from zandloper.errors import ParameterError

PART = 50_000  # rows in memory at a time

Number = Annotated[
    int | None,
    typer.Option(
        "--number", "-n", metavar="N", help="Number of samples, or of each caption; by default 16, or 1 a caption."
    ),
]
Known = Annotated[
    str | None,
    typer.Option(
        "--condition",
        metavar="FILE|COLUMN|folder",
        help="The condition of each item: a table with a column label, a column of the data, or `folder`, the name of "
        "the folder that holds the file.",
    ),
]
Conditions = Annotated[
    list[str] | None,
    typer.Option("--condition", metavar="[COLUMN=]VALUE", help="Draw samples of this class or value; repeatable."),
]
Continue = Annotated[
    Path | None,
    typer.Option("--continue", metavar="SERIES", help="Continue these series, by --steps each."),
]
Steps = Annotated[int | None, typer.Option(metavar="N", help="Number of steps with --continue; by default a window.")]
Captions = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A table with a caption for each image, as condition.")
]
Texts = Annotated[list[str] | None, typer.Option(metavar="CAPTION", help="Draw samples for this caption; repeatable.")]
Guidance = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        help="Strength of the conditions: 1 as learned; by default 1.75 with texts, 2 with classes.",
    ),
]


def fit(task: Fit, *, captions: Captions = None, condition: Known = None) -> None:
    """Learn a distribution of the data, to draw new ones from it, freely or with given values."""
    from zandloper import io

    X, modality = task.X, task.modality()
    if captions is not None and condition is not None:
        raise ParameterError("--captions and --condition both describe the items: take one")
    texts = None if captions is None else read_captions(captions, X)
    model = task.train(X, modality=modality, condition=texts or _conditions(condition, X))
    free = "-n 16 -o samples" if isinstance(X, io.Images | io.Sounds) else "-n 1000 -o new.csv"
    free = free if condition is None else f"--condition VALUE {free}"
    following = free if texts is None else f'--text "{texts[0]}" -o new.png'
    task.finish(str(model.describe()), f"zandloper run {task.output} {following}")


def _conditions(text: str | None, X: Any) -> Any:
    """The condition of each item of the training data, as `--condition` names it."""
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
) -> None:
    """Write new data into a file; rows of a table part by part, so that memory does not grow with their number."""
    from zandloper import io
    from zandloper.fitting.validation import seed_of
    from zandloper.io.table_writer import WRITERS, write_parts

    _check_ways({"--text": text, "--condition": condition, "--continue": onward}, steps)
    drawing = inputs.settings(guidance=guidance)
    one = text or like or onward
    total = (1 if one else 16) if number is None else number
    if total < 1:
        raise ParameterError(f"-n {total}: wanted is at least 1")
    first, generator = seed_of(job.seed, "run"), job.fitted
    if onward is not None:
        start = known(generator, io.read(onward))
        _write(job, generator.continue_series(start, steps or job.schema.window, total, random_state=first))
        return
    wanted: Any = text or _asked(job, condition or [])
    if like is not None:
        drawing["like"] = known(generator, io.read(like))

    def draw(rows: int, part: int) -> Any:
        return generator.sample(rows, condition=wanted, random_state=(first + part) % 2**31, **drawing)

    if not _of_series(job) and io.ending(job.output) in WRITERS and job.schema.column_names():
        counted = write_parts(job.output, _parts(draw, total), force=job.force)
        job.finish(note=f" ({counted:,} new sample{'s' if counted > 1 else ''})", n=counted)
    else:
        _write(job, draw(total, 0))


def _check_ways(ways: dict[str, Any], steps: int | None) -> None:
    """Refuse more than one way to ask for samples, and steps without a series to continue."""
    taken = [name for name, value in ways.items() if value]
    if len(taken) > 1:
        raise ParameterError(f"{' and '.join(taken)} are two ways to ask for samples: take one")
    if steps is not None and not ways["--continue"]:
        raise ParameterError("--steps goes with --continue SERIES")


def _of_series(job: Job) -> bool:
    """Whether the samples are series."""
    return bool(job.schema.name == "series_schema")


def _write(job: Job, made: Any) -> None:
    """Write samples into one file or a folder, and a contact sheet next to it."""
    from zandloper import io

    rate, series = getattr(job.schema, "rate", None), _of_series(job)
    folder = io.ending(job.output) == ""
    if series and folder:
        raise ParameterError(f"{job.output} has no ending, and series go into one file: write -o new.csv, or new.npy")
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
    all_on = "" if sheet is None else f", all on {sheet}"
    note, more = f" ({counted:,} new sample{'s' if counted > 1 else ''}{all_on})", inputs.settings(sheet=sheet)
    job.finish(note=note, n=counted, **more)


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
    """The condition that `--condition` asks for: classes or numbers, or `column=value`."""
    schema = job.fitted.autoencoder_.model_.blueprint.condition
    if getattr(schema, "flat", False):  # of one kind: no name is needed
        levels = schema.columns[0].levels
        kind = type(levels[0]) if levels else float
        try:
            return [kind(text.partition("=")[2] or text) for text in texts] or None
        except ValueError as error:
            known_ = ", ".join(map(str, levels[:8])) or "a number"
            raise ParameterError(f"--condition {texts[0]}: wanted is {known_}") from error
    wanted: dict[str, list[Any]] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            also = "" if schema is not None else "; this model learned without a condition, fit one with --condition"
            raise ParameterError(f"--condition {text}: wanted is COLUMN=VALUE{also}")
        wanted[name] = [value]
    return wanted or None


def schema(fitted: Any) -> Any:
    """The schema of the data."""
    return fitted.autoencoder_.model_.schema


APPLICATION = Application(
    name="generate",
    model="generator",
    estimator="Generator",
    gives="draws new data",
    run=run,
    fit=fit,
    reads=False,
    schema=schema,
)
