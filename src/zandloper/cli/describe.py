"""`zandloper describe`: the description of a model."""

from __future__ import annotations

from dataclasses import asdict

from zandloper.cli import options as opt
from zandloper.cli.app import app
from zandloper.cli.printer import Printer


@app.command()
def describe(model: opt.Model, as_json: opt.Json = False, quiet: opt.Quiet = False) -> None:
    """Describe a model: its kind, size and training."""
    from zandloper import load

    fitted = load(model)
    description = fitted.describe()
    show = Printer(quiet, as_json)
    show(str(description), **{"estimator": type(fitted).__name__} | asdict(description))
    show.finish()
