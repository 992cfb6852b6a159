"""What a detector answers, row by row or step by step: score, p-value, verdict, and the three columns that say why.

One table, whose columns can be filtered on: `score`, `p_value`, `verdict` (odd or normal), then for each of three
reasons `why_1` (a name), `times_1` (how many times the usual its error is) and `expected_1`.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from zandloper.applications.detection.large_images import larger
from zandloper.data.frames import is_frame
from zandloper.data.series_lists import each_of
from zandloper.modality.image import ImageSchema
from zandloper.modality.series import SeriesSchema

REASONS = 3
VALUES = 2**23  # numbers in memory at a time, at most


def answers(detector: Any, X: Any) -> pa.Table:
    """The table of answers about data; of series first the time stamps or steps, of images from files their names."""
    schema = schema_of(detector)
    if isinstance(schema, SeriesSchema):
        return pa.table({**_steps(detector, schema, X), **_answered(detector, schema, X)})
    values = int(np.prod(schema.in_shape)) * len(detector.estimators_[0].levels)
    rows, step = len(X), max(32, VALUES // max(1, values))
    names, large = getattr(X, "names", None), larger(schema, X, "run")
    cut = (lambda a: X.slice(a, step)) if isinstance(X, pa.Table) else (lambda a: X[a : a + step])
    if large is not None:  # one at a time: pixels of other sizes have other names
        each, step = large.apart(), 1
        rows, cut = len(each), lambda a: each[a][None]
    table = pa.concat_tables([pa.table(_answered(detector, schema, cut(a))) for a in range(0, rows, step)])
    return table.add_column(0, "image", [list(names)]) if isinstance(schema, ImageSchema) and names else table


def schema_of(detector: Any) -> Any:
    """What the data of a detector look like."""
    return detector._schema


def _answered(detector: Any, schema: Any, X: Any) -> dict[str, Any]:
    """Columns of answers, one value a row or step."""
    score, found = detector.judge(X)
    error = found.error.reshape(len(score), -1)
    expected, names = expected_columns(schema, found.expected), {}
    order, tries = np.argsort(-error, axis=1, kind="stable")[:, :REASONS], detector._tries(X)
    whole = isinstance(expected, np.ndarray) or all(isinstance(column, np.ndarray) for column in expected)
    for k, j in enumerate(order.T, 1):
        names[f"why_{k}"] = pa.array([str(found.names[i]) for i in j.tolist()], pa.string())
        names[f"times_{k}"] = np.take_along_axis(error, j[:, None], 1)[:, 0]
        values: Any = [expected[c][i] for i, c in enumerate(j)]
        names[f"expected_{k}"] = np.array(values, float) if whole else pa.array([_text(v) for v in values], pa.string())
    return {
        "score": score,
        "p_value": detector._chances(score, tries),
        "verdict": np.where(score > -detector._offsets(tries), "odd", "normal"),
        **names,
    }


def expected_columns(schema: Any, expected: Any) -> Any:
    """What was expected, column by column in the order of an explanation's names: a list of arrays or lists.

    Of images one array (pixels, n): a large one has millions of them.
    """
    if isinstance(schema, ImageSchema):
        pixels = np.asarray(expected)
        pixels = pixels[..., None] if pixels.ndim == 3 else pixels
        return np.moveaxis(pixels, 3, 1).reshape(len(pixels), -1).T
    if isinstance(schema, SeriesSchema):
        parts = [_columns(schema, one) for one in each_of(expected, "")]
        return [np.concatenate([part[j] for part in parts]) for j in range(len(schema.columns))]
    return _columns(schema, expected)


def _columns(schema: Any, data: Any) -> list[Any]:
    if not is_frame(data):
        array = np.asarray(data)
        return list(array.reshape(len(array), -1).T)
    frame = nw.from_native(data, eager_only=True)
    columns = [frame.get_column(c.name) for c in schema.columns]
    return [c.to_numpy() if c.dtype.is_numeric() else c.to_list() for c in columns]


def _text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _steps(detector: Any, schema: SeriesSchema, X: Any) -> dict[str, Any]:
    """Where each step belongs: its time stamp, else its number; with several series also the number of its series."""
    series = each_of(X, "run")
    if len(series) == 1:
        places = schema.places(series[0], schema.read(series[0], "run"), per_sample=True)
        return places or {"step": np.arange(len(series[0]))}
    lengths = [len(one) for one in series]
    return {
        "series": np.repeat(np.arange(len(series)), lengths),
        "step": np.concatenate([np.arange(n) for n in lengths]),
    }
