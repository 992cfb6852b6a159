"""`zandloper report`: a page about a model and data. What is on it, the model's application says."""

from __future__ import annotations

from typing import Any

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import app
from zandloper.cli.applications import Job, application_of, given_options, taken_alike, takers, with_options
from zandloper.errors import ParameterError


@app.command()
@with_options("report")
def report(
    model: opt.Model,
    data: opt.Data,
    output: opt.PageOut,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    **options: Any,
) -> None:
    """Write a page about a model and data: what it is, what it learned, where it fails. It needs no network."""
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
            said = f"{', '.join(alike[:-1])} and {alike[-1]} are" if len(alike) > 1 else f"{alike[0]} is"
            many = " and ".join(a.many for a in whose)
            raise ParameterError(f"{said} for reports of {many}, not {application.many}")
    application.report(Job(fitted, data, output, force, inputs.speaker(quiet)), **options)
