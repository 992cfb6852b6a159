"""How items are shown: images as pictures, series as lines, sounds with players, all else as rows of values.

One class a way, chosen by the data's form.

Each has `beside` (originals and what was made of them, as HTML), `hover` (the same for the map, as JSON-ready values)
and `where` (where the error sits, as HTML). A new modality that is no row of values gets a class and a line in `WAYS`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import narwhals as nw
import numpy as np
from PIL import Image

from zandloper.report import charts
from zandloper.report.html import data_url, figure, picture, player, say, scrolled, svg

THUMB = 32  # pixels of a picture on the map's atlas
ATLAS = 6_000_000  # pixels of the atlas
SHOWN = 112  # pixels of a picture beside its reconstruction, larger ones are made smaller
MANY = 12  # columns in a table of items
FEW = 14  # columns beside the map
BARS = 30  # columns of which the error is drawn
LANES = 4  # channels of a series in one chart
LINES = 8  # channels of which the error is drawn along a window
TILE = (64, 96)  # pixels of a window on the map's atlas
WIDE = 192  # frames of a spectrogram


class Pictures:
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

    def beside(
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
        told = f"the {words[0]}" if made is None else f"above: {words[0]}; below: {words[1]}"
        return f'<p class="note">{escape(told)}</p><div class="pairs">{"".join(cells)}</div>'

    def hover(self, originals: np.ndarray, made: np.ndarray | None, words: tuple[str, str], heat: np.ndarray) -> Any:
        """One large picture with all small ones on it."""
        sheets = [self.pixels(raw, THUMB) for raw in (originals, made) if raw is not None]
        return {**atlas(sheets), "words": list(words[: len(sheets)])}

    def most(self) -> int:
        """How many items the map may show."""
        c, h, w = self.schema.in_shape
        scale = min(1.0, THUMB / max(h, w))
        return int(ATLAS / (2 * max(1.0, h * scale * w * scale) * (1 if c in (1, 2) else 3)))

    def where(self, error: np.ndarray, baseline: np.ndarray) -> str:
        """The mean error of every pixel as a picture."""
        mean = error.reshape(self.schema.in_shape).mean(0)
        stride = max(1, max(mean.shape) // 256)
        chart = charts.pixels(mean[::stride, ::stride])
        share = error.sum() / baseline.sum() if baseline.sum() > 0 else 0.0
        row, column = np.unravel_index(int(mean.argmax()), mean.shape)
        told = (
            f"The largest mean error, {mean.max():.3g}, is at row {row}, column {column}. Over all pixels the error is "
            f"{share:.1%} of that of a constant picture, the mean of the training images."
        )
        return figure(svg(chart, f"Heat map of the mean error of every pixel. {told}"), told)


def atlas(sheets: Sequence[np.ndarray]) -> dict[str, Any]:
    """Small pictures of one or two kinds (n, height, width[, 3 or 4]) side by side on one large one, for the map."""
    count, (h, w) = len(sheets[0]), sheets[0].shape[1:3]
    columns = math.ceil(math.sqrt(count * len(sheets) * h / w) / len(sheets)) * len(sheets)
    rows = -(-count * len(sheets) // columns)
    whole = np.zeros((rows * h, columns * w, *sheets[0].shape[3:]), np.uint8)
    for j, sheet in enumerate(sheets):
        for i, tile in enumerate(sheet):
            y, x = divmod(i * len(sheets) + j, columns)
            whole[y * h : y * h + h, x * w : x * w + w] = tile
    return {"kind": "pictures", "atlas": data_url(whole, 60), "width": w, "height": h, "columns": columns}


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

    def beside(
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
            said = "<br>".join(map(escape, caption.split(" · ")))
            lines.append(f'<tr><th scope="row">{said}</th>{"".join(cells)}</tr>')
        left = f" The {MANY} of {len(weight)} columns with the largest errors." if len(weight) > MANY else ""
        told = words[0] if made is None else f"bold: {words[0]}, below it: {words[1]}"
        tinted = (
            "" if made is None else "; fully tinted where the error is twice that of a constant prediction, or more."
        )
        body = f'<table class="items"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
        return f'<p class="note">{escape(told)}{tinted}{left}</p>' + scrolled(body, f"items: {words[0]}")

    def hover(self, originals: np.ndarray, made: np.ndarray | None, words: tuple[str, str], heat: np.ndarray) -> Any:
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

    def most(self) -> int:
        """How many items the map may show."""
        return 2_000

    def where(self, error: np.ndarray, baseline: np.ndarray) -> str:
        """Bars: the error of every column as a share of that of a constant prediction."""
        share = np.divide(error, baseline, out=np.zeros_like(error), where=baseline > 1e-12)
        order = np.argsort(-share, kind="stable")
        chart = charts.columns([str(self.names[j]) for j in order[:BARS]], share[order[:BARS]])
        worst, best = order[0], order[-1]
        told = f"1 is the error of a constant prediction. Hardest is {self.names[worst]} ({share[worst]:.0%})"
        told += f", easiest {self.names[best]} ({share[best]:.0%})." if best != worst else "."
        rest = f" The {BARS} hardest of {len(order)} columns." if len(order) > BARS else ""
        return figure(svg(chart, f"Bars of the error by column. {told}"), told + rest)


class Lines:
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

    def beside(
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
        told = f"Each chart is a window of {self.schema.window} steps. "
        told += f"Gray: {words[0]}." if made is None else f"Gray: {words[0]}; blue: {words[1]}."
        if len(self.names) > len(kept):
            told += f" The {len(kept)} of {len(self.names)} channels with the largest errors."
        return figure(svg(chart, f"Charts of {len(captions)} windows. {told}", 9.6), told)

    def hover(self, originals: np.ndarray, made: np.ndarray | None, words: tuple[str, str], heat: np.ndarray) -> Any:
        """As for pictures: both lines drawn small, on one large picture."""
        kept = self.channels(heat)
        sheets = [drawn(self.lanes(raw, kept), *TILE) for raw in (originals, made) if raw is not None]
        return {**atlas(sheets), "words": list(words[: len(sheets)])}

    def most(self) -> int:
        """How many items the map may show."""
        return ATLAS // (2 * TILE[0] * TILE[1])

    def where(self, error: np.ndarray, baseline: np.ndarray) -> str:
        """Lines: the error of channels along a window, as a share of that of a constant prediction."""
        error, baseline = (v.reshape(len(self.names), -1) for v in (error, baseline))
        whole = np.divide(error.sum(1), baseline.sum(1), out=np.zeros(len(error)), where=baseline.sum(1) > 1e-12)
        order = np.argsort(-whole, kind="stable")
        share = np.divide(error, baseline, out=np.zeros_like(error), where=baseline > 1e-12)
        chart = charts.along(share[order[:LINES]], [self.names[j] for j in order[:LINES]])
        worst, best = order[0], order[-1]
        told = f"1 is the error of a constant prediction. Hardest is {self.names[worst]} ({whole[worst]:.0%})"
        told += f", easiest {self.names[best]} ({whole[best]:.0%})." if best != worst else "."
        rest = f" The {LINES} hardest of {len(order)} channels." if len(order) > LINES else ""
        return figure(svg(chart, f"Lines of the error along a window, by channel. {told}"), told + rest)


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


class Players:
    """Sounds as pictures of their loudness with a player below."""

    compact = False

    def __init__(self, schema: Any, originals: np.ndarray) -> None:
        self.schema = schema

    def drawings(self, raw: np.ndarray) -> np.ndarray:
        """Spectrograms of raw sounds, uint8 (n, bands, frames), no wider than is shown."""
        drawn = self.schema.drawn(self.schema.give(raw))
        step = -(-drawn.shape[2] // WIDE)
        return drawn[:, :, ::step]

    def beside(
        self,
        originals: np.ndarray,
        made: np.ndarray | None,
        captions: Sequence[str],
        words: tuple[str, str],
        heat: np.ndarray,
    ) -> str:
        """Pairs of spectrograms that can be heard."""
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
        told = f"above: {words[0]}; below: {words[1]}" if made is not None else words[0]
        told += ". Time runs to the right, high tones are above, bright is loud."
        return f'<p class="note">{escape(told)}</p><div class="pairs">{"".join(cells)}</div>'

    def hover(self, originals: np.ndarray, made: np.ndarray | None, words: tuple[str, str], heat: np.ndarray) -> Any:
        """One large picture with all small spectrograms on it."""
        sheets = [
            np.stack([_fitted(d, *TILE) for d in self.drawings(raw)]) for raw in (originals, made) if raw is not None
        ]
        return {**atlas(sheets), "words": list(words[: len(sheets)])}

    def most(self) -> int:
        """How many items the map may show: finding phases takes its time."""
        return 200

    def where(self, error: np.ndarray, baseline: np.ndarray) -> str:
        """The mean error of every place of the spectrogram as a picture; of waveforms, of every sample."""
        mean = error.reshape(self.schema.in_shape)
        mean = mean.mean(0)[::-1] if mean.ndim == 3 else mean
        step = max(1, max(mean.shape) // 256)
        chart = charts.pixels(mean[:, ::step] if mean.shape[0] < 256 else mean[::step, ::step])
        share = error.sum() / baseline.sum() if baseline.sum() > 0 else 0.0
        told = f"Over all places the error is {share:.1%} of that of a constant prediction, the mean of the sounds."
        return figure(svg(chart, f"Heat map of the mean error, time to the right, high tones above. {told}"), told)


def _fitted(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))


WAYS: dict[str, type] = {"image_schema": Pictures, "series_schema": Lines, "audio_schema": Players}


def way(schema: Any, originals: np.ndarray) -> Any:
    """How items of a form are shown."""
    return WAYS.get(schema.name, RowExamples)(schema, originals)
