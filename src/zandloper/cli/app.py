"""The tree that commands hang themselves into: `app` holds them, `fit` those that train a model for an application."""

from __future__ import annotations

import typer

from zandloper.cli import options as opt

app = typer.Typer(
    name="zandloper",
    add_completion=False,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    help="Autoencoders from data to answers. Start with: zandloper demo",
)
fit_app = typer.Typer(invoke_without_command=True, help="Train a model on data and write it: zandloper fit reduce ...")
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
