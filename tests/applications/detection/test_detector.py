"""Detection: thresholds hold, reasons name what broke, files and streams give the same answers, bad input says so."""

import itertools
import json
import os
import pickle
import re
import threading
import time
from io import BytesIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags

import zandloper as zl
from zandloper import cli, io
from zandloper.applications.detection import conformal, cross_fitting
from zandloper.applications.detection.large_images import PixelNames, larger
from zandloper.applications.detection.results import answers
from zandloper.applications.detection.rolling_features import RollingFeatures
from zandloper.applications.detection.streaming import answer_stream
from zandloper.errors import DataError, FileError, ParameterError

WORDS = np.array(["round", "square", "long"])


def detector(**settings):
    return zl.AnomalyDetector(**{"false_alarm_rate": 0.05, "max_epochs": 2, "random_state": 0, **settings})


def sheet(n, seed=0):
    """Rows on a plane in five dimensions, with a little noise."""
    rng = np.random.default_rng(seed)
    flat = np.random.default_rng(99).normal(size=(2, 5))
    return rng.normal(size=(n, 2)) @ flat + 0.1 * rng.normal(size=(n, 5))


def frame_of(n, seed=0):
    X = sheet(n, seed)
    frame = pd.DataFrame(X, columns=list("abcde"))
    return frame.assign(kind=WORDS[np.digitize(X[:, 0], [-1, 1])], on=X[:, 1] > 0)


def waves(n, seed=0):
    rng = np.random.default_rng(seed)
    angle = np.arange(n) * 2 * np.pi / 24
    return np.stack([np.sin(angle), np.cos(angle)], axis=1) + 0.1 * rng.normal(size=(n, 2))


def timed(n, seed=0):
    time = pd.date_range("2024-01-01", periods=n, freq="h")
    return pd.DataFrame({"time": time, "load": waves(n, seed)[:, 0], "heat": waves(n, seed)[:, 1]})


def pictures(n, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:8, :8]
    shift = rng.uniform(0, 8, (n, 1, 1))
    return (120 + 60 * np.sin((rows + columns + shift) / 2) + 4 * rng.normal(size=(n, 8, 8))).astype(np.uint8)


DATA = {
    "table": (sheet(120), {}),
    "frame": (frame_of(120), {}),
    "images": (pictures(60), {}),
    "series": (waves(480), {"modality": "series", "false_alarm_rate": 0.1}),
    "timed": (timed(480), {"modality": "series", "false_alarm_rate": 0.1}),
}


@pytest.fixture(scope="module")
def fitted():
    """A detector of each kind of data, fitted once."""
    made = {}

    def get(name):
        if name not in made:
            X, settings = DATA[name]
            made[name] = detector(**settings).fit(X)
        return made[name]

    return get


every_kind = pytest.mark.parametrize("name", DATA)


# ------------------------------------------------------------------------------------------------------------ conformal

SCORES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60).map(np.array)
RATE = st.floats(0.001, 0.999)


@given(SCORES)
def test_p_values_are_valid_for_what_is_exchangeable(scores):
    """Each score in turn against the others: at most a share t of them has a p-value up to t (Bates et al. 2023)."""
    left_out = [conformal.p_values(scores[[i]], np.delete(scores, i))[0] for i in range(len(scores))]
    for t in np.linspace(0, 1, 21):
        assert np.mean(np.array(left_out) <= t + 1e-12) <= t + 1e-9


@given(SCORES, SCORES, RATE)
def test_the_threshold_says_what_p_values_say(calibration, scores, rate):
    if rate < conformal.smallest_rate(len(calibration)):
        rate = conformal.smallest_rate(len(calibration))
    above = scores > conformal.threshold(calibration, rate)
    assert np.array_equal(above, conformal.p_values(scores, calibration) <= rate + 1e-9 / (len(calibration) + 1))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array), RATE)
def test_discoveries_are_those_of_benjamini_and_hochberg(p, rate):
    found, ordered = conformal.discoveries(p, rate), np.sort(p)
    k = max((i for i in range(1, len(p) + 1) if ordered[i - 1] <= rate * i / len(p)), default=0)
    assert found.sum() == k and (not k or p[found].max() <= ordered[k - 1])


# -------------------------------------------------------------------------------------------------------------- manners


@every_kind
def test_the_interface_of_outlier_detectors(fitted, name):
    X, model = DATA[name][0], fitted(name)
    score, p = model.anomaly_score(X), model.p_values(X)
    assert score.shape == p.shape == (len(X),) and np.isfinite(score).all()
    assert np.array_equal(model.score_samples(X), -score)
    assert np.array_equal(model.decision_function(X), -score - model.offset_)
    assert np.array_equal(model.predict(X) == -1, model.decision_function(X) < 0)
    assert np.array_equal(model.predict(X) == -1, p <= model.false_alarm_rate)
    assert model.discoveries(X).dtype == bool and model.discoveries(X).shape == (len(X),)


@every_kind
def test_the_same_seed_gives_the_same_scores(fitted, name):
    X, settings = DATA[name]
    assert np.array_equal(detector(**settings).fit(X).anomaly_score(X), fitted(name).anomaly_score(X))


@pytest.mark.parametrize("name", ["table", "frame", "images"])
def test_scores_do_not_depend_on_order_or_batches(fitted, name):
    X, model = DATA[name][0], fitted(name)
    take = (lambda rows: X.iloc[rows]) if hasattr(X, "iloc") else (lambda rows: X[rows])
    score, order = model.anomaly_score(X), np.random.default_rng(1).permutation(len(X))
    assert np.array_equal(model.anomaly_score(take(order)), score[order])
    assert np.array_equal([model.anomaly_score(take([i]))[0] for i in range(5)], score[:5])


def test_clones_are_fresh_and_what_is_not_fitted_says_so(fitted):
    other = clone(fitted("table"))
    for use in ("anomaly_score", "predict", "p_values", "explain", "calibrate", "plot_scores", "report"):
        with pytest.raises(NotFittedError):
            getattr(other, use)(sheet(9))
    with pytest.raises(NotFittedError):
        other.save("nowhere")
    with pytest.raises(NotFittedError):
        other.describe()


@pytest.mark.parametrize(
    "kind",
    ["Autoencoder", "DenoisingAutoencoder", "SparseAutoencoder", "VariationalAutoencoder", "QuantizedAutoencoder"],
)
def test_any_type_of_autoencoder(kind):
    X = sheet(120)
    model = detector(autoencoder=getattr(zl, kind)(latent_dim=2, random_state=0)).fit(X)
    assert len(model.estimators_) == 5 and type(model.estimators_[0].model).__name__ == kind
    assert model.predict(np.full((1, 5), 40.0)) == [-1]


def test_a_frozen_model_is_only_calibrated():
    inner = zl.Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(sheet(100))
    before = {k: v.clone() for k, v in inner.module_.state_dict().items()}
    model = detector(autoencoder=FrozenEstimator(inner)).fit(sheet(100, seed=1))
    assert [w.model for w in model.estimators_] == [inner] and len(model.calibration_) == 100
    assert all(torch.equal(v, before[k]) for k, v in inner.module_.state_dict().items())
    with pytest.raises(NotFittedError):
        detector(autoencoder=FrozenEstimator(zl.Autoencoder())).fit(sheet(50))


# ---------------------------------------------------------------------------------------------------------- calibration


@pytest.mark.trained
@pytest.mark.parametrize("fast", [True, False])
def test_false_alarms_on_fresh_rows_are_as_stated(fast):
    """With k of m calibration scores above it, alarms are binomial with a rate that is beta(k, m + 1 - k)."""
    rate, fresh = 0.1, 2_000
    model = detector(false_alarm_rate=rate, fast=fast).fit(sheet(400))
    m = len(model.calibration_)
    k = int(rate * (m + 1))
    low, high = betabinom.ppf([0.0005, 0.9995], fresh, k, m + 1 - k)
    assert low <= (model.predict(sheet(fresh, seed=1)) == -1).sum() <= high


def test_a_rate_that_rows_cannot_tell():
    with pytest.warns(UserWarning, match="smallest rate that they can, 0.016"):
        model = detector(false_alarm_rate=0.001).fit(sheet(60))
    assert model.predict(np.full((1, 5), 40.0)) == [-1]
    assert -model.offset_ == model.calibration_.max()


def test_contamination_flags_that_share_of_the_training_rows():
    X = sheet(200)
    for share, rows in ((0.1, 20), (0.5, 100)):
        model = detector(false_alarm_rate=None, contamination=share).fit(X)
        assert (model.predict(X) == -1).sum() == rows and (model.fit_predict(X) == -1).sum() == rows
        assert model.offset_ == np.percentile(model.score_samples(X), 100 * share)
    by_rate = detector().fit(X)
    assert np.array_equal(model.anomaly_score(X), by_rate.anomaly_score(X))  # the threshold alone differs
    assert np.array_equal(model.calibration_, by_rate.calibration_)
    assert "50.00% of the training rows" in str(model.describe()) and model.describe().false_alarm_rate is None
    assert "stated rate" in model.report(X).html and get_tags(model).estimator_type == "outlier_detector"


def test_contamination_of_series_and_larger_images(tmp_path):
    model = detector(false_alarm_rate=None, contamination=0.25, modality="series").fit(waves(480))
    assert (model.predict(waves(480)) == -1).sum() == 120
    model = detector(false_alarm_rate=None, contamination=0.25).fit(pictures(60))
    assert (model.predict(pictures(60)) == -1).sum() == 15
    X = large(4, 12, 12)
    assert np.array_equal(model.decision_function(X), model.score_samples(X) - model.offset_)
    model.save(tmp_path / "m")
    back = zl.load(tmp_path / "m")
    assert back.contamination == 0.25 and back.offset_ == model.offset_ and back.describe() == model.describe()
    model.calibrate(pictures(80))
    assert (model.predict(pictures(80)) == -1).sum() == 20


@pytest.mark.trained
def test_calibrate_follows_new_rows(fitted):
    model = detector().fit(sheet(300))
    model.calibrate(sheet(300, seed=1))  # no drift: no warning
    assert len(model.calibration_) == 300
    with pytest.warns(UserWarning, match="the data have drifted"):
        model.calibrate(sheet(300, seed=2) * 1.5 + 1)
    assert np.mean(model.predict(sheet(300, seed=3) * 1.5 + 1) == -1) < 0.15


@pytest.mark.trained
def test_batches_of_normal_and_of_anomalous_rows():
    model = detector().fit(sheet(300))
    assert model.discoveries(sheet(100, seed=5), rate=0.05).mean() <= 0.1
    assert model.discoveries(sheet(100, seed=5) + 30).all()
    assert (model.predict(sheet(100, seed=5) + 30) == -1).all()
    with pytest.raises(ParameterError, match="rate"):
        model.discoveries(sheet(9), rate=2)


# ---------------------------------------------------------------------------------------------------------- explanation


@pytest.mark.trained
def test_the_broken_column_is_named():
    model, X = detector(max_epochs=20).fit(sheet(300)), sheet(40, seed=1)
    for j in range(5):
        broken = X.copy()
        broken[:, j] += 8
        top = model.explain(broken).top(1)
        assert np.mean([reasons[0][0] == f"x{j}" for reasons in top]) > 0.8


def test_the_broken_pixels_and_steps_are_found(fitted):
    images = pictures(3, seed=1)
    images[1, 2:4, 5:7] = 255
    error = fitted("images").explain(images).error
    assert error.shape == (3, 1, 8, 8) and error[1, 0, 2:4, 5:7].mean() > error[1].mean() > error[0].mean()
    series = waves(240, seed=1)
    series[100:104, 1] = 5
    error = fitted("series").explain(series).error
    assert error.shape == (240, 2) and error[100:104, 1].min() > error[:90].max()
    assert np.argmax(fitted("series").anomaly_score(series)) in range(96, 108)


def test_expected_values_have_the_form_of_the_data(fitted):
    found = fitted("frame").explain(frame_of(9, seed=1))
    assert list(found.expected.columns) == list(frame_of(1).columns) == found.names
    assert found.error.shape == (9, 7) and len(found.top(2)[0]) == 2


# -------------------------------------------------------------------------------------------------------- larger images


def large(n, height, width, seed=0):
    """The pattern of `pictures`, on more pixels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    shift = rng.uniform(0, 8, (n, 1, 1))
    noise = 4 * rng.normal(size=(n, height, width))
    return (120 + 60 * np.sin((rows + columns + shift) / 2) + noise).astype(np.uint8)


def test_a_bright_dot_is_found_in_a_larger_image(fitted):
    model, X = fitted("images"), large(3, 21, 30)
    X[1, 13:15, 18:20] = 255
    score, found = model.score_and_explain(X)
    assert found.error.shape == (3, 1, 21, 30) and found.expected.shape == X.shape and found.expected.dtype == X.dtype
    row, column = np.unravel_index(found.error[1, 0].argmax(), (21, 30))
    assert row in (13, 14) and column in (18, 19) and score.argmax() == 1
    assert found.top(1)[1][0][0] == f"pixel_{row}_{column}"
    assert np.array_equal(score, model.anomaly_score(X))
    tiles = [X[1, i : i + 8, j : j + 8] for i in (0, 4, 8, 12, 13) for j in (0, 4, 8, 12, 16, 20, 22)]
    assert score[1] == model.anomaly_score(np.stack(tiles)).max()
    tries = len(tiles)
    assert np.allclose(model.p_values(X), np.minimum(1, tries * conformal.p_values(score, model.calibration_)))
    with pytest.warns(UserWarning, match="images of 35 tiles"):
        assert model.predict(X)[1] == -1


def test_images_of_different_sizes_and_one_by_itself(fitted):
    model, X = fitted("images"), [large(1, 8, 8)[0], large(1, 12, 9)[0], large(1, 8, 17)[0]]
    score, found = model.score_and_explain(X)
    assert [e.shape for e in found.error] == [(1, 8, 8), (1, 12, 9), (1, 8, 17)]
    assert [x.shape for x in found.expected] == [x.shape for x in X] and len(found.top(2)) == 3
    plain = model.explain(X[0][None])
    assert score[0] == model.anomaly_score(X[0][None])[0] and np.allclose(found.error[0], plain.error[0], rtol=1e-5)
    assert np.array_equal(found.expected[0], plain.expected[0])
    alone, why = model.score_and_explain(X[1])
    assert alone == score[[1]] and np.array_equal(why.expected, found.expected[1]) and why.error.shape == (1, 1, 12, 9)
    table = answers(model, io.Images(X, ["a", "b", "c"]))
    assert table["image"].to_pylist() == ["a", "b", "c"] and np.array_equal(table["score"].to_numpy(), score)
    assert np.array_equal(table["p_value"].to_numpy(), model.p_values(X))
    assert model.plot_explanation(X).axes and "highest scores" in model.report(X).html
    with pytest.raises(DataError, match="fitted on images of 8 x 8 pixels and got images of 7 x 9"):
        model.predict([X[1], X[1][:7]])


def test_maps_of_tiles_have_no_seams():
    """Tiles that disagree, each of one value: the map goes from one to the next in small steps."""
    schema, _ = zl.modality.Image().learn(np.zeros((2, 16, 16), np.float32), "me")
    images = larger(schema, np.zeros((1, 56, 45), np.float32), "me")

    def explain_tiles(tiles):
        value = np.arange(len(tiles)) % 2
        error = np.broadcast_to(value[:, None, None, None], (len(tiles), 1, 16, 16))
        return value, error, np.moveaxis(error, 1, 3)

    score, error, expected, names = images.score_maps(explain_tiles)
    steps = [np.abs(np.diff(error[0, 0], axis=axis)).max() for axis in (0, 1)]
    assert score == [1] and error.max() > 0.99 and error.min() < 0.01 and max(steps) < 0.25
    assert np.allclose(error[0, 0], expected[0]) and list(names) == PixelNames((56, 45, 1))[:]


def test_larger_images_can_calibrate():
    model = detector(false_alarm_rate=0.1).fit(pictures(200))
    with pytest.warns(UserWarning, match="drifted"):  # the large ones show phases of the waves that small ones lack
        model.calibrate(large(60, 16, 16))
    fresh = large(60, 16, 16, seed=1)
    score = model.anomaly_score(fresh)
    assert np.array_equal(model.p_values(fresh), conformal.p_values(score, model.calibration_))
    assert np.array_equal(model.decision_function(fresh), -score - model.offset_)


# --------------------------------------------------------------------------------------------------- series, dirty rows


def test_steps_are_rows_with_the_means_before_them():
    """By hand: gaps count nothing, means at the start are over what is there, and a period earlier stands beside."""
    X = np.arange(800.0)[:, None] % 20
    X[5] = np.nan
    schema, _ = zl.modality.Series().learn(X, "me")
    rows = RollingFeatures(schema, (1, 8), 20).rows(X, "me")[0]
    assert rows.shape == (800, 4) and np.isnan(rows[5, 0]) and np.isnan(rows[:20, 2:]).all()
    assert rows[3, 1] == np.mean([0, 1, 2, 3]) and np.isclose(rows[9, 1], np.mean([2, 3, 4, 6, 7, 8, 9]))
    np.testing.assert_array_equal(rows[20:, 2:], rows[:-20, :2])
    assert RollingFeatures.fit(schema, X, "me") == RollingFeatures(schema, (1, 8, 32), 20)
    assert RollingFeatures.fit(schema, X[:100], "me").lengths == (1, 8)


def test_separate_series_do_not_mix():
    parts = [np.zeros((50, 1)), np.ones((60, 1))]
    schema, _ = zl.modality.Series(window=16).learn(parts, "me")
    assert [len(r) for r in RollingFeatures(schema, (1, 8)).rows(parts, "me")] == [50, 60]
    assert (RollingFeatures(schema, (1, 8)).rows(parts, "me")[1] == 1).all()


def test_folds_in_time_keep_their_gap():
    X = np.arange(200.0)[:, None]
    for fold in cross_fitting.time_folds(X, [120, 80], 6):
        assert np.abs(fold.train - fold.held_out.T).min() == 7 and np.array_equal(X[fold.rows], fold.held_out)
    assert sorted(np.concatenate([f.rows for f in cross_fitting.time_folds(X, [120, 80], 6)])) == list(range(200))


def test_dependent_scores_resolve_less():
    scores = np.arange(400.0)
    assert conformal.threshold(scores, 0.1, 400) == conformal.threshold(scores, 0.1)
    assert conformal.threshold(scores, 0.01, 12) > 399 > conformal.threshold(scores, 0.1, 12)
    for rate in (0.01, 0.05, 0.2):  # what lies above the threshold has p-values up to the rate, and nothing else has
        at = conformal.threshold(scores, rate, 12)
        p = conformal.p_values(np.array([at - 1.5, at + 1e-3]), scores, 12)
        assert p[0] > rate >= p[1]


@pytest.mark.trained
def test_trimmed_rows_do_not_calibrate():
    rng = np.random.default_rng(0)
    clean, anomalies = sheet(200), 3 * rng.normal(size=(20, 5))
    plain, trimmed = (
        detector(trim_fraction=trim_fraction, max_epochs=20).fit(np.concatenate([clean, anomalies]))
        for trim_fraction in (0.0, 0.1)
    )
    fresh = 3 * np.random.default_rng(1).normal(size=(50, 5))
    assert (trimmed.predict(fresh) == -1).mean() > (plain.predict(fresh) == -1).mean()
    assert len(trimmed.calibration_) == 198 and not np.intersect1d(trimmed.neighbors_.rows, range(200, 220)).size > 5
    with pytest.raises(ParameterError, match=r"below 0\.5"):
        detector(trim_fraction=0.5).fit(clean)


def test_trimming_may_leave_nothing_of_a_part(rng):
    """The last quarter of a series is anomalous throughout."""
    steps = np.sin(np.arange(400) / 5)[:, None] + rng.normal(0, 0.1, (400, 1))
    steps[295:] = rng.normal(0, 20, (105, 1))
    model = detector(modality="series", trim_fraction=0.3, max_epochs=3, false_alarm_rate=0.2).fit(steps)
    assert len(model.calibration_) == 280 and np.isfinite(model.anomaly_score(steps)).all()


# ------------------------------------------------------------------------------------------------------------ bad input


def test_missing_values_are_allowed_and_infinite_ones_are_not(fitted):
    X = sheet(20, seed=1)
    X[3, 2] = np.nan
    assert np.isfinite(fitted("table").anomaly_score(X)).all()
    X[3, 2] = np.inf
    with pytest.raises(DataError, match="infinity"):
        fitted("table").anomaly_score(X)


def test_other_columns_are_refused(fitted):
    with pytest.raises(DataError, match="4 features"):
        fitted("table").predict(sheet(9)[:, :4])
    with pytest.raises(DataError, match="feature names"):
        fitted("frame").predict(frame_of(9).rename(columns={"a": "z"}))


@pytest.mark.trained
def test_a_column_that_dies_and_a_scale_that_jumps():
    model = detector(max_epochs=20).fit(sheet(300))
    dead = sheet(200, seed=1)
    dead[:, 2] = 0
    assert np.mean(model.predict(dead) == -1) > 0.3
    jumped = sheet(200, seed=1)
    jumped[:, 1] *= 1000
    assert np.isfinite(model.anomaly_score(jumped)).all() and np.mean(model.predict(jumped) == -1) > 0.9


def test_a_constant_column_in_training():
    X = sheet(100)
    X[:, 2] = 7
    model = detector().fit(X)
    assert np.isfinite(model.anomaly_score(X)).all()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"false_alarm_rate": 0}, "above 0 and below 1"),
        ({"false_alarm_rate": True}, "above 0 and below 1"),
        ({"false_alarm_rate": None, "contamination": 0}, "above 0 and up to 0.5"),
        ({"false_alarm_rate": None, "contamination": 0.6}, "above 0 and up to 0.5"),
        ({"contamination": 0.1}, "pass one of them"),
        ({"n_neighbors": -1}, "parameter `n_neighbors` of AnomalyDetector must be an integer >= 0"),
        ({"autoencoder": 3}, "an autoencoder of zandloper"),
        ({"autoencoder": zl.Autoencoder(target="y")}, "reconstructs its input"),
        ({"modality": "sound?"}, "modality"),
    ],
)
def test_wrong_parameters(settings, says):
    with pytest.raises(ParameterError, match=re.escape(says)):
        detector(**settings).fit(sheet(50))


def test_too_few_rows_and_too_short_series(fitted):
    with pytest.raises(DataError, match="minimum of 4"):
        detector().fit(sheet(3))
    with pytest.raises(DataError, match="too short"):
        detector(modality=zl.modality.Series(window=40)).fit(waves(100))
    short = waves(10, seed=1)  # shorter than a window: padded with what is missing
    assert fitted("series").anomaly_score(short).shape == (10,)


def test_time_stamps_must_rise(fitted):
    frame = timed(100)
    with pytest.raises(DataError, match="is earlier than"):
        fitted("timed").predict(frame.iloc[::-1].reset_index(drop=True))
    with pytest.raises(DataError, match="repeats"):
        fitted("timed").predict(pd.concat([frame.head(5), frame.tail(95).iloc[:1], frame.tail(95)], ignore_index=True))


def test_lists_of_series():
    parts = [waves(200), waves(150, seed=1), waves(170, seed=2)]
    model = detector(modality=zl.modality.Series(window=24)).fit(parts)
    score = model.anomaly_score(parts)
    assert [len(s) for s in score] == [len(v) for v in model.predict(parts)] == [200, 150, 170]
    assert model.discoveries(parts).shape == (520,)
    found = answers(model, parts)
    assert found.column_names[:3] == ["series", "step", "score"] and found.num_rows == 520
    assert np.array_equal(found["score"].to_numpy(), np.concatenate(score))


# ---------------------------------------------------------------------------------------------------------------- files


@every_kind
def test_round_trip(fitted, name, tmp_path):
    X, model = DATA[name][0], fitted(name)
    model.save(tmp_path / "m")
    assert sorted(p.name for p in tmp_path.joinpath("m").iterdir()) == ["recipe.json", "weights.safetensors"]
    back = zl.load(tmp_path / "m")
    assert type(back) is zl.AnomalyDetector and repr(back) == repr(model)
    assert np.array_equal(back.anomaly_score(X), model.anomaly_score(X))
    assert np.array_equal(back.predict(X), model.predict(X)) and np.array_equal(back.p_values(X), model.p_values(X))
    assert np.array_equal(back.explain(X).error, model.explain(X).error)
    assert back.describe() == model.describe() and back.n_features_in_ == model.n_features_in_
    assert list(getattr(back, "feature_names_in_", [])) == list(getattr(model, "feature_names_in_", []))
    assert clone(back).fit(X).offset_ == model.offset_


def test_round_trip_with_own_parts_and_frozen_models(tmp_path):
    X, own = sheet(100), lambda: torch.nn.Linear(5, 6)
    model = detector(autoencoder=zl.Autoencoder(2, encoder=own())).fit(X)
    model.save(tmp_path / "own")
    with pytest.raises(ParameterError, match=r'parts=\{"encoder": module\}'):
        zl.load(tmp_path / "own")
    back = zl.load(tmp_path / "own", parts={"encoder": own()})
    assert np.array_equal(back.anomaly_score(X), model.anomaly_score(X))
    inner = zl.Autoencoder(2, max_epochs=2, random_state=0).fit(X[:50])
    model = detector(autoencoder=FrozenEstimator(inner)).fit(X[50:])
    model.save(tmp_path / "frozen")
    back = zl.load(tmp_path / "frozen")
    assert np.array_equal(back.anomaly_score(X), model.anomaly_score(X))
    assert back.autoencoder.estimator is back.estimators_[0].model


def test_damaged_and_foreign_folders(fitted, tmp_path):
    place = tmp_path / "m"
    fitted("table").save(place)
    with pytest.raises(FileError, match="exists already"):
        fitted("table").save(place)
    fitted("table").save(place, overwrite=True)
    whole = json.loads((place / "recipe.json").read_text())
    for change in (
        lambda r: r["learned"].pop("ensemble_"),
        lambda r: r["learned"]["ensemble_"]["Ensemble"]["members"][0].clear(),
        lambda r: r["learned"].update(calibration_={"array": "nowhere"}),
        lambda r: r["learned"].update(calibration_={"os.system": {"command": "true"}}),
        lambda r: r["learned"]["ensemble_"]["Ensemble"]["members"][0]["EnsembleMember"]["model"]["model"].update(
            blueprint={}
        ),
        lambda r: r["parameters"].update(nonsense=1),
        lambda r: r.pop("learned"),
    ):
        recipe = json.loads(json.dumps(whole))
        change(recipe)
        (place / "recipe.json").write_text(json.dumps(recipe))
        with pytest.raises(FileError, match="does not fit this zandloper"):
            zl.load(place)
    (place / "recipe.json").write_text(json.dumps({**whole, "estimator": "Foreign"}))
    with pytest.raises(FileError, match="'Foreign'"):
        zl.load(place)
    (place / "recipe.json").write_text(json.dumps(whole))
    weights = (place / "weights.safetensors").read_bytes()
    (place / "weights.safetensors").write_bytes(weights[:-8])
    with pytest.raises(FileError, match="damaged or cut off"):
        zl.load(place)


# ------------------------------------------------------------------------------------------------------ rows, streams


def streamed(model, text, pieces=()):
    """What a detector answers to CSV text that arrives in pieces, one table."""
    read, write = os.pipe()
    out: list[bytes] = []

    def send():
        for a, b in itertools.pairwise([0, *pieces, len(text)]):
            os.write(write, text[a:b])
            time.sleep(0.02)  # long enough to be read alone
        os.close(write)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        rows = answer_stream(model, read, out.append)
    finally:
        sender.join()
        os.close(read)
    return rows, pd.read_csv(BytesIO(b"".join(out)))


def test_answers_say_what_methods_say(fitted):
    model, X = fitted("frame"), frame_of(50, seed=1)
    found = answers(model, X).to_pandas()
    assert np.array_equal(found["score"], model.anomaly_score(X))
    assert np.array_equal(found["p_value"], model.p_values(X))
    assert np.array_equal(found["verdict"] == "anomaly", model.predict(X) == -1)
    top = model.explain(X).top(3)
    for k in range(3):
        assert found[f"feature_{k + 1}"].tolist() == [reasons[k][0] for reasons in top]
        assert np.allclose(found[f"ratio_{k + 1}"], [reasons[k][1] for reasons in top])


@pytest.mark.parametrize("name", ["table", "frame"])
def test_a_stream_is_answered_as_a_file_is(fitted, name):
    model, X = fitted(name), sheet(30, seed=1) if name == "table" else frame_of(30, seed=1)
    frame = pd.DataFrame(X) if name == "table" else X
    text = frame.to_csv(index=False).encode()
    header = text.index(b"\n") + 1
    one_row = text.index(b"\n", header) + 1
    for pieces in ((), (one_row,), (one_row, one_row + 60)):
        rows, found = streamed(model, text, pieces)
        assert rows == len(found) == 30
        assert np.allclose(found["score"], model.anomaly_score(X)) and set(found["verdict"]) <= {"anomaly", "normal"}


def test_a_stream_of_a_series_knows_the_steps_before(fitted):
    model, frame = fitted("timed"), timed(100, seed=1)
    frame.loc[80, "heat"] = 6.0
    text = frame.to_csv(index=False).encode()
    cut = [m.end() for m in re.finditer(b"\n", text)]
    rows, found = streamed(model, text, (cut[60], *cut[78:84]))
    assert rows == 100 and pd.to_datetime(found["time"]).tolist() == frame["time"].tolist()
    assert found["verdict"][80] == "anomaly" and found["feature_1"][80] == "heat"


def test_rows_that_cannot_be_read(fitted):
    with pytest.raises(DataError, match="lack the columns"):
        streamed(fitted("frame"), b"a,b\n1,2\n")
    text = frame_of(3).to_csv(index=False).encode() + b"oops,1,2,3,4,round,True\n"
    with pytest.raises(DataError, match="cannot be read"):
        streamed(fitted("frame"), text)


def test_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(line):
        code = cli._run(line.split())
        return code, *capsys.readouterr()

    X = pa.Table.from_pandas(frame_of(120))
    io.write("t.csv", X)
    code, said, err = run("fit detect t.csv -o m --max-epochs 2 --seed 0 --false-alarm-rate 0.05")
    assert (code, err) == (0, "") and "AnomalyDetector: 5 models" in said and "next     zandloper run m" in said
    for out in ("o.csv", "o.parquet"):
        assert run(f"run m t.csv -o {out} -q") == (0, "", "")
        assert io.read(out).column_names[:4] == ["score", "p_value", "verdict", "feature_1"]
    model = zl.load("m")
    assert np.array_equal(io.read("o.parquet")["score"].to_numpy(), model.anomaly_score(io.read("t.csv")))
    assert run("describe m")[1] == f"{model.describe()}\n"
    assert run("report m t.csv -o r.html -q") == (0, "", "") and "Calibration" in (tmp_path / "r.html").read_text()
    for line, says in (
        ("fit detect t.csv -o n --latent-dim 3", "No such option: --latent-dim"),
        ("fit reduce t.csv -o n --false-alarm-rate 0.1", "No such option: --false-alarm-rate"),
        ("run m t.csv -o x.csv --what latent", "is for autoencoders"),
        ("run m t.csv -o x.npy", "are a table"),
        ("run m t.csv", "-o out.csv"),
        ("run m - -o x.csv", "leave out -o"),
        ("fit detect t.csv -o n --false-alarm-rate 2", "false_alarm_rate"),
        ("fit detect t.csv -o n --false-alarm-rate 0.1 --contamination 0.1", "pass one of them"),
        ("report m t.csv -o r2.html --labels kind", "reports of autoencoders"),
    ):
        code, said, err = run(line)
        assert code == 2 and says in err, line
        assert not said or "-o n --false-alarm-rate" in line, line  # that one is refused when the data are there


# ------------------------------------------------------------------------------------------------------------- pictures


@every_kind
def test_pictures_and_report(fitted, name):
    X, model = DATA[name][0], fitted(name)
    for figure in (model.plot_scores(), model.plot_scores(X), model.plot_explanation(X), model.plot_explanation(X, 3)):
        file = BytesIO()
        figure.savefig(file, format="png")
        assert file.getvalue()[:4] == b"\x89PNG"
    with pytest.raises(DataError, match="no item"):
        model.plot_explanation(X, 10_000)
    page = model.report(X).html
    for word in ("Scores", "Calibration against these data", "highest scores", "Settings", "threshold"):
        assert word in page
    assert "http" not in re.sub(r"http://www.w3.org/\S+", "", page) and "<script" not in page


@pytest.mark.trained
def test_too_smooth_images_are_anomalous():
    rng = np.random.default_rng(0)
    rough = rng.integers(90, 166, (240, 6, 6)).astype(np.uint8)
    flat = np.full((20, 6, 6), 128, np.uint8) + rng.integers(0, 3, (20, 6, 6)).astype(np.uint8)
    model = zl.AnomalyDetector(n_neighbors=0, max_epochs=40, modality="image", random_state=0).fit(rough[:200])
    assert np.median(model.p_values(flat)) < 0.05 < np.median(model.p_values(rough[200:]))


def test_noise_levels_of_images_are_those_of_what_they_show():
    """Pixels that vary together need more noise than one of them alone."""
    rng = np.random.default_rng(0)
    alone = rng.normal(0.5, 0.1, (100, 8, 8, 1)).clip(0, 1).astype(np.float32)
    together = np.broadcast_to(rng.normal(0.5, 0.1, (100, 1, 1, 1)), (100, 8, 8, 1)).clip(0, 1).astype(np.float32)
    quick = {"modality": "image", "max_epochs": 1, "random_state": 0}
    high = [zl.AnomalyDetector(**quick).fit(X).estimators_[0].levels[-1] for X in (alone, together)]
    assert high[0] < 6 and high[1] == pytest.approx(2.7 * 8, rel=0.2)  # the root of 64 pixels


def test_members_score_at_the_levels_that_their_model_was_trained_at():
    inner = zl.DenoisingAutoencoder(8, noise=zl.noise.Gaussian((0.2, 1.0), "log"), noise_conditional=True, max_epochs=2)
    model = zl.AnomalyDetector(inner, random_state=0).fit(sheet(100))
    low, *_, high = model.estimators_[0].levels
    assert low == pytest.approx(0.2, rel=0.01) and high == pytest.approx(1.0, rel=0.01)


def test_missing_values_are_not_anomalous():
    X = sheet(300)
    model = zl.AnomalyDetector(max_epochs=30, random_state=0).fit(X)
    assert model.p_values(np.full((3, X.shape[1]), np.nan)).min() > 0.05
    series = np.sin(np.arange(600.0) / 5)[:, None] * [1, 2] + np.random.default_rng(0).normal(0, 0.1, (600, 2))
    for settings in ({}, {"modality": zl.modality.Series(window=16)}):
        watcher = zl.AnomalyDetector(**{"modality": "series", **settings}, false_alarm_rate=0.1, max_epochs=10)
        watcher.fit(series[:400])
        gap = series[400:].copy()
        gap[50:100] = np.nan
        assert (watcher.predict(gap)[90:100] == 1).all()


def test_too_small_residuals_count_for_noise_conditional_models_only():
    """Densities are clipped where rows fit well: the best rows would get the highest scores."""
    X = sheet(120)
    plain = zl.AnomalyDetector(zl.VariationalAutoencoder(2, max_epochs=5), random_state=0).fit(X)
    assert plain.ensemble_.combiner.slack is None
    assert zl.AnomalyDetector(max_epochs=2, random_state=0).fit(X).ensemble_.combiner.slack == 2.0


def test_a_noise_conditional_model_of_several_noises():
    noise = [zl.noise.Gaussian((0.05, 1.0)), zl.noise.Quantization(8)]
    inner = zl.DenoisingAutoencoder(4, noise=noise, noise_conditional=True, max_epochs=2)
    assert np.isfinite(zl.AnomalyDetector(inner, random_state=0).fit(sheet(120)).anomaly_score(sheet(5))).all()


def test_what_is_kept_for_speed_is_not_pickled():
    model = zl.AnomalyDetector(max_epochs=2, random_state=0).fit(sheet(100))
    before = model.anomaly_score(sheet(5))
    again = pickle.loads(pickle.dumps(model))
    assert "_product" not in vars(again.neighbors_) and np.array_equal(again.anomaly_score(sheet(5)), before)
