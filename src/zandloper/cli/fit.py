"""`zandloper fit NAME`: one command for each application, made of its estimator's parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_type_hints

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import LATER, fit_app
from zandloper.cli.application_options import options_of
from zandloper.cli.applications import Application, Fit, applications
from zandloper.cli.estimator_options import PLAIN, constructor_of, fit_of
from zandloper.cli.printer import Printer
from zandloper.errors import ParameterError

FIRST = ("reduce", "detect", "segment")  # in the list of commands; the others follow by name
OF_DATA = {
    "columns": opt.Columns,
    "drop": opt.Drop,
    "modality": opt.Modality,
    "size": opt.Size,
    "channels": opt.Channels,
    "window": opt.Window,
    "time": opt.Time,
}


def shared(data: opt.Data, output: opt.ModelOut, seed: opt.Seed, force: opt.Force, quiet: opt.Quiet) -> None:
    """Declare the options that every `fit` command has."""


def command_of(application: Application) -> Callable[..., None]:
    """The command that trains a model for an application."""
    types = {"": application.estimator} if application.types is None else application.types()
    extra = options_of(application.fit) if application.fit is not None else {}

    def command(**given: Any) -> None:
        fit(application, types, given)

    command.__signature__ = inspect.Signature(parameters_of(application, types, extra))  # type: ignore[attr-defined]
    command.__doc__ = inspect.getdoc(application.fit)
    return command


def parameters_of(
    application: Application, types: Mapping[str, str], extra: Mapping[str, inspect.Parameter]
) -> list[inspect.Parameter]:
    """The options of a `fit` command."""
    annotations = get_type_hints(shared, include_extras=True)
    made = [_parameter(name, annotations[name]) for name in ("data", "output")]
    made += extra.values()
    made += [_parameter(name, OF_DATA[name], None) for name in application.data_options]
    if len(types) > 1:
        made.append(_parameter("type", opt.option_type(), None))
    taken = {parameter.name for parameter in made}
    for name, parameter in constructor_of(next(iter(types.values()))).items():
        option = None if name in taken else opt.option_of_parameter(parameter)
        made += [] if option is None else [option]
    made += opt.options_of_types() if len(types) > 1 else []
    made.append(_parameter("seed", annotations["seed"], None))
    return [*made, *(_parameter(name, annotations[name], False) for name in ("force", "quiet"))]


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def fit(application: Application, types: Mapping[str, str], given: dict[str, Any]) -> None:
    """Check what was given, then train and save a model."""
    assert application.fit is not None
    data, output, force, quiet = (given.pop(name) for name in ("data", "output", "force", "quiet"))
    given = inputs.settings(**given)
    extra = {name: given.pop(name) for name in options_of(application.fit) if name in given}
    data_options = {name: given.pop(name) for name in application.data_options if name in given}
    chosen = given.pop("type", PLAIN)
    estimator = types[chosen if len(types) > 1 else ""]
    if len(types) > 1:
        inputs.check_type(chosen, given)
    for name in given:
        if name != "seed" and name not in constructor_of(estimator) and name not in fit_of(estimator):
            raise ParameterError(f"{opt.flag(name)} is no option of --type {chosen}")
    settings = {"random_state" if name == "seed" else name: value for name, value in given.items()}
    if quiet and "verbose" in constructor_of(estimator):
        settings["verbose"] = False
    inputs.check_model_output(output, data, force)
    application.fit(Fit(estimator, settings, data, output, force, Printer(quiet), data_options), **extra)


def in_order() -> list[Application]:
    """The applications that have a `fit` command, in the order of the list of commands."""
    ranks = {name: rank for rank, name in enumerate(FIRST)}
    return sorted((a for a in applications() if a.fit), key=lambda a: (ranks.get(a.name, len(FIRST)), a.name))


def _shown(application: Application) -> Callable[..., None]:
    """A stand-in with the help of a command alone: what the list of commands needs."""

    def command() -> None: ...

    command.__doc__ = inspect.getdoc(application.fit)
    return command


for _application in in_order():
    fit_app.command(_application.name)(_shown(_application))
    LATER[_application.name] = partial(command_of, _application)
