"""`zandloper sample`: new data from a model that has a prior."""

from __future__ import annotations

import inspect

from zandloper.cli import inputs
from zandloper.cli import options as opt
from zandloper.cli.app import app
from zandloper.cli.applications import application_of, known
from zandloper.cli.printer import Printer
from zandloper.errors import UnsupportedError


@app.command()
def sample(
    model: opt.Model,
    output: opt.DataOut,
    number: opt.Number = 16,
    like: opt.Like = None,
    seed: opt.SampleSeed = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
) -> None:
    """Draw new data from a variational or quantized model, in the form of its training data."""
    from zandloper import io, load

    io.check_output(output, force)
    inputs.check_apart(output, model)
    fitted = load(model)
    draw, settings = (
        fitted.sample,
        {"random_state": seed},
    )  # types without a prior name those with one
    if like is not None:
        if "like" not in inspect.signature(draw).parameters:
            kind = type(fitted).__name__
            raise UnsupportedError(f"--like: {kind} makes no variations of items, only --type variational does")
        inputs.check_apart(output, like)
        settings["like"] = known(fitted, io.read(like))
    made = draw(number, **settings)
    names = list(getattr(fitted, "feature_names_in_", [])) or [f"f{i}" for i in range(fitted.n_features_in_)]
    rate = getattr(application_of(fitted).schema(fitted), "rate", None)  # of sounds
    io.write(output, made, names if getattr(made, "ndim", 0) == 2 and rate is None else None, force, rate)
    Printer(quiet)(f"written  {output} ({len(made):,} sample{'s' if len(made) > 1 else ''})")
