"""Denoising: images, sounds, series and tables without noise, the latter two without gaps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zandloper.cli.applications import Application, Fit, Job, known
from zandloper.errors import FileError, ParameterError, UnsupportedError

Clean = Annotated[Path | None, typer.Option(help="The same items without noise, which make pairs with DATA.")]
Beside = Annotated[Path | None, typer.Option(help="A picture (.png) of some items before and after.")]
Truth = Annotated[Path | None, typer.Option("--clean", help="The same items without noise or gaps, to compare with.")]
InitFrom = Annotated[
    str | None,
    typer.Option(help="A denoiser to start from: a model's folder, or photo-denoiser, part of the package."),
]
Best = Annotated[bool, typer.Option("--best", help="The best quality for images of any size: slow.")]
Fast = Annotated[bool, typer.Option("--fast", help="One pass of the network for images of any size.")]


def fit(task: Fit, *, clean: Clean = None, init_from: InitFrom = None) -> None:
    """Learn to take noise out of images and sounds of any size, series and tables, and to fill gaps in these two."""
    import zandloper
    from zandloper import io

    first = None if init_from is None else zandloper.load(init_from)
    X, rate = task.X, None
    if isinstance(X, io.Images):
        modality = task.data_options.get("modality") or "image"
    elif isinstance(X, io.Sounds):
        rate = max(set(X.rates), key=X.rates.count)
        modality = zandloper.modality.Audio(sample_rate=rate)
    else:
        modality = task.modality()
    y = None if clean is None else _plain(task.read(clean), rate)
    model = task.train(_plain(X, rate), y, modality=modality, init_from=first)
    learned = f"learned  from {model.learned_from_} data, {model.noise_!r}, {model.n_epochs_} epochs"
    audit = [] if model.audit_ is None else [str(model.audit_)]
    task.finish("\n".join([learned, *audit]), f"zandloper run {task.output} {task.data} -o clean")


def run(job: Job, *, beside: Beside = None, best: Best = False, fast: Fast = False) -> None:
    """Write the data without noise into a file or a folder."""
    from zandloper import io
    from zandloper.applications.denoising.signals import has_patch_matching

    if best or fast:
        _set_effort(job.fitted, best, fast, has_patch_matching(job.fitted.network_))
    X = job.read()
    if beside is not None:
        _check_beside(beside, job)
    rate = _rate(job.fitted)
    data = _plain(X, rate)
    made: Any = job.fitted.transform(data)
    if isinstance(X, io.Sounds):
        io.write(job.output, made, X.names, rate=rate or X.rates[0], force=job.force)
    else:
        io.write(job.output, io.Images(made, X.names) if isinstance(X, io.Images) else made, force=job.force)
    job.finish(X)
    if beside is not None:
        io.write_figure(beside, job.fitted.plot(data), force=job.force)
        job.show(f"written  {beside}", picture=beside)


def _set_effort(fitted: Any, best: bool, fast: bool, patch_matching: bool) -> None:
    """Set how much work is done for an image."""
    if best and fast:
        raise ParameterError("--best and --fast were both given: give one of them")
    if fitted.modality_ != "image" or fitted.network_ is None:
        what = f"{fitted.modality_} data" if fitted.modality_ != "image" else "images of one size, by an autoencoder"
        raise UnsupportedError(
            f"--best and --fast are for images of any size, this denoiser is for {what}: leave them out"
        )
    fitted.set_params(n_augmentations=8 if best else 1, patch_matching=best and patch_matching)


def _check_beside(beside: Path, job: Job) -> None:
    """Refuse, before any work, a path that no picture can be written to."""
    from zandloper import io

    if io.ending(beside) != ".png":
        raise FileError(f"{beside}: --beside writes a picture: give a name that ends in .png")
    if job.fitted.modality_ not in ("image", "audio"):
        raise UnsupportedError(
            f"--beside draws images and sounds, this denoiser is for data of kind {job.fitted.modality_}: use report"
        )
    io.check_place(beside, job.force, (".png",))


def report(job: Job, *, clean: Truth = None) -> None:
    """Write the page; with clean data it has figures."""
    from zandloper import io

    X = job.read()
    rate = _rate(job.fitted)
    y = None if clean is None else _plain(known(job.fitted, io.read(clean)), rate)
    job.fitted.report(_plain(X, rate), y).save(job.output, overwrite=job.force)
    job.finish(X, ": open it in a browser")


def schema(fitted: Any) -> Any:
    """The schema of the data."""
    from zandloper.modality.image import ImageSchema

    if fitted.autoencoder_ is not None:
        return fitted.autoencoder_.model_.schema
    return ImageSchema("list", (1, 1, fitted.network_.net.spec.channels), False, "uint8")


def _rate(fitted: Any) -> int | None:
    """Sampling rate of the sounds that trained, where it is known."""
    return getattr(fitted.modality, "sample_rate", None)


def _plain(X: Any, rate: int | None = None) -> Any:
    """Images, and sounds at a rate, as a plain list; other data as they are."""
    from zandloper import io

    if isinstance(X, io.Sounds):
        return [file.read(rate) for file in X.files]
    return list(X) if isinstance(X, io.Images) else X


APPLICATION = Application(
    name="denoise",
    model="denoiser",
    estimator="Denoiser",
    gives="writes data without noise and gaps",
    run=run,
    report=report,
    fit=fit,
    data_options=("columns", "drop", "modality", "window", "time"),
    schema=schema,
)
