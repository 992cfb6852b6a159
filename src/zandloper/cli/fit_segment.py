"""Segmentation: learn from images with masks, then give every pixel of other images its class."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import fit_app
from zandloper.cli.applications import Application, Job
from zandloper.errors import DataError

Masks = Annotated[
    Path, typer.Option("--masks", metavar="FOLDER", help="A mask for each image, in the same order of their names.")
]
Unlabeled = Annotated[
    Path | None,
    typer.Option("--unlabeled", metavar="FOLDER", help="Images without masks, for where masks are few."),
]
Ignore = Annotated[
    int | None, typer.Option("--ignore", metavar="N", help="The number in masks that means: nobody knows.")
]
NoSkips = Annotated[bool, typer.Option("--no-skips", help="The decoder gets the bottleneck alone.")]
Truth = Annotated[
    Path | None, typer.Option("--masks", metavar="FOLDER", help="Masks to measure with, in the order of the images.")
]


@fit_app.command()
def segment(
    data: opt.Data,
    masks: Masks,
    output: opt.ModelOut,
    unlabeled: Unlabeled = None,
    ignore: Ignore = None,
    no_skips: NoSkips = False,
    max_epochs: opt.MaxEpochs = None,
    max_minutes: opt.MaxMinutes = None,
    seed: opt.Seed = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Learn to give every pixel of an image its class, from images with masks."""
    inputs.check_model_output(output, data, force)
    import zandloper
    from zandloper import io

    X, y = io.read(data), io.read(masks)
    _check_count(X, y)
    settings = inputs.settings(
        ignore=ignore,
        skips=False if no_skips else None,
        max_epochs=max_epochs,
        max_minutes=max_minutes,
        random_state=seed,
    )
    say = inputs.speaker(quiet)
    say(f"data     {io.in_words(X)}")
    more = None if unlabeled is None else io.read(unlabeled)
    model = zandloper.Segmenter(**settings).fit(X, y, unlabeled=more)
    model.save(output, overwrite=force)
    say(str(model.describe()))
    say(f"written  {output}\nnext     zandloper run {output} {data} -o masks")


def run(job: Job) -> None:
    """Masks, and the images with the classes over them, into a folder; or all masks into one array."""
    from zandloper import io
    from zandloper.applications.segmentation.report import overlay

    X = job.read()
    said = job.fitted.predict(X)
    if io.ending(job.output):
        io.write(job.output, _one_array(said), force=job.force)
        job.say(f"data     {io.in_words(X)}\nwritten  {job.output}")
        return
    names = list(getattr(X, "names", None) or (f"{i:0{len(str(len(said)))}d}.png" for i in range(len(said))))
    over = [overlay(image, mask, job.fitted.classes_) for image, mask in zip(X, said)]
    both = [*map(_storable, said), *over]
    places = [f"{kind}/{name}" for kind in ("masks", "overlays") for name in names]
    io.write(job.output, both, places, force=job.force)
    job.say(f"data     {io.in_words(X)}\nwritten  {job.output}: masks and overlays")


def report(job: Job, *, masks: Truth = None) -> None:
    """The page; with masks the figures of each class."""
    from zandloper import io

    X = job.read()
    y = None if masks is None else io.read(masks)
    _check_count(X, y)
    job.fitted.report(X, y).save(job.output, overwrite=job.force)
    job.say(f"data     {io.in_words(X)}\nwritten  {job.output}: open it in a browser")


def _one_array(said: Any) -> Any:
    import numpy as np

    sizes = {np.shape(mask) for mask in said}
    if len(sizes) > 1:
        raise DataError("the images differ in size, and one file holds masks of one size: write to a folder")
    return np.stack([_storable(mask) for mask in said])


def _storable(mask: Any) -> Any:
    """Classes as small as their numbers allow: PNG holds 8 and 16 bits."""
    import numpy as np

    if mask.dtype.kind == "b" or mask.min() < 0:
        return mask
    return mask.astype(np.min_scalar_type(int(mask.max())))


def _check_count(X: Any, y: Any) -> None:
    """Masks belong to images by the order of their names."""
    if y is not None and len(X) != len(y):
        raise DataError(f"there are {len(X)} images and {len(y)} masks: give one mask for each image")


class Schema:
    """Images have no columns to choose."""

    @staticmethod
    def column_names() -> list[str]:
        """None."""
        return []


APPLICATION = Application(
    name="segment",
    model="segmenter",
    estimator="Segmenter",
    gives="writes masks and overlays",
    run=run,
    report=report,
    schema=lambda fitted: Schema,
)
