"""What a user wants of an autoencoder: which models are whose, what can be done with them, with which options.

A model knows its application by its class. `run` and `report` know none of them: each `fit_NAME.py` of this folder
has an `APPLICATION`, whose functions say by their signatures which options they take, and the two commands have the
options of all.
"""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args

from zandloper.errors import UnsupportedError


@dataclass(frozen=True)
class Job:
    """One call of `run` or `report`: a model, the data, where to write, and how to speak.

    Parameters
    ----------
    fitted : the model, as `zl.load` gives it
    data : path or None
        What to read; None only where the application reads nothing.
    output : path
        Where to write; that it may be written has been checked.
    force : bool
        What is there may be replaced.
    say : function of str
        Prints a line, or nothing with --quiet.
    """

    fitted: Any
    data: Any
    output: Path
    force: bool
    say: Callable[[str], Any]

    @property
    def schema(self) -> Any:
        """What the model's data look like, a `modality.Schema`."""
        return application_of(self.fitted).schema(self.fitted)

    def read(self) -> Any:
        """The data, as far as the model knows them."""
        from zandloper import io

        return known(self.fitted, io.read(self.data))


def write_page(job: Job) -> None:
    """The report that a model has of itself."""
    from zandloper import io

    X = job.read()
    job.fitted.report(X).save(job.output, overwrite=job.force)
    job.say(f"data     {io.in_words(X)}\nwritten  {job.output}: open it in a browser")


@dataclass(frozen=True)
class Application:
    """What the commands need to know of an application.

    Parameters
    ----------
    name : str
        Of its `fit` command.
    model : str
        What one of its models is called: detector.
    estimator : str
        The class of its models, or a class above it.
    gives : str
        What `run` does with such a model: writes scores and verdicts.
    run : function of a job and its own options
        Options are named parameters, annotated as everywhere in this folder. They get what was given, and nothing
        else: those that were not keep the defaults of the function.
    report : function of a job and its own options
    stream : function of a model, or None
        Answers what arrives on standard input.
    reads : bool
        Whether `run` wants data.
    form : function of a model
        What its data look like.
    """

    name: str
    model: str
    estimator: str
    gives: str
    run: Callable[..., None]
    report: Callable[..., None] = write_page
    stream: Callable[[Any], None] | None = None
    reads: bool = True
    schema: Callable[[Any], Any] = lambda fitted: fitted._schema

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
    """All of them, by name."""
    names = sorted(file.stem for file in Path(__file__).parent.glob("fit_*.py"))
    return tuple(importlib.import_module(f"zandloper.cli.{name}").APPLICATION for name in names)


def application_of(fitted: Any) -> Application:
    """The application that a model was trained for."""
    above = {kind.__name__ for kind in type(fitted).__mro__}
    for application in applications():
        if application.estimator in above:
            return application
    raise UnsupportedError(f"the command line does not know what to do with a model of type {type(fitted).__name__}")


def known(fitted: Any, X: Any) -> Any:
    """Of a table, the columns that a model was trained on."""
    from zandloper import io

    wanted = application_of(fitted).schema(fitted).column_names()
    return io.choose_columns(X, wanted) if wanted and hasattr(X, "column_names") else X


# -------------------------------------------------------------------------------------------------------------- options


def options_of(action: Callable[..., None]) -> Mapping[str, inspect.Parameter]:
    """The options that a function of an application takes."""
    parameters = inspect.signature(action, eval_str=True).parameters
    return {name: p for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}


def takers(action: str, option: str) -> list[Application]:
    """The applications whose `run` or `report` takes an option."""
    return [a for a in applications() if option in options_of(getattr(a, action))]


def taken_alike(action: str, option: str) -> list[str]:
    """The options that the same applications take as this one."""
    names = dict.fromkeys(name for a in applications() for name in options_of(getattr(a, action)))
    return [name for name in names if takers(action, name) == takers(action, option)]


def with_options(action: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command with `**given` the options that the applications' functions named `action` take.

    Each is None, or for a switch False, where it was not given. What several applications take is one option, of one
    type, whose help says of each what it means there; the help has a heading of those that take it.
    """

    def give(command: Callable[..., None]) -> Callable[..., None]:
        found: dict[str, list[inspect.Parameter]] = {}
        for application in applications():
            for name, parameter in options_of(getattr(application, action)).items():
                found.setdefault(name, []).append(parameter)
        signature = inspect.signature(command, eval_str=True)
        shared = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        own = [_joined(name, same, takers(action, name)) for name, same in found.items()]
        command.__signature__ = signature.replace(parameters=[*shared, *own])  # type: ignore[attr-defined]
        return command

    return give


def _joined(name: str, same: list[inspect.Parameter], whose: list[Application]) -> inspect.Parameter:
    """One option of a command, for the parameters of one name."""
    kind, option = get_args(same[0].annotation)
    option = copy.copy(option)
    told = [get_args(p.annotation)[1].help or "" for p in same]
    if len(set(told)) > 1:
        option.help = " ".join(f"{a.many.capitalize()}: {text}" for a, text in zip(whose, told))
    option.rich_help_panel = ", ".join(a.many.capitalize() for a in whose)
    switch = kind is bool
    annotation: Any = Annotated[kind if switch else kind | None, option]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False if switch else None, annotation=annotation
    )


def given_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those options that were given."""
    return {name: value for name, value in options.items() if not (value is None or value is False or value == [])}
