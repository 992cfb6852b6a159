"""A section of the page, and how a study becomes one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import Any

from zandloper.report.html import figure, say, svg, table


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Parameters
    ----------
    title : str
        Text.
    content : str
        HTML that fetches nothing.
    wide : bool
        Over the whole width, not beside another.
    name : str
        Where links lead; empty: from the title.
    """

    title: str
    content: str
    wide: bool = False
    name: str = ""

    @property
    def anchor(self) -> str:
        """Return the name of the section in links."""
        return self.name or "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


def of_chapter(chapter: Any) -> Section:
    """Turn a type's chapter (`inspection.base_plots.Chapter`) into a section: text, numbers, then figures."""
    said = lambda text: re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))  # noqa: E731
    warning = f'<p class="warning">{said(chapter.warning)}</p>' if chapter.warning else ""
    parts = [table(["what", "figure"], chapter.numbers, chapter.title, numeric=1)]
    if chapter.table:
        head, *rows = chapter.table
        parts.append(table(head, rows, f"{chapter.title}, by column", numeric=1))
    shown = [figure(svg(one.figure, one.alt), one.caption) for one in chapter.shown]
    left, right = ["".join(parts), *shown[1::2]], shown[::2]
    columns = f'<div class="duo"><div>{"".join(left)}</div><div>{"".join(right)}</div></div>'
    return Section(chapter.title, f"<p>{said(chapter.words)}</p>{warning}{columns}", wide=True, name="type")


def of_study(study: Any) -> Section:
    """A study (`compare_with_pca`, `compare_latent_dims`) as a section: its picture and its numbers."""
    chart = figure(svg(study.plot(), f"{study.title}. {study.remark}", 5.4, 3.8), study.remark)
    rows = [[say(value) for value in row] for row in zip(*study.columns.values(), strict=True)]
    numbers = table([name.replace("_", " ") for name in study.columns], rows, study.title, numeric=1)
    return Section(study.title, f'<div class="duo">{chart}<div>{numbers}</div></div>', wide=True, name="study")
