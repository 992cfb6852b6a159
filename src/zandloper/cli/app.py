"""The command tree: `app` holds the commands, `fit_app` those that train a model for an application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from zandloper.cli import options as opt


class Command(TyperCommand):
    """A command whose help names no type for switches and writes arguments as they are named: DATA."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, switches without a type."""
        return without_types(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The parts of the usage line, arguments without braces."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


class Group(TyperGroup):
    """A group of commands with the same help."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, switches without a type."""
        return without_types(super().get_params(ctx))


LATER: dict[str, Callable[[], Callable[..., None]]] = {}  # makers of the commands of `fit`, by name


class LazyGroup(Group):
    """A group whose commands are made when they are asked for, since their options are read from source."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name, made by its entry in `LATER`."""
        known = super().get_command(ctx, cmd_name)
        if known is None or isinstance(known, Made):
            return known
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name, cls=Made)(LATER[cmd_name]())
        self.commands[cmd_name] = typer.main.get_command(alone)
        return self.commands[cmd_name]


class Made(Command):
    """A command of a lazy group with all its options."""


def without_types(parameters: list[Any]) -> list[Any]:
    """Parameters of which switches show no type: there is nothing to write after them."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False) and parameter.metavar is None:
            parameter.metavar = ""
    return parameters


class Tree(typer.Typer):
    """A group that makes its commands of the class above."""

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """Register a function as a command."""
        return super().command(name, **{"cls": Command, **settings})


app = Tree(
    name="zandloper",
    cls=Group,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Autoencoders from data to answers. Start with: zandloper demo",
)
fit_app = Tree(
    cls=LazyGroup, invoke_without_command=True, help="Train a model on data and write it: zandloper fit reduce ..."
)
app.add_typer(fit_app, name="fit")


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
