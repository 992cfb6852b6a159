"""`zandloper demo`: the first thing to type."""

from __future__ import annotations

from pathlib import Path

from zandloper.cli import options as opt
from zandloper.cli.app import app


@app.command()
def demo(
    output: opt.Folder = Path("zandloper-demo"),
    force: opt.Force = False,
    seed: opt.Seed = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Train on 1,797 handwritten digits, compare with PCA, and draw pictures. Takes less than a minute."""
    from rich.console import Console

    from zandloper.applications.studies.digits_demo import run_demo

    run_demo(output, force=force, seed=seed or 0, console=Console(highlight=False, soft_wrap=True, quiet=quiet))
