"""An application of the command line is one file: here one more is put beside the others, and nothing else changes."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zandloper import io

SOURCE = Path(__file__).parents[2] / "src" / "zandloper"
# Draws from variational models instead of reducing with them: it needs no data, and has an option of its own.
ONE_MORE = """
from typing import Annotated
import typer
from zandloper.cli.applications import Application, Fit, Job
from zandloper.cli.app import app

Number = Annotated[int | None, typer.Option("--number", "-n", help="How many.")]
What = Annotated[str | None, typer.Option(help="What is drawn.")]

def run(job: Job, *, number: Number = 3, what: What = "rows") -> None:
    from zandloper import io
    io.write(job.output, job.fitted.sample(number, random_state=0), force=job.force)
    job.finish(note=f" ({number} {what})")

def fit(task: Fit) -> None:
    "Nothing to learn."

@app.command()
def applaud() -> None:
    "Say so."
    typer.echo("bravo")

APPLICATION = Application("draw", "drawer", "VariationalAutoencoder", "draws rows", run, fit=fit, reads=False)
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the house with one file more, and two models trained in it."""
    place = tmp_path_factory.mktemp("house")
    shutil.copytree(SOURCE, place / "zandloper", ignore=shutil.ignore_patterns("__pycache__"))
    (place / "zandloper" / "cli" / "applications" / "draw.py").write_text(ONE_MORE)
    io.write(place / "a.npy", np.random.default_rng(0).normal(size=(40, 3)))
    lines = [f"fit reduce a.npy -o {kind} --type {kind} --max-epochs 1 -q" for kind in ("plain", "variational")]
    assert output_of(place, *lines) == ""
    return place


def output_of(place, *lines):
    """The output of command lines, one after the other in a process of their own."""
    program = "import sys; from zandloper import cli; [cli._run(line.split()) for line in sys.argv[1:]]"
    done = subprocess.run(
        [sys.executable, "-c", program, *lines],
        cwd=place,
        env={"PYTHONPATH": str(place), "COLUMNS": "200", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


def test_one_more_application_is_one_file(house):
    printed = output_of(
        house,
        "run variational -o new.npy -n 5 --what points",
        "run variational -o more.npy",
        "run plain a.npy -o z.npy -q",
        "run plain -o z2.npy",
        "run plain a.npy -o z2.npy -n 4",
        "run variational a.npy -o z2.npy",
        "run variational",
        "run variational -",
        "report variational a.npy -o page.html --labels a.npy",
        "applaud",
    ).splitlines()
    assert printed == [
        "written  new.npy (5 points)",
        "written  more.npy (3 rows)",
        "zandloper: error: Missing argument 'DATA'. (see: zandloper run --help)",
        "zandloper: error: --number 4 is for drawers and generators: an autoencoder writes latents, reconstructions "
        "and errors",
        "zandloper: error: a drawer draws rows, and reads no data: leave out a.npy",
        "zandloper: error: no output is named: add one with -o, such as -o out.csv",
        "zandloper: error: only a detector (zandloper fit detect) answers rows from standard input, without --what",
        "zandloper: error: --labels, --target and --compare-pca are for reports of autoencoders, not drawers",
        "bravo",
    ]
    assert len(io.read(house / "new.npy")) == 5 and (house / "z.npy").exists() and not (house / "z2.npy").exists()


def test_help_says_whose_an_option_is(house):
    printed = output_of(house, "run --help", "fit --help", "--help")
    assert "Drawers" in printed and "Drawers, Autoencoders" in printed
    for words in ("Drawers: What is drawn. Autoencoders: latent (the default)", "Nothing to learn.", "Say so."):
        assert words in " ".join(printed.replace("│", " ").split())
