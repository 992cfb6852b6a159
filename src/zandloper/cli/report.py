"""`zandloper report`: a page about a model and data, written by the model's application."""

from __future__ import annotations

from typing import Any

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import app
from zandloper.cli.application_options import given_options, taken_alike, takers, with_options
from zandloper.cli.applications import Job, application_of
from zandloper.cli.printer import Printer
from zandloper.errors import ParameterError


@app.command()
@with_options("report")
def report(
    model: opt.Model,
    data: opt.Data,
    output: opt.PageOut,
    seed: opt.Seed = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    **options: Any,
) -> None:
    """Write a page about a model and data: its description, training, results and failures. It needs no network."""
    from zandloper import load
    from zandloper.report import check_output

    options = given_options(options)
    check_output(output, force)
    inputs.check_apart(output, model)
    inputs.check_apart(output, data)
    fitted = load(model)
    application = application_of(fitted)
    for name in options:
        whose = takers("report", name)
        if application not in whose:
            alike = [opt.flag(other) for other in taken_alike("report", name)]
            subject = f"{', '.join(alike[:-1])} and {alike[-1]} are" if len(alike) > 1 else f"{alike[0]} is"
            many = " and ".join(a.many for a in whose)
            raise ParameterError(f"{subject} for reports of {many}, not {application.many}")
    application.report(Job(fitted, data, output, force, Printer(quiet), seed), **options)
