"""Examples on a page: images as pictures, series as charts, audio with players, all else as rows of values.

One file and class per kind of data, chosen by the schema's name. A new modality that is no row of values gets a class
with the methods of `Examples` and a line in `CLASSES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from zandloper.modality import Schema
from zandloper.report.examples.audio import AudioExamples
from zandloper.report.examples.images import ImageExamples
from zandloper.report.examples.rows import RowExamples
from zandloper.report.examples.series import SeriesExamples


class Examples(Protocol):
    """Originals and what was made of them, as parts of a page."""

    compact: bool  # a dozen fit next to a chart

    def pairs(
        self,
        originals: np.ndarray,
        made: np.ndarray | None,
        captions: Sequence[str],
        words: tuple[str, str],
        heat: np.ndarray,
    ) -> str:
        """Return originals and what was made of them as HTML; `heat` holds the error of each value, `words` names."""

    def hover(
        self, originals: np.ndarray, made: np.ndarray | None, words: tuple[str, str], heat: np.ndarray
    ) -> dict[str, object]:
        """Return the same for the latent map, as JSON-ready values."""

    def capacity(self) -> int:
        """Return the largest number of items on the latent map."""

    def error_location(self, error: np.ndarray, baseline: np.ndarray) -> str:
        """Return the error of each value, with that of the best constant prediction for scale, as HTML."""


CLASSES: dict[str, Callable[[Schema, np.ndarray], Examples]] = {
    "image_schema": ImageExamples,
    "series_schema": SeriesExamples,
    "audio_schema": AudioExamples,
}


def examples_for(schema: Schema, originals: np.ndarray) -> Examples:
    """Return the examples that suit a schema, with scales taken from the originals."""
    return CLASSES.get(schema.name, RowExamples)(schema, originals)
