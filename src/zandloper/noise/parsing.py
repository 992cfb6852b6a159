"""Parser of noise expressions on the command line: names with arguments. No code is run."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path
from typing import Any

import zandloper.model.corruptions
from zandloper import io
from zandloper.errors import ParameterError
from zandloper.model.corruptions import Noise
from zandloper.model.corruptions.chain import Chain
from zandloper.model.corruptions.recorded import Recorded
from zandloper.spec import discover

EXAMPLES = "gaussian(0.2), masking(share=0.3, patch=4), or several in order: blur(1), gaussian(0.05)"


def from_text(text: str) -> Noise:
    """Parse a noise expression.

    Parameters
    ----------
    text : str
        A name of zl.noise with optional arguments: `gaussian`, `gaussian(0.2)`, `gaussian((0, 0.2))` (a range),
        `colored(pink, snr=10)`. Names are those of the classes, also in lower case with underscores. Several, separated
        by commas, are applied in order. `recorded("room.npy", snr=5)` reads its recordings from a file.

    Raises
    ------
    ParameterError
        Unknown noise or argument, or a text that cannot be parsed.

    Examples
    --------
    >>> from_text("salt_and_pepper(0.1), gaussian")
    Chain(SaltAndPepper(amount=0.1, salt=0.5, low=0.0, high=1.0), Gaussian(sigma=0.1))
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _unreadable(text) from None
    parts = [_noise(part, text) for part in (tree.elts if isinstance(tree, ast.Tuple) else [tree])]
    return parts[0] if len(parts) == 1 else Chain(tuple(parts))


def _noise(node: ast.expr, text: str) -> Noise:
    call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
    if not isinstance(call.func, ast.Name):
        raise _unreadable(text)
    known = {
        kind.__name__.lower(): kind
        for kind in discover(zandloper.model.corruptions).values()
        if issubclass(kind, Noise)
    }
    kind = known.get(call.func.id.lower().replace("_", ""))
    if kind is None or kind is Chain:
        names = ", ".join(sorted(_small(k.__name__) for k in known.values() if k is not Chain))
        raise ParameterError(f"there is no noise named {call.func.id!r}: there is {names}")
    values = [_value(a, text) for a in call.args]
    settings = {k.arg or "**": _value(k.value, text) for k in call.keywords}
    if kind is Recorded:  # recordings come from a file
        values = [io.read(Path(v)) if isinstance(v, str) else v for v in values]
    try:
        return kind(*values, **settings)
    except TypeError:
        takes = ", ".join(f.name for f in dataclasses.fields(kind))
        raise ParameterError(
            f"noise {ast.unparse(node)} has settings that do not fit: {call.func.id} takes {takes}"
        ) from None


def _value(node: ast.expr, text: str) -> Any:
    """A number, a word with or without quotation marks, or a pair in brackets."""
    if isinstance(node, ast.Name):
        return node.id
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise _unreadable(text) from None


def _unreadable(text: str) -> ParameterError:
    return ParameterError(f"noise {text[:80]!r} cannot be read: write a name and settings, such as {EXAMPLES}")


def _small(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
