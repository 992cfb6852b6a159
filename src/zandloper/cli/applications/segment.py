"""Segmentation: a class for every pixel, learned from images with masks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zandloper.cli.applications import Application, Fit, Job
from zandloper.errors import DataError

Masks = Annotated[
    Path, typer.Option("--masks", metavar="FOLDER", help="A mask for each image, in the same order of their names.")
]
Unlabeled = Annotated[
    Path | None,
    typer.Option("--unlabeled", metavar="FOLDER", help="Images without masks, for where masks are few."),
]
Truth = Annotated[
    Path | None, typer.Option("--masks", metavar="FOLDER", help="Masks to measure with, in the order of the images.")
]


def fit(task: Fit, *, masks: Masks, unlabeled: Unlabeled = None) -> None:
    """Learn to give every pixel of an image its class, from images with masks."""
    from zandloper import io

    y = io.read(masks)
    _check_count(task.X, y)
    more = None if unlabeled is None else io.read(unlabeled)
    model = task.train(task.X, y, unlabeled=more)
    task.finish(str(model.describe()), f"zandloper run {task.output} {task.data} -o masks")


def run(job: Job) -> None:
    """Write masks, and the images with the classes over them, into a folder; or all masks into one array."""
    from zandloper import io
    from zandloper.applications.segmentation.report import overlay

    X = job.read()
    masks = job.fitted.predict(X)
    if io.ending(job.output):
        io.write(job.output, _one_array(masks), force=job.force)
        job.finish(X)
        return
    names = list(getattr(X, "names", None) or (f"{i:0{len(str(len(masks)))}d}.png" for i in range(len(masks))))
    over = [overlay(image, mask, job.fitted.classes_) for image, mask in zip(X, masks)]
    both = [*map(_storable, masks), *over]
    places = [f"{kind}/{name}" for kind in ("masks", "overlays") for name in names]
    io.write(job.output, both, places, force=job.force)
    job.finish(X, ": masks and overlays")


def report(job: Job, *, masks: Truth = None) -> None:
    """Write the page; with masks it has the figures of each class."""
    from zandloper import io

    X = job.read()
    y = None if masks is None else io.read(masks)
    _check_count(X, y)
    job.fitted.report(X, y).save(job.output, overwrite=job.force)
    job.finish(X, ": open it in a browser")


def _one_array(masks: Any) -> Any:
    import numpy as np

    sizes = {np.shape(mask) for mask in masks}
    if len(sizes) > 1:
        raise DataError("the images differ in size, and one file holds masks of one size: write to a folder")
    return np.stack([_storable(mask) for mask in masks])


def _storable(mask: Any) -> Any:
    """The mask in the smallest type that holds its classes: PNG has 8 and 16 bits."""
    import numpy as np

    if mask.dtype.kind == "b" or mask.min() < 0:
        return mask
    return mask.astype(np.min_scalar_type(int(mask.max())))


def _check_count(X: Any, y: Any) -> None:
    """Refuse masks that are not as many as the images, to which they belong by order."""
    if y is not None and len(X) != len(y):
        raise DataError(f"there are {len(X)} images and {len(y)} masks: give one mask for each image")


class AnyImages:
    """Schema of images, which have no columns to choose."""

    @staticmethod
    def column_names() -> list[str]:
        """No names."""
        return []


def schema(fitted: Any) -> Any:
    """The schema of the data."""
    return AnyImages


APPLICATION = Application(
    name="segment",
    model="segmenter",
    estimator="Segmenter",
    gives="writes masks and overlays",
    run=run,
    report=report,
    fit=fit,
    data_options=(),
    schema=schema,
)
