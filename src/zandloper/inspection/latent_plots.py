"""Pictures of a latent report: what each latent carries, listens to and moves, and which go together."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from zandloper.plotting.style import COLORS, FAINT, INK, Picture, new_figure, plain, show_image

MOST = 16  # latents drawn
COLUMNS = 24  # columns drawn
SIDE = 96  # pixels of a drawn picture


def carried(report: Any, figure: Any = None) -> Any:
    """Bars: what the score loses without each latent, beside its share of the latents' variance."""
    order = report.order[:MOST]
    figure = figure or new_figure(4.8, 0.9 + 0.3 * len(order))
    ax = figure.add_subplot()
    plain(ax)
    y = np.arange(len(order))
    ax.barh(y - 0.2, report.score_drop[order], 0.38, color=COLORS[0], label="score lost without it")
    ax.barh(y + 0.2, report.variance_share[order], 0.38, color=COLORS[3], label="share of the latents' variance")
    names = [f"latent {report.latents[i]}{' (dead)' if report.dead[i] else ''}" for i in order]
    ax.set_yticks(y, names)
    ax.invert_yaxis()
    ax.axvline(0, color=FAINT, linewidth=0.8)
    figure.legend(loc="outside upper center", ncols=1, frameon=False, fontsize=9)
    return figure


def sensitivities(report: Any, figure: Any = None) -> Any:
    """Heat maps: latents across, columns down; what latents listen to, and what they move."""
    order = report.order[:MOST]
    if len(report.input_shape) == 3:  # pictures in, columns out
        figure = figure or new_figure(4.8, 1.0 + 0.62 * len(order))
        left, right = figure.subfigures(1, 2, width_ratios=(1, 2.2))
        for ax, i in zip(left.subplots(len(order), 1, squeeze=False)[:, 0], order, strict=True):
            _pixels(ax, report.input_sensitivity[i], report.input_shape, "Blues")
            ax.set_ylabel(str(report.latents[i]), rotation=0, ha="right", va="center", labelpad=4, color=INK)
        left.suptitle("listens to", fontsize=10, color=INK)
        table = report.output_sensitivity[order]
        kept = np.sort(np.argsort(-table.max(0), kind="stable")[:COLUMNS])
        _columns(right.add_subplot(), "moves", table[:, kept], [report.output_names[j] for j in kept], order, report)
        return figure
    panels = [
        ("listens to", report.input_sensitivity[order], report.input_names),
        ("moves", report.output_sensitivity[order], report.output_names),
    ]
    shared = report.input_names == report.output_names
    strength = sum(table.max(0) / max(table.max(), 1e-12) for _, table, _ in panels) if shared else None
    rows = min(COLUMNS, max(len(names) for _, _, names in panels))
    figure = figure or new_figure(4.8 if shared else 6.4, 1.1 + 0.24 * rows)
    axes = figure.subplots(1, 2, sharey=shared)
    for ax, (title, table, names), colors in zip(axes, panels, ("Blues", "Purples"), strict=True):
        weight = table.max(0) if strength is None else strength
        kept = np.sort(np.argsort(-weight, kind="stable")[:COLUMNS])
        _columns(ax, title, table[:, kept], [names[j] for j in kept], order, report, colors)
    return figure


def traversals(report: Any, figure: Any = None) -> Any:
    """Rows of pictures: one latent moves, the others stay; at both ends the pixels that it hears and moves."""
    count, steps = len(report.traversal_latents), len(report.steps)
    figure = figure or new_figure(5.6, 0.55 + 0.56 * count)
    axes = figure.subplots(count, steps + 2, squeeze=False, gridspec_kw={"wspace": 0.06, "hspace": 0.06})
    stride = max(1, max(report.traversal[0][0].shape[:2]) // SIDE)
    for line, i, images in zip(axes, report.traversal_latents, report.traversal, strict=True):
        for ax, image in zip(line[1:-1], images, strict=True):
            show_image(ax, image[::stride, ::stride])
        for ax, table, shape, colors in (
            (line[0], report.input_sensitivity, report.input_shape, "Blues"),
            (line[-1], report.output_sensitivity, report.output_shape, "Purples"),
        ):
            _pixels(ax, table[i], shape, colors)
        line[0].set_ylabel(
            str(report.latents[i]), rotation=0, ha="right", va="center", labelpad=4, fontsize=10, color=INK
        )
    axes[0][0].set_title("listens to", fontsize=9, color=INK)
    axes[0][-1].set_title("moves", fontsize=9, color=INK)
    for ax, step in zip(axes[0][1:-1], report.steps, strict=True):
        ax.set_title(f"{step:+g} σ" if step else "mean", fontsize=9, color=INK)
    return figure


def correlations(report: Any, figure: Any = None) -> Any:
    """A heat map of the correlation between latents."""
    shown = np.sort(report.order[:MOST])
    figure = figure or new_figure(4.4, 3.6)
    ax = figure.add_subplot()
    table = report.correlation[np.ix_(shown, shown)]
    image = _heat(ax, table, "RdBu_r", 1.0, low=-1.0)
    names = [str(report.latents[i]) for i in shown]
    ax.set_xticks(range(len(shown)), names, rotation=90 if len("".join(names)) > 24 else 0)
    ax.set_yticks(range(len(shown)), names)
    if len(shown) <= 8:
        for i, j in np.ndindex(table.shape):
            white = abs(table[i, j]) > 0.6
            ax.text(
                j, i, f"{table[i, j]:.2f}", ha="center", va="center", fontsize=8, color="white" if white else "#333333"
            )
    bar = figure.colorbar(image, ax=ax, shrink=0.8)
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=FAINT, labelcolor=INK, labelsize=9)
    ax.set_xlabel("latent", fontsize=9, color=INK)
    ax.set_ylabel("latent", fontsize=9, color=INK)
    return figure


def overview(report: Any) -> Picture:
    """All pictures in one figure."""
    seen = traversals if report.traversal is not None else sensitivities
    count = min(MOST, len(report.latents))
    height = max(0.9 + 0.3 * count, 0.9 + 0.56 * len(report.traversal_latents), 3.0)
    several = len(report.latents) > 1
    figure = new_figure(11, height + (3.6 if several else 0))
    upper: Any = figure
    if several:
        upper, lower = upper.subfigures(2, 1, height_ratios=(height, 3.6))
        correlations(report, lower.subfigures(1, 3, width_ratios=(1, 1.6, 1))[1])
    left, right = upper.subfigures(1, 2, width_ratios=(1, 1.3))
    carried(report, left)
    seen(report, right)
    return figure


def as_html(report: Any) -> str:
    """The text and the picture, for notebooks."""
    file = io.BytesIO()
    overview(report).savefig(file, format="png")
    picture = base64.b64encode(file.getvalue()).decode()
    style = "max-width: 66em; width: 100%"
    image = f'<img alt="Pictures of the latents" style="{style}" src="data:image/png;base64,{picture}">'
    return f"<pre>{escape(str(report))}</pre>{image}"


def _columns(
    ax: Axes, title: str, table: np.ndarray, names: list[str], order: np.ndarray, report: Any, colors: str = "Purples"
) -> None:
    _heat(ax, table.T, colors, np.inf if table.max() <= 0 else table.max())
    latents = [str(report.latents[i]) for i in order]
    ax.set_xticks(range(len(order)), latents, rotation=90 if len("".join(latents)) > 14 else 0)
    ax.set_yticks(range(len(names)), [_clipped(name) for name in names])
    ax.set_xlabel("latent", fontsize=9, color=INK)
    ax.set_title(title, fontsize=10, color=INK)


def _heat(ax: Axes, table: np.ndarray, colors: str, high: float, low: float = 0.0) -> Any:
    high = high if np.isfinite(high) else 1.0
    image = ax.imshow(table, cmap=colors, vmin=low, vmax=high, aspect="auto", interpolation="none")
    for side in ax.spines.values():
        side.set_visible(False)
    ax.tick_params(length=0, labelcolor=INK, labelsize=8)
    return image


def _pixels(ax: Axes, values: np.ndarray, shape: tuple[int, ...], colors: str) -> None:
    ax.set(xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set(color=FAINT, linewidth=0.6)
    if len(shape) != 3:  # an input that is no picture
        ax.set_axis_off()
        return
    stride = max(1, max(shape[1:]) // SIDE)
    pixels = values.reshape(shape).mean(0)[::stride, ::stride]
    ax.imshow(pixels, cmap=colors, vmin=0, vmax=max(float(pixels.max()), 1e-12), interpolation="none")


def _clipped(name: str, most: int = 18) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
