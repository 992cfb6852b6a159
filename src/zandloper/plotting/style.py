"""Pictures of what a model does. Figures are made without pyplot: no global state, no window, no display needed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

# Ten colors that stay apart for all color vision: Petroff 2021, "Accessible color sequences" (arXiv 2107.02270).
COLORS = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")
MARKERS = ("o", "s", "^", "D", "v")
INK, FAINT = "#222222", "#b8b8b8"
DPI = 150


class Picture(Figure):
    """A figure that notebooks show by themselves, also where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


def new_figure(width: float, height: float) -> Picture:
    """An empty figure of a size in inches, laid out so that nothing is cut off."""
    return Picture(figsize=(width, height), dpi=DPI, layout="constrained")


def originals_beside_reconstructions(
    X: Any, R: Any, n: int = 10, rivals: Mapping[str, Any] | None = None, title: str = ""
) -> Figure:
    """Images above what a model made of them.

    Parameters
    ----------
    X : array (n_images, height, width) or (n_images, height, width, channels), or list of images
        The originals: integers, or floats in [0, 1].
    R : as X
        The reconstructions.
    n : int
        How many to show, spread evenly over X.
    rivals : mapping of str to images, optional
        Reconstructions by others, one more row each.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> figure = originals_beside_reconstructions(np.eye(8)[None], np.eye(8)[None] / 2)
    >>> len(figure.axes)
    2
    """
    rows = {"original": X, "reconstruction": R, **(rivals or {})}
    shown = np.unique(np.linspace(0, len(X) - 1, min(n, len(X))).round().astype(int))
    figure = new_figure(1.1 + 0.9 * len(shown), 0.95 * len(rows) + (0.5 if title else 0.1))
    axes = figure.subplots(len(rows), len(shown), squeeze=False)
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        for ax, i in zip(line, shown, strict=True):
            show_image(ax, images[i])
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", labelpad=8, fontsize=10, color=INK)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    return figure


def latent_map(Z: Any, labels: Any = None, title: str = "") -> Figure:
    """Every sample as a point at its first two latents; with a single latent, how the samples are spread along it.

    Parameters
    ----------
    Z : array (n, latents)
        Latents, as `transform` gives them.
    labels : sequence of n values, optional
        Classes (text, integers, truth values: a color and a name each) or floats (a scale of colors).
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
    """
    Z = np.asarray(Z)
    figure = new_figure(7, 6)
    ax = figure.add_subplot()
    plain(ax)
    ax.set_xlabel("latent 0")
    if Z.shape[1] == 1:
        ax.hist(Z[:, 0], bins=min(60, max(10, len(Z) // 20)), color=COLORS[0])
        ax.set_ylabel("samples")
    else:
        ax.set_ylabel("latent 1")
        size = float(np.clip(14_000 / max(1, len(Z)), 3, 26))
        known = None if labels is None else np.asarray(labels)
        if known is None:
            ax.scatter(Z[:, 0], Z[:, 1], s=size, color=COLORS[0], alpha=0.6, linewidths=0)
        elif known.dtype.kind == "f":
            points = ax.scatter(Z[:, 0], Z[:, 1], s=size, c=known, cmap="viridis", alpha=0.8, linewidths=0)
            figure.colorbar(points, ax=ax, shrink=0.8)
        else:
            _classes(ax, Z, known, size)
    if title:
        ax.set_title(title, fontsize=11, color=INK)
    return figure


def loss_curves(history: Sequence[Mapping[str, Any]], title: str = "") -> Figure:
    """Training and validation error by epoch, with the epoch whose weights were kept.

    Parameters
    ----------
    history : sequence of mappings
        A model's `history_`: epoch, train and validation.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(7, 4)
    ax = figure.add_subplot()
    plain(ax)
    curves = {name: _curve(history, name) for name in ("train", "validation")}
    for color, (name, (epochs, values)) in zip(COLORS, curves.items(), strict=False):
        if len(values):
            ax.plot(epochs, values, color=color, linewidth=1.8, label=name, marker="o" if len(values) < 3 else None)
    epochs, values = curves["validation"] if len(curves["validation"][1]) else curves["train"]
    if len(values):
        best = int(values.argmin())
        ax.plot(epochs[best], values[best], "o", color=INK, markersize=6, label=f"best: {values[best]:.3g}", zorder=3)
        ax.legend(frameon=False)
    seen = np.concatenate([values for _, values in curves.values()])
    if len(seen) and seen.min() > 0 and seen.max() > 5 * seen.min():
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    if title:
        ax.set_title(title, fontsize=11, color=INK)
    return figure


def show_image(ax: Axes, image: Any) -> None:
    """An image: integers by their range, floats in [0, 1]; small ones with their pixels seen."""
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    top = float(np.iinfo(image.dtype).max) if image.dtype.kind in "iu" else 1.0
    image = np.clip(np.asarray(image, dtype=float) / top, 0, 1)
    smooth = "nearest" if max(image.shape[:2]) <= 64 else "antialiased"
    ax.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation=smooth)
    ax.set(xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set(color=FAINT, linewidth=0.6)


def plain(ax: Axes) -> None:
    """Axes without a frame, so that the data stand out."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.tick_params(color=FAINT, labelcolor=INK, labelsize=9)


def _classes(ax: Axes, Z: np.ndarray, labels: np.ndarray, size: float) -> None:
    """A color, a marker and a name in the middle for each class, distinguishable without color."""
    for i, label in enumerate(np.unique(labels)):
        points = Z[labels == label]
        color, marker = COLORS[i % len(COLORS)], MARKERS[(i + i // len(COLORS)) % len(MARKERS)]
        x, y = points[:, 0], points[:, 1]
        ax.scatter(x, y, s=size, color=color, marker=marker, alpha=0.75, linewidths=0, label=str(label))
        if i < 20:
            ax.text(
                float(np.median(x)),
                float(np.median(y)),
                str(label),
                fontsize=15,
                fontweight="bold",
                ha="center",
                va="center",
                color=INK,
                path_effects=[withStroke(linewidth=3, foreground="white")],
            )
    ax.legend(
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        frameon=False,
        markerscale=max(1.0, 5 / size**0.5),
        ncols=1 + len(np.unique(labels)) // 25,
    )


def _curve(history: Sequence[Mapping[str, Any]], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and values where there is a finite value."""
    pairs = [(entry["epoch"], entry[name]) for entry in history if entry.get(name) is not None]
    found = np.array(pairs, dtype=float).reshape(-1, 2)
    found = found[np.isfinite(found[:, 1])]
    return found[:, 0], found[:, 1]


def activity_histogram(per_row: np.ndarray, rate: np.ndarray) -> Figure:
    """Draw the number of active neurons per sample, and how often each neuron is active.

    Parameters
    ----------
    per_row : array (n,)
        Active neurons of each sample.
    rate : array (latents,)
        Share of the samples on which each neuron is active.
    """
    figure = new_figure(4.8, 4.4)
    upper, lower = figure.subplots(2, 1)
    whole = np.arange(per_row.min() - 0.5, per_row.max() + 1)
    upper.hist(per_row, bins=whole if len(whole) <= 60 else 40, color=COLORS[0])
    upper.set(xlabel="active neurons per sample", ylabel="samples")
    upper.set_xlim(min(whole[0], whole[-1] - 6), max(whole[-1], whole[0] + 6))  # one number alone is no axis
    upper.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    lower.hist(rate, bins=30, color=COLORS[1])
    dead = int((rate == 0).sum())
    lower.set(xlabel="share of samples on which a neuron is active", ylabel="neurons")
    lower.set_title(f"{dead} dead" if dead else "", fontsize=10, color=INK)
    for ax in (upper, lower):
        plain(ax)
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    return figure
