"""Report of a detector on data: scores, fit of the calibration, and the highest-scoring items with explanations."""

from __future__ import annotations

import time
from html import escape
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from zandloper.applications.detection import calibration, conformal
from zandloper.applications.detection.large_images import larger
from zandloper.applications.detection.parameters import expected_share
from zandloper.applications.detection.plots import (
    channels_figure,
    flat,
    images_figure,
    largest_errors,
    scores_figure,
    spans,
)
from zandloper.applications.detection.results import answers, expected_columns, schema_of
from zandloper.data.series_lists import each_of
from zandloper.modality.image import ImageSchema
from zandloper.modality.series import SeriesSchema
from zandloper.report import Report, page
from zandloper.report.html import duration, figure, say, svg, table
from zandloper.report.section import Section

MAX_ROWS = 12  # rows or spans shown with their explanation
MAX_IMAGES = 6
MAX_STEPS = 4_000  # of a series in one chart; longer ones are shown around their highest score
RATES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def detector_report(detector: Any, X: Any) -> Report:
    """Build the page."""
    began, schema = time.monotonic(), schema_of(detector)
    large = larger(schema, X, "report")
    X = X if large is None else large.separate()
    score, tests = flat(detector.anomaly_score(X)), calibration.n_tests(detector, large)
    p = np.minimum(1, tests * conformal.p_values(score, detector.calibration_))
    show = _top_images if isinstance(schema, ImageSchema) else _top_rows
    show = _top_spans if isinstance(schema, SeriesSchema) else show
    sections = [
        _scores(detector, score),
        _calibration(detector, p, float(np.max(tests))),
        show(detector, schema, X, score, p),
    ]
    sections.append(_settings(detector, time.monotonic() - began))
    anomalies = int((score > calibration.threshold(detector, tests)).sum())
    share, unit = anomalies / len(score), detector.describe().unit
    lead = f"{anomalies:,} of {len(score):,} {unit} are anomalous ({share:.2%}): their score is above the threshold."
    tiles = {
        unit: f"{len(score):,}",
        "anomalies": f"{anomalies:,}",
        "stated rate": f"{expected_share(detector):.2%}",
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


def _calibration(detector: Any, p: np.ndarray, tests: float) -> Section:
    rates = sorted({*RATES, expected_share(detector)})
    least = tests * conformal.smallest_rate(len(detector.calibration_))
    rows = [[f"{r:.2%}", f"{np.mean(p <= r):.2%}" if r >= least else "–"] for r in rates]
    said = (
        "If all of these data are normal, and like the calibration data, the two columns agree. Higher values in the "
        "second: some data are anomalous, or the data have drifted. A dash: a rate that so few calibration scores "
        "cannot resolve."
    )
    numbers = table(["p-value at most", "share of these data"], rows, "Calibration", numeric=1)
    return Section("Calibration against these data", f"<p>{said}</p>{numbers}", name="calibration")


def _top_rows(detector: Any, schema: Any, X: Any, score: np.ndarray, p: np.ndarray) -> Section:
    order = np.argsort(-score, kind="stable")[:MAX_ROWS]
    part = _safe_indexing(X, order) if not hasattr(X, "take") or isinstance(X, np.ndarray) else X.take(order)
    found, rows = detector.explain(part), []
    error = found.error.reshape(len(order), -1)
    actual, expected = expected_columns(schema, part), expected_columns(schema, found.expected)
    for i, row in enumerate(order.tolist()):
        best = np.argsort(-error[i], kind="stable")[:3]
        why = [f"{found.names[j]} = {say(actual[j][i])}, expected {say(expected[j][i])}" for j in best]
        why = [f"{text} ({error[i, j]:.1f})" for text, j in zip(why, best)]
        rows.append([str(row), f"{score[row]:.2f}", say(float(p[row])), *why, *[""] * (3 - len(why))])
    head = ["row, from 0", "score", "p-value", "first feature", "second", "third"]
    note = '<p class="note">In brackets: the error divided by its typical size.</p>'
    content = note + table(head, rows, "Highest scores")
    return Section(f"The {len(order)} rows with the highest scores", content, wide=True, name="top")


def _top_images(detector: Any, schema: Any, X: Any, score: np.ndarray, p: np.ndarray) -> Section:
    order = np.argsort(-score, kind="stable")[:MAX_IMAGES].tolist()
    part = X[order] if isinstance(X, np.ndarray) else [X[i] for i in order]
    found, names, shown = detector.explain(part), getattr(X, "names", None), []
    for i, row in enumerate(order):
        chart = images_figure(np.asarray(part[i]), np.asarray(found.expected[i]), found.error[i], f"{score[row]:.2f}")
        caption = f"{names[row] if names else f'image {row}'}, p-value {say(float(p[row]))}"
        shown.append(figure(svg(chart, f"An image, the expected image, and a map of errors: {caption}"), caption))
    left, right = "".join(shown[::2]), "".join(shown[1::2])
    content = f'<div class="duo"><div>{left}</div><div>{right}</div></div>'
    return Section(f"The {len(order)} images with the highest scores", content, wide=True, name="top")


def _top_spans(detector: Any, schema: Any, X: Any, score: np.ndarray, p: np.ndarray) -> Section:
    parts, start = [], 0
    series = each_of(X, "report")
    order = sorted(range(len(series)), key=lambda k: -_most(score, series, k))[:3]
    begins = np.concatenate([[0], np.cumsum([len(one) for one in series])])
    for k in order:
        mine = score[begins[k] : begins[k + 1]]
        start = max(0, min(int(mine.argmax()) - MAX_STEPS // 2, len(mine) - MAX_STEPS))
        cut = slice(start, start + MAX_STEPS)
        found, anomalous = detector.explain(series[k]), mine > -detector.offset_
        kept = largest_errors(found.error)
        actual, made = (
            np.stack([c[cut] for c in expected_columns(schema, v)], axis=1)[:, kept]
            for v in (series[k], found.expected)
        )
        names = [found.names[j] for j in kept]
        said = "Gray: the series; blue: expected; shaded: anomalous steps."
        said += "" if len(series) == 1 else f" Series {k} of {len(series)}."
        said += "" if len(mine) <= MAX_STEPS else f" {MAX_STEPS:,} of {len(mine):,} steps, around the highest score."
        chart = channels_figure(actual, made, names, anomalous[cut], start)
        parts.append(figure(svg(chart, f"Lines of the series with anomalous spans marked. {said}", 9.6), said))
        rows = answers(detector, series[k])
        ranked = sorted(spans(anomalous), key=lambda s: -mine[s[0] : s[1]].max())[:MAX_ROWS]
        lines = []
        for low, high in ranked:
            top = low + int(mine[low:high].argmax())
            row = rows.slice(top, 1).to_pylist()[0]
            when = str(next(iter(row.values())))
            why = (
                f"{row['feature_1']} ({row['ratio_1']:.1f} times the typical error, {say(row['expected_1'])} expected)"
            )
            lines.append([f"{low} to {high - 1}", when, f"{mine[top]:.2f}", say(row["p_value"]), why])
        if lines:
            head = ["steps", "highest at", "score", "p-value", "first feature"]
            parts.append(table(head, lines, "Anomalous spans"))
    return Section("The spans with the highest scores", "".join(parts), wide=True, name="top")


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
