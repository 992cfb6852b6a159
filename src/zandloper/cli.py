"""The command line: options and files in, estimators called, files out. Holds no mathematics.

Nothing heavy is imported before a command needs it, so that help comes at once.
"""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from zandloper import options as opt
from zandloper.errors import DataError, FileError, ParameterError, UnsupportedError, ZandloperError


@dataclass(frozen=True)
class Application:
    """What a user wants of an autoencoder: the estimator that does it, and what a fitted one can write."""

    help: str
    estimator: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    """What `run --what` gives by which method, where the model has it; the first is the default."""


APPLICATIONS = {
    "reduce": Application(
        help="Learn to keep each sample in a few numbers, its latents.",
        estimator="Autoencoder",
        outputs={
            "latent": "transform",
            "reconstruction": "predict",
            "error": "reconstruction_error",
            "symbols": "encode_symbols",
            "elbo": "elbo",
            "log_likelihood": "log_likelihood",
        },
    ),
}

app = typer.Typer(
    name="zandloper",
    add_completion=False,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    help="Autoencoders from data to answers. Start with: zandloper demo",
)
fit_app = typer.Typer(invoke_without_command=True, help="Train a model on data and write it: zandloper fit reduce ...")
app.add_typer(fit_app, name="fit")


# ------------------------------------------------------------------------------------------------------------- commands


@app.callback()
def _root(ctx: typer.Context, version: opt.Version = False) -> None:
    if version:
        from zandloper import __version__

        typer.echo(f"zandloper {__version__}")
    elif ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@fit_app.callback()
def _fit_root(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@app.command()
def demo(output: opt.Folder = Path("zandloper-demo"), force: opt.Force = False, seed: opt.Seed = 0) -> None:
    """Train on 1,797 handwritten digits, compare with PCA, and draw pictures. Takes less than a minute."""
    from zandloper.demo import run_demo

    run_demo(output, force=force, seed=seed or 0)


def _fit_command(application: Application) -> Callable[..., None]:
    """The `fit` command of one application; all share the options of the estimators."""

    def fit(
        data: opt.Data,
        output: opt.ModelOut,
        columns: opt.Columns = None,
        drop: opt.Drop = None,
        modality: opt.Modality = None,
        size: opt.Size = None,
        channels: opt.Channels = None,
        window: opt.Window = None,
        time: opt.Time = None,
        type: opt.Type = None,
        latent_dim: opt.LatentDim = None,
        hidden: opt.Hidden = None,
        activation: opt.Activation = None,
        encoder: opt.Encoder = None,
        loss: opt.Loss = None,
        max_epochs: opt.MaxEpochs = None,
        max_minutes: opt.MaxMinutes = None,
        validation: opt.Validation = None,
        batch_size: opt.BatchSize = None,
        lr: opt.LR = None,
        seed: opt.Seed = None,
        device: opt.Device = None,
        precision: opt.Precision = None,
        checkpoint: opt.Checkpoint = None,
        force: opt.Force = False,
        quiet: opt.Quiet = False,
        **of_types: Any,
    ) -> None:
        own = {name: value for name, value in of_types.items() if value is not None}
        _check_type(type or opt.PLAIN, own)
        settings = {
            "latent_dim": latent_dim,
            "hidden": hidden,
            "activation": activation,
            "encoder": encoder,
            "loss": loss,
            "max_epochs": max_epochs,
            "max_minutes": max_minutes,
            "validation": validation,
            "batch_size": batch_size,
            "lr": lr,
            "random_state": seed,
            "device": device,
            "precision": precision,
            "checkpoint": checkpoint,
            "verbose": False if quiet else None,
        }
        _check_model_output(output, data, force)
        import zandloper
        from zandloper import files

        X = files.choose_columns(files.read(data), _names(columns), _names(drop))
        settings["modality"] = _modality(X, modality, size, channels, window, time)
        say = _silent if quiet else typer.echo
        say(f"data     {files.in_words(X)}")
        of_fit = {
            name: files.choose_columns(files.read(path), _names(columns), _names(drop))
            for name, path in own.items()
            if opt.type_options()[name].of_fit
        }
        settings |= {name: value for name, value in own.items() if name not in of_fit}
        estimator = opt.types()[type] if type else application.estimator
        model = getattr(zandloper, estimator)(**{k: v for k, v in settings.items() if v is not None})
        model.fit(X, **of_fit)
        model.save(output, overwrite=force)
        say(str(model.describe()))
        say(f"score    {model.score(X):.4f} on all of the data ({model.score_means})")
        say(f"written  {output}\nnext     zandloper run {output} {data} -o latents.csv")
        if hasattr(model, "sample"):
            table = hasattr(X, "column_names") or getattr(X, "ndim", 3) == 2
            say(f"         zandloper sample {output} -o samples{'.csv' if table else ''}")

    # Those of the types are found by discovery: typer reads them from the signature, as it reads the others.
    signature = inspect.signature(fit, eval_str=True)
    shared = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    fit.__signature__ = signature.replace(parameters=[*shared, *opt.parameters_of_types()])  # type: ignore[attr-defined]
    return fit


for _name, _application in APPLICATIONS.items():
    fit_app.command(_name, help=_application.help)(_fit_command(_application))


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
    neighbours: opt.Neighbours = None,
    fast: opt.Fast = False,
    max_epochs: opt.MaxEpochs = None,
    max_minutes: opt.MaxMinutes = None,
    seed: opt.Seed = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Learn what is normal, and from which score on data are odd at a stated false-alarm rate."""
    _check_model_output(output, data, force)
    import zandloper
    from zandloper import files

    X = files.choose_columns(files.read(data), _names(columns), _names(drop))
    settings = {
        "modality": _modality(X, modality, size, channels, window, time),
        "false_alarm_rate": false_alarm_rate,
        "neighbours": neighbours,
        "fast": fast,
        "max_epochs": max_epochs,
        "max_minutes": max_minutes,
        "random_state": seed,
    }
    say = _silent if quiet else typer.echo
    say(f"data     {files.in_words(X)}")
    detector = zandloper.AnomalyDetector(**{k: v for k, v in settings.items() if v is not None}).fit(X)
    detector.save(output, overwrite=force)
    say(str(detector.describe()))
    say(f"written  {output}\nnext     zandloper run {output} {data} -o odd.csv")


@app.command()
def run(
    model: opt.Model,
    data: opt.DataOrStream,
    output: opt.DataOutOrStream = None,
    what: opt.What = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Use a model on data: latents, reconstructions, errors or verdicts into a file, or images into a folder.

    A detector also answers rows as they come: zandloper run MODEL - reads CSV from standard input, the header first,
    and writes CSV to standard output.
    """
    from zandloper import files, load

    if data == Path("-"):
        if output is not None:
            raise ParameterError("rows from standard input are answered on standard output: leave out -o, and use >")
        _run_stream(load(model), what)
        return
    if output is None:
        raise ParameterError("say with -o where to write, such as -o out.csv")
    files.check_output(output, force)
    _check_apart(output, model)
    _check_apart(output, data)
    fitted = load(model)
    if hasattr(fitted, "witnesses_"):
        _run_detector(fitted, data, output, what, force, quiet)
        return
    kind = type(fitted).__name__  # every type of autoencoder reduces
    outputs = next((a for a in APPLICATIONS.values() if a.estimator == kind), APPLICATIONS["reduce"]).outputs
    outputs = {name: method for name, method in outputs.items() if hasattr(type(fitted), method)}
    what = what or next(iter(outputs))
    if what not in outputs:
        raise ParameterError(f"--what {what} is not known: this model gives {', '.join(outputs)}")
    if what != "reconstruction" and files.ending(output) in (".png", ""):
        raise FileError(f"{output} is for images, and --what {what} gives numbers: write to .csv, .parquet or .npy")
    X = _columns_of(fitted, files.read(data))
    result = getattr(fitted, outputs[what])(X)
    named = {
        "latent": lambda: list(fitted.get_feature_names_out()),
        "reconstruction": lambda: getattr(X, "names", None),
        "error": lambda: ["reconstruction_error"],
        "symbols": lambda: [f"symbol_{i}" for i in range(result.shape[1])],
    }.get(what, lambda: [what])()
    if what != "reconstruction" and files.ending(output) in files.tables.ENDINGS:
        places = fitted._form.places(X, fitted._read(X), per_sample=what in ("error", "elbo"))
        result = files.beside(places, result, named or [what]) if places else result
    files.write(output, result, named, force)
    (_silent if quiet else typer.echo)(f"data     {files.in_words(X)}\nwritten  {output} ({what})")


def _run_detector(fitted: Any, data: Path, output: Path, what: str | None, force: bool, quiet: bool) -> None:
    from zandloper import files
    from zandloper.detections import answers

    if what is not None:
        raise ParameterError(f"--what {what} is for autoencoders: a detector writes scores, verdicts and reasons")
    if files.ending(output) not in files.tables.ENDINGS:
        raise FileError(f"{output}: verdicts and reasons are a table: write to {', '.join(files.tables.ENDINGS)}")
    X = _columns_of(fitted, files.read(data))
    found = answers(fitted, X)
    files.write(output, found, force=force)
    odd = found["verdict"].to_pylist().count("odd")
    say = _silent if quiet else typer.echo
    say(f"data     {files.in_words(X)}\nodd      {odd:,} of {len(found):,}\nwritten  {output}")


def _run_stream(fitted: Any, what: str | None) -> None:
    if not hasattr(fitted, "witnesses_") or what is not None:
        raise ParameterError("only a detector (zandloper fit detect) answers rows from standard input, without --what")
    from zandloper.detections import answer_stream, to_standard_output

    try:
        answer_stream(fitted, sys.stdin.fileno(), to_standard_output)
    except BrokenPipeError:  # who asked has gone: nothing is left to do
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@app.command()
def sample(
    model: opt.Model,
    output: opt.DataOut,
    number: opt.Number = 16,
    like: opt.Like = None,
    seed: opt.SampleSeed = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Draw new data from a variational or quantised model, in the form of those that it was trained on."""
    from zandloper import files, load

    files.check_output(output, force)
    _check_apart(output, model)
    fitted = load(model)
    draw, settings = fitted.sample, {"random_state": seed}  # types without a prior say which have one
    if like is not None:
        if "like" not in inspect.signature(draw).parameters:
            kind = type(fitted).__name__
            raise UnsupportedError(f"--like: {kind} makes no variations of items, only --type variational does")
        _check_apart(output, like)
        settings["like"] = _columns_of(fitted, files.read(like))
    made = draw(number, **settings)
    names = list(getattr(fitted, "feature_names_in_", [])) or [f"f{i}" for i in range(fitted.n_features_in_)]
    files.write(output, made, names if getattr(made, "ndim", 0) == 2 else None, force)
    (_silent if quiet else typer.echo)(f"written  {output} ({len(made):,} sample{'s' if len(made) > 1 else ''})")


@app.command()
def describe(model: opt.Model) -> None:
    """Say what a model is: its kind, size, and how it was trained."""
    from zandloper import load

    typer.echo(str(load(model).describe()))


@app.command()
def compare_pca(
    data: opt.StudyData = None,
    output: opt.StudyOut = None,
    columns: opt.Columns = None,
    drop: opt.Drop = None,
    modality: opt.Modality = None,
    size: opt.Size = None,
    channels: opt.Channels = None,
    latent_dims: opt.LatentDims = None,
    max_epochs: opt.MaxEpochs = None,
    max_minutes: opt.MaxMinutes = None,
    seed: opt.Seed = 0,
    force: opt.Force = False,
) -> None:
    """Measure PCA and an autoencoder on rows that neither saw, over sizes of the latent space."""
    from rich.console import Console

    from zandloper import compare_with_pca, curves_table, files

    if output is not None:
        files.check_output(output, force)
        if files.ending(output) not in (".png", *files.tables.ENDINGS):
            raise FileError(f"{output}: the picture is written to .png, the numbers to .csv or .parquet")
    if data is None:
        given = {"--latent-dims": latent_dims, "--columns": columns, "--drop": drop, "--modality": modality}
        odd = next((name for name, value in given.items() if value is not None), None)
        if odd:
            raise ParameterError(
                f"{odd} is for data of your own, and no file is named: zandloper compare-pca DATA {odd} ..."
            )
        found = curves_table(max_epochs=max_epochs, random_state=seed)
    else:
        if output is not None:
            _check_apart(output, data)
        X = files.choose_columns(files.read(data), _names(columns), _names(drop))
        typer.echo(f"data     {files.in_words(X)}")
        found = compare_with_pca(
            X,
            latent_dims,
            modality=_modality(X, modality, size, channels),
            max_epochs=max_epochs,
            max_minutes=max_minutes,
            random_state=seed,
        )
    Console(highlight=False, soft_wrap=True).print(found)
    if output is not None:
        if files.ending(output) == ".png":
            files.write_figure(output, found.plot(), force)
        else:
            files.write(output, found.frame, force=force)
        typer.echo(f"written  {output}")


@app.command()
def report(
    model: opt.Model,
    data: opt.Data,
    output: opt.PageOut,
    labels: opt.Labels = None,
    target: opt.Target = None,
    compare_pca: opt.ComparePCA = False,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Write a page about a model and data: what it is, what it learned, where it fails. It needs no network."""
    from zandloper import compare_with_pca, files, load
    from zandloper.report import check_output

    check_output(output, force)
    _check_apart(output, model)
    _check_apart(output, data)
    fitted, read = load(model), files.read(data)
    given = {name: _values(text, read, name) for name, text in (("labels", labels), ("target", target)) if text}
    X = _columns_of(fitted, read)
    if hasattr(fitted, "witnesses_"):
        if labels or target or compare_pca:
            raise ParameterError("--labels, --target and --compare-pca are for reports of autoencoders, not detectors")
        fitted.report(X).save(output, overwrite=force)
        (_silent if quiet else typer.echo)(f"data     {files.in_words(X)}\nwritten  {output}: open it in a browser")
        return
    if hasattr(X, "column_names") and not fitted._form.column_names():
        X = X.drop_columns([text for text in {labels, target} if text in X.column_names])
    say = _silent if quiet else typer.echo
    say(f"data     {files.in_words(X)}")
    extra = [compare_with_pca(X, autoencoder=fitted, random_state=0)] if compare_pca else []
    page = fitted.report(X, given.get("target"), labels=given.get("labels"), extra=extra)
    page.save(output, overwrite=force)
    say(f"written  {output} ({output.stat().st_size / 1e6:.1f} MB): open it in a browser")


# ----------------------------------------------------------------------------------------------------------------- data


def _check_type(type_: str, own: Mapping[str, Any]) -> None:
    """Refuse the option of another type by its name."""
    for name in own:
        having = list(opt.type_options()[name].help)
        if type_ not in having:
            wanted = " or ".join(f"--type {other}" for other in having)
            raise ParameterError(f"{opt.flag(name)} belongs to {wanted}, and this is --type {type_}")


def _modality(
    X: Any,
    given: str | None,
    size: tuple[int, int] | None,
    channels: int | None,
    window: int | None = None,
    time: str | None = None,
) -> Any:
    """What `modality=` gets: images from files are images, and may be brought to one size; series have windows."""
    from zandloper import files

    if window is not None or time is not None:
        if given != "series":
            raise ParameterError("--window and --time are for series: say --modality series too")
        from zandloper import modality

        return modality.Series(window=window, time=time)
    if not isinstance(X, files.Images):
        if size or channels:
            raise DataError(f"--size and --channels change images from files, and the data are: {files.in_words(X)}")
        return given
    if channels not in (None, 1, 3, 4):
        raise ParameterError(f"--channels must be 1, 3 or 4, got {channels}")
    sizes, kinds = X.sizes(), X.kinds()
    if len(sizes) > 1 and not size:
        raise DataError(f"the images differ in size: {_two(sizes)}; bring them to one with --size HEIGHTxWIDTH")
    if len(kinds) > 1 and not channels:
        raise DataError(
            f"some images are grey and some coloured: {_two(kinds)}; make them alike with --channels 1 or 3"
        )
    from zandloper import modality

    return modality.Image(size=size, channels=channels) if size or channels else given or "image"


def _two(examples: Mapping[str, str]) -> str:
    return " and ".join(f"{name} ({what})" for what, name in list(examples.items())[:2])


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",")] if text is not None else []


def _columns_of(fitted: Any, X: Any) -> Any:
    """Of a table, the columns that a model was trained on."""
    from zandloper import files

    wanted = (fitted.witnesses_[0].model if hasattr(fitted, "witnesses_") else fitted)._form.column_names()
    return files.choose_columns(X, wanted) if wanted and hasattr(X, "column_names") else X


def _values(text: str, X: Any, option: str) -> Any:
    """One value a row: a column of the data, or a file that holds one column or a one-dimensional array."""
    from zandloper import files

    names = list(getattr(X, "column_names", []))
    if text in names:
        return X[text]
    if not Path(text).exists():
        columns = f"the data have the columns {', '.join(names[:12])}" if names else "the data have no named columns"
        raise DataError(f"--{option} {text} is neither a column of the data nor a file: {columns}")
    read = files.read(Path(text))
    if hasattr(read, "column_names") and read.num_columns == 1:
        return read[read.column_names[0]]
    if getattr(read, "ndim", 0) != 1:
        raise DataError(f"--{option} {text} must hold one value a row, and holds: {files.in_words(read)}")
    return read


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


def _check_apart(output: Path, source: Path) -> None:
    """An output that is or holds what is read would replace it, force or not; images among images get mixed up."""
    from zandloper.files import ending

    out, read = output.resolve(), source.resolve()
    if out == read or out in read.parents or (read in out.parents and ending(out) in ("", ".png")):
        raise FileError(f"{output} is or holds or lies in what is read, {source}: choose another place")


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
