"""Panels that pictures of several types share: grids of small images, heat maps side by side, histograms, bars.

A grid is one image, put together here: a hundred axes would take seconds to lay out and a page many times the room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from zandloper.plotting.style import COLORS, FAINT, INK, Picture, new_figure, plain

WIDTH = 4.8  # inches: a page shows it so that letters can be read on a phone
SIDE = 96  # pixels of an image in a grid, at most
PIXELS = 2**18  # of a whole grid
GAP = 0.08  # of an image, between two
COLUMNS = 20  # of a table in a heat map
ACROSS = 4  # heat maps beside each other
HISTOGRAMS = 12


def tiles(images: Any) -> np.ndarray:
    """Images as `predict` gives them, (n, height, width[, channels]) or a list, as RGBA bytes (n, height, width, 4).

    Integers are shown by their range; floats from 0 to 1, or from their lowest to their highest where they leave that.
    """
    pixels = np.stack([np.asarray(image) for image in images])
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    top = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind in "iu" else 1.0
    shown = _small(pixels.astype(np.float32) / top)
    low, high = min(0.0, float(shown.min())), max(1.0, float(shown.max()))
    return _rgba((shown - low) / (high - low))


def signed_tiles(values: np.ndarray) -> np.ndarray:
    """Values of any sign (n, height, width, channels) as RGBA bytes, each image on its own scale around 0.

    Red is more and blue is less; with several channels, colors around gray.
    """
    values = _small(values.astype(np.float32))
    share = values / np.maximum(np.abs(values).max((1, 2, 3), keepdims=True), 1e-12)
    if values.shape[-1] == 1:
        return (colormaps["RdBu_r"](0.5 + 0.5 * share[..., 0]) * 255).round().astype(np.uint8)
    return _rgba(0.5 + 0.5 * share)


def grid_figure(
    images: np.ndarray,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    across: int | None = None,
    title: str = "",
    width: float = WIDTH,
) -> Picture:
    """A figure that is one grid. As `grid`."""
    grid_shape = _arranged(images, rows, columns, across).shape
    inner = width - (0.1 + 0.075 * max(map(len, rows), default=0))
    height = inner * grid_shape[0] * grid_shape[2] / (grid_shape[1] * grid_shape[3])
    figure = new_figure(width, height + 0.12 + 0.22 * bool(columns) + 0.3 * bool(title))
    figure.set_layout_engine("constrained", w_pad=0.1)
    grid(figure.add_subplot(), images, rows, columns, across)
    if title:
        figure.suptitle(title, fontsize=10, color=INK)
    return figure


def grid(
    ax: Axes, images: np.ndarray, rows: Sequence[str] = (), columns: Sequence[str] = (), across: int | None = None
) -> None:
    """Images side by side in rows.

    Parameters
    ----------
    ax : Axes
    images : ndarray of uint8, (n, height, width, 4)
        Row by row, from `tiles` or `signed_tiles`.
    rows, columns : sequence of str
        Names at the left, and above.
    across : int, optional
        Images in a row; None: as the names say, else about as many as there are rows.
    """
    arranged = _arranged(images, rows, columns, across)
    down, along, h, w = arranged.shape[:4]
    gap = max(1, round(GAP * max(h, w)))
    sheet = np.zeros((down * (h + gap) - gap, along * (w + gap) - gap, 4), np.uint8)  # see-through
    for i, j in np.ndindex(down, along):
        sheet[i * (h + gap) : i * (h + gap) + h, j * (w + gap) : j * (w + gap) + w] = arranged[i, j]
    ax.imshow(sheet, interpolation="none")
    ax.set_xticks([j * (w + gap) + w / 2 - 0.5 for j in range(len(columns))], columns)
    ax.set_yticks([i * (h + gap) + h / 2 - 0.5 for i in range(len(rows))], rows)
    ax.xaxis.tick_top()
    ax.tick_params(length=0, labelcolor=INK, labelsize=9)
    for side in ax.spines.values():
        side.set_visible(False)


def heats(
    tables: np.ndarray, names: Sequence[str], titles: Sequence[str], ends: tuple[str, str], across: str, unit: str
) -> Picture:
    """Heat maps side by side: columns of the data down, steps across, blue below 0 and red above, on one scale.

    Parameters
    ----------
    tables : ndarray (maps, steps, columns)
    names : sequence of str
        Of the columns; those that move most are drawn.
    titles : sequence of str
        Of the maps.
    ends : (str, str)
        Of the first and the last step.
    across, unit : str
        What goes across, and what colors stand for.
    """
    kept = np.sort(np.argsort(-np.abs(tables).max((0, 1)), kind="stable")[:COLUMNS])
    down = -(-len(tables) // ACROSS)
    figure = new_figure(WIDTH, 0.75 + down * (0.45 + 0.19 * len(kept)))
    axes = figure.subplots(down, min(ACROSS, len(tables)), squeeze=False, sharey=True)
    high = max(float(np.abs(tables).max()), 1e-12)
    for i, ax in enumerate(axes.flat):
        if i >= len(tables):
            ax.set_axis_off()
            continue
        image = ax.imshow(tables[i][:, kept].T, cmap="RdBu_r", vmin=-high, vmax=high, aspect="auto")
        _bare(ax)
        ax.set_title(titles[i], fontsize=9, color=INK)
        ax.set_xticks((0, len(tables[i]) - 1), ends)
        ax.set_yticks(range(len(kept)), [clipped(names[j]) for j in kept])
    figure.supxlabel(across, fontsize=9, color=INK)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, aspect=30, pad=0.02)
    _scale(bar, unit)
    return figure


def heat(table: np.ndarray, rows: Sequence[str], names: Sequence[str], unit: str, by: str) -> Picture:
    """One heat map of (rows, columns), around 0 where there are both signs: columns of the data down, rows across."""
    kept = np.sort(np.argsort(-np.abs(table).max(0), kind="stable")[: COLUMNS + 4])
    figure = new_figure(WIDTH, 0.9 + 0.2 * len(kept))
    ax = figure.add_subplot()
    high = max(float(np.abs(table).max()), 1e-12)
    low, colors = (0.0, "Purples") if table.min() >= 0 else (-high, "RdBu_r")
    image = ax.imshow(table[:, kept].T, cmap=colors, vmin=low, vmax=high, aspect="auto", interpolation="none")
    _bare(ax)
    ax.set_xticks(range(len(rows)), rows, rotation=90 if len("".join(rows)) > 30 else 0)
    ax.set_yticks(range(len(kept)), [clipped(names[j]) for j in kept])
    ax.set_xlabel(by, fontsize=9, color=INK)
    _scale(figure.colorbar(image, ax=ax, shrink=0.8), unit)
    return figure


def histograms(real: np.ndarray | None, made: np.ndarray, names: Sequence[str], bare: Sequence[bool]) -> Picture:
    """Draw a histogram of each column, of the data (filled) and of samples (a line).

    Parameters
    ----------
    real, made : ndarray (rows, columns), (samples, columns)
        Numbers; NaN is missing. None: there are no data to set beside.
    names : sequence of str
    bare : sequence of bool
        Whether a column's numbers mean nothing to a reader: numbers of categories, points in time.
    """
    looks: dict[str, Any] = {
        "data": {"color": FAINT},
        "samples": {"color": COLORS[0], "histtype": "step", "linewidth": 1.6},
    }
    tables = {"samples": made} if real is None else {"data": real, "samples": made}
    shown = min(HISTOGRAMS, len(names))
    along = min(3, shown)
    down = -(-shown // along)
    figure = new_figure(WIDTH, 0.4 + 1.15 * down)
    for j, ax in enumerate(figure.subplots(down, along, squeeze=False).flat):
        if j >= shown:
            ax.set_axis_off()
            continue
        plain(ax)
        ax.spines["left"].set_visible(False)
        ax.set_yticks([])
        ax.set_title(clipped(names[j]), fontsize=9, color=INK)
        ax.xaxis.set_major_locator(MaxNLocator(2))
        ax.tick_params(labelsize=8, labelbottom=not bare[j])
        columns = {name: table[:, j].astype(float) for name, table in tables.items()}
        columns = {name: column[np.isfinite(column)] for name, column in columns.items()}
        if all(map(len, columns.values())):
            edges = _edges(list(columns.values()))
            for name, column in columns.items():
                ax.hist(column, edges, weights=np.full(len(column), 1 / len(column)), **looks[name])
    lines = [Line2D([], [], color=FAINT, linewidth=6), Line2D([], [], color=COLORS[0], linewidth=1.6)]
    figure.legend(lines[-len(tables) :], tables, loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    return figure


def bars(ax: Axes, values: np.ndarray, marked: np.ndarray, names: Sequence[str], words: tuple[str, str]) -> None:
    """Bars from the largest down, the marked ones in color; with names where they can be read."""
    place = np.arange(len(values))
    for chosen, color, word in ((marked, COLORS[0], words[0]), (~marked, COLORS[3], words[1])):
        if chosen.any():
            ax.bar(place[chosen], values[chosen], 0.8, color=color, label=f"{word} ({int(chosen.sum())})")
    plain(ax)
    if len(values) <= 40:
        ax.set_xticks(place, names, rotation=90 if len("".join(names)) > 40 else 0)
        ax.tick_params(axis="x", length=0, labelsize=9 if len(values) <= 24 else 7)
    else:
        ax.set_xticks([])
    ax.set_xlim(-0.8, len(values) - 0.2)
    ax.legend(frameon=False, fontsize=9)


def clipped(name: str, most: int = 18) -> str:
    """A name that leaves room."""
    return name if len(name) <= most else name[: most - 1] + "…"


def _arranged(images: np.ndarray, rows: Sequence[str], columns: Sequence[str], across: int | None) -> np.ndarray:
    """(n, h, w, 4) -> (down, across, h, w, 4), what is lacking see-through."""
    n, h, w = images.shape[:3]
    along = across or len(columns) or (-(-n // len(rows)) if rows else int(np.ceil(np.sqrt(n * h / w))))
    down = -(-n // along)
    stride = int(np.ceil(np.sqrt(n * h * w / PIXELS)))
    images = images[:, ::stride, ::stride] if stride > 1 else images
    full = np.zeros((down * along, *images.shape[1:]), np.uint8)
    full[:n] = images
    return full.reshape(down, along, *images.shape[1:])


def _small(pixels: np.ndarray) -> np.ndarray:
    """Images no larger than a grid shows them: means of squares of pixels."""
    n, h, w, c = pixels.shape
    k = -(-max(h, w) // SIDE)
    if k == 1:
        return pixels
    high, wide = -(-h // k) * k, -(-w // k) * k
    padded = np.pad(pixels, ((0, 0), (0, high - h), (0, wide - w), (0, 0)), mode="edge")
    return padded.reshape(n, high // k, k, wide // k, k, c).mean((2, 4))


def _rgba(share: np.ndarray) -> np.ndarray:
    """Values in [0, 1], of 1 to 4 or more channels, as RGBA bytes."""
    channels = share.shape[-1]
    color = np.repeat(share[..., :1], 3, -1) if channels < 3 else share[..., :3]
    opacity = share[..., 3:4] if channels == 4 else np.ones_like(share[..., :1])
    return (np.clip(np.concatenate([color, opacity], -1), 0, 1) * 255).round().astype(np.uint8)


def _edges(both: list[np.ndarray]) -> np.ndarray:
    """Bins that serve both: one a value where there are few whole ones; what lies far outside the data is left out."""
    real, made = both[0], both[-1]
    low, high = float(real.min()), float(real.max())
    if (real == np.round(real)).all() and high - low <= 30:
        return np.arange(low - 0.5, high + 1)
    reach = (high - low) or 1.0
    low, high = max(low - 0.3 * reach, min(low, made.min())), min(high + 0.3 * reach, max(high, made.max()))
    return np.linspace(low, high, 31) if high > low else np.linspace(low - 0.5, high + 0.5, 31)


def _bare(ax: Axes) -> None:
    for side in ax.spines.values():
        side.set_visible(False)
    ax.tick_params(length=0, labelcolor=INK, labelsize=8)


def _scale(bar: Any, unit: str) -> None:
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=FAINT, labelcolor=INK, labelsize=8)
    bar.set_label(unit, fontsize=9, color=INK)
