"""The report: one HTML page about a model and data, with its description, training, results and failures. It loads
nothing from a network.

`measurements.py` computes, `sections.py` draws, `examples/` shows items of each modality; the page is assembled here.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from zandloper import __version__, io
from zandloper.errors import FileError
from zandloper.inspection.architecture_plot import hourglass_icon, in_words, short
from zandloper.report.measurements import Evidence, gather
from zandloper.report.section import Section, of_study
from zandloper.report.sections import SECTIONS

__all__ = ["Report", "Section", "card", "check_output", "make_report", "page"]


class Report:
    """A page about a model and data: `save` writes it, notebooks show it, `html` holds it.

    Parameters
    ----------
    html : str
        The whole page.
    """

    def __init__(self, html: str) -> None:
        self.html = html

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the page as one file that can be opened, sent and kept; whole or not at all.

        Raises
        ------
        FileError
            The path does not end in .html, something is there already and `overwrite` is false, the disk is full ...
        """
        path = check_output(path, overwrite)
        with io.atomic(path) as file:
            file.write(self.html.encode())

    def __repr__(self) -> str:
        return f"Report of {len(self.html.encode()) / 1e6:.1f} MB: write it with .save('report.html')"

    def _repr_html_(self) -> str:
        # A frame of its own: the styles of notebook and page stay apart.
        return (
            f'<iframe srcdoc="{escape(self.html)}" style="width:100%;height:48rem;border:1px solid #8885;'
            'border-radius:0.5rem" title="zandloper report"></iframe>'
        )


def check_output(path: str | Path, overwrite: bool = False) -> Path:
    """Refuse, before work is done, a place that a page could not be written to."""
    path = Path(path)
    if io.ending(path) not in (".html", ".htm"):
        raise FileError(f"{path}: a report is a web page: give a name that ends in .html")
    io.check_place(path, overwrite, (".html", ".htm"))
    return path


def make_report(estimator: Any, X: Any, y: Any = None, labels: Any = None, extra: Sequence[Any] = ()) -> Report:
    """The report on a fitted estimator; extra sections, or studies, stand before the settings."""
    evidence = gather(estimator, X, y, labels)
    sections = [section for make in SECTIONS if (section := make(evidence)) is not None]
    more = [one if isinstance(one, Section) else of_study(one) for one in extra]
    return Report(_page(evidence, [*sections[:-1], *more, sections[-1]]))


def _page(e: Evidence, sections: Sequence[Section]) -> str:
    d = e.description
    does = f"Rebuilds {d.inputs:,} values an item from {d.latents:,}"
    if e.wanted is not None:
        does = f"Predicts a target from {d.latents:,} latents of {d.inputs:,} inputs"
    lead = f"{does}, with {1 - e.score:.1%} of the error of a constant prediction, the training mean."
    tiles = {
        "items": f"{e.rows:,}",
        "error left": f"{1 - e.score:.1%}",
        "mean error": f"{e.errors.mean():.3g}",
        "latents": f"{d.latents:,} of {d.inputs:,}",
        "parameters": short(d.parameters),
        "epochs": f"{d.epochs:,}",
    }
    return page(f"{d.estimator}, {d.shape}", d.data, lead, tiles, sections, hourglass_icon(e.architecture))


def page(title: str, sub: str, lead: str, tiles: Mapping[str, str], sections: Sequence[Section], icon: str = "") -> str:
    """A whole page: a heading with figures, then sections as cards. All but `icon` and the sections is text."""
    cards = "".join(
        f'<section id="{s.anchor}"{" class=wide" if s.wide else ""}><h2>{escape(s.title)}</h2>{s.content}</section>'
        for s in sections
    )
    links = "".join(f'<a href="#{s.anchor}">{escape(s.title)}</a>' for s in sections)
    figures = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in tiles.items())
    here = resources.files(__package__)
    style, script = (here.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "map.js"))
    script = f"<script>{script}</script>" if 'id="map-data"' in cards else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>zandloper: {escape(title)}</title>"
        f'<link rel="icon" href="data:,"><style>{style}</style></head>\n<body>'
        f'<a class="skip" href="#{sections[0].anchor}">To the content</a><header>'
        f'<div class="title">{icon}<div><h1>{escape(title)}</h1>'
        f'<p class="sub">{escape(sub)}</p></div></div><p>{escape(lead)}</p>'
        f'<dl class="tiles">{figures}</dl><nav aria-label="Sections">{links}</nav></header>\n'
        f'<main class="cards">{cards}</main>\n'
        f"<footer>Made with zandloper {__version__} on {datetime.date.today()}. This page fetches nothing "
        f"from anywhere.</footer>{script}</body></html>\n"
    )


def card(estimator: Any) -> str:
    """A fitted estimator in short, for notebooks: its outline, size and result."""
    from zandloper.inspection.architecture import architecture
    from zandloper.inspection.description import describe

    d, a = describe(estimator), architecture(estimator)
    facts = {
        "data": d.data,
        "latent space": f"{d.latents:,} of {d.inputs:,} values",
        "layers": " → ".join(d.layers) + (", with a linear path from PCA" if d.linear_path else ""),
        "loss": d.loss + ("" if d.validation is None else f", best on validation rows {d.validation:.4g}"),
        "training": f"{d.epochs} epochs, stopped by {d.stopped_by.replace('_', ' ')}",
        "parameters": f"{d.parameters:,}",
    }
    lines = "".join(
        f'<div style="opacity:.7">{escape(name)}</div><div>{escape(value)}</div>' for name, value in facts.items()
    )
    return (
        '<div style="display:flex;gap:1em;align-items:center;border:1px solid #8886;border-radius:.6em;'
        f'padding:.7em 1em;max-width:44em;margin-bottom:.5em;font-size:.9em" title="{escape(in_words(a))}">'
        f'<div style="flex:none;opacity:.85">{hourglass_icon(a, 96)}</div><div>'
        f'<div style="font-weight:600;margin-bottom:.3em">{escape(d.estimator)}: {escape(d.shape)}</div>'
        f'<div style="display:grid;grid-template-columns:auto 1fr;gap:.1em 1em">{lines}</div></div></div>'
    )
