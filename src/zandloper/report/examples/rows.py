"""Examples shown as rows of values: tables, and all data without a class of their own."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import narwhals as nw
import numpy as np

from zandloper.report import charts
from zandloper.report.html import figure, say, scrolled, svg

MANY = 12  # columns in a table of items


FEW = 14  # columns beside the map


BARS = 30  # columns of which the error is drawn


class RowExamples:
    """Items as rows of values."""

    compact = False

    def __init__(self, schema: Any, originals: np.ndarray) -> None:
        self.schema, self.names = schema, schema.feature_names()

    def cells(self, raw: np.ndarray) -> list[list[str]]:
        """Rows of values as text, in the user's own terms: categories by name, times as times."""
        given = self.schema.give(raw)
        if nw.dependencies.is_into_dataframe(given):
            frame = nw.from_native(given, eager_only=True)
            columns = [frame[name].to_list() for name in frame.columns]
        else:
            array = np.asarray(given)
            array = raw if array.ndim > 2 else array
            columns = array.reshape(len(raw), -1).T.tolist()
        return [[say(value) for value in row] for row in zip(*columns, strict=True)]

    def pairs(
        self,
        originals: np.ndarray,
        made: np.ndarray | None,
        captions: Sequence[str],
        words: tuple[str, str],
        heat: np.ndarray,
    ) -> str:
        """A table: in each cell the value and below it what was made of it, tinted by how wrong that is."""
        above, below = self.cells(originals), None if made is None else self.cells(made)
        # Where a column has two digits, the first ones stand first: they are what a column is tinted by.
        weight = (heat.mean(0) if made is not None else np.zeros(len(self.names)))[: len(above[0])]
        kept = np.sort(np.argsort(-weight, kind="stable")[:MANY])
        head = "".join(f'<th scope="col">{escape(str(self.names[j]))}</th>' for j in kept)
        lines = []
        for i, caption in enumerate(captions):
            cells = []
            for j in kept:
                second = "" if below is None else f"<span>{escape(below[i][j])}</span>"
                tint = 0.0 if below is None else min(1.0, float(heat[i, j]) / 2)
                style = f' style="--e:{tint:.2f}"' if tint >= 0.01 else ""
                cells.append(f"<td{style}><b>{escape(above[i][j])}</b>{second}</td>")
            head_cell = "<br>".join(map(escape, caption.split(" · ")))
            lines.append(f'<tr><th scope="row">{head_cell}</th>{"".join(cells)}</tr>')
        left = f" The {MANY} of {len(weight)} columns with the largest errors." if len(weight) > MANY else ""
        note = words[0] if made is None else f"bold: {words[0]}, below it: {words[1]}"
        tinted = (
            "" if made is None else "; fully tinted where the error is twice that of a constant prediction, or more."
        )
        body = f'<table class="items"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
        return f'<p class="note">{escape(note)}{tinted}{left}</p>' + scrolled(body, f"items: {words[0]}")

    def hover(
        self, originals: np.ndarray, made: np.ndarray | None, words: tuple[str, str], heat: np.ndarray
    ) -> dict[str, Any]:
        """Names and values; of many columns those with the largest errors of each row."""
        above, below = self.cells(originals), None if made is None else self.cells(made)
        rows = []
        for i, line in enumerate(above):
            kept = range(len(line))
            if len(line) > FEW:
                kept = np.sort(np.argsort(-heat[i][: len(line)], kind="stable")[:FEW]).tolist() if below else range(FEW)
            rows.append([[j, line[j], *([] if below is None else [below[i][j]])] for j in kept])
        names = [say(str(name)) for name in self.names]
        return {"kind": "rows", "names": names, "rows": rows, "words": list(words if made is not None else words[:1])}

    def capacity(self) -> int:
        """Return the largest number of items on the latent map."""
        return 2_000

    def error_location(self, error: np.ndarray, baseline: np.ndarray) -> str:
        """Bars: the error of every column as a share of that of a constant prediction."""
        share = np.divide(error, baseline, out=np.zeros_like(error), where=baseline > 1e-12)
        order = np.argsort(-share, kind="stable")
        chart = charts.columns([str(self.names[j]) for j in order[:BARS]], share[order[:BARS]])
        worst, best = order[0], order[-1]
        note = f"1 is the error of a constant prediction. Hardest is {self.names[worst]} ({share[worst]:.0%})"
        note += f", easiest {self.names[best]} ({share[best]:.0%})." if best != worst else "."
        rest = f" The {BARS} hardest of {len(order)} columns." if len(order) > BARS else ""
        return figure(svg(chart, f"Bars of the error by column. {note}"), note + rest)
