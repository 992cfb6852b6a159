"""Applications of the command line: which models belong to which, and the commands' work with them.

The class of a model determines its application. `fit`, `run` and `report` name none of them: each file of this folder
has an `APPLICATION`, whose functions declare by their signatures which options they take, and the commands have the
options of all.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from zandloper.cli import inputs
from zandloper.cli.printer import Printer
from zandloper.errors import UnsupportedError

DATA_OPTIONS = ("columns", "drop", "modality", "size", "channels", "window", "time")


@dataclass
class Fit:
    """One call of `fit`: an estimator with its settings, the data, and where to write.

    Parameters
    ----------
    estimator : str
        The class to train.
    settings : dict
        The parameters of its constructor that were given.
    data, output : path
        That `output` may be written has been checked.
    force : bool
        An existing model may be replaced.
    show : Printer
    data_options : dict
        The options that select columns and a modality, as they were given.
    """

    estimator: str
    settings: dict[str, Any]
    data: Path
    output: Path
    force: bool
    show: Printer
    data_options: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def X(self) -> Any:
        """The data."""
        return self.read(self.data)

    def read(self, path: Path) -> Any:
        """Data with the columns that were asked for."""
        return inputs.read(path, self.data_options.get("columns"), self.data_options.get("drop"))

    def modality(self) -> Any:
        """The modality of the data; None where nothing was given."""
        chosen = {name: self.data_options.get(name) for name in ("size", "channels", "window", "time")}
        return inputs.modality(self.X, self.data_options.get("modality"), **chosen)

    def train(self, X: Any, y: Any = None, modality: Any = None, **arguments: Any) -> Any:
        """A fitted estimator, saved."""
        import zandloper
        from zandloper import io

        settings = self.settings | inputs.settings(modality=modality)
        self.show(f"data     {io.in_words(self.X)}")
        model = getattr(zandloper, self.estimator)(**settings)
        model.fit(X, y, **inputs.settings(**arguments))
        model.save(self.output, overwrite=self.force)
        return model

    def finish(self, description: str, *next_: str) -> None:
        """Print the description of the model, where it is, and command lines to go on with."""
        lines = [description, f"written  {self.output}"]
        lines += [f"{'next' if i == 0 else '':8s} {line}" for i, line in enumerate(next_)]
        self.show("\n".join(lines))


@dataclass(frozen=True)
class Job:
    """One call of `run` or `report`: a model, the data, where to write, and how to print.

    Parameters
    ----------
    fitted : the model, as `zl.load` returns it
    data : path or None
        The data to read; None only where the application reads nothing.
    output : path
        That it may be written has been checked.
    force : bool
        An existing output may be replaced.
    show : Printer
    seed : int or None
        Where random numbers are drawn, the same seed gives the same output.
    """

    fitted: Any
    data: Any
    output: Path
    force: bool
    show: Printer
    seed: int | None = None

    @property
    def schema(self) -> Any:
        """The form of the model's data, a `modality.Schema`."""
        return application_of(self.fitted).schema(self.fitted)

    def read(self) -> Any:
        """The data, of a table the columns that the model was trained on."""
        from zandloper import io

        return known(self.fitted, io.read(self.data))

    def finish(self, X: Any = None, note: str = "", **facts: Any) -> None:
        """Print the data that were read and the output, with a note about it."""
        from zandloper import io

        lines = [] if X is None else [f"data     {io.in_words(X)}"]
        if X is not None:
            facts = {"data": self.data, "n": len(X)} | facts
        self.show("\n".join([*lines, f"written  {self.output}{note}"]), **facts, written=self.output)


def write_page(job: Job) -> None:
    """Write the report that a model makes."""
    X = job.read()
    job.fitted.report(X).save(job.output, overwrite=job.force)
    job.finish(X, ": open it in a browser")


def own_schema(fitted: Any) -> Any:
    """The schema of an autoencoder's data."""
    return getattr(fitted, "autoencoder_", fitted).model_.schema


@dataclass(frozen=True)
class Application:
    """An application, as the commands need it.

    Parameters
    ----------
    name : str
        Name of its `fit` command.
    model : str
        Noun for one of its models: detector.
    estimator : str
        The class of its models, or a class above it.
    gives : str
        Verb phrase for what `run` does with such a model: writes scores and verdicts.
    run : function of a job and its own options
        Options are named parameters, annotated as everywhere in this folder. They get what was given, and nothing
        else: those that were not keep the defaults of the function.
    report : function of a job and its own options
    fit : function of a `Fit` and its own options, or None
        Trains and saves a model; its docstring is the command's help. None: there is no such command.
    types : function, or None
        The classes that `fit` trains, by the names of `--type`. None: `estimator` alone.
    data_options : tuple of str
        The options that `fit` takes about its data.
    stream : function of a model, or None
        Answers rows from standard input.
    reads : bool
        Whether `run` reads data.
    schema : function of a model
        The schema of its data.
    """

    name: str
    model: str
    estimator: str
    gives: str
    run: Callable[..., None]
    report: Callable[..., None] = write_page
    fit: Callable[..., None] | None = None
    types: Callable[[], Mapping[str, str]] | None = None
    data_options: tuple[str, ...] = DATA_OPTIONS
    stream: Callable[[Any], None] | None = None
    reads: bool = True
    schema: Callable[[Any], Any] = own_schema

    @property
    def one(self) -> str:
        """A model, with its article."""
        return f"{'an' if self.model[0] in 'aeiou' else 'a'} {self.model}"

    @property
    def many(self) -> str:
        """Models."""
        return f"{self.model}s"


@cache
def applications() -> tuple[Application, ...]:
    """All applications, by name."""
    names = sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py"))
    return tuple(importlib.import_module(f"{__name__}.{name}").APPLICATION for name in names)


def application_of(fitted: Any) -> Application:
    """The application that a model was trained for."""
    above = {kind.__name__ for kind in type(fitted).__mro__}
    for application in applications():
        if application.estimator in above:
            return application
    raise UnsupportedError(f"the command line has no application for a model of type {type(fitted).__name__}")


def known(fitted: Any, X: Any) -> Any:
    """The columns of a table that a model was trained on; other data as they are."""
    from zandloper import io

    wanted = application_of(fitted).schema(fitted).column_names()
    return io.choose_columns(X, wanted) if wanted and hasattr(X, "column_names") else X
