"""Result of an evaluation: figures of generated samples next to those of real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from zandloper.report import Report, page
from zandloper.report.examples import examples_for
from zandloper.report.html import say, table
from zandloper.report.section import Section

N_SHOWN = 12  # samples of each kind on a page


@dataclass(frozen=True)
class SampleMetrics:
    """Figures of generated samples, and of real ones where the figure exists for them; prints as a table.

    Parameters
    ----------
    made, real : mapping of str to float
        By name; `real` has those figures that are defined for real samples against other real samples.
    means : mapping of str to str
        Meaning of each figure, and whether low or high is good.
    title, remark : str
    shown : (schema, raw real samples, raw generated samples) or None
        Examples for the page.
    rebuilt : (raw reconstructions, captions) or None
        Of the real examples.
    """

    made: Mapping[str, float]
    real: Mapping[str, float]
    means: Mapping[str, str]
    title: str = "Generated and real samples"
    remark: str = ""
    shown: tuple[Any, np.ndarray, np.ndarray] | None = None
    rebuilt: tuple[np.ndarray, Sequence[str]] | None = None

    def report(self) -> Report:
        """Build a page with the figures, and real samples above generated ones: `report().save("report.html")`."""
        rows = [[name, say(value), say(self.real.get(name)), self.means[name]] for name, value in self.made.items()]
        table_ = table(["figure", "generated", "real", "means"], rows, self.title)
        sections = [Section(self.title, f"{table_}<p>{escape(self.remark)}</p>", wide=True)]
        if self.shown is not None:
            schema, real, made = self.shown
            drawn = (made, [f"no. {i + 1}" for i in range(len(made))])
            for title, word, below in (("Real and drawn", "drawn", drawn), ("Rebuilt", "rebuilt", self.rebuilt)):
                if below is not None:
                    heat = np.zeros((len(below[0]), int(np.prod(schema.target_shape))))
                    pairs = examples_for(schema, real).pairs(real, *below, ("real", word), heat)
                    sections.append(Section(title, pairs, wide=True))
        tiles = {name: f"{value:.3g}" for name, value in self.made.items()}
        return Report(page("Generator", self.title, self.remark, tiles, sections))

    def __getitem__(self, name: str) -> float:
        return self.made[name]

    @property
    def columns(self) -> dict[str, list[Any]]:
        """Columns of the table."""
        names = list(self.made)
        return {
            "figure": names,
            "generated": [self.made[name] for name in names],
            "real": [self.real.get(name, float("nan")) for name in names],
            "means": [self.means[name] for name in names],
        }

    def __str__(self) -> str:
        wide = max(map(len, self.made))
        lines = [f"{'':{wide}s}  generated       real"]
        for name, value in self.made.items():
            other = f"{self.real[name]:10.4f}" if name in self.real else " " * 10
            lines.append(f"{name:{wide}s} {value:10.4f} {other}  {self.means[name]}")
        return "\n".join(lines)
