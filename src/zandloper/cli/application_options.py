"""Options that the applications' functions take, as options of the commands `fit`, `run` and `report`."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args

from zandloper.cli.applications import Application, applications


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
    type, whose help describes it for each; the help has a heading of those that take it.
    """

    def give(command: Callable[..., None]) -> Callable[..., None]:
        found: dict[str, list[inspect.Parameter]] = {}
        for application in applications():
            for name, parameter in options_of(getattr(application, action)).items():
                found.setdefault(name, []).append(parameter)
        signature = inspect.signature(command, eval_str=True)
        shared = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        joined = [_joined(name, same, takers(action, name)) for name, same in found.items()]
        command.__signature__ = signature.replace(parameters=[*shared, *joined])  # type: ignore[attr-defined]
        return command

    return give


def _joined(name: str, same: list[inspect.Parameter], whose: list[Application]) -> inspect.Parameter:
    """One option of a command, for the parameters of one name."""
    kind, option = get_args(same[0].annotation)
    option = copy.copy(option)
    texts = [get_args(p.annotation)[1].help or "" for p in same]
    if len(set(texts)) > 1:
        option.help = " ".join(f"{a.many.capitalize()}: {text}" for a, text in zip(whose, texts))
    option.rich_help_panel = ", ".join(a.many.capitalize() for a in whose)
    switch = kind is bool
    annotation: Any = Annotated[kind if switch else kind | None, option]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False if switch else None, annotation=annotation
    )


def given_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those options that were given."""
    return {name: value for name, value in options.items() if not (value is None or value is False or value == [])}
