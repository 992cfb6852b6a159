"""HTML by hand, little of it: escaped text, tables, pictures inside the page, and figures that follow its colors."""

from __future__ import annotations

import base64
import io
import itertools
import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

from zandloper.io import audio
from zandloper.plotting.style import COLORS, FAINT, INK

_VARIABLES = {INK: "var(--ink)", "#000000": "var(--ink)", FAINT: "var(--faint)"} | {
    color: f"var(--c{i})" for i, color in enumerate(COLORS)
}
_numbers = itertools.count()


def svg(figure: Any, alt: str, width: float | None = None, height: float | None = None) -> str:
    """A matplotlib figure as SVG inside the page: its text stays text, its colors become those of the page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        What the picture shows, for those who do not see it.
    width, height : float, optional
        In inches. Some 4.8 wide, letters stay readable on a phone.
    """
    if width or height:
        now = figure.get_size_inches()
        figure.set_size_inches(width or now[0], height or now[1])
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "zandloper"}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue().decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    wide, high = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text).groups()  # type: ignore[union-attr]
    said = escape(alt)
    head = (
        f'<svg viewBox="0 0 {wide} {high}" role="img" aria-label="{said}" style="max-width:{1.35 * float(wide):.0f}px">'
    )
    text = text.replace("xlink:href", "href")
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    text = re.sub(r' transform="rotate\(-0 [^"]*"', "", text)
    text = re.sub("|".join(_VARIABLES), lambda found: _VARIABLES[found[0]], text)
    return re.sub(r"<svg[^>]*>", lambda _: head, _squeeze(_own_names(text)), count=1)


def _own_names(text: str) -> str:
    """Several figures share a page: what is referred to gets names of its own, and other names go."""
    used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    mark = f"f{next(_numbers)}-"
    text = re.sub(r' id="([^"]+)"', lambda found: f' id="{mark}{found[1]}"' if found[1] in used else "", text)
    return re.sub(r'(href="#|url\(#)', lambda found: found[1] + mark, text)


def _squeeze(text: str) -> str:
    """Tenths of a point are fine enough, save for an image's scale; line breaks are none of a reader's business."""
    shorter = lambda tag: tag[0] if tag[0].startswith("<image") else re.sub(r"(\d+\.\d)\d+", r"\1", tag[0])  # noqa: E731
    text = re.sub(r"<[^>]*>", shorter, text)
    return re.sub(r">\s+<", "><", re.sub(r"\s+", " ", text)).replace(" z ", "z")


def picture(pixels: np.ndarray, alt: str) -> str:
    """An image of uint8, (height, width) or (height, width, 3 or 4), as an element of the page; small ones exact and
    with their pixels seen."""
    height, width = pixels.shape[:2]
    small = max(height, width) <= 64
    blocky = ' class="blocky"' if small else ""
    url = data_url(pixels, None if small else 80)
    return f'<img src="{url}" alt="{escape(alt)}" width="{width}" height="{height}"{blocky}>'


def data_url(pixels: np.ndarray, quality: int | None = None) -> str:
    """An image of uint8 as text that browsers read."""
    file = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if quality is None:
        image.save(file, "PNG", optimize=True)
    else:
        image.save(file, "WEBP", quality=quality, method=4)
    return f"data:image/{'png' if quality is None else 'webp'};base64,{base64.b64encode(file.getvalue()).decode()}"


def player(sound: np.ndarray, rate: int, alt: str) -> str:
    """A sound, (samples,) or (samples, channels), as a player that holds it."""
    file = io.BytesIO()
    loud = np.clip(sound, -1, 1) if sound.dtype.kind == "f" else sound  # a player could do no other
    audio.write(file, loud, rate, Path("sound.wav"))
    url = f"data:audio/wav;base64,{base64.b64encode(file.getvalue()).decode()}"
    return f'<audio controls preload="none" src="{url}" aria-label="{escape(alt)}"></audio>'


def packed(values: np.ndarray) -> str:
    """Numbers as text: base64 of little-endian bytes, which JavaScript reads as a typed array."""
    array = np.ascontiguousarray(values)
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()).decode()


def table(head: Sequence[str], rows: Iterable[Sequence[str]], label: str, numeric: int = 0) -> str:
    """A table of plain text that scrolls by itself where the screen is narrow; the first columns are text.

    Parameters
    ----------
    head : sequence of str
    rows : iterable of sequences of str
    label : str
        What the table holds.
    numeric : int
        From which column on cells are numbers.
    """
    kind = lambda j: ' class="n"' if numeric and j >= numeric else ""  # noqa: E731
    top = "".join(f'<th scope="col"{kind(j)}>{escape(str(name))}</th>' for j, name in enumerate(head))
    lines = []
    for row in rows:
        first, *others = row
        cells = "".join(f"<td{kind(j)}>{escape(str(cell))}</td>" for j, cell in enumerate(others, 1))
        lines.append(f'<tr><th scope="row">{escape(str(first))}</th>{cells}</tr>')
    return scrolled(f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>", label)


def scrolled(content: str, label: str) -> str:
    """Content that may be wider than a phone."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">{content}</div>'


def figure(content: str, caption: str = "") -> str:
    """Content with a line below; the caption is text."""
    return f"<figure>{content}{f'<figcaption>{escape(caption)}</figcaption>' if caption else ''}</figure>"


def say(value: Any) -> str:
    """A value as people write it: four digits that matter, a dash for what is missing."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return str(value)
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def duration(seconds: float) -> str:
    """Time in words."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
