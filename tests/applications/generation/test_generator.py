"""New data: symbols there and back, rows drawn freely and under conditions, what is refused, what evaluation sees."""

import numpy as np
import pandas as pd
import pytest

import zandloper as zl
from zandloper.applications.generation.default_model import default_autoencoder
from zandloper.data.binning import learn_numbers
from zandloper.errors import DataError, ParameterError, UnsupportedError

QUICK = {"max_epochs": 2, "random_state": 0}


def table(n=240, seed=0):
    rng = np.random.default_rng(seed)
    kind = rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1])
    frame = pd.DataFrame(
        {
            "age": rng.integers(17, 90, n),
            "price": np.round(rng.lognormal(3, 1, n), 2),
            "gain": np.where(rng.random(n) < 0.8, 0, rng.integers(1, 20, n) * 100),
            "kind": kind,
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
            "gap": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
        }
    )
    frame["rich"] = frame.price > 30
    return frame


FRAME = table()


@pytest.fixture(scope="module")
def generator():
    return zl.Generator(**QUICK).fit(FRAME)


# ------------------------------------------------------------------------------------------------------------ alphabets


@pytest.mark.parametrize(
    "x",
    [
        np.arange(300.0),
        np.round(np.random.default_rng(0).normal(size=500), 2),
        np.repeat([0.0, 1.0, 7.0], 50),
        np.r_[np.zeros(400), np.random.default_rng(1).lognormal(size=400)],
        np.r_[np.nan, np.random.default_rng(2).normal(size=90)],
    ],
    ids=["whole", "cents", "few", "spike", "missing"],
)
def test_numbers_come_back_from_their_symbols(x):
    alphabet = learn_numbers(x)
    symbols = alphabet.encode(x)
    assert (symbols >= 0).all() and (symbols < np.array(alphabet.sizes)).all()
    back = alphabet.decode(symbols, np.random.default_rng(0))
    there = ~np.isnan(x)
    assert np.array_equal(np.isnan(back), ~there)
    assert np.nanmin(x) <= back[there].min() and back[there].max() <= np.nanmax(x)
    drawn = ~np.isin(back, alphabet.values) | np.isin(x, alphabet.values)  # a draw may hit upon a spike
    np.testing.assert_array_equal(alphabet.encode(back)[drawn], symbols[drawn])  # in the same finest bin
    if alphabet.step:
        np.testing.assert_allclose(np.round(back[there] / alphabet.step) * alphabet.step, back[there], atol=1e-9)


def test_spikes_are_exact():
    x = np.r_[np.zeros(500), np.random.default_rng(0).lognormal(size=500)]
    alphabet = learn_numbers(x)
    assert alphabet.values == (0.0,)
    assert (alphabet.decode(alphabet.encode(x)) == 0).sum() == 500


# ----------------------------------------------------------------------------------------------------------------- rows


@pytest.mark.trained
def test_samples_are_such_a_frame(generator):
    made = generator.sample(300, random_state=0)
    assert list(made.columns) == list(FRAME.columns) and (made.dtypes == FRAME.dtypes).all()
    assert set(made.kind) <= set(FRAME.kind) and made.age.between(FRAME.age.min(), FRAME.age.max()).all()
    np.testing.assert_allclose(made.price * 100, np.round(made.price * 100), atol=1e-6)
    assert (made.gain % 100 == 0).all() and 0.1 < made.gap.isna().mean() < 0.5
    pd.testing.assert_frame_equal(made, generator.sample(300, random_state=0))
    assert not made.equals(generator.sample(300, random_state=1))


def test_none_are_such_a_frame_too(generator):
    none = generator.sample(0)
    assert len(none) == 0 and list(none.columns) == list(FRAME.columns)


def test_columns_are_fixed(generator):
    made = generator.sample(3, condition=pd.DataFrame({"kind": ["c", "a"], "age": [30, 31]}), random_state=0)
    assert made.kind.tolist() == ["c"] * 3 + ["a"] * 3 and made.age.tolist() == [30] * 3 + [31] * 3
    assert generator.sample(2, condition={"kind": ["b"]}).kind.tolist() == ["b", "b"]


def test_conditions_are_told():
    y = (FRAME.kind == "c").to_numpy()
    generator = zl.Generator(**QUICK).fit(FRAME[["age", "price"]], condition=y)
    assert len(generator.sample(4, condition=[True, False], random_state=0)) == 8
    assert len(generator.sample(4, random_state=0)) == 4
    with pytest.raises(DataError, match="never saw"):
        generator.sample(condition=["x"])


@pytest.mark.trained
def test_a_condition_decides():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 600)
    X = y[:, None] * 10 + rng.normal(size=(600, 1)) * [1, 2, -1] + 0.1 * rng.normal(size=(600, 3))
    for model in (None, zl.VariationalAutoencoder(latent_dim=1, beta=0.05)):
        generator = zl.Generator(model, max_epochs=15, random_state=0).fit(X, condition=y)
        made = generator.sample(50, condition=[0, 1], random_state=0)
        assert made[50:].mean() - made[:50].mean() > 5


def test_a_generator_comes_back(generator, tmp_path):
    generator.save(tmp_path / "m")
    again = zl.load(tmp_path / "m")
    pd.testing.assert_frame_equal(again.sample(20, random_state=3), generator.sample(20, random_state=3))
    assert "token_cross_entropy" in str(again.describe())


# ------------------------------------------------------------------------------------------------------------ bad input


def test_a_column_of_one_value_and_a_level_seen_once():
    frame = pd.DataFrame({"one": np.full(60, 3), "kind": ["rare"] + ["usual"] * 59, "x": np.arange(60.0) / 3})
    made = zl.Generator(**QUICK).fit(frame).sample(50, random_state=0)
    assert (made.one == 3).all() and set(made.kind) <= {"rare", "usual"}


def test_identifiers_are_named():
    frame = pd.DataFrame({"name": [f"person {i}" for i in range(40)], "x": np.arange(40) % 3})
    with pytest.warns(UserWarning, match=r"'name'.*identifiers"):
        zl.Generator(**QUICK).fit(frame)


def test_twenty_rows_and_many_columns():
    assert len(zl.Generator(**QUICK).fit(FRAME[:20]).sample(5)) == 5
    wide = np.random.default_rng(0).normal(size=(40, 60))
    assert zl.Generator(max_epochs=1, random_state=0).fit(wide).sample(2).shape == (2, 60)


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"n": -1}, ParameterError, "integer >= 0"),
        ({"condition": {"kind": ["never"]}}, DataError, "never saw"),
        ({"condition": [1]}, DataError, "without a condition"),
        ({"like": FRAME[:2]}, UnsupportedError, "no variations"),
    ],
    ids=["n", "unseen", "untold", "like"],
)
def test_what_cannot_be_is_refused(generator, settings, error, said):
    with pytest.raises(error, match=said):
        generator.sample(**settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"autoencoder": 3}, "autoencoder"),
        ({"autoencoder": zl.Autoencoder()}, "variational"),
        ({"prior": "x"}, "prior"),
    ],
)
def test_parameters(settings, said):
    with pytest.raises(ParameterError, match=said):
        zl.Generator(**settings).fit(FRAME)


# ----------------------------------------------------------------------------------------------------------- evaluation


@pytest.mark.trained
def test_evaluation_sees_what_is_good_and_what_is_copied(generator, tmp_path):
    found = generator.evaluate(table(120, seed=1))
    assert 0 <= found.quality <= 1 and found.distance > 0 and found.target == "rich"
    assert "quality" in str(found).lower() and len(found.frame) == 6
    found.report().save(tmp_path / "r.html")

    class Copier:
        autoencoder_ = generator.autoencoder_

        def sample(self, n, random_state=None):
            return FRAME.sample(n, replace=True, random_state=random_state)

    from zandloper.applications.generation.evaluation.tables import evaluate

    copied = evaluate(Copier(), table(120, seed=1), FRAME, None, 0)
    assert copied.distance < 1e-6 and copied.copies > 0.99 and copied.quality > found.quality - 0.1


# --------------------------------------------------------------------------------------------------- series that go on


def waves(n=600, channels=2, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(n)[:, None]
    return np.sin(2 * np.pi * t / 12 + np.arange(channels)) * 3 + 0.02 * t + 0.05 * rng.normal(size=(n, channels))


@pytest.fixture(scope="module")
def tide():
    """A generator that learned a season on a trend."""
    model = zl.VariationalAutoencoder(latent_dim=8, beta=0.01, prior="score", max_epochs=120)
    reader = zl.modality.Series(window=24)
    return zl.Generator(model, modality=reader, random_state=0).fit(waves())


@pytest.mark.trained
def test_a_series_goes_on(tide):
    X = waves()
    ahead = tide.continue_series(X[:400], 30, n=5, random_state=0)
    assert ahead.shape == (5, 30, 2)
    off = np.abs(ahead.mean(0) - X[400:430]).mean()
    assert off < 0.5 * np.abs(X[399] - X[400:430]).mean()  # of repeating the last value
    assert (np.abs(ahead[:, 0] - X[400]) < 1.5).all()  # no jump
    assert np.ptp(ahead, axis=0).mean() > 0  # and not all the same
    again = tide.continue_series(X[:400], 30, n=5, random_state=0)
    np.testing.assert_array_equal(ahead, again)


def test_several_series_go_on(tide):
    X = waves()
    assert tide.continue_series([X[:50], X[:77]], 3, n=2, random_state=0).shape == (4, 3, 2)


@pytest.mark.trained
def test_samples_keep_trend_and_season(tide):
    X = waves()
    windows = np.lib.stride_tricks.sliding_window_view(X[:, 0], 24, axis=0)
    made = tide.sample(400, random_state=0)[:, :, 0]
    level = lambda v: v.mean(1)  # noqa: E731
    season = lambda v: np.abs(np.fft.rfft(v - v.mean(1, keepdims=True), axis=1)[:, 2]).mean()  # noqa: E731
    assert abs(level(made).mean() - level(windows).mean()) < 0.4 * level(windows).std()
    assert 0.6 < level(made).std() / level(windows).std() < 1.5
    assert 0.8 < season(made) / season(windows) < 1.2


@pytest.mark.parametrize(
    ("X", "steps", "n", "error", "said"),
    [
        (waves(5), 3, 1, DataError, "must have 12 steps, half a window; got 5"),
        (waves(50), 0, 1, ParameterError, "steps"),
        (waves(50), 3, True, ParameterError, "n"),
        (waves(50, channels=3), 3, 1, DataError, "3 features"),
        (np.where(np.arange(50)[:, None] > 30, [np.nan, 1], waves(50)), 3, 1, DataError, "has no value in the last 12"),
    ],
)
def test_series_that_cannot_go_on(tide, X, steps, n, error, said):
    with pytest.raises(error, match=said):
        tide.continue_series(X, steps, n)


def test_tables_do_not_go_on(generator):
    with pytest.raises(UnsupportedError, match="continues no series"):
        generator.continue_series(FRAME, 3)
    with pytest.raises(UnsupportedError, match="a contact sheet shows"):
        generator.contact_sheet(FRAME)


@pytest.mark.parametrize(
    ("shape", "top", "latents", "loss"),
    [
        ((28, 28), 1.0, 16, "bce"),
        ((64, 64, 3), 1.0, 55, "bce"),
        ((9, 9), 1.5, 16, "auto"),
        ((200, 200), 1.0, 64, "bce"),
    ],
)
def test_images_choose_latents_and_error(rng, shape, top, latents, loss):
    X = (top * rng.random((3, *shape))).astype(np.float32)
    X[0].flat[0] = top
    made = default_autoencoder(X, "image")
    assert (made.latent_dim, made.loss) == (latents, loss)
    assert default_autoencoder((255 * rng.random((3, *shape))).astype(np.uint8), "image").loss == "bce"
