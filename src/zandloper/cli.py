"""The command line: options and files in, estimators called, files out. Holds no mathematics.

Nothing heavy is imported before a command needs it, so that help comes at once.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from zandloper.errors import DataError, FileError, ParameterError, ZandloperError
from zandloper.options import (
    LR, Activation, BatchSize, Checkpoint, Columns, Data, DataOut, Device, Drop, Encoder, Folder, Force, Hidden, LatentDim,
    Loss, MaxEpochs, MaxMinutes, Modality, Model, ModelOut, Precision, Quiet, Seed, Validation, Version, What,
)


@dataclass(frozen=True)
class Application:
    """What a user wants of an autoencoder: the estimator that does it, and what a fitted one can write."""

    help: str
    estimator: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    """What `run --what` gives by which method; the first is the default."""


APPLICATIONS = {
    "reduce": Application(
        help="Learn to keep each sample in a few numbers, its latents.",
        estimator="Autoencoder",
        outputs={"latent": "transform", "reconstruction": "predict", "error": "reconstruction_error"},
    ),
}

app = typer.Typer(name="zandloper", add_completion=False, pretty_exceptions_enable=False, invoke_without_command=True,
                  help="Autoencoders from data to answers. Start with: zandloper demo")
fit_app = typer.Typer(invoke_without_command=True, help="Train a model on data and write it: zandloper fit reduce ...")
app.add_typer(fit_app, name="fit")


# ------------------------------------------------------------------------------------------------------------- commands


@app.callback()
def _root(ctx: typer.Context, version: Version = False) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"zandloper {installed('zandloper')}")
    elif ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@fit_app.callback()
def _fit_root(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@app.command()
def demo(output: Folder = Path("zandloper-demo"), force: Force = False, seed: Seed = 0) -> None:
    """Train on 1,797 handwritten digits, compare with PCA, and draw pictures. Takes a minute or so."""
    from zandloper.demo import run_demo

    run_demo(output, force=force, seed=seed or 0)


def _fit_command(application: Application) -> Callable[..., None]:
    """The `fit` command of one application; all share the options of the estimators."""

    def fit(
        data: Data, output: ModelOut, columns: Columns = None, drop: Drop = None, modality: Modality = None,
        latent_dim: LatentDim = None, hidden: Hidden = None, activation: Activation = None, encoder: Encoder = None,
        loss: Loss = None, max_epochs: MaxEpochs = None, max_minutes: MaxMinutes = None, validation: Validation = None,
        batch_size: BatchSize = None, lr: LR = None, seed: Seed = None, device: Device = None,
        precision: Precision = None, checkpoint: Checkpoint = None, force: Force = False, quiet: Quiet = False,
    ) -> None:
        settings = {
            "modality": modality, "latent_dim": latent_dim, "hidden": hidden, "activation": activation,
            "encoder": encoder, "loss": loss, "max_epochs": max_epochs, "max_minutes": max_minutes,
            "validation": validation, "batch_size": batch_size, "lr": lr, "random_state": seed, "device": device,
            "precision": precision, "checkpoint": checkpoint, "verbose": False if quiet else None,
        }
        _check_model_output(output, data, force)
        X = _choose_columns(_read(data), _names(columns), _names(drop))
        if modality is None and _is_images(X):
            settings["modality"] = "image"
        say = _silent if quiet else typer.echo
        say(f"data     {_in_words(X)}")

        import zandloper

        model = getattr(zandloper, application.estimator)(**{k: v for k, v in settings.items() if v is not None})
        model.fit(X)
        model.save(output, overwrite=force)
        say(str(model.describe()))
        say(f"trained  {model.n_epochs_} epochs, stopped by {model.stopped_by_}")
        say(f"score    {model.score(X):.4f} on all of the data (1: exact, 0: as good as a constant)")
        say(f"written  {output}\nnext     zandloper run {output} {data} -o latents.csv")

    return fit


for _name, _application in APPLICATIONS.items():
    fit_app.command(_name, help=_application.help)(_fit_command(_application))


@app.command()
def run(model: Model, data: Data, output: DataOut, what: What = None, force: Force = False,
        quiet: Quiet = False) -> None:
    """Use a model on data: latents, reconstructions or errors into a file, or images into a folder."""
    from zandloper import files, load

    files.check_output(output, force)
    if output.resolve() in (data.resolve(), model.resolve(), *model.resolve().parents):
        raise FileError(f"{output} is what is to be read: give the output another name")
    fitted = load(model)
    outputs = _application_of(fitted).outputs
    what = what or next(iter(outputs))
    if what not in outputs:
        raise ParameterError(f"--what {what} is not known: this model gives {', '.join(outputs)}")
    if what != "reconstruction" and files.ending(output) in (".png", ""):
        raise FileError(f"{output} is for images, and --what {what} gives numbers: write to .csv, .parquet or .npy")
    X = _columns_of(fitted, _read(data))
    result = getattr(fitted, outputs[what])(X)
    names = {"latent": lambda: list(fitted.get_feature_names_out()), "error": lambda: ["reconstruction_error"]}
    files.write(output, result, names[what]() if what in names else getattr(X, "names", None), force)
    (_silent if quiet else typer.echo)(f"data     {_in_words(X)}\nwritten  {output} ({what})")


@app.command()
def describe(model: Model) -> None:
    """Say what a model is: its kind, size, and how it was trained."""
    from zandloper import load

    typer.echo(str(load(model).describe()))


# ----------------------------------------------------------------------------------------------------------------- data


def _read(path: Path) -> Any:
    from zandloper import files

    return files.read(path)


def _is_images(X: Any) -> bool:
    from zandloper.files import Images

    return isinstance(X, Images)


def _in_words(X: Any) -> str:
    """What data were read as, on one line."""
    if _is_images(X):
        shapes = {image.shape for image in X}
        size = " x ".join(map(str, shapes.pop())) if len(shapes) == 1 else "different sizes"
        return f"{len(X):,} images of {size}, {X[0].dtype}"
    if not hasattr(X, "column_names"):
        return f"array of shape {X.shape}, {X.dtype}"
    kinds: dict[str, int] = {}
    for column in X.columns:
        kinds[str(column.type)] = kinds.get(str(column.type), 0) + 1
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return f"table of {X.num_rows:,} rows and {X.num_columns} columns ({counts})"


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",")] if text is not None else []


def _choose_columns(X: Any, columns: list[str], drop: list[str]) -> Any:
    """The part of a table that --columns and --drop ask for."""
    if not columns and not drop:
        return X
    if not hasattr(X, "column_names"):
        raise DataError(f"--columns and --drop choose from tables with named columns, and the data are: {_in_words(X)}")
    lost = [name for name in (*columns, *drop) if name not in X.column_names]
    if lost:
        raise DataError(f"no column {lost[0]!r} in the data: there are {', '.join(X.column_names[:20])}")
    chosen = [name for name in columns or X.column_names if name not in drop]
    if not chosen:
        raise DataError("--drop leaves no column: drop fewer")
    return X.select(chosen)


def _columns_of(fitted: Any, X: Any) -> Any:
    """Of a table, the columns that a model was trained on; where some are missing, the model says which."""
    wanted = list(getattr(fitted, "feature_names_in_", []))
    there = wanted and hasattr(X, "column_names") and set(wanted) <= set(X.column_names)
    return X.select(wanted) if there else X


def _application_of(fitted: Any) -> Application:
    """By the estimator's name; all types of autoencoder reduce."""
    kind = type(fitted).__name__
    return next((a for a in APPLICATIONS.values() if a.estimator == kind), APPLICATIONS["reduce"])


def _check_model_output(output: Path, data: Path, force: bool) -> None:
    """Before hours of training: nothing but an earlier model is ever replaced."""
    from zandloper.files import check_place

    check_place(output, force)
    if output.exists() and not output.is_dir():
        raise FileError(f"{output} is a file, and a model is a folder: give another name")
    if output.is_dir() and any(output.iterdir()) and not (output / "recipe.json").exists():
        raise FileError(f"{output} is no model, and only models are replaced: give another name")
    if data.exists() and data.resolve().is_relative_to(output.resolve()):
        raise FileError(f"the data {data} are in {output}, which would be replaced: give another name")


# --------------------------------------------------------------------------------------------------------------- errors


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0, 2 for what the user can mend, 1 for what only we can, 130 when interrupted."""
    sys.exit(_run(list(sys.argv[1:] if argv is None else argv)))


def _run(argv: list[str]) -> int:
    debug = os.environ.get("ZANDLOPER_DEBUG", "") not in ("", "0")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            code = int(app(argv, prog_name="zandloper", standalone_mode=False) or 0)
            return _fail("interrupted", code) if code == 130 else code
        except typer.TyperException as error:
            where = getattr(getattr(error, "ctx", None), "command_path", "zandloper")
            return _fail(f"{error.format_message()} (see: {where} --help)", 2)
        except KeyboardInterrupt:
            return _fail("interrupted", 130)
        except (ZandloperError, OSError) as error:
            if debug:
                raise
            return _fail(str(error), 2)
        except Exception as error:
            if debug:
                raise
            return _fail(f"unexpected {type(error).__name__}: {error} (ZANDLOPER_DEBUG=1 shows where)", 1)


def _fail(message: str, code: int) -> int:
    print(f"zandloper: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"zandloper: warning: {' '.join(str(message).split())}", file=sys.stderr)


def _silent(message: str) -> None:
    """Say nothing."""
