"""The report of a detector on data: its scores, whether its calibration fits them, and the oddest of them with why."""

from __future__ import annotations

import time
from html import escape
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from zandloper.applications.detection import conformal
from zandloper.applications.detection.large_images import larger
from zandloper.applications.detection.plots import flat, images_figure, lanes_figure, loudest, scores_figure, spans
from zandloper.applications.detection.results import answers, expected_columns, schema_of
from zandloper.data.series_lists import each_of
from zandloper.modality.image import ImageSchema
from zandloper.modality.series import SeriesSchema
from zandloper.report import Report, page
from zandloper.report.html import duration, figure, say, svg, table
from zandloper.report.section import Section

ODDEST = 12  # rows or spans shown with their explanation
PICTURES = 6
STEPS = 4_000  # of a series in one chart; longer ones are shown around their oddest step
RATES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def detector_report(detector: Any, X: Any) -> Report:
    """The page."""
    began, schema = time.monotonic(), schema_of(detector)
    large = larger(schema, X, "report")
    X = X if large is None else large.apart()
    score, tries = flat(detector.anomaly_score(X)), detector._tries(X)
    p = np.minimum(1, tries * conformal.p_values(score, detector.calibration_))
    show = _oddest_images if isinstance(schema, ImageSchema) else _oddest_rows
    show = _oddest_spans if isinstance(schema, SeriesSchema) else show
    sections = [
        _scores(detector, score),
        _calibration(detector, p, float(np.max(tries))),
        show(detector, schema, X, score, p),
    ]
    sections.append(_settings(detector, time.monotonic() - began))
    odd, unit = int((score > -detector._offsets(tries)).sum()), detector.describe().unit
    lead = f"{odd:,} of {len(score):,} {unit} are odd ({odd / len(score):.2%}): their score is above the threshold."
    tiles = {
        unit: f"{len(score):,}",
        "odd": f"{odd:,}",
        "stated rate": f"{detector.false_alarm_rate:.2%}",
        "threshold": f"{-detector.offset_:.3g}",
        "calibrated on": f"{len(detector.calibration_):,}",
        "models": f"{len(detector.estimators_)}",
    }
    return Report(page("AnomalyDetector", schema.in_words(), lead, tiles, sections))


def _scores(detector: Any, score: np.ndarray) -> Section:
    chart = scores_figure(detector.calibration_, score, -detector.offset_)
    said = (
        f"Half of these data score below {np.median(score):.2f} (of the calibration: "
        f"{np.median(detector.calibration_):.2f}), all up to {score.max():.2f}. The threshold is at "
        f"{-detector.offset_:.2f}."
    )
    return Section("Scores", f"<p>{said}</p>{figure(svg(chart, f'Histogram of scores. {said}'))}", name="scores")


def _calibration(detector: Any, p: np.ndarray, tries: float) -> Section:
    rates = sorted({*RATES, float(detector.false_alarm_rate)})
    least = tries * conformal.smallest_rate(len(detector.calibration_))
    rows = [[f"{r:.2%}", f"{np.mean(p <= r):.2%}" if r >= least else "–"] for r in rates]
    said = (
        "Were all of these data normal, and like those before, the two columns would agree. More in the second: some "
        "are odd, or the data have drifted. A dash: a rate that so few calibration scores cannot tell."
    )
    numbers = table(["p-value at most", "share of these data"], rows, "Calibration", numeric=1)
    return Section("Calibration against these data", f"<p>{said}</p>{numbers}", name="calibration")


def _oddest_rows(detector: Any, schema: Any, X: Any, score: np.ndarray, p: np.ndarray) -> Section:
    order = np.argsort(-score, kind="stable")[:ODDEST]
    part = _safe_indexing(X, order) if not hasattr(X, "take") or isinstance(X, np.ndarray) else X.take(order)
    found, rows = detector.explain(part), []
    error = found.error.reshape(len(order), -1)
    actual, expected = expected_columns(schema, part), expected_columns(schema, found.expected)
    for i, row in enumerate(order.tolist()):
        best = np.argsort(-error[i], kind="stable")[:3]
        why = [f"{found.names[j]} = {say(actual[j][i])}, expected {say(expected[j][i])}" for j in best]
        why = [f"{text} ({error[i, j]:.1f})" for text, j in zip(why, best)]
        rows.append([str(row), f"{score[row]:.2f}", say(float(p[row])), *why, *[""] * (3 - len(why))])
    head = ["row, from 0", "score", "p-value", "first reason", "second", "third"]
    note = '<p class="note">In brackets: how many times the usual the error is.</p>'
    content = note + table(head, rows, "The oddest rows")
    return Section(f"The {len(order)} oddest rows, and why", content, wide=True, name="oddest")


def _oddest_images(detector: Any, schema: Any, X: Any, score: np.ndarray, p: np.ndarray) -> Section:
    order = np.argsort(-score, kind="stable")[:PICTURES].tolist()
    part = X[order] if isinstance(X, np.ndarray) else [X[i] for i in order]
    found, names, shown = detector.explain(part), getattr(X, "names", None), []
    for i, row in enumerate(order):
        chart = images_figure(np.asarray(part[i]), np.asarray(found.expected[i]), found.error[i], f"{score[row]:.2f}")
        told = f"{names[row] if names else f'image {row}'}, p-value {say(float(p[row]))}"
        shown.append(figure(svg(chart, f"An odd image, what was expected, and where they differ: {told}"), told))
    left, right = "".join(shown[::2]), "".join(shown[1::2])
    content = f'<div class="duo"><div>{left}</div><div>{right}</div></div>'
    return Section(f"The {len(order)} oddest images, and where", content, wide=True, name="oddest")


def _oddest_spans(detector: Any, schema: Any, X: Any, score: np.ndarray, p: np.ndarray) -> Section:
    parts, start = [], 0
    series = each_of(X, "report")
    order = sorted(range(len(series)), key=lambda k: -_most(score, series, k))[:3]
    begins = np.concatenate([[0], np.cumsum([len(one) for one in series])])
    for k in order:
        mine = score[begins[k] : begins[k + 1]]
        start = max(0, min(int(mine.argmax()) - STEPS // 2, len(mine) - STEPS))
        cut = slice(start, start + STEPS)
        found, odd = detector.explain(series[k]), mine > -detector.offset_
        kept = loudest(found.error)
        actual, made = (
            np.stack([c[cut] for c in expected_columns(schema, v)], axis=1)[:, kept]
            for v in (series[k], found.expected)
        )
        names = [found.names[j] for j in kept]
        said = "Gray: the series; blue: expected; shaded: odd steps."
        said += "" if len(series) == 1 else f" Series {k} of {len(series)}."
        said += "" if len(mine) <= STEPS else f" {STEPS:,} of {len(mine):,} steps, around the oddest."
        chart = lanes_figure(actual, made, names, odd[cut], start)
        parts.append(figure(svg(chart, f"Lines of the series with odd spans marked. {said}", 9.6), said))
        rows = answers(detector, series[k])
        ranked = sorted(spans(odd), key=lambda s: -mine[s[0] : s[1]].max())[:ODDEST]
        lines = []
        for low, high in ranked:
            top = low + int(mine[low:high].argmax())
            row = rows.slice(top, 1).to_pylist()[0]
            when = str(next(iter(row.values())))
            why = f"{row['why_1']} ({row['times_1']:.1f} times the usual, {say(row['expected_1'])} expected)"
            lines.append([f"{low} to {high - 1}", when, f"{mine[top]:.2f}", say(row["p_value"]), why])
        if lines:
            head = ["steps", "oddest at", "score", "p-value", "first reason"]
            parts.append(table(head, lines, "Odd spans"))
    return Section("The oddest spans, and why", "".join(parts), wide=True, name="oddest")


def _most(score: np.ndarray, series: list[Any], k: int) -> float:
    begin = sum(len(one) for one in series[:k])
    return float(score[begin : begin + len(series[k])].max())


def _settings(detector: Any, seconds: float) -> Section:
    lines = "".join(f"<li>{escape(line.strip())}</li>" for line in str(detector.describe()).splitlines()[1:])
    given = [[name, repr(value)[:80]] for name, value in detector.get_params(deep=False).items()]
    numbers = table(["parameter", "value"], given, "Settings")
    took = f"<p>Measured for this report in {duration(seconds)}.</p>"
    content = f'<div class="duo"><div><ul>{lines}</ul>{took}</div><div>{numbers}</div></div>'
    return Section("Settings", content, wide=True, name="settings")
