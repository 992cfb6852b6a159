"""Examples shown as spectrograms with a player."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from zandloper.report import charts
from zandloper.report.examples.atlas import TILE, atlas
from zandloper.report.html import figure, picture, player, svg

WIDE = 192  # frames of a spectrogram


class AudioExamples:
    """Sounds as spectrograms with a player below."""

    compact = False

    def __init__(self, schema: Any, originals: np.ndarray) -> None:
        self.schema = schema

    def drawings(self, raw: np.ndarray) -> np.ndarray:
        """Spectrograms of raw sounds, uint8 (n, bands, frames), no wider than is shown."""
        drawn = self.schema.drawn(self.schema.give(raw))
        step = -(-drawn.shape[2] // WIDE)
        return drawn[:, :, ::step]

    def pairs(
        self,
        originals: np.ndarray,
        made: np.ndarray | None,
        captions: Sequence[str],
        words: tuple[str, str],
        heat: np.ndarray,
    ) -> str:
        """Pairs of spectrograms with players."""
        kinds = [(words[0], originals)] if made is None else [(words[0], originals), (words[1], made)]
        drawn = [(word, self.drawings(raw), self.schema.give(raw)) for word, raw in kinds]
        cells = []
        for i, caption in enumerate(captions):
            parts = [
                picture(pixels[i], f"spectrogram: {word}, {caption}") + player(sounds[i], self.schema.rate, word)
                for word, pixels, sounds in drawn
            ]
            lines = "<br>".join(map(escape, caption.split(" · ")))
            cells.append(f"<figure>{''.join(parts)}<figcaption>{lines}</figcaption></figure>")
        note = f"above: {words[0]}; below: {words[1]}" if made is not None else words[0]
        note += ". Time runs to the right, high tones are above, bright is loud."
        return f'<p class="note">{escape(note)}</p><div class="pairs">{"".join(cells)}</div>'

    def hover(
        self, originals: np.ndarray, made: np.ndarray | None, words: tuple[str, str], heat: np.ndarray
    ) -> dict[str, Any]:
        """One large picture with all small spectrograms on it."""
        sheets = [
            np.stack([_fitted(d, *TILE) for d in self.drawings(raw)]) for raw in (originals, made) if raw is not None
        ]
        return {**atlas(sheets), "words": list(words[: len(sheets)])}

    def capacity(self) -> int:
        """Return the largest number of items on the latent map: sounds are slow to rebuild."""
        return 200

    def error_location(self, error: np.ndarray, baseline: np.ndarray) -> str:
        """The mean error of every cell of the spectrogram, or of every sample of a waveform, as a picture."""
        mean = error.reshape(self.schema.in_shape)
        mean = mean.mean(0)[::-1] if mean.ndim == 3 else mean
        step = max(1, max(mean.shape) // 256)
        chart = charts.pixels(mean[:, ::step] if mean.shape[0] < 256 else mean[::step, ::step])
        share = error.sum() / baseline.sum() if baseline.sum() > 0 else 0.0
        note = f"Overall, the error is {share:.1%} of that of a constant prediction, the mean of the sounds."
        return figure(svg(chart, f"Heat map of the mean error, time to the right, high tones above. {note}"), note)


def _fitted(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))
