"""Figures of a detector: scores with the threshold, and the explanation of a single row."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.utils import _safe_indexing

from zandloper.applications.detection.large_images import larger
from zandloper.applications.detection.results import expected_columns, schema_of
from zandloper.data.series_lists import are_several, each_of
from zandloper.errors import DataError
from zandloper.inspection.base_plots import whole
from zandloper.modality.image import ImageSchema
from zandloper.modality.series import SeriesSchema
from zandloper.plotting.panels import clipped
from zandloper.plotting.style import COLORS, FAINT, INK, new_figure, plain, show_image

MAX_BARS = 10  # columns of a row that are drawn, those with the largest errors
MAX_CHANNELS = 4  # of a series that are drawn, those with the largest errors
MIN_CONTEXT_STEPS = 150  # drawn on each side of the step that is explained


class DetectorPlots:
    """Plot methods of `AnomalyDetector`."""

    def plot_scores(self: Any, X: Any = None) -> Figure:
        """Draw histograms of the calibration scores and of the scores of X, with the threshold.

        Parameters
        ----------
        X : data, optional
            None: the calibration only.

        Returns
        -------
        matplotlib.figure.Figure
        """
        score = None if X is None else flat(self.anomaly_score(X))
        return scores_figure(self.calibration_, score, -self.offset_)

    def plot_explanation(self: Any, X: Any, i: int | None = None) -> Figure:
        """Draw the explanation of a row, image or time step.

        Tables: a bar for each of the columns with the largest errors, with its value and the expected one. Images: the
        image, the expected image and a heat map. Series: the steps around it, the expected values, and anomalous spans.

        Parameters
        ----------
        X : data
            One series, or rows, or images.
        i : int, optional
            Index of the item. None: the one with the highest score.

        Returns
        -------
        matplotlib.figure.Figure
        """
        schema = schema_of(self)
        if isinstance(schema, SeriesSchema) and are_several(X):
            raise DataError("plot_explanation draws one series: pass one of the list")
        large = larger(schema, X, "plot_explanation")
        X = X if large is None else large.separate()
        score = flat(self.anomaly_score(X))
        row = int(score.argmax()) if i is None else whole("plot_explanation", "i", i, 0)
        if row >= len(score):
            raise DataError(f"plot_explanation: there is no item {row} in data of {len(score)}")
        if isinstance(schema, SeriesSchema):
            return _series(self, schema, X, score, row)
        one = _safe_indexing(X, [row])
        found = self.explain(one)
        if isinstance(schema, ImageSchema):
            return images_figure(np.asarray(one[0]), np.asarray(found.expected[0]), found.error[0], f"{score[row]:.2f}")
        return _bars(schema, one, found, f"row {row}, score {score[row]:.2f}")


def flat(score: Any) -> np.ndarray:
    """Scores of rows, or of the steps of one or more series, as one array."""
    return np.concatenate([np.ravel(s) for s in score]) if isinstance(score, list) else np.ravel(score)


def scores_figure(calibration: np.ndarray, score: np.ndarray | None, threshold: float) -> Figure:
    """Histograms as shares of rows, so that data of different sizes compare."""
    figure = new_figure(4.8, 2.9)
    ax = figure.add_subplot()
    plain(ax)
    both = calibration if score is None else np.concatenate([calibration, score])
    low, high = float(both.min()), max(float(np.quantile(both, 0.995)), threshold * 1.3, threshold + 1.0)
    edges = np.linspace(low, high, 46)
    drawn: list[tuple[str, np.ndarray, dict[str, Any]]] = [("calibration", calibration, {"color": FAINT})]
    if score is not None:
        line = {"histtype": "step", "color": COLORS[0], "linewidth": 1.6}
        drawn.append(("these data", score, line))
    for label, values, style in drawn:
        share = np.full(len(values), 1 / len(values))
        ax.hist(np.clip(values, low, high), bins=edges.tolist(), weights=share, label=label, **style)
    ax.axvline(threshold, color=COLORS[2], linewidth=1.4, label=f"threshold {threshold:.3g}")
    ax.set_yscale("log")
    ax.set_xlabel("score (the last bar: all that is higher)", fontsize=9, color=INK)
    ax.set_ylabel("share", fontsize=9, color=INK)
    ax.legend(frameon=False, fontsize=9)
    return figure


def images_figure(image: np.ndarray, expected: np.ndarray, error: np.ndarray, score: str) -> Figure:
    """An image, the expected image, and a map of `error`, (channels, height, width)."""
    figure = new_figure(7.2, 2.9)
    left, middle, right = figure.subplots(1, 3)
    for ax, shown, title in ((left, image, f"score {score}"), (middle, expected, "expected")):
        show_image(ax, shown)
        ax.set_title(title, fontsize=9, color=INK)
    heat = right.imshow(error.max(0), cmap="magma", vmin=0, interpolation="none")
    right.set(xticks=[], yticks=[])
    right.set_title("error / typical error", fontsize=9, color=INK)
    bar = figure.colorbar(heat, ax=right, shrink=0.8)
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=FAINT, labelcolor=INK, labelsize=8)
    return figure


def channels_figure(
    actual: np.ndarray,
    expected: np.ndarray,
    names: list[str],
    anomalous: np.ndarray,
    start: int,
    marked: int | None = None,
) -> Figure:
    """One panel per channel of series (steps, channels): values gray, expected values blue, anomalous steps shaded.

    `start` is the number of the first step, `marked` that of a step with a dashed line.
    """
    figure = new_figure(9.6, 0.6 + 1.1 * len(names))
    steps = start + np.arange(len(actual))
    for k, ax in enumerate(figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]):
        plain(ax)
        ax.plot(steps, actual[:, k], color="#888888", linewidth=1.6)
        ax.plot(steps, expected[:, k], color=COLORS[0], linewidth=1.1)
        for low, high in spans(anomalous):
            ax.axvspan(start + low - 0.5, start + high - 0.5, color=COLORS[2], alpha=0.18, linewidth=0)
        if marked is not None:
            ax.axvline(marked, color=COLORS[2], linewidth=1, linestyle=(0, (3, 2)))
        ax.set_ylabel(clipped(names[k]), fontsize=8, color=INK)
        ax.tick_params(labelsize=8)
    ax.set_xlabel("step", fontsize=9, color=INK)
    return figure


def spans(mask: np.ndarray) -> list[tuple[int, int]]:
    """Runs of true values, as (first, one past the last).

    >>> spans(np.array([False, True, True, False, True]))
    [(1, 3), (4, 5)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])]


def largest_errors(error: np.ndarray, most: int = MAX_CHANNELS) -> np.ndarray:
    """Columns of errors (n, columns) with the largest maxima, in rising order."""
    return np.sort(np.argsort(-error.max(0), kind="stable")[:most])


def _series(detector: Any, schema: SeriesSchema, X: Any, score: np.ndarray, row: int) -> Figure:
    one = each_of(X, "plot_explanation")[0]
    found, half = detector.explain(one), max(MIN_CONTEXT_STEPS, 2 * schema.window)
    part = slice(max(0, row - half), row + half)
    kept = largest_errors(found.error[part])
    actual, expected = (np.stack([c[part] for c in expected_columns(schema, v)], axis=1) for v in (one, found.expected))
    names = [found.names[j] for j in kept]
    anomalous = score[part] > -detector.offset_
    return channels_figure(actual[:, kept], expected[:, kept], names, anomalous, part.start, row)


def _bars(schema: Any, one: Any, found: Any, title: str) -> Figure:
    error = found.error[0].ravel()
    order = np.argsort(-error, kind="stable")[:MAX_BARS]
    actual, expected = ([_text(c[0]) for c in expected_columns(schema, v)] for v in (one, found.expected))
    figure = new_figure(6.4, 0.8 + 0.3 * len(order))
    ax = figure.add_subplot()
    plain(ax)
    ax.barh(np.arange(len(order)), error[order], 0.7, color=COLORS[0])
    ax.set_yticks(np.arange(len(order)), [f"{clipped(found.names[j])} = {actual[j]}" for j in order])
    for k, j in enumerate(order):
        ax.text(error[j], k, f" expected {expected[j]}", va="center", fontsize=8, color=INK)
    ax.axvline(1, color=INK, linewidth=1, linestyle=(0, (3, 2)))
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.set_xlim(0, 1.35 * max(1.05, float(error[order].max())))
    ax.set_xlabel("error / typical error", fontsize=9, color=INK)
    ax.set_title(title, fontsize=10, color=INK, loc="left")
    return figure


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
