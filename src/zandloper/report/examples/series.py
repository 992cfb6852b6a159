"""Examples shown as line charts, one channel below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zandloper.report import charts
from zandloper.report.examples.atlas import ATLAS, TILE, atlas
from zandloper.report.html import figure, svg

LANES = 4  # channels of a series in one chart


LINES = 8  # channels of which the error is drawn along a window


class SeriesExamples:
    """Windows of series as lines over their steps, one channel below the other."""

    compact = False

    def __init__(self, schema: Any, originals: np.ndarray) -> None:
        self.schema, self.names = schema, [str(c.name) for c in schema.columns]
        low, high = np.zeros((2, len(self.names), 1))
        for i, channel in enumerate(np.moveaxis(originals, 1, 0)):
            there = channel[np.isfinite(channel)]
            if there.size:  # a channel may be missing everywhere
                low[i], high[i] = np.quantile(there, (0.001, 0.999))
        self.middle, self.half = (low + high) / 2, np.where(high > low, (high - low) / 2, 1.0)

    def lanes(self, raw: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Some channels between about -1 and 1, (n, channels, steps)."""
        return ((raw - self.middle) / self.half)[:, kept]

    def channels(self, heat: np.ndarray) -> np.ndarray:
        """Which channels are shown: those with the largest errors, in order."""
        mean = heat.reshape(len(heat), len(self.names), -1).mean((0, 2)) if len(heat) else np.zeros(len(self.names))
        return np.sort(np.argsort(-mean, kind="stable")[:LANES])

    def pairs(
        self,
        originals: np.ndarray,
        made: np.ndarray | None,
        captions: Sequence[str],
        words: tuple[str, str],
        heat: np.ndarray,
    ) -> str:
        """Small charts, both lines in each."""
        kept = self.channels(heat)
        chart = charts.windows(
            self.lanes(originals, kept),
            None if made is None else self.lanes(made, kept),
            [self.names[j] for j in kept],
            [caption.replace(" · ", ", ", 1).replace(" · ", "\n") for caption in captions],
            words,
        )
        note = f"Each chart is a window of {self.schema.window} steps. "
        note += f"Gray: {words[0]}." if made is None else f"Gray: {words[0]}; blue: {words[1]}."
        if len(self.names) > len(kept):
            note += f" The {len(kept)} of {len(self.names)} channels with the largest errors."
        return figure(svg(chart, f"Charts of {len(captions)} windows. {note}", 9.6), note)

    def hover(
        self, originals: np.ndarray, made: np.ndarray | None, words: tuple[str, str], heat: np.ndarray
    ) -> dict[str, Any]:
        """Draw both lines small, on one large picture."""
        kept = self.channels(heat)
        sheets = [drawn(self.lanes(raw, kept), *TILE) for raw in (originals, made) if raw is not None]
        return {**atlas(sheets), "words": list(words[: len(sheets)])}

    def capacity(self) -> int:
        """Return the largest number of items on the latent map."""
        return ATLAS // (2 * TILE[0] * TILE[1])

    def error_location(self, error: np.ndarray, baseline: np.ndarray) -> str:
        """Lines: the error of channels along a window, as a share of that of a constant prediction."""
        error, baseline = (v.reshape(len(self.names), -1) for v in (error, baseline))
        whole = np.divide(error.sum(1), baseline.sum(1), out=np.zeros(len(error)), where=baseline.sum(1) > 1e-12)
        order = np.argsort(-whole, kind="stable")
        share = np.divide(error, baseline, out=np.zeros_like(error), where=baseline > 1e-12)
        chart = charts.along(share[order[:LINES]], [self.names[j] for j in order[:LINES]])
        worst, best = order[0], order[-1]
        note = f"1 is the error of a constant prediction. Hardest is {self.names[worst]} ({whole[worst]:.0%})"
        note += f", easiest {self.names[best]} ({whole[best]:.0%})." if best != worst else "."
        rest = f" The {LINES} hardest of {len(order)} channels." if len(order) > LINES else ""
        return figure(svg(chart, f"Lines of the error along a window, by channel. {note}"), note + rest)


def drawn(lanes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Lines (n, lanes, steps) as uint8 pictures (n, height, width), lanes below each other; gaps stay white."""
    n, count, steps = lanes.shape
    sheet = np.full((n, height, width), 255, np.uint8)
    tall = height // count
    place = np.linspace(0, steps - 1, width + 1)
    low, share = np.floor(place).astype(int), place % 1
    high = np.minimum(low + 1, steps - 1)
    rows = np.arange(tall)[:, None]
    for k in range(count):
        line = np.clip(lanes[:, k], -1.1, 1.1)
        at = np.where(share > 0, line[:, low] * (1 - share) + line[:, high] * share, line[:, low])
        y = (0.5 - at / 2.4) * (tall - 1)
        top = np.floor(np.minimum(y[:, :-1], y[:, 1:]))[:, None]
        bottom = np.ceil(np.maximum(y[:, :-1], y[:, 1:]))[:, None]
        ink = (rows >= top) & (rows <= np.maximum(bottom, top + 1))
        sheet[:, k * tall : (k + 1) * tall][ink] = 60
    return sheet
