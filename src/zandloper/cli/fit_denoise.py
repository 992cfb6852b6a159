"""Denoising: learn to take noise away, then give back images, sounds, series and tables without it or gaps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import fit_app
from zandloper.cli.applications import Application, Job, known
from zandloper.errors import FileError, ParameterError, UnsupportedError

Noise = Annotated[
    str | None, typer.Option(help="The noise: gaussian(0.1), or several with commas. Without: what is found in DATA.")
]
Clean = Annotated[Path | None, typer.Option(help="The same items without noise: DATA and these are pairs.")]
Beside = Annotated[Path | None, typer.Option(help="A picture (.png) of some items before and after.")]
Truth = Annotated[Path | None, typer.Option("--clean", help="The same items without noise or gaps: what was gained.")]
InitFrom = Annotated[
    str | None, typer.Option(help="A denoiser to start from: a model's folder, or photo-denoiser, which comes along.")
]
PatchMatching = Annotated[
    bool,
    typer.Option("--patch-matching", help="Images: compare patches that look alike as well. Sharper texture, slower."),
]
Best = Annotated[bool, typer.Option("--best", help="Images of any size with all that the model can do: slow.")]
Fast = Annotated[bool, typer.Option("--fast", help="Images of any size in one pass of the net.")]
LearnFrom = Annotated[str | None, typer.Option(help="What DATA are: clean or noisy. Without: clean with --noise.")]


@fit_app.command()
def denoise(
    data: opt.Data,
    output: opt.ModelOut,
    noise: Noise = None,
    clean: Clean = None,
    learn_from: LearnFrom = None,
    init_from: InitFrom = None,
    patch_matching: PatchMatching = False,
    columns: opt.Columns = None,
    drop: opt.Drop = None,
    modality: opt.Modality = None,
    window: opt.Window = None,
    time: opt.Time = None,
    max_epochs: opt.MaxEpochs = None,
    max_minutes: opt.MaxMinutes = None,
    seed: opt.Seed = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Learn to take noise out of images and sounds of any size, series and tables, and to fill gaps in these two."""
    inputs.check_model_output(output, data, force)
    import zandloper
    from zandloper import io

    first = None if init_from is None else zandloper.load(init_from)
    X = inputs.read(data, columns, drop)
    images, sounds = isinstance(X, io.Images), isinstance(X, io.Sounds)
    rate = max(set(X.rates), key=X.rates.count) if sounds else None
    settings = inputs.settings(
        noise=None if noise is None else zandloper.noise.from_text(noise),
        learn_from=learn_from,
        patch_matching=patch_matching,
        modality=(modality or "image")
        if images
        else zandloper.modality.Audio(sample_rate=rate)
        if sounds
        else inputs.modality(X, modality, None, None, window, time),
        max_epochs=max_epochs,
        max_minutes=max_minutes,
        random_state=seed,
    )
    say = inputs.speaker(quiet)
    say(f"data     {io.in_words(X)}")
    denoiser = zandloper.Denoiser(**settings)
    y = None if clean is None else _plain(inputs.read(clean, columns, drop), rate)
    denoiser.fit(_plain(X, rate), y, init_from=first)
    denoiser.save(output, overwrite=force)
    say(f"learned  from {denoiser.learned_from_} data, {denoiser.noise_!r}, {denoiser.n_epochs_} epochs")
    if denoiser.audit_ is not None:
        say(str(denoiser.audit_))
    say(f"written  {output}\nnext     zandloper run {output} {data} -o clean")


def run(job: Job, *, beside: Beside = None, best: Best = False, fast: Fast = False) -> None:
    """The data without noise, into a file or a folder."""
    from zandloper import io
    from zandloper.applications.denoising.signals import knows_similar

    if best or fast:
        _set_effort(job.fitted, best, fast, knows_similar(job.fitted.restorer_))
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
    job.say(f"data     {io.in_words(X)}\nwritten  {job.output}")
    if beside is not None:
        io.write_figure(beside, job.fitted.plot(data), force=job.force)
        job.say(f"written  {beside}")


def _set_effort(fitted: Any, best: bool, fast: bool, patch_matching: bool) -> None:
    """How much is done for an image."""
    if best and fast:
        raise ParameterError("--best and --fast were both given: give one of them")
    if fitted.modality_ != "image" or fitted.restorer_ is None:
        what = f"{fitted.modality_} data" if fitted.modality_ != "image" else "images of one size, by an autoencoder"
        raise UnsupportedError(
            f"--best and --fast are for images of any size, this denoiser is for {what}: leave them out"
        )
    fitted.set_params(n_augmentations=8 if best else 1, patch_matching=best and patch_matching)


def _check_beside(beside: Path, job: Job) -> None:
    """Before any work: a picture, in a place that is free."""
    from zandloper import io

    if io.ending(beside) != ".png":
        raise FileError(f"{beside}: --beside writes a picture: give a name that ends in .png")
    if job.fitted.modality_ not in ("image", "audio"):
        raise UnsupportedError(
            f"--beside draws images and sounds, this denoiser is for data of kind {job.fitted.modality_}: use report"
        )
    io.check_place(beside, job.force, (".png",))


def report(job: Job, *, clean: Truth = None) -> None:
    """The page; with clean data the figures."""
    from zandloper import io

    X = job.read()
    rate = _rate(job.fitted)
    y = None if clean is None else _plain(known(job.fitted, io.read(clean)), rate)
    job.fitted.report(_plain(X, rate), y).save(job.output, overwrite=job.force)
    job.say(f"data     {io.in_words(X)}\nwritten  {job.output}: open it in a browser")


def schema(fitted: Any) -> Any:
    """What the data look like."""
    from zandloper.modality.image import ImageSchema

    if fitted.model_ is not None:
        return fitted.model_._schema
    return ImageSchema("list", (1, 1, fitted.restorer_.net.spec.channels), False, "uint8")


def _rate(fitted: Any) -> int | None:
    """Samples a second of the sounds that trained, where that is known."""
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
    schema=schema,
)
