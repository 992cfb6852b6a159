"""Figures of the report that are of no use elsewhere. Some 4.8 inches wide, so that they can be read on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from zandloper.plotting.style import COLORS, FAINT, INK, new_figure, plain

WIDTH = 4.8


def columns(names: Sequence[str], share: np.ndarray) -> Any:
    """Bars with a line where the constant prediction is."""
    figure = new_figure(WIDTH, 0.6 + 0.24 * len(names))
    ax = figure.add_subplot()
    plain(ax)
    y = np.arange(len(names))
    ax.barh(y, share, 0.7, color=COLORS[0])
    ax.axvline(1, color=INK, linewidth=1, linestyle=(0, (3, 2)))
    ax.set_yticks(y, [name if len(name) <= 22 else name[:21] + "…" for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(0, max(1.05, 1.05 * float(share.max(initial=0))))
    ax.set_xlabel("share of a constant's error", fontsize=9, color=INK)
    return figure


def pixels(error: np.ndarray) -> Any:
    """A heat map with its scale."""
    figure = new_figure(WIDTH, 3.4)
    ax = figure.add_subplot()
    image = ax.imshow(error, cmap="magma", vmin=0, interpolation="none")
    ax.set(xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set(color=FAINT, linewidth=0.6)
    bar = figure.colorbar(image, ax=ax, shrink=0.85)
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=FAINT, labelcolor=INK, labelsize=9)
    bar.set_label("mean error", fontsize=9, color=INK)
    return figure


def windows(
    above: np.ndarray, below: np.ndarray | None, names: Sequence[str], captions: Sequence[str], words: tuple[str, str]
) -> Any:
    """Windows (n, channels, steps), values from -1 to 1, as charts of their own, channels in lanes below each other."""
    across = min(3, len(captions))
    down = -(-len(captions) // across)
    figure = new_figure(2 * WIDTH, down * (0.7 + 0.5 * len(names)))
    lane = 2.3  # from the middle of one lane to the next
    for i, caption in enumerate(captions):
        ax = figure.add_subplot(down, across, i + 1)
        plain(ax)
        for k in range(len(names)):
            for lines, color, width in ((above, "#888888", 1.6), (below, COLORS[0], 1.1)):
                if lines is not None:
                    ax.plot(np.clip(lines[i, k], -1.1, 1.1) - lane * k, color=color, linewidth=width)
        ax.set_ylim(-lane * (len(names) - 1) - 1.15, 1.15)
        ax.set_yticks([-lane * k for k in range(len(names))], list(names) if i % across == 0 else [])
        ax.tick_params(axis="y", length=0, labelsize=8)
        ax.tick_params(axis="x", labelsize=8)
        ax.set_title(caption, fontsize=8, color=INK, loc="left")
    return figure


def along(share: np.ndarray, names: Sequence[str]) -> Any:
    """Shares of a constant's error (channels, steps) as lines along a window."""
    figure = new_figure(WIDTH, 3.1)
    ax = figure.add_subplot()
    plain(ax)
    for line, name, color in zip(share, names, COLORS):
        ax.plot(line, color=color, linewidth=1.6, label=name if len(name) <= 22 else name[:21] + "…")
    ax.set_ylim(0, max(1.05, 1.05 * float(share.max(initial=0))))
    ax.axhline(1, color=INK, linewidth=1, linestyle=(0, (3, 2)))
    ax.set_xlabel("step of a window", fontsize=9, color=INK)
    ax.set_ylabel("share of a constant's error", fontsize=9, color=INK)
    if len(names) > 1:
        ax.legend(frameon=False, fontsize=8, ncols=2)
    return figure


def histogram(errors: np.ndarray) -> Any:
    """Draw the distribution of the errors, with the median and the largest."""
    figure = new_figure(WIDTH, 2.7)
    ax = figure.add_subplot()
    plain(ax)
    low, high = float(errors.min()), float(errors.max())
    wide = low > 0 and high > 30 * float(np.median(errors))
    bins = min(60, max(8, len(errors) // 20))
    edges: Any = np.geomspace(low, high, bins + 1) if wide else bins
    ax.hist(errors, bins=edges, color=COLORS[0])
    if wide:
        ax.set_xscale("log")
    else:
        ax.xaxis.set_major_locator(MaxNLocator(6))
    middle, high_share = np.median(errors), np.quantile(errors, 0.95)
    for at, word, style in ((middle, "median", "-"), (high_share, "95 %", (0, (3, 2)))):
        ax.axvline(at, color=INK, linewidth=1, linestyle=style, label=f"{word}: {at:.3g}")
    ax.legend(frameon=False, fontsize=9)
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_xlabel("error of an item", fontsize=9, color=INK)
    ax.set_ylabel("items", fontsize=9, color=INK)
    return figure


def against_pca(pca: Sequence[float], latents: int, model: float) -> Any:
    """PCA's error over its number of components, and the model's at its own."""
    figure = new_figure(WIDTH, 3.1)
    ax = figure.add_subplot()
    plain(ax)
    drawn = [(k, e) for k, e in enumerate(pca, 1) if e > 1e-9 or k == 1]
    ticks = [2**i for i in range(max(len(drawn), latents).bit_length())]
    marked = [k - 1 for k in ticks if k <= len(drawn)]
    line: Any = {"marker": "s", "markersize": 4.5, "markevery": marked, "linewidth": 1.8, "label": "PCA"}
    ax.plot(*zip(*drawn, strict=True), color=COLORS[3], **line)
    ax.plot(latents, max(model, 1e-9), "o", color=COLORS[0], markersize=9, label="this model", zorder=3)
    ax.set_xscale("log", base=2)
    ax.set_xticks(ticks, [str(k) for k in ticks])
    ax.minorticks_off()
    shown = [e for _, e in drawn if e > 0] + [max(model, 1e-9)]
    if max(shown) > 5 * min(shown):
        ax.set_yscale("log")
    ax.set_xlabel("latents, or components", fontsize=9, color=INK)
    ax.set_ylabel("mean squared error", fontsize=9, color=INK)
    ax.legend(frameon=False, fontsize=9)
    return figure
