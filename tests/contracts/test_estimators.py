"""The estimators keep scikit-learn's manners: its own checks, cloning, pipelines, names, types, exact results."""

import copy
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import zandloper
from zandloper import AnomalyDetector, Autoencoder
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.errors import DataError, ParameterError, UnsupportedError


def public_estimators():
    """Every public name that is an estimator: a new type is tested with no new test."""
    found = [getattr(zandloper, name) for name in zandloper.__all__]
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, BaseEstimator)]


TYPES = [kind for kind in public_estimators() if issubclass(kind, BaseAutoencoder)]
every_type = pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)


def fit(X, y=None, **settings):
    return Autoencoder(**{"latent_dim": 2, "hidden": (8,), "max_epochs": 2, "random_state": 0, **settings}).fit(X, y)


def takes_tables(estimator):
    """scikit-learn's checks hold for what learns from rows of numbers."""
    return get_tags(estimator).input_tags.two_d_array


# Plain defaults but for the length of training; a contamination makes the detector an outlier detector.
CHECKED = [*(kind(max_epochs=2) for kind in public_estimators()), AnomalyDetector(contamination=0.1, max_epochs=2)]


@pytest.mark.filterwarnings("ignore:false_alarm_rate=0.01 is less than")  # of the few rows of these checks
@parametrize_with_checks(list(filter(takes_tables, CHECKED)))
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "kind", [kind for kind in public_estimators() if takes_tables(kind())], ids=lambda kind: kind.__name__
)
def test_plain_defaults_get_the_checks_of_short_training(kind):
    """Training for two epochs only saves time: no check is left out by it."""
    names = [
        [str(check) for _, check in estimator_checks_generator(kind(**settings))]
        for settings in ({}, {"max_epochs": 2})
    ]
    assert names[0] == names[1]


def test_only_a_contamination_makes_an_outlier_detector():
    """A stated false-alarm rate of fresh rows leaves training rows unflagged, which scikit-learn's checks refuse."""
    assert get_tags(AnomalyDetector()).estimator_type is None
    assert get_tags(AnomalyDetector(contamination=0.1)).estimator_type == "outlier_detector"
    checks = [str(check) for _, check in estimator_checks_generator(AnomalyDetector(contamination=0.1))]
    assert any("check_outliers_train" in check for check in checks)
    assert any("check_outliers_fit_predict" in check for check in checks)


def test_all_types_are_public():
    assert Autoencoder in TYPES
    assert [kind for kind in public_estimators() if not isinstance(kind().get_params(), dict)] == []


# -------------------------------------------------------------------------------------------------------------- manners


@every_type
def test_constructors_only_store(kind):
    defaults = kind().get_params()
    marked = {name: object() for name in defaults}
    model = kind(**marked)
    assert all(getattr(model, name) is mark for name, mark in marked.items())
    assert vars(model) == marked  # and nothing else
    assert model.get_params(deep=False) == marked
    model.set_params(**defaults)
    assert model.get_params() == defaults


@every_type
def test_clones_are_fresh(kind, table):
    model = kind(max_epochs=1, latent_dim=3, random_state=4).fit(table)
    other = clone(model)
    assert other.get_params() == model.get_params() and not hasattr(other, "module_")
    with pytest.raises(NotFittedError):
        other.transform(table)
    assert np.array_equal(other.fit(table).transform(table), model.transform(table))


@every_type
def test_fit_returns_the_estimator(kind, table):
    model = kind(max_epochs=1, random_state=0)
    assert model.fit(table) is model
    again = kind(max_epochs=1, random_state=0)
    assert np.array_equal(again.fit_transform(table), model.transform(table))


@every_type
@pytest.mark.parametrize("use", ["transform", "predict", "reconstruction_error", "score"])
def test_what_is_not_fitted_says_so(kind, use, table):
    with pytest.raises(NotFittedError):
        getattr(kind(), use)(table)
    with pytest.raises(NotFittedError):
        kind().describe()
    with pytest.raises(NotFittedError):
        kind().save("nowhere")
    with pytest.raises(NotFittedError):
        kind().inverse_transform(table)


@every_type
def test_y_is_ignored_unless_asked_for(kind, table):
    one, other = (kind(max_epochs=1, random_state=0).fit(table, y) for y in (None, np.arange(200)))
    assert np.array_equal(one.transform(table), other.transform(table))


def test_modules_as_parameters_are_cloned(table):
    part = torch.nn.Linear(6, 4)
    model = clone(Autoencoder(2, encoder=part, max_epochs=1))
    assert model.encoder is not part and torch.equal(model.encoder.weight, part.weight)
    model.fit(table)
    assert repr(model) and model.set_params(latent_dim=3).latent_dim == 3


@pytest.mark.trained
def test_a_pipeline_before_a_classifier():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), Autoencoder(2, hidden=(16,), random_state=0), LogisticRegression())
    assert pipeline.fit(X, y).score(X, y) > 0.85
    assert cross_val_score(pipeline.set_params(autoencoder__max_epochs=5), X, y, cv=3).mean() > 0.7
    assert pipeline[:2].transform(X).shape == (150, 2)


@pytest.mark.trained
def test_a_grid_over_latent_dim(table):
    grid = GridSearchCV(
        Autoencoder(hidden=(8,), max_epochs=5, random_state=0), {"latent_dim": [1, 2, 4]}, n_jobs=1, cv=3
    )
    grid.fit(table)
    scores = grid.cv_results_["mean_test_score"]
    assert scores[0] < scores[1] < scores[2] and grid.best_params_ == {"latent_dim": 4}
    assert grid.predict(table).shape == table.shape and grid.score(table) > 0.9


def test_a_grid_over_a_pipeline_with_labels():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(Autoencoder(max_epochs=5, hidden=(8,), random_state=0), LogisticRegression())
    grid = GridSearchCV(pipeline, {"autoencoder__latent_dim": [1, 3]}, n_jobs=1, cv=3).fit(X, y)
    assert grid.best_params_ == {"autoencoder__latent_dim": 3}


# ----------------------------------------------------------------------------------------------------- names and frames


@every_type
def test_names_of_latents(kind, table):
    model = kind(3, max_epochs=1).fit(table)
    names = model.get_feature_names_out()
    prefix = kind.__name__.lower()
    assert list(names) == [f"{prefix}{i}" for i in range(len(names))]
    assert len(names) == model.transform(table).shape[1] == int(np.prod(model.latent_shape_))


def test_set_output_pandas(table):
    frame = pd.DataFrame(table, columns=list("abcdef"), index=range(5, 205))
    model = fit(frame).set_output(transform="pandas")
    Z = model.transform(frame)
    assert isinstance(Z, pd.DataFrame) and list(Z.columns) == ["autoencoder0", "autoencoder1"]
    assert Z.index.equals(frame.index)
    assert np.array_equal(Z.to_numpy(), model.set_output(transform="default").transform(frame))
    assert model.n_features_in_ == 6 and list(model.feature_names_in_) == list("abcdef")


def test_set_output_polars(table):
    Z = fit(table).set_output(transform="polars").transform(table)
    assert isinstance(Z, pl.DataFrame) and Z.columns == ["autoencoder0", "autoencoder1"]


def test_set_output_in_a_pipeline(table):
    frame = pd.DataFrame(table, columns=list("abcdef"))
    pipeline = make_pipeline(StandardScaler(), Autoencoder(2, max_epochs=1)).set_output(transform="pandas")
    assert list(pipeline.fit_transform(frame).columns) == ["autoencoder0", "autoencoder1"]
    assert list(pipeline.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]


# ------------------------------------------------------------------------------------------------------------- pickling


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_joblib(model):
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


@every_type
@pytest.mark.parametrize("way", [through_pickle, through_joblib, copy.deepcopy, copy.copy])
def test_models_go_through_memory(kind, way, table):
    model = kind(2, max_epochs=1, random_state=0).fit(table)
    other = way(model)
    assert np.array_equal(other.predict(table), model.predict(table))
    assert other.get_params() == model.get_params() and other.describe() == model.describe()
    assert other.fit(table) is other  # and trains


@every_type
def test_unfitted_models_go_through_memory(kind):
    assert through_pickle(kind(3)).get_params() == kind(3).get_params()


# ---------------------------------------------------------------------------------------------------------------- types


@every_type
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_types_are_kept(kind, dtype, table):
    X = table.astype(dtype)
    model = kind(2, max_epochs=1).fit(X)
    assert model.transform(X).dtype == dtype and model.predict(X).dtype == dtype
    assert model.inverse_transform(model.transform(X)).dtype == dtype
    assert model.reconstruction_error(X).dtype == np.float64
    assert model.reconstruction_error(X, per_feature=True).dtype == np.float64
    assert type(model.score(X)) is float


# ------------------------------------------------------------------------------------------------------ exact, whatever


def data_of_every_kind(table, images):
    words = np.array(["a", "b", "c"])[np.arange(200) % 3]
    holes = np.where(np.random.default_rng(0).random(table.shape) < 0.1, np.nan, table)
    return {
        "float32": table,
        "float64": table.astype(np.float64),
        "missing": holes,
        "frame": pl.DataFrame(table, schema=list("abcdef"), orient="row").with_columns(w=pl.Series(words)),
        "images": images,
    }


@every_type
@pytest.mark.parametrize("name", ["float32", "float64", "missing", "frame", "images"])
def test_results_do_not_depend_on_how_rows_are_batched(kind, name, table, images):
    X = data_of_every_kind(table, images)[name]
    if name == "images" and not get_tags(kind()).input_tags.three_d_array:
        with pytest.raises(ParameterError, match="the data a table"):
            kind().fit(X)
        return
    model = kind(2, max_epochs=2, random_state=0).fit(X)
    n = len(X)
    uses = [
        model.transform,
        lambda rows: np.asarray(model.predict(rows)),
        model.reconstruction_error,
        lambda rows: model.reconstruction_error(rows, per_feature=True),
    ]
    order = np.random.default_rng(1).permutation(n)
    for use in uses:
        whole = use(X)
        np.testing.assert_array_equal(use(X), whole)  # twice the same; what is missing may be given back as missing
        for rows in ([0], [n - 1], [3, 1, 3], order.tolist(), order[:37].tolist(), list(range(n)) * 3):
            np.testing.assert_array_equal(use(X[rows]), whole[rows], str(rows[:5]))


@pytest.mark.parametrize("columns", [1, 5, 7, 9, 13, 31, 33])
@pytest.mark.parametrize("hidden", [(), (7,), (33, 5)])
def test_odd_widths_do_not_depend_on_batches_either(columns, hidden, rng):
    """Matrix products of odd widths take another path for rows that lie otherwise in memory; results must not tell."""
    X = rng.normal(size=(40, columns))
    for data in (X, X.astype(np.float32)):
        model = fit(data, hidden=hidden, max_epochs=1)
        for use in (model.transform, model.predict, model.reconstruction_error):
            whole = use(data)
            for rows in ([39], [7, 3], list(range(1, 40)), list(range(39, -1, -1))):
                assert np.array_equal(use(data[rows]), whole[rows]), rows


@pytest.mark.parametrize("encoder", ["conv2d", "attention"])
def test_a_deep_net_of_images_does_not_depend_on_batches_either(encoder, images):
    model = fit(images, encoder=encoder, hidden=(4, 8))
    whole = model.transform(images)
    assert np.array_equal(np.concatenate([model.transform(images[i : i + 1]) for i in range(60)]), whole)


@every_type
def test_predicting_changes_nothing(kind, table):
    model = kind(2, max_epochs=1, random_state=0).fit(table)
    before, state = pickle.dumps(vars(model)), {k: v.clone() for k, v in model.module_.state_dict().items()}
    attributes = set(vars(model))
    model.transform(table), model.predict(table), model.score(table)
    model.reconstruction_error(table, per_feature=True), model.inverse_transform(model.transform(table))
    model.describe(), model.get_feature_names_out()
    assert set(vars(model)) == attributes and pickle.dumps(vars(model)) == before
    assert all(torch.equal(v, state[k]) for k, v in model.module_.state_dict().items())
    assert not model.module_.training


def test_results_can_be_written_to(table):
    """No view of a tensor that torch keeps, nothing read-only."""
    model = fit(table)
    for found in (model.transform(table), model.predict(table), model.reconstruction_error(table, per_feature=True)):
        found[:] = 0
    assert model.predict(table).any()


def test_read_only_arrays(table):
    X = table.copy()
    X.setflags(write=False)
    model = fit(X)
    assert np.array_equal(model.transform(X), fit(table).transform(table))
    assert np.array_equal(X, table)


def test_inverse_transform_is_the_way_back(table):
    model = fit(table)
    assert np.array_equal(model.inverse_transform(model.transform(table)), model.predict(table))
    assert np.array_equal(model.inverse_transform(pd.DataFrame(model.transform(table))), model.predict(table))
    for wrong in (np.zeros((4, 3)), np.zeros(2), np.zeros((1, 2, 1))):
        with pytest.raises(DataError, match=r"latents must have shape \(n, 2\), got"):
            model.inverse_transform(wrong)
    with pytest.raises(DataError, match=r"NaN|infinit"):
        model.inverse_transform(np.array([[np.nan, 0.0]]))


def test_no_rows_at_predict_are_refused(table):
    model = fit(table)
    for use in (model.transform, model.predict, model.score, model.reconstruction_error):
        with pytest.raises(ValueError, match=r"0 sample\(s\)"):
            use(table[:0])
    with pytest.raises(DataError, match=r"0 sample\(s\)|latents must"):
        model.inverse_transform(np.zeros((0, 2)))


@pytest.mark.parametrize("n", [2, 3, 5, 11])
def test_few_rows_work(n, rng):
    X = rng.normal(size=(n, 7))
    model = fit(X, latent_dim=None)
    assert np.isfinite(model.predict(X)).all()


def test_no_prior_is_named():
    with pytest.raises(UnsupportedError, match="Autoencoder has no prior to sample from"):
        Autoencoder().sample  # noqa: B018 (asking is the test)
    assert not hasattr(Autoencoder(), "sample") and not hasattr(Autoencoder(), "nonsense")
    with pytest.raises(AttributeError, match="'Autoencoder' object has no attribute 'nonsense'"):
        Autoencoder().nonsense  # noqa: B018


# --------------------------------------------------------------------------------------------------- errors and scores


def scaled(model, X):
    return (X - model.module_.scaler.mean.numpy()) / model.module_.scaler.deviation.numpy()


def test_the_error_is_the_mean_square_in_standard_deviations(rng):
    X = rng.normal(size=(150, 4)) * [1, 10, 0.1, 5] + [0, 5, 3, -100]
    model = fit(X)
    wanted = (scaled(model, model.predict(X)) - scaled(model, X)) ** 2
    np.testing.assert_allclose(model.reconstruction_error(X, per_feature=True), wanted, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(model.reconstruction_error(X), wanted.mean(1), rtol=1e-3, atol=1e-6)


def test_the_score_is_explained_variance(rng):
    """1 - error / error of the training mean, as scikit-learn's r2 pooled over columns."""
    X = rng.normal(size=(150, 4)) @ rng.normal(size=(4, 4))
    model = fit(X, validation=0)
    constant = (scaled(model, X) ** 2).sum()
    error = ((scaled(model, model.predict(X)) - scaled(model, X)) ** 2).sum()
    assert model.score(X) == pytest.approx(1 - error / constant, rel=1e-5)
    mean = np.tile(X.mean(0), (3, 1))
    assert model.score(mean + 1e-9) < 0 or model.reconstruction_error(mean).max() < 1e-6


def test_the_score_of_a_perfect_model_and_of_nothing():
    X = np.full((40, 3), 2.5)
    model = fit(X)
    assert model.score(X) == 1.0
    data = np.random.default_rng(0).normal(size=(80, 3))
    assert fit(data, latent_dim=3, hidden=(), max_epochs=1, lr=1e-12).score(data) == pytest.approx(1, abs=1e-6)


def test_missing_values_have_no_say_in_errors_and_scores(rng):
    X = rng.normal(size=(100, 2)) @ rng.normal(size=(2, 5))
    model = fit(X)
    holes = X.copy()
    holes[3, 1] = holes[7, :4] = np.nan
    error = model.reconstruction_error(holes, per_feature=True)
    assert (error[np.isnan(holes)] == 0).all()
    np.testing.assert_allclose(model.reconstruction_error(holes)[7], error[7, 4])
    np.testing.assert_allclose(model.reconstruction_error(holes)[3], error[3].sum() / 4, rtol=1e-6)
    other = [i for i in range(100) if i not in (3, 7)]
    assert np.array_equal(error[other], model.reconstruction_error(X, per_feature=True)[other])


def test_errors_of_mixed_columns_are_in_nats(rng):
    n = 120
    X = pl.DataFrame(
        {"n": rng.normal(size=n), "w": np.array(["a", "b", "c"])[np.arange(n) % 3], "t": rng.random(n) < 0.3}
    )
    model = fit(X, linear_path=False, lr=1e-12, max_epochs=1, validation=0)
    error = model.reconstruction_error(X, per_feature=True)
    assert error.shape == (n, 3)
    params = model.module_.decode(model.module_.latent(_batch(model, X)))
    scale = model.module_.scaler
    x = scale.encode(torch.as_tensor(model.model_.schema.read(X, "me")))[0]
    levels = [model.model_.schema.columns[1].levels.index(w) for w in X["w"]]
    logits = params.detach()
    np.testing.assert_allclose(error[:, 0], 0.5 * (logits[:, 0] - x[:, 0]) ** 2, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(error[:, 1], -logits[:, 1:4].log_softmax(1)[range(n), levels], rtol=1e-4)
    truth = torch.tensor(X["t"].to_list()).float()
    np.testing.assert_allclose(
        error[:, 2], -(truth * logits[:, 4].sigmoid().log() + (1 - truth) * (-logits[:, 4]).sigmoid().log()), rtol=1e-4
    )
    # The best constant: half the variance, and the entropies.
    constant = model.model_.error_map(model.model_.read(X), baseline=True)[0].mean(0).numpy()
    rate = X["t"].mean()
    entropy = -rate * np.log(rate) - (1 - rate) * np.log(1 - rate)
    np.testing.assert_allclose(constant, [0.5, np.log(3), entropy], rtol=1e-3)
    assert model.score(X) == pytest.approx(1 - error.sum() / (n * constant.sum()), rel=1e-4)


def _batch(model, X):
    from zandloper.model.batch import Batch

    return Batch(torch.as_tensor(model.model_.schema.read(X, "me")))


@pytest.mark.parametrize(("loss", "middle"), [("mse", np.mean), ("mae", np.median)])
def test_the_constant_is_the_best_one(loss, middle, rng):
    X = rng.exponential(size=(101, 3))
    model = fit(X, loss=loss, validation=0)
    z = scaled(model, X)
    power = 2 if loss == "mse" else 1
    wanted = (np.abs(z - middle(z, axis=0)) ** power).sum()
    assert model.model_.error_map(model.model_.read(X), baseline=True)[0].sum() == pytest.approx(wanted, rel=1e-4)


# ----------------------------------------------------------------------------------------------------------- target="y"


@pytest.fixture
def pairs(rng):
    X = rng.normal(size=(150, 5))
    return X, np.stack([X[:, 0] * 3 + 10, X[:, 1] - X[:, 2], X[:, 3] ** 2], 1)


@pytest.mark.trained
def test_a_target_of_another_shape(pairs):
    X, y = pairs
    model = fit(X, y, target="y", latent_dim=4, hidden=(32,), max_epochs=60)
    out = model.predict(X)
    assert out.shape == (150, 3) and out.dtype == y.dtype
    assert model.transform(X).shape == (150, 4) and model.inverse_transform(model.transform(X)).shape == (150, 3)
    assert model.score(X, y) > 0.8 and model.reconstruction_error(X, y).shape == (150,)
    assert model.reconstruction_error(X, y, per_feature=True).shape == (150, 3)
    assert np.abs(out[:, 0] - y[:, 0]).mean() < 1
    assert "target table of 3 columns" in model.describe().data


@pytest.mark.trained
def test_a_target_starts_at_regression_on_components(pairs):
    """The linear path of a target of its own is principal component regression."""
    X, y = pairs
    model = fit(X, y, target="y", latent_dim=5, max_epochs=1, lr=1e-12, validation=0)
    linear = np.c_[X, np.ones(150)]
    best = linear @ np.linalg.lstsq(linear, y, rcond=None)[0]
    np.testing.assert_allclose(model.predict(X), best, atol=0.02)


@pytest.mark.trained
def test_a_flat_target(pairs):
    X, y = pairs
    model = fit(X, y[:, 0], target="y", max_epochs=30, latent_dim=4)
    assert model.predict(X).shape == (150,) and np.corrcoef(model.predict(X), y[:, 0])[0, 1] > 0.9
    assert model.score(X, y[:, 0]) > 0.8


@pytest.mark.trained
def test_integer_and_truth_targets_keep_their_type(pairs):
    X, y = pairs
    counts = np.round(y[:, 0]).astype(int)
    assert fit(X, counts, target="y").predict(X).dtype == counts.dtype
    assert set(fit(X, y[:, 0] > 10, target="y", max_epochs=20).predict(X).tolist()) == {True, False}


@pytest.mark.trained
@pytest.mark.parametrize("kind", [np.array, list, pd.Series])
def test_classes_of_text_are_a_target(pairs, kind):
    X, _ = pairs
    y = kind(np.where(X[:, 0] > 0, "up", np.where(X[:, 1] > 0, "down", "charm")).tolist())
    model = fit(X, y, target="y", latent_dim=4, hidden=(16,), max_epochs=60)
    out = np.asarray(model.predict(X))
    assert set(out) <= {"up", "down", "charm"} and (out == np.asarray(y)).mean() > 0.8
    assert model.score(X, y) > 0.3


@pytest.mark.trained
def test_classes_of_text_that_are_missing(pairs):
    X, _ = pairs
    y = np.where(X[:, 0] > 0, "up", "down").astype(object)
    y[3] = None
    model = fit(X, y, target="y")
    assert set(model.predict(X)) <= {"up", "down"}
    assert model.reconstruction_error(X, y)[3] == 0


def test_a_frame_is_a_target(pairs):
    X, y = pairs
    frame = pl.DataFrame({"a": y[:, 0], "b": np.where(y[:, 1] > 0, "x", "z")})
    out = fit(X, frame, target="y").predict(X)
    assert isinstance(out, pl.DataFrame) and out.columns == ["a", "b"] and out.dtypes == frame.dtypes


@pytest.mark.trained
def test_images_are_a_target(images):
    codes = images.reshape(60, -1)[:, ::7].astype(np.float32)
    model = fit(codes, images, target="y", max_epochs=5)
    assert model.predict(codes).shape == images.shape and model.predict(codes).dtype == np.uint8
    assert model.score(codes, images) > 0
    back = fit(images, codes, target="y", max_epochs=2)
    assert back.predict(images).shape == codes.shape
    masks = fit(images, images > 100, target="y", max_epochs=5)
    assert masks.predict(images).dtype == bool and masks.describe().loss == "bce"


def test_images_to_images_of_another_size(images):
    small = images[:, ::2, ::2]
    for encoder in ("dense", "conv2d", "attention"):
        model = fit(images, small, target="y", encoder=encoder)
        assert model.predict(images).shape == small.shape


def test_targets_that_do_not_fit_are_refused(pairs):
    X, y = pairs
    with pytest.raises(DataError, match="requires y to be passed, but the target y is None"):
        fit(X, target="y")
    with pytest.raises(DataError, match="X has 150 samples and y has 149"):
        fit(X, y[:149], target="y")
    model = fit(X, y, target="y")
    with pytest.raises(DataError, match="measures against y: pass y"):
        model.score(X)
    with pytest.raises(DataError, match="X has 150 samples and y has 10"):
        model.reconstruction_error(X, y[:10])
    with pytest.raises(ValueError, match=r"features|columns|shape"):
        model.score(X, y[:, :2])


def test_missing_targets_do_not_count(pairs):
    X, y = pairs
    y = y.copy()
    y[5, 1] = np.nan
    model = fit(X, y, target="y")
    assert np.isfinite(model.predict(X)).all() and model.reconstruction_error(X, y, per_feature=True)[5, 1] == 0
