"""The section that says how the model was made: parameters, versions and time."""

from __future__ import annotations

import platform
from html import escape

import numpy as np
import sklearn
import torch

from zandloper import __version__
from zandloper.report.html import duration, table
from zandloper.report.measurements import Evidence
from zandloper.report.section import Section


def settings(e: Evidence) -> Section:
    """Parameters, versions and time."""
    given = e.estimator.get_params(deep=False)
    normal = type(e.estimator)().get_params(deep=False)
    same = {name: _equal(value, normal[name]) for name, value in given.items()}
    changed = [[name, _value(value)] for name, value in given.items() if not same[name]]
    rest = [[name, _value(value)] for name, value in given.items() if same[name]]
    lines = "".join(f"<li>{escape(line.strip())}</li>" for line in str(e.description).splitlines()[1:])
    versions = {
        "zandloper": __version__,
        "Python": platform.python_version(),
        "torch": torch.__version__,
        "NumPy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }
    took = getattr(e.estimator, "fit_seconds_", None)
    time = [] if took is None else [["training", duration(took)]]
    time.append(["measuring for this report", duration(e.seconds)])
    own = table(["parameter", "value"], changed, "Settings") if changed else "<p>All settings are the defaults.</p>"
    return Section(
        "Settings, versions, time",
        f'<div class="duo"><div><h3>The model</h3><ul>{lines}</ul></div><div><h3>Set by hand</h3>{own}'
        f"<details><summary>The defaults</summary>{table(['parameter', 'value'], rest, 'Defaults')}</details></div>"
        f"<div><h3>Time</h3>{table(['what', 'time'], time, 'Time')}</div>"
        f"<div><h3>Versions</h3>{table(['software', 'version'], [list(v) for v in versions.items()], 'Versions')}</div>"
        "</div>",
        wide=True,
        name="settings",
    )


def _equal(a: object, b: object) -> bool:
    try:
        return type(a) is type(b) and bool(a == b)
    except (TypeError, ValueError):
        return a is b


def _value(value: object) -> str:
    if isinstance(value, torch.nn.Module):
        return f"own {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= 80 else f"{type(value).__name__} ({text[:60]}…)"
