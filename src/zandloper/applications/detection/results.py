"""Table of a detector's results: one row per row or step, with score, p-value, verdict and three explanations.

Its columns are `score`, `p_value`, `verdict` (anomaly or normal), and for each of the three features with the largest
errors `feature_1` (its name), `ratio_1` (its error divided by its typical error) and `expected_1`.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from zandloper.applications.detection import calibration
from zandloper.applications.detection.large_images import larger
from zandloper.data.frames import is_frame
from zandloper.data.series_lists import each_of
from zandloper.modality.image import ImageSchema
from zandloper.modality.series import SeriesSchema

N_FEATURES = 3  # that explain a row
CHUNK_VALUES = 2**23  # in memory at a time


def answers(detector: Any, X: Any) -> pa.Table:
    """Table of results for data; its first column holds time stamps or steps of series, or names of image files."""
    schema = schema_of(detector)
    if isinstance(schema, SeriesSchema):
        return pa.table({**_steps(detector, schema, X), **_answered(detector, schema, X)})
    values = int(np.prod(schema.in_shape)) * len(detector.estimators_[0].levels)
    rows, step = len(X), max(32, CHUNK_VALUES // max(1, values))
    names, large = getattr(X, "names", None), larger(schema, X, "run")
    if large is not None:  # one at a time: images of other sizes have pixels of other names
        parts: Any = (image[None] for image in large.separate())
    elif isinstance(X, pa.Table):
        parts = (X.slice(a, step) for a in range(0, rows, step))
    else:
        parts = (X[a : a + step] for a in range(0, rows, step))
    table = pa.concat_tables([pa.table(_answered(detector, schema, part)) for part in parts])
    return table.add_column(0, "image", [list(names)]) if isinstance(schema, ImageSchema) and names else table


def schema_of(detector: Any) -> Any:
    """Schema of the data of a fitted detector."""
    return detector.ensemble_.schema


def _answered(detector: Any, schema: Any, X: Any) -> dict[str, Any]:
    """Columns of results, with one value per row or step."""
    score, found = detector.score_and_explain(X)
    error = found.error.reshape(len(score), -1)
    expected, features = expected_columns(schema, found.expected), {}
    order = np.argsort(-error, axis=1, kind="stable")[:, :N_FEATURES]
    tests = calibration.n_tests(detector, larger(schema, X, "run"))
    numeric = isinstance(expected, np.ndarray) or all(isinstance(column, np.ndarray) for column in expected)
    for k, j in enumerate(order.T, 1):
        features[f"feature_{k}"] = pa.array([str(found.names[i]) for i in j.tolist()], pa.string())
        features[f"ratio_{k}"] = np.take_along_axis(error, j[:, None], 1)[:, 0]
        values: Any = [expected[c][i] for i, c in enumerate(j)]
        features[f"expected_{k}"] = (
            np.array(values, float) if numeric else pa.array([_text(v) for v in values], pa.string())
        )
    return {
        "score": score,
        "p_value": calibration.p_values(detector, score, tests),
        "verdict": np.where(score > calibration.threshold(detector, tests), "anomaly", "normal"),
        **features,
    }


def expected_columns(schema: Any, expected: Any) -> Any:
    """Expected values, column by column in the order of an explanation's names: a list of arrays or lists.

    Images give one array (pixels, n), because a large one has millions of pixels.
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
    """Time stamp of each step, else its number; with several series also the number of its series."""
    series = each_of(X, "run")
    if len(series) == 1:
        places = schema.places(series[0], schema.read(series[0], "run"), per_sample=True)
        return places or {"step": np.arange(len(series[0]))}
    lengths = [len(one) for one in series]
    return {
        "series": np.repeat(np.arange(len(series)), lengths),
        "step": np.concatenate([np.arange(n) for n in lengths]),
    }
