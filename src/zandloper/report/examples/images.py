"""Examples shown as images."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from zandloper.report import charts
from zandloper.report.examples.atlas import ATLAS, atlas
from zandloper.report.html import figure, picture, svg

THUMB = 32  # pixels of a picture on the map's atlas


SHOWN = 112  # pixels of a picture beside its reconstruction, larger ones are made smaller


class ImageExamples:
    """Items as pictures."""

    compact = True  # a dozen fit beside a chart

    def __init__(self, schema: Any, originals: np.ndarray) -> None:
        self.schema = schema
        values = originals[:256].astype(float)
        top = float(np.iinfo(schema.dtype).max) if np.dtype(schema.dtype).kind == "u" else 1.0
        low, high = (values.min() / top, values.max() / top) if values.size else (0.0, 1.0)
        # Floats are mostly in [0, 1]; those that are not are shown from their lowest to their highest.
        self.top, self.low, self.high = top, min(0.0, low), max(1.0, high)

    def pixels(self, raw: np.ndarray, most: int) -> np.ndarray:
        """Raw images as uint8 (n, height, width[, 3 or 4]), the longer side at most so many pixels."""
        shown = (np.asarray(raw, dtype=np.float32) / self.top - self.low) / (self.high - self.low)
        shown = (np.clip(shown, 0, 1) * 255).round().astype(np.uint8)
        shown = shown[..., 0] if shown.shape[-1] in (1, 2) else shown[..., : 4 if shown.shape[-1] == 4 else 3]
        side = max(shown.shape[1:3])
        if side <= most:
            return shown
        size = (max(1, shown.shape[2] * most // side), max(1, shown.shape[1] * most // side))
        return np.stack([np.asarray(Image.fromarray(s).resize(size, Image.Resampling.BOX)) for s in shown])

    def pairs(
        self,
        originals: np.ndarray,
        made: np.ndarray | None,
        captions: Sequence[str],
        words: tuple[str, str],
        heat: np.ndarray,
    ) -> str:
        """Pairs of pictures with a line below."""
        above, cells = self.pixels(originals, SHOWN), []
        below = None if made is None else self.pixels(made, SHOWN)
        for i, caption in enumerate(captions):
            pair = picture(above[i], f"{words[0]}, {caption}")
            if below is not None:
                pair += picture(below[i], f"{words[1]}, {caption}")
            lines = "<br>".join(map(escape, caption.split(" · ")))
            cells.append(f"<figure>{pair}<figcaption>{lines}</figcaption></figure>")
        note = f"the {words[0]}" if made is None else f"above: {words[0]}; below: {words[1]}"
        return f'<p class="note">{escape(note)}</p><div class="pairs">{"".join(cells)}</div>'

    def hover(
        self, originals: np.ndarray, made: np.ndarray | None, words: tuple[str, str], heat: np.ndarray
    ) -> dict[str, Any]:
        """One large picture with all small ones on it."""
        sheets = [self.pixels(raw, THUMB) for raw in (originals, made) if raw is not None]
        return {**atlas(sheets), "words": list(words[: len(sheets)])}

    def capacity(self) -> int:
        """Return the largest number of items on the latent map."""
        c, h, w = self.schema.in_shape
        scale = min(1.0, THUMB / max(h, w))
        return int(ATLAS / (2 * max(1.0, h * scale * w * scale) * (1 if c in (1, 2) else 3)))

    def error_location(self, error: np.ndarray, baseline: np.ndarray) -> str:
        """The mean error of every pixel as a picture."""
        mean = error.reshape(self.schema.in_shape).mean(0)
        stride = max(1, max(mean.shape) // 256)
        chart = charts.pixels(mean[::stride, ::stride])
        share = error.sum() / baseline.sum() if baseline.sum() > 0 else 0.0
        row, column = np.unravel_index(int(mean.argmax()), mean.shape)
        note = (
            f"The largest mean error, {mean.max():.3g}, is at row {row}, column {column}. Over all pixels the error is "
            f"{share:.1%} of that of a constant picture, the mean of the training images."
        )
        return figure(svg(chart, f"Heat map of the mean error of every pixel. {note}"), note)
