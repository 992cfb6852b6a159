"""Results of studies: numbers that print as a table, draw themselves, and show both in notebooks."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

FLOOR = 1e-5  # of the largest error: what lies below is rounding, and would press all else together


class Study:
    """The result of a study: numbers in columns, a sentence, a picture.

    A subclass gives `columns`, `title`, `remark` and `plot()`; the rest follows.
    """

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The numbers by column, every column as long as the others."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """Return the subject of the study, on one line."""
        raise NotImplementedError

    @property
    def remark(self) -> str:
        """Return one sentence on what the numbers are, and on which rows they were measured."""
        raise NotImplementedError

    def plot(self) -> Any:
        """The picture, a `matplotlib.figure.Figure`."""
        raise NotImplementedError

    @property
    def frame(self) -> Any:
        """The numbers as a pandas frame, or without pandas as a pyarrow table."""
        try:
            import pandas
        except ImportError:
            import pyarrow

            return pyarrow.table(self.columns)
        return pandas.DataFrame(self.columns)

    def __rich__(self) -> Any:
        """The table as `rich` draws it, for the command line."""
        from rich.console import Group
        from rich.table import Table

        table = Table(*self._names())
        for column in table.columns:
            column.justify = "right"
        for row in self._cells():
            table.add_row(*row)
        return Group(self.title, table, self.remark)

    def __str__(self) -> str:
        widths = [max(len(cell) for cell in column) for column in zip(self._names(), *self._cells())]
        lines = ["  ".join(c.rjust(w) for c, w in zip(row, widths)) for row in (self._names(), *self._cells())]
        return "\n".join([self.title, *lines, self.remark])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self._names())
        body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in self._cells())
        file = io.BytesIO()
        self.plot().savefig(file, format="png")
        picture = base64.b64encode(file.getvalue()).decode()
        title, remark = html.escape(self.title), html.escape(self.remark)
        return (
            f"<p><b>{title}</b></p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{remark}</p>"
            f'<img alt="{title}" style="max-width: 48em; width: 100%" src="data:image/png;base64,{picture}">'
        )

    def _names(self) -> list[str]:
        return [name.replace("_", " ") for name in self.columns]

    def _cells(self) -> list[list[str]]:
        return [[_said(value) for value in row] for row in zip(*self.columns.values())]


def chart(sizes: Sequence[int], errors: Sequence[float], title: str, remark: str) -> tuple[Any, Any]:
    """A figure and its axes, empty, for errors over sizes of the latent space; every doubling is a step."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    from zandloper.plotting import style

    figure = style.new_figure(7, 4.4)
    ax = figure.add_subplot()
    style.plain(ax)
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [str(k) for k in sizes])
    low = max(min(errors), max(errors) * FLOOR)
    if max(errors) > 3 * low > 0:
        ax.set_yscale("log")
        if low > min(errors):
            ax.set_ylim(low, 2 * max(errors))
        few = max(errors) < 100 * low
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(which="minor", length=0)
    ax.margins(y=0.15)
    ax.set_xlabel("size of the latent space", color=style.INK)
    ax.set_title(title, fontsize=11, color=style.INK, loc="left")
    figure.supxlabel(remark, x=0.01, ha="left", fontsize=8, color=style.INK)
    return figure, ax


def _said(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return "–" if np.isnan(value) else f"{value:.3g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.1e}"
