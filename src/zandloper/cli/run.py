"""`zandloper run`: use of a model on data, as the model's application defines it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import app
from zandloper.cli.application_options import given_options, takers, with_options
from zandloper.cli.applications import Job, application_of, applications
from zandloper.cli.printer import Printer
from zandloper.errors import ParameterError


@app.command()
@with_options("run")
def run(
    ctx: typer.Context,
    model: opt.Model,
    data: opt.DataOrStream = None,
    output: opt.DataOutOrStream = None,
    seed: opt.SampleSeed = None,
    force: opt.Force = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    **options: Any,
) -> None:
    """Use a model on data: latents, reconstructions, errors or verdicts into a file, or images into a folder.

    A detector also answers rows as they come: zandloper run MODEL - reads CSV from standard input, the header first,
    and writes CSV to standard output.
    """
    from zandloper import io, load

    options = given_options(options)
    if data == Path("-"):
        if output is not None:
            raise ParameterError("rows from standard input are answered on standard output: leave out -o, and use >")
        _stream(load(model), options)
        return
    fitted = load(model) if data is None else None
    if fitted is not None and application_of(fitted).reads:
        ctx.fail("Missing argument 'DATA'.")
    if output is None:
        raise ParameterError("no output is named: add one with -o, such as -o out.csv")
    io.check_output(output, force)
    inputs.check_apart(output, model)
    if data is not None:
        inputs.check_apart(output, data)
    fitted = load(model) if fitted is None else fitted
    application = application_of(fitted)
    if data is not None and not application.reads:
        raise ParameterError(f"{application.one} {application.gives}, and reads no data: leave out {data}")
    for name, value in options.items():
        whose = takers("run", name)
        if application not in whose:
            given = opt.flag(name) if isinstance(value, bool | list) else f"{opt.flag(name)} {value}"
            many = " and ".join(a.many for a in whose)
            raise ParameterError(f"{given} is for {many}: {application.one} {application.gives}")
    show = Printer(quiet, as_json)
    show.facts["model"] = type(fitted).__name__
    application.run(Job(fitted, data, output, force, show, seed), **options)
    show.finish()


def _stream(fitted: Any, options: dict[str, Any]) -> None:
    answer = application_of(fitted).stream
    if answer is None or options:
        who = " or ".join(f"{a.one} (zandloper fit {a.name})" for a in applications() if a.stream)
        without = " or ".join(opt.flag(name) for name in options) or "--what"
        raise ParameterError(f"only {who} answers rows from standard input, without {without}")
    answer(fitted)
