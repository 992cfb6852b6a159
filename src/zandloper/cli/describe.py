"""`zandloper describe`: what a model is."""

from __future__ import annotations

import typer

from zandloper.cli import options as opt
from zandloper.cli.app import app


@app.command()
def describe(model: opt.Model) -> None:
    """Say what a model is: its kind, size, and how it was trained."""
    from zandloper import load

    typer.echo(str(load(model).describe()))
