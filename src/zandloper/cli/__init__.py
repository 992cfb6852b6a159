"""The command line: options and files in, estimators called, files out. Holds no mathematics.

Each file of this folder holds one command, or what several need; all are found by discovery. `fit` is made of the
estimators' source, and each file in `applications/` defines what `fit`, `run` and `report` do for one application.
Nothing heavy is imported before a command needs it, so that help appears at once.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from zandloper.cli.app import app
from zandloper.errors import ZandloperError

# The order in the list of commands; those that are not named here follow by name.
ORDER = ("demo", "fit", "run", "sample", "describe", "compare_pca", "report")

for _name in (*ORDER, *sorted({file.stem for file in Path(__file__).parent.glob("[!_]*.py")} - set(ORDER))):
    importlib.import_module(f"zandloper.cli.{_name}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0, 2 for what the user can mend, 1 for what only we can, 130 when interrupted."""
    sys.exit(_run(list(sys.argv[1:] if argv is None else argv)))


def _run(argv: list[str]) -> int:
    debug = os.environ.get("ZANDLOPER_DEBUG", "") not in ("", "0")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            code = int(app(argv, prog_name="zandloper", standalone_mode=False) or 0)
            return _fail("interrupted", code) if code == 130 else code
        except typer.TyperException as error:
            where = getattr(getattr(error, "ctx", None), "command_path", "zandloper")
            return _fail(f"{error.format_message()} (see: {where} --help)", 2)
        except KeyboardInterrupt:
            return _fail("interrupted", 130)
        except (ZandloperError, OSError) as error:
            if debug:
                raise
            return _fail(str(error), 2)
        except Exception as error:
            if debug:
                raise
            return _fail(f"unexpected {type(error).__name__}: {error} (ZANDLOPER_DEBUG=1 shows where)", 1)


def _fail(message: str, code: int) -> int:
    print(f"zandloper: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"zandloper: warning: {' '.join(str(message).split())}", file=sys.stderr)
