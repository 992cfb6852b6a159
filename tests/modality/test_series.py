"""Series: windows cut from them when asked for, and everything back on single time steps."""

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, TimeSeriesSplit

import zandloper as zl
from zandloper import cli, io
from zandloper.data.seasonality import find_period
from zandloper.data.windows import cover, lay_out
from zandloper.errors import DataError, DataTypeError, ParameterError, UnsupportedError
from zandloper.modality import chunks_of
from zandloper.modality.series import Series

QUICK = {"latent_dim": 3, "hidden": (8,), "max_epochs": 2, "random_state": 0}


def waves(steps=400, channels=2, period=20, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(steps)[:, None]
    return (np.sin(2 * np.pi * t / period + np.arange(channels)) + 0.1 * rng.normal(size=(steps, channels))) * 3 + 5


def framed(X, start="2024-01-01", every="1h", name="time", library="pandas"):
    columns = {name: pd.date_range(start, periods=len(X), freq=every)}
    frame = pd.DataFrame({**columns, **{f"c{i}": X[:, i] for i in range(X.shape[1])}})
    return {"pandas": lambda: frame, "polars": lambda: pl.from_pandas(frame), "pyarrow": lambda: pa.table(frame)}[
        library
    ]()


def fit(X, window=16, **settings):
    own = {**QUICK, "modality": Series(window=window), **settings}
    return zl.Autoencoder(**own).fit(X)


def learned(X, **settings):
    schema, raw = Series(**settings).learn(X, "the test")
    scale = schema.scaler()
    scale.learn(chunks_of(raw))
    return schema, scale, raw


def round_trip(X, **settings):
    """In, to model units, and back, at the stride of scoring."""
    schema, scale, _ = learned(X, **settings)
    rows = schema.read(X, "the test")
    return schema.rebuild(scale.restore(scale.encode(rows[:])[0]).numpy(), X, rows)


# ----------------------------------------------------------------------------------------------------- windows and back


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    channels=st.integers(1, 3),
    window=st.integers(1, 20),
    stride=st.integers(1, 20),
    holes=st.booleans(),
)
def test_windows_fold_back_to_the_series(lengths, channels, window, stride, holes):
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(n, channels)).astype(np.float32) for n in lengths]
    steps = [np.cumsum(rng.integers(1, 6, n)) if holes else np.arange(n) for n in lengths]
    rows = lay_out(series, steps, np.dtype("float32"), window, window, min(stride, window))
    again = rows.fold(np.nan_to_num(rows[:].numpy()))
    assert [a.shape for a in again] == [s.shape for s in series]
    for a, s in zip(again, series):
        assert np.allclose(a, s, rtol=1e-6, atol=0)
    # no window holds steps of two series
    ends = np.append(rows.firsts[1:], rows.store.shape[1])
    piece = np.searchsorted(rows.firsts, rows.starts, side="right") - 1
    assert (rows.starts + window <= ends[piece]).all() and (np.diff(rows.starts) > 0).all()


@given(steps=st.integers(1, 200), length=st.integers(1, 50), stride=st.integers(1, 50))
def test_windows_cover_every_step(steps, length, stride):
    starts, seen = cover(steps, length, min(stride, length)), np.zeros(steps, bool)
    for start in starts:
        seen[start : start + length] = True
        assert start == 0 or start + length <= steps
    assert seen.all()


def test_windows_are_read_like_a_tensor():
    rows = lay_out([np.arange(20.0).reshape(10, 2)], [np.arange(10)], np.dtype("float64"), 4, 4, 2)
    whole = torch.stack([rows[i] for i in range(len(rows))])
    assert rows.shape == tuple(whole.shape) == (4, 2, 4) and rows.dtype == torch.float64 and rows.ndim == 3
    for index in (slice(1, 3), [2, 0], np.array([3, 3]), torch.tensor([1]), slice(None), slice(0, 0)):
        assert torch.equal(rows[index], whole[index])
    assert torch.equal(rows.index_select(0, torch.tensor([2, 1])), whole[[2, 1]])
    assert torch.equal(rows.some(np.array([0, 3]))[:], whole[[0, 3]])


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(60,), (60, 1), (60, 3), (5, 40, 2)], ids=str)
def test_arrays_come_back(shape, dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=shape) * 50 + 100).astype(dtype) if dtype != "bool" else rng.random(shape) > 0.5
    again = round_trip(X, window=10)
    assert again.shape == X.shape and again.dtype == X.dtype
    exact = dtype in ("int64", "uint8", "bool")
    assert (
        np.array_equal(again, X)
        if exact
        else np.allclose(again, X, rtol=1e-3 if dtype == "float16" else 1e-5, atol=1e-4)
    )


def test_lists_of_different_lengths_come_back():
    X = [waves(n) for n in (50, 9, 123)]  # one of them shorter than a window
    again = round_trip(X, window=16)
    assert isinstance(again, list) and all(np.allclose(a, x, rtol=1e-5) for a, x in zip(again, X))
    flat = [x[:, 0] for x in X]
    assert all(a.shape == x.shape for a, x in zip(round_trip(flat, window=16), flat))


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_come_back_with_their_time(library):
    X = framed(waves(100), library=library)
    again = round_trip(X, window=10)
    assert type(again) is type(X)
    one, other = (f if library == "pandas" else f.to_pandas() for f in (again, X))
    assert list(one) == list(other) and (one["time"] == other["time"]).all() and one.dtypes.equals(other.dtypes)
    assert np.allclose(one[["c0", "c1"]], other[["c0", "c1"]], rtol=1e-5)


def test_a_time_index_comes_back():
    X = framed(waves(100)).set_index("time")
    again = round_trip(X, window=10)
    assert again.index.equals(X.index) and np.allclose(again, X, rtol=1e-5)
    schema, _ = Series(window=10).learn(X, "me")
    assert schema.step == 3600e6 and "1 hour a step" in schema.in_words() and schema.n_features == 2


def test_the_time_column_is_found():
    X = waves(40)
    number = pd.DataFrame({"a": X[:, 0], "Time": np.arange(40) * 0.5})
    text = pd.DataFrame({"stamp": pd.date_range("2024", periods=40).astype(str), "a": X[:, 0]})
    two = framed(X).assign(seen=pd.date_range("2023", periods=40))
    days = pl.DataFrame({"day": pd.date_range("2024", periods=40), "a": X[:, 0]}).cast({"day": pl.Date})
    for frame, wanted, column, step in (
        (number, None, "Time", 0.5),
        (text, "stamp", "stamp", 86_400e6),
        (days, None, "day", 86_400e6),
        (two[["time", "c0"]], None, "time", 3600e6),
    ):
        schema, _ = Series(window=8, time=wanted).learn(frame, "me")
        assert (schema.where, schema.time, schema.step) == ("column", column, step)
    with pytest.raises(DataError, match="'seen' of me's series is a time"):
        Series(window=8).learn(two, "me")
    with pytest.raises(DataError, match=r"2 columns of times, .* say which"):
        Series(window=8).learn(two.rename(columns={"time": "begun"}), "me")


# --------------------------------------------------------------------------------------------------------------- memory

MEMORY = """
import resource, numpy as np
from zandloper.modality import chunks_of
from zandloper.modality.series import Series
from zandloper.training.sources import ArraySource
X = np.random.default_rng(0).normal(size=(200_000, 8)).astype(np.float32)
next(ArraySource(np.zeros((9, 2), np.float32)).epoch(0))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
form, raw = Series(window=256, stride=1).learn(X, "me")
source = ArraySource(raw, rows=form.split(raw, 0.1, 0)[0], batch_size=256)
for step, batch in zip(range(40), source.epoch(0)):
    assert batch.x.shape == (len(batch.x), 8, 256)
print(len(raw), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux alone")
def test_windows_are_never_all_in_memory():
    """All of them would be 1.6 GB; the series is 6 MB."""
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    rows, megabytes = done.stdout.split()
    assert int(rows) == 199_745 and float(megabytes) < 160


def test_long_gaps_cost_no_memory():
    X = framed(waves(200))
    X.loc[100:, "time"] += pd.Timedelta("36500 days")
    _, raw = Series(window=16).learn(X, "me")
    assert raw.store.shape[1] == 200 and len(raw.firsts) == 2


# -------------------------------------------------------------------------------------------------------------- periods


@pytest.mark.parametrize("period", [7, 12, 24, 50, 100, 288])
@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0])
def test_periods_of_noisy_sines_are_found(period, noise):
    rng = np.random.default_rng(period)
    t = np.arange(3_000)
    x = np.sin(2 * np.pi * t / period + 1) + noise * rng.normal(size=len(t))
    assert find_period([x[:, None]]) == pytest.approx(period, rel=0.02)
    x += 0.01 * t  # a trend
    x[500] = 1e4  # and a spike
    x[1000:1100] = np.nan
    assert find_period([x[:, None]]) == pytest.approx(period, rel=0.02)


def test_the_channel_that_repeats_decides(rng):
    X = rng.normal(size=(2_000, 3))
    X[:, 1] += 3 * np.sin(2 * np.pi * np.arange(2_000) / 40)
    X[:, 2] = 7.0
    assert find_period([X]) == pytest.approx(40, abs=1)
    assert find_period([X[a : a + 400] for a in range(0, 2_000, 400)]) == pytest.approx(40, abs=1)


def test_nothing_is_found_where_nothing_repeats(rng):
    for steps in (5, 50, 200, 1_000, 5_000):
        assert find_period([rng.normal(size=(steps, 2))]) is None
    assert find_period([np.ones((100, 1))]) is None and find_period([np.full((100, 1), np.nan)]) is None
    assert find_period([np.arange(500.0)[:, None]]) is None


def test_periods_of_real_series(data_folder):
    taxi = pd.read_csv(data_folder / "nab/data/realKnownCause/nyc_taxi.csv")
    assert find_period([taxi[["value"]].to_numpy(float)]) == 48  # half hours: a day
    daily = pd.read_csv(data_folder / "nab/data/artificialWithAnomaly/art_daily_jumpsup.csv")
    assert find_period([daily[["value"]].to_numpy(float)]) == 288  # five minutes: a day
    transformer = pd.read_csv(data_folder / "ett/ETTh1.csv").iloc[:, 1:]
    assert find_period([transformer.to_numpy(float)]) == 24  # hours: a day
    circuit = pd.read_csv(data_folder / "skab/valve1/0.csv", sep=";").iloc[:, 1:9]
    assert Series().learn(circuit.to_numpy(float), "me")[0].window == 64  # nothing repeats


def test_windows_follow_from_the_data():
    window = lambda X: Series().learn(X, "me")[0].window  # noqa: E731
    assert window(waves(400, period=20)) == 20
    assert window(waves(400, period=5)) == 20  # of a short period several
    assert window(np.random.default_rng(0).normal(size=(4_000, 1))) == 64
    assert window(np.random.default_rng(0).normal(size=(100, 1))) == 25
    assert window(np.random.default_rng(0).normal(size=(6, 1))) == 3
    assert window(np.random.default_rng(0).normal(size=(40, 24, 3))) == 24  # many series of one length
    assert Series().learn(np.zeros((40, 24, 3)) + np.arange(24)[:, None], "me")[1].shape == (40, 3, 24)


def test_all_phases_train():
    schema, raw = Series(window=24).learn(np.zeros((200_000, 1)) + np.arange(200_000)[:, None] % 7, "me")
    assert schema.stride > 1 and len(set((raw.starts % 24).tolist())) == 24


# -------------------------------------------------------------------------------------------------------------- fitting


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("steps", [150, 400, 3_000, 20_000])
@pytest.mark.parametrize("stride", [1, 5])
def test_no_validation_window_touches_a_training_window(steps, share, stride):
    schema, raw = Series(window=20, stride=stride).learn(waves(steps), "me")
    train, held = schema.split(raw, share, 0)
    a, b = raw.starts[train], raw.starts[held]
    near = np.clip(np.searchsorted(a, b)[:, None] + [-1, 0], 0, len(a) - 1)
    apart = np.abs(a[near] - b[:, None]).min()
    assert apart >= (40 if steps > 150 else 20)  # a window's length lies between, where there is room
    assert len(train) >= 0.3 * len(raw) and len(held) == pytest.approx(share * len(raw), rel=0.2, abs=2)
    again = schema.split(raw, share, 0)
    assert np.array_equal(again[0], train) and np.array_equal(again[1], held)
    if steps == 20_000:
        assert (np.diff(b) > 20).sum() >= 4  # several blocks ...
        assert b.min() < 5_000 and b.max() > 15_000  # ... over all of the time


def test_blocks_of_many_short_series_are_whole_series():
    schema, raw = Series(window=24).learn(np.random.default_rng(0).normal(size=(100, 24, 2)), "me")
    train, held = schema.split(raw, 0.1, 0)
    assert len(held) == 10 and len(train) == 90 and not set(train) & set(held)
    lists = [waves(60, seed=i) for i in range(40)]
    schema, raw = Series(window=20, stride=2).learn(lists, "me")
    train, held = schema.split(raw, 0.1, 0)
    piece = np.searchsorted(raw.firsts, raw.starts, side="right")
    for i in set(piece[held]) & set(piece[train]):
        a, b = (raw.starts[rows[piece[rows] == i]] for rows in (train, held))
        assert np.abs(a[:, None] - b).min() >= 20


def test_too_short_to_validate_is_said():
    with pytest.warns(UserWarning, match="too short to validate"):
        model = fit(waves(30), window=16)
    assert np.isnan(model.history_[-1]["validation"])


def test_splitters_split_time():
    X = waves(400)
    schema, raw = Series(window=20, stride=1).learn(X, "me")
    train, held = schema.split_by(TimeSeriesSplit(2, gap=5), raw, None, "me")
    assert raw.starts[train].max() + 20 + 5 <= raw.starts[held].min()
    fit(X, validation=TimeSeriesSplit(3))
    with pytest.raises(DataError, match="blocks of time"):
        fit(X, validation=KFold(3, shuffle=True, random_state=0))


def test_validation_data_are_series():
    model = fit(waves(200), validation=waves(80, seed=1))
    assert np.isfinite(model.history_[-1]["validation"])


@pytest.mark.trained
@pytest.mark.parametrize(
    "X",
    [waves(300)[:, 0], waves(300), [waves(100), waves(200)], np.stack([waves(60, seed=i) for i in range(9)])],
    ids=["1-D", "2-D", "list", "3-D"],
)
def test_everything_is_given_back_by_step(X):
    model = fit(X)
    per = lambda x: x.shape[:-1] if x.ndim > 1 else x.shape  # noqa: E731
    again, error, each = model.predict(X), model.reconstruction_error(X), model.reconstruction_error(X, None, True)
    channels = 1 if isinstance(X, np.ndarray) and X.ndim == 1 else 2
    if isinstance(X, list):
        assert [a.shape for a in again] == [x.shape for x in X]
        assert [e.shape for e in error] == [(len(x),) for x in X] and [e.shape for e in each] == [x.shape for x in X]
    else:
        assert again.shape == X.shape and error.shape == per(X) and each.shape == (*per(X), channels)
        assert np.allclose(each.mean(-1), error) and error.dtype == np.float64
    assert model.transform(X).shape == (len(model.model_.schema.read(X, "me")), 3)
    assert model.score(X) > 0.3 and model.n_features_in_ == channels
    codes = model.transform(X)[:2]
    assert model.inverse_transform(codes).shape == ((2, 16) if channels == 1 else (2, 16, 2))


def test_scores_do_not_depend_on_what_is_scored_together():
    X = [waves(200, seed=i) for i in range(3)]
    model = fit(X)
    for one, error, again in zip(X, model.reconstruction_error(X), model.predict(X)):
        assert np.array_equal(model.reconstruction_error(one), error) and np.array_equal(model.predict(one), again)


@pytest.mark.trained
def test_missing_values_weigh_nothing():
    X = waves(300)
    model = fit(X, max_epochs=5)
    hole = X.copy()
    hole[100, 0] = np.nan
    full, holed = (model.reconstruction_error(x, per_feature=True) for x in (X, hole))
    assert holed[100, 0] == 0 and holed[100, 1] > 0
    far = np.r_[0:84, 117:300]  # no window that covers these holds step 100
    assert np.array_equal(full[far], holed[far])
    assert model.reconstruction_error(hole)[100] == holed[100, 1]  # the mean over what is there
    assert abs(model.predict(hole)[100, 0] - model.predict(X)[100, 0]) < 3 and np.isfinite(model.predict(hole)).all()
    silent = X.copy()
    silent[:, 1] = np.nan  # a column that died
    assert (
        np.isfinite(model.predict(silent)).all() and (model.reconstruction_error(silent, None, True)[:, 1] == 0).all()
    )
    silent[:] = np.nan
    assert (model.reconstruction_error(silent) == 0).all()


def test_training_with_gaps_and_constants():
    X = waves(400, 3)
    X[:, 2] = 1e6 + 1 / 3
    X[50:140, 0] = np.nan
    X[60:130] = np.nan  # windows without anything in them do not train
    model = fit(X)
    assert len(model.history_) == 3 and all(np.isfinite(h["validation"]) for h in model.history_)
    assert np.allclose(model.predict(X)[:, 2], 1e6 + 1 / 3, rtol=1e-9)
    assert not any(model.model_.schema.read_to_train(X, "me")[:].isnan().flatten(1).all(1))


def test_missing_steps_are_gaps_on_the_grid():
    X = framed(waves(300))
    model = fit(X)
    some = X.drop(index=[40, 41, 150])
    rows = model.model_.schema.read(some, "me")
    assert rows.store.shape[1] == 300 and rows.store.isnan().all(0).sum() == 3
    again, error = model.predict(some), model.reconstruction_error(some)
    assert len(again) == len(error) == 297 and (again["time"] == some["time"]).all()
    whole = X.copy()
    whole.loc[[40, 41, 150], ["c0", "c1"]] = np.nan
    assert np.array_equal(model.reconstruction_error(whole)[some.index], error)


def test_jitter_of_a_clock_is_no_gap(rng):
    X = framed(waves(300))
    X["time"] = X["time"] + pd.to_timedelta(rng.uniform(-300, 300, 300), unit="s")
    X["time"] = X["time"] + pd.to_timedelta(np.arange(300) * 20, unit="s")  # and it runs slow
    assert Series(window=16).learn(X, "me")[1].store.shape[1] == 300


def test_series_shorter_than_a_window_are_predicted():
    model = fit(waves(200))
    for n in (1, 5, 15):
        X = waves(n, seed=3)
        assert model.predict(X).shape == (n, 2) and model.reconstruction_error(X).shape == (n,)


@pytest.mark.parametrize("stride", [1, 4, 16])
def test_a_finer_stride_scores_more_windows(stride):
    model = fit(waves(200), modality=Series(window=16, score_stride=stride))
    assert len(model.transform(waves(200))) == len(cover(200, 16, stride))


def test_clean_series_as_a_target():
    clean = waves(300)
    noisy = clean + np.random.default_rng(1).normal(size=clean.shape)
    model = (
        fit(noisy, modality="series", target="y", target_modality="series", **{})
        if False
        else zl.Autoencoder(**QUICK, modality="series", target="y", target_modality="series").fit(noisy, clean)
    )
    assert model.predict(noisy).shape == clean.shape and model.score(noisy, clean) > 0.2
    assert model.reconstruction_error(noisy, clean).shape == (300,)


@pytest.mark.parametrize(
    "kind", [zl.SparseAutoencoder, zl.DenoisingAutoencoder, zl.VariationalAutoencoder, zl.QuantizedAutoencoder]
)
def test_all_types_take_series(kind):
    X = waves(300)
    model = kind(modality="series", max_epochs=2, hidden=(16,), random_state=0).fit(X)
    assert model.predict(X).shape == X.shape and model.reconstruction_error(X).shape == (300,)
    if kind is zl.VariationalAutoencoder:
        assert model.sample(3, random_state=0).shape == (3, 20, 2) and np.isfinite(model.score(X))


def test_samples_of_frames_are_frames():
    model = zl.VariationalAutoencoder(modality="series", max_epochs=2, hidden=(16,), random_state=0).fit(
        framed(waves())
    )
    drawn = model.sample(2, random_state=0)
    assert len(drawn) == 2 and list(drawn[0]) == ["c0", "c1"] and len(drawn[0]) == model.model_.schema.window


def test_save_and_load(tmp_path):
    X = framed(waves(200), library="polars")
    model = fit(X)
    model.save(tmp_path / "model")
    again = zl.load(tmp_path / "model")
    assert again.modality == Series(window=16) and again.model_.schema == model.model_.schema
    assert again.predict(X).equals(model.predict(X))
    assert np.array_equal(again.reconstruction_error(X), model.reconstruction_error(X))
    tuned = zl.Autoencoder(**QUICK, modality="series").fit(
        framed(waves(100, seed=4), library="polars"), init_from=again
    )
    assert tuned.model_.schema == model.model_.schema


def test_a_checkpoint_knows_its_series(tmp_path):
    X = waves(200)
    fit(X, checkpoint=tmp_path / "run")
    fit(X, checkpoint=tmp_path / "run")
    with pytest.raises(ParameterError, match="other settings or data"):
        fit(X + 1e-3, checkpoint=tmp_path / "run")


# ------------------------------------------------------------------------------------------------------------ bad input

F = framed(waves(40))


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (waves(10), DataError, "longest of .* has 10 steps and a window 16"),
        ([waves(10), waves(12)], DataError, "longest of .* has 12 steps"),
        (waves(16), DataError, "minimum of 2"),
        (np.full((40, 2), np.nan), DataError, "all 80 values"),
        (np.where([True, False], waves(40), np.nan), DataError, r"channels \['x1'\] .* no value at all"),
        (np.where(np.arange(40)[:, None] == 7, np.inf, waves(40)), DataError, "contains infinity"),
        (waves(40) + 1j, DataError, "Complex data not supported"),
        (np.zeros((40, 0)), DataError, "0 feature"),
        (np.zeros((0, 2)), DataError, "0 sample"),
        (np.zeros((2, 3, 4, 5)), DataError, "wanted are"),
        ([waves(40), waves(40, 3)], DataError, "3 features, but .* expecting 2"),
        ("series.csv", DataTypeError, "read it first"),
        (pd.Series(np.arange(40.0), index=pd.date_range("2024", periods=40)), DataTypeError, "to_frame"),
        (F.iloc[::-1], DataError, "row 1 .* is earlier than the row before"),
        (F.iloc[[*range(20), 19, *range(20, 40)]], DataError, "row 20 .* repeats the row before"),
        (F.assign(time=F["time"].where(F.index != 5)), DataError, "row 5 .* has no time"),
        (
            F.assign(time=F["time"] + pd.to_timedelta(np.arange(40) % 3 * 20, unit="min")),
            DataError,
            "irregular.* resample",
        ),
        (F.assign(kind="a"), DataError, "'kind' of .* is a category"),
        (F[["time"]], DataError, "nothing in it but the time"),
        (F.assign(c1=np.inf), DataError, "infinity .* 'c1'"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_bad_series_are_refused(X, error, words):
    with pytest.raises(error, match=words), warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(X)


def test_bad_series_are_refused_by_a_fitted_model():
    model = fit(framed(waves(200)))
    for X, words in (
        (F.drop(columns="c0"), r"missing: \['c0'\]"),
        (F.assign(more=1.0), r"unknown: \['more'\]"),
        (F.drop(columns="time"), r"missing: \['time'\]"),
        (framed(waves(40), every="2h"), "fitted on steps of 1 hour and got steps of 2 hours"),
        (framed(waves(40), every="10min"), "fitted on steps of 1 hour and got steps of 10 minutes"),
        (waves(40, 3), "3 features, but Autoencoder is expecting 2"),
        (F.iloc[:0], "0 sample"),
    ):
        with pytest.raises(DataError, match=words):
            model.predict(X)
    assert model.predict(waves(40)).shape == (40, 2)  # numbers alone will do


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window": 1}, "`window` of Series must be an integer from 2"),
        ({"window": 2.5}, "`window` of Series"),
        ({"window": True}, "`window` of Series"),
        ({"stride": 0}, "`stride` of Series"),
        ({"window": 16, "stride": 17}, "`stride` of Series must be at most a window, 16"),
        ({"window": 16, "score_stride": 17}, "`score_stride` of Series"),
        ({"time": 3}, "`time` of Series"),
    ],
)
def test_bad_settings_are_refused(settings, words):
    with pytest.raises(ParameterError, match=words):
        Series(**settings).learn(waves(60), "me")


def test_a_lost_time_column_is_said():
    with pytest.raises(DataError, match="no column 'when' of times: there are"):
        Series(time="when").learn(F, "me")


def test_other_words_of_the_house_about_series():
    with pytest.raises(DataTypeError, match='modality="series" for series'):
        zl.Autoencoder().fit(np.zeros((5, 6, 7)))
    with pytest.raises(ParameterError, match="'gaussian', 'mae', 'mse'"):
        fit(waves(60), loss="bce")
    with pytest.raises(UnsupportedError, match="series"):
        zl.compare_with_pca(waves(100), modality="series")
    with pytest.raises(UnsupportedError, match="overlap"):
        zl.compare_latent_dims(waves(100), modality="series")


# --------------------------------------------------------------------------------------------- command line and reports


def test_the_command_line_takes_series(tmp_path, capsys):
    X = framed(waves(240))
    X.drop(index=[50]).to_csv(tmp_path / "a.csv", index=False)
    X.assign(label=0).to_parquet(tmp_path / "b.parquet")
    go = lambda *words: cli._run([str(w) for w in words])  # noqa: E731
    quick = ("--modality", "series", "--max-epochs", 2, "--hidden", 8, "--latent-dim", 2, "--seed", 0)
    assert go("fit", "reduce", tmp_path / "a.csv", "-o", tmp_path / "m", *quick) == 0
    assert "series of 2 channels in windows of 20 steps, 1 hour a step" in capsys.readouterr().out
    for what, names, rows in (
        ("error", ["time", "reconstruction_error"], 240),
        ("reconstruction", ["time", "c0", "c1"], 240),
        ("latent", ["start", "end", "autoencoder0", "autoencoder1"], len(cover(240, 20, 5))),
    ):
        assert go("run", tmp_path / "m", tmp_path / "b.parquet", "-o", tmp_path / f"{what}.csv", "--what", what) == 0
        found = io.read(tmp_path / f"{what}.csv")
        assert found.column_names == names and found.num_rows == rows
        assert pd.Timestamp(found[names[0]][0].as_py()) == X["time"][0]
    assert found["end"][0].as_py() == X["time"][19] and found["end"][-1].as_py() == X["time"][239]
    assert go("report", tmp_path / "m", tmp_path / "b.parquet", "-o", tmp_path / "r.html", "--labels", "label") == 0
    assert go("describe", tmp_path / "m") == 0
    assert go("fit", "reduce", tmp_path / "a.csv", "-o", tmp_path / "n", *quick, "--window", 24, "--time", "time") == 0
    assert "windows of 24 steps" in capsys.readouterr().out
    assert go("fit", "reduce", tmp_path / "a.csv", "-o", tmp_path / "o", "--window", 24) == 2
    assert "--modality series" in capsys.readouterr().err


def test_reports_draw_lines():
    X = waves(150, 9)
    X[50:90, 1] = np.nan
    page = fit(X, window=8).report(X, labels=np.arange(150) > 70).html
    assert "Each chart is a window of 8 steps" in page and "Lines of the error along a window" in page
    assert "The 4 of 9 channels" in page


def test_steps_without_time_have_numbers():
    model = fit(waves(60))
    X = waves(40)
    rows = model.model_.read(X)
    places = model.model_.schema.places(X, rows, per_sample=False)
    assert places["start"].tolist() == cover(40, 16, 4).tolist() and places["end"][-1] == 39
    assert model.model_.schema.places(X, rows, per_sample=True) == {}
