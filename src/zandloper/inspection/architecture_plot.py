"""The hourglass drawn as it was built: upright, wide at both ends, the linear path as a thin line past the waist."""

from __future__ import annotations

from html import escape
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Polygon

from zandloper.inspection.architecture import Architecture, Layer
from zandloper.plotting.style import COLORS, INK, Picture, new_figure

POWER = 0.4  # widths are drawn as their 0.4th power: 784 beside 2 stays a neck and not a hair
FILLS = {
    "input": COLORS[3],
    "encoder": COLORS[0],
    "bottleneck": COLORS[1],
    "decoder": COLORS[4],
    "output": COLORS[3],
}
LINE = 1.0  # height of a layer with its space, in units of the drawing
MOST = 24  # layers drawn of a deeper net: from there on the middles of its halves are left out


def hourglass_figure(architecture: Architecture, title: str = "") -> Picture:
    """The hourglass with the size, the kind and the parameters of every layer.

    Parameters
    ----------
    architecture : Architecture
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
    """
    count = len(_shown(architecture)[0])
    figure = new_figure(5.2, 0.75 + 0.42 * count)
    ax = figure.add_subplot()
    draw_hourglass(ax, architecture)
    if title:
        ax.set_title(title, fontsize=11, color=INK)
    # Labels keep their size while the layout narrows the axes for the longest: it takes a few rounds to settle.
    for _ in range(2):
        figure.draw_without_rendering()
    return figure


def draw_hourglass(ax: Axes, architecture: Architecture, labels: bool = True, widest: int | None = None) -> None:
    """Draw into axes. Without labels beside them the layers carry their sizes. `widest`: how many values the whole
    width stands for, so that several drawings compare; None: the widest layer."""
    layers, gaps = _shown(architecture)
    top = widest or max(layer.width for layer in layers)
    halves = [max(0.012, 0.5 * (layer.width / top) ** POWER) for layer in layers]
    places = [-LINE * i for i in range(len(layers))]
    thick = 0.26 * LINE
    for i, (layer, half, y) in enumerate(zip(layers, halves, places, strict=True)):
        if i:  # the sand's way from the layer above
            above, y_above = halves[i - 1], places[i - 1] - thick
            corners = [(-above, y_above), (above, y_above), (half, y + thick), (-half, y + thick)]
            ax.add_patch(Polygon(corners, closed=True, facecolor=FILLS[_flow(layer)], alpha=0.22, linewidth=0))
        ax.add_patch(
            FancyBboxPatch(
                (-half, y - thick),
                2 * half,
                2 * thick,
                boxstyle=f"round,pad=0,rounding_size={min(0.025, half)}",
                mutation_aspect=4,
                facecolor=FILLS[layer.part],
                linewidth=0,
            )
        )
        if labels:
            _label(ax, layer, y)
        else:
            _inside(ax, layer, half, y)
    for i in gaps:
        ax.text(0, places[i] + 0.5 * LINE, "⋮", ha="center", va="center", color=INK, fontsize=11)
    left = -0.53
    if architecture.bypass is not None:
        left = _bypass(ax, layers, halves, places, sum(architecture.bypass) if labels else None)
    ax.set(xlim=(left - 0.02, 1.28 if labels else 0.53), ylim=(places[-1] - 0.5 * LINE, 0.5 * LINE))
    ax.set_axis_off()


def hourglass_icon(architecture: Architecture, height: int = 72) -> str:
    """A small SVG of the outline alone, in the colors of its parts; it has no text and needs a caption beside it."""
    layers, _ = _shown(architecture)
    top = max(layer.width for layer in layers)
    halves = [max(1.0, 28 * (layer.width / top) ** POWER) for layer in layers]
    step = height / (len(layers) - 1)
    parts = []
    for i in range(1, len(layers)):
        a, b, y0, y1 = halves[i - 1], halves[i], step * (i - 1), step * i
        corners = f"{30 - a:.1f},{y0:.1f} {30 + a:.1f},{y0:.1f} {30 + b:.1f},{y1:.1f} {30 - b:.1f},{y1:.1f}"
        parts.append(f'<polygon points="{corners}" fill="{FILLS[_flow(layers[i])]}"/>')
    waist = next(i for i, layer in enumerate(layers) if layer.part == "bottleneck")
    half, y = halves[waist], step * waist
    parts.append(
        f'<rect x="{30 - half - 1:.1f}" y="{y - 2:.1f}" width="{2 * half + 2:.1f}" height="4" rx="1.5" '
        f'fill="{FILLS["bottleneck"]}"/>'
    )
    words = escape("The hourglass: " + ", ".join(layer.size for layer in layers))
    return (
        f'<svg viewBox="0 -2 60 {height + 4}" height="{height}" role="img" aria-label="{words}">{"".join(parts)}</svg>'
    )


def in_words(architecture: Architecture) -> str:
    """The drawing for those who do not see it."""
    said = ", then ".join(f"{layer.size} ({_kind(layer)})" for layer in architecture.layers)
    bypass = "; beside them a linear path from input to code and from code to output" if architecture.bypass else ""
    return f"The layers from top to bottom: {said}{bypass}."


def _shown(architecture: Architecture) -> tuple[list[Layer], list[int]]:
    """The layers to draw, and before which of them some are left out."""
    layers, waist = list(architecture.layers), architecture.waist
    most = MOST // 2
    gaps: list[int] = []
    out: list[Layer] = []
    for half in (layers[:waist], layers[waist:]):
        if len(half) > most:
            gaps.append(len(out) + most // 2)
            half = [*half[: most // 2], *half[-(most - most // 2) :]]
        out += half
    return out, gaps


def _flow(layer: Layer) -> str:
    """Whose work makes a layer out of the one above."""
    return {"bottleneck": "encoder", "output": "decoder"}.get(layer.part, layer.part)


def _kind(layer: Layer) -> str:
    return {"input": "input", "bottleneck": "the code", "output": f"output, {layer.kind}"}.get(layer.part, layer.kind)


def _label(ax: Axes, layer: Layer, y: float) -> None:
    bold = "bold" if layer.part == "bottleneck" else "normal"
    word = {"input": "  input", "bottleneck": "  code", "output": "  output"}.get(layer.part, "")
    below = [layer.kind] if layer.parameters else []
    below += [f"{short(layer.parameters)} parameters"] if layer.parameters else []
    ax.text(0.56, y, layer.size + word, ha="left", va="bottom" if below else "center", fontsize=10, fontweight=bold)
    ax.text(0.56, y - 0.02, " · ".join(below), ha="left", va="top", fontsize=9, color=INK, alpha=0.75)


def _inside(ax: Axes, layer: Layer, half: float, y: float) -> None:
    fits = 2 * half > 0.045 * len(layer.size) + 0.02
    x, side = (0.0, "center") if fits else (half + 0.02, "left")
    color = "white" if fits and layer.part in ("encoder", "decoder") else INK
    ax.text(x, y, layer.size, ha=side, va="center", fontsize=9, color=color)


def _bypass(ax: Axes, layers: list[Layer], halves: list[float], places: list[float], parameters: int | None) -> float:
    """The linear path, from the input round the encoder to the code, and from there round the decoder to the output."""
    waist = next(i for i, layer in enumerate(layers) if layer.part == "bottleneck")
    left = -0.57
    for start, end in ((0, waist), (waist, len(layers) - 1)):
        y0, y1 = places[start] - (0.1 if start else 0), places[end] + (0.1 if end == waist else 0)
        tip = -halves[end] - 0.012
        ax.plot([-halves[start], left, left, tip], [y0, y0, y1, y1], color=INK, linewidth=1, solid_joinstyle="round")
        ax.plot(tip, y1, marker=">", color=INK, markersize=4.5)
    if parameters is None:
        return left
    words = "linear path" + (f" · {short(parameters)} parameters" if len(layers) > 4 else "")
    y = (places[0] + places[-1]) / 2
    side: Any = {"rotation": 90, "rotation_mode": "anchor", "ha": "center", "va": "bottom"}
    ax.text(left - 0.025, y, words, fontsize=9, color=INK, alpha=0.75, **side)
    return left - 0.09


def short(number: int) -> str:
    """1,234,567 as 1.2 M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
