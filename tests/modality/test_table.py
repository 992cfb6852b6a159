"""Tables: what goes in comes back, with its columns, its dtypes and its index, whatever frame it came in."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from zandloper import Autoencoder, load
from zandloper.data.columns import MOST_LEVELS
from zandloper.errors import DataError, DataTypeError
from zandloper.modality import chunks_of
from zandloper.modality.table import Table


def learned(X):
    """The form of a table, its scale, and its raw numbers."""
    schema, raw = Table().learn(X, "the test")
    scale = schema.scaler()
    scale.learn(chunks_of(raw))
    return schema, scale, raw


def round_trip(X):
    """A table to a model's own units and back, through nothing else."""
    schema, scale, raw = learned(X)
    return schema.give(scale.restore(scale.target(torch.as_tensor(raw))[0]).numpy(), like=X)


def fit(X, **settings):
    return Autoencoder(**{"latent_dim": 2, "hidden": (8,), "max_epochs": 2, "random_state": 0, **settings}).fit(X)


def names(X):
    return list(X.column_names if isinstance(X, pa.Table) else X.columns)


def types(X):
    """Column types, to be compared: pandas' as they are, categories and all."""
    if isinstance(X, pd.DataFrame):
        return list(X.dtypes)
    return X.schema.types if isinstance(X, pa.Table) else X.dtypes


def values(X, name):
    found = X[name].to_pylist() if isinstance(X, pa.Table) else X[name].to_list()
    return [None if v is None or v is pd.NA or v is pd.NaT or v != v else v for v in found]


def same(X, back, digits=6):
    """Whether all that was there came back: exactly, but for floats and times (so many digits of the range)."""
    assert type(back) is type(X) and names(back) == names(X) and types(back) == types(X)
    for name in names(X):
        before, after = values(X, name), values(back, name)
        there = [(a, b) for a, b in zip(before, after) if a is not None]
        assert len(before) == len(after)
        if there and isinstance(there[0][0], dt.date | dt.timedelta | float | np.floating):
            reach = max(a for a, _ in there) - min(a for a, _ in there)
            for a, b in there:
                assert abs(b - a) <= reach * 10.0**-digits + (reach - reach), (name, a, b)
        else:
            assert [b for _, b in there] == [a for a, _ in there], name


# ----------------------------------------------------------------------------------------------------- column by column

N = 14
RNG = np.random.default_rng(0)
INTS = RNG.integers(0, 100, N).tolist()
FLOATS = RNG.normal(size=N).tolist()
TRUTHS = (RNG.random(N) > 0.5).tolist()
WORDS = [["a", "bb", "c c"][i] for i in RNG.integers(0, 3, N)]
TIMES = [dt.datetime(2020, 1, 1) + dt.timedelta(seconds=int(s)) for s in RNG.integers(0, 10**8, N)]
DATES = [t.date() for t in TIMES]
SPANS = [t - dt.datetime(2021, 6, 1) for t in TIMES]


def gaps(column):
    return [None if i in (1, 5) else v for i, v in enumerate(column)]


def pandas(column, dtype=None):
    return pd.DataFrame({"x": pd.Series(column, dtype=dtype), "n": FLOATS})


def polars(column, dtype=None):
    return pl.DataFrame({"x": pl.Series(column, dtype=dtype), "n": FLOATS})


def arrow(column, dtype=None):
    return pa.table({"x": pa.array(column, dtype), "n": FLOATS})


def zoned(column):
    return pd.Series(column).dt.tz_localize("Europe/Amsterdam")


COLUMNS = {
    "pandas int64": pandas(INTS),
    "pandas int8": pandas(INTS, "int8"),
    "pandas uint16": pandas(INTS, "uint16"),
    "pandas Int64": pandas(gaps(INTS), "Int64"),
    "pandas Int64 whole": pandas(INTS, "Int64"),
    "pandas UInt8": pandas(gaps(INTS), "UInt8"),
    "pandas float64": pandas(gaps(FLOATS)),
    "pandas float32": pandas(gaps(FLOATS), "float32"),
    "pandas Float64": pandas(gaps(FLOATS), "Float64"),
    "pandas bool": pandas(TRUTHS),
    "pandas boolean": pandas(gaps(TRUTHS), "boolean"),
    "pandas bool objects": pandas(gaps(TRUTHS), object),
    "pandas number objects": pandas(gaps(FLOATS), object),
    "pandas str": pandas(gaps(WORDS), "str"),
    "pandas string": pandas(gaps(WORDS), "string"),
    "pandas text objects": pandas(gaps(WORDS), object),
    "pandas category": pandas(gaps(WORDS), "category"),
    "pandas category of numbers": pandas(pd.Categorical([3, 1, 2, 1] + [1] * (N - 4))),
    "pandas category of truths": pandas(pd.Categorical([True, False] * (N // 2))),
    "pandas category, some unused": pandas(pd.Categorical(gaps(WORDS), ["z", "c c", "a", "bb"])),
    "pandas category, ordered": pandas(pd.Categorical(gaps(WORDS), ["c c", "z", "bb", "a"], ordered=True)),
    "pandas datetime": pandas(gaps(TIMES)),
    "pandas datetime ns": pandas(gaps(TIMES), "datetime64[ns]"),
    "pandas datetime s": pandas(gaps(TIMES), "datetime64[s]"),
    "pandas datetime tz": pandas(zoned(gaps(TIMES))),
    "pandas timedelta": pandas(pd.to_timedelta(gaps(SPANS))),
    "pandas timedelta s": pandas(gaps(SPANS), "timedelta64[s]"),
    "pandas arrow int": pandas(gaps(INTS), "int64[pyarrow]"),
    "pandas arrow bool": pandas(gaps(TRUTHS), "bool[pyarrow]"),
    "pandas arrow text": pandas(gaps(WORDS), pd.ArrowDtype(pa.string())),
    "pandas arrow date": pandas(gaps(DATES), pd.ArrowDtype(pa.date32())),
    "polars Int64": polars(gaps(INTS)),
    "polars Int8": polars(INTS, pl.Int8),
    "polars UInt64": polars(gaps(INTS), pl.UInt64),
    "polars Float32": polars(gaps(FLOATS), pl.Float32),
    "polars Float64": polars(gaps(FLOATS)),
    "polars Boolean": polars(gaps(TRUTHS)),
    "polars String": polars(gaps(WORDS)),
    "polars Categorical": polars(gaps(WORDS), pl.Categorical),
    "polars Enum": polars(gaps(WORDS), pl.Enum(["z", "c c", "a", "bb"])),
    "polars Datetime": polars(gaps(TIMES)),
    "polars Datetime ms": polars(gaps(TIMES), pl.Datetime("ms")),
    "polars Datetime tz": polars(gaps(TIMES)).with_columns(pl.col("x").dt.replace_time_zone("Asia/Tokyo")),
    "polars Date": polars(gaps(DATES)),
    "polars Duration": polars(gaps(SPANS)),
    "polars Duration ms": polars(gaps(SPANS), pl.Duration("ms")),
    "pyarrow int64": arrow(gaps(INTS)),
    "pyarrow uint8": arrow(INTS, pa.uint8()),
    "pyarrow float32": arrow(gaps(FLOATS), pa.float32()),
    "pyarrow double": arrow(gaps(FLOATS)),
    "pyarrow bool": arrow(gaps(TRUTHS)),
    "pyarrow string": arrow(gaps(WORDS)),
    "pyarrow large string": arrow(gaps(WORDS), pa.large_string()),
    "pyarrow dictionary": arrow(pa.array(gaps(WORDS)).dictionary_encode()),
    "pyarrow dictionary, small": arrow(gaps(WORDS), pa.dictionary(pa.int8(), pa.string())),
    "pyarrow timestamp": arrow(gaps(TIMES)),
    "pyarrow timestamp s tz": arrow(gaps(TIMES), pa.timestamp("s", "Asia/Tokyo")),
    "pyarrow date": arrow(gaps(DATES)),
    "pyarrow duration": arrow(gaps(SPANS)),
    "pyarrow duration ms": arrow(gaps(SPANS), pa.duration("ms")),
    "pyarrow chunks": pa.concat_tables([arrow(gaps(INTS)), arrow(gaps(INTS))]),
}
every_column = pytest.mark.parametrize("X", COLUMNS.values(), ids=list(COLUMNS))


@every_column
def test_columns_come_back(X):
    same(X, round_trip(X))


@every_column
def test_a_model_gives_the_same_columns_and_types(X):
    model = fit(X)
    back = model.predict(X)
    assert type(back) is type(X) and names(back) == names(X) and types(back) == types(X)
    assert all(v is not None for name in names(back) for v in values(back, name))  # what was missing is filled in
    again = model.inverse_transform(model.transform(X))
    for name in names(X):
        assert values(again, name) == values(back, name)


@every_column
def test_what_is_missing_does_not_count(X):
    _, scale, raw = learned(X)
    target, weight = scale.target(torch.as_tensor(raw))
    missing = torch.tensor([[v is None for v in values(X, name)] for name in names(X)]).T
    assert torch.equal(missing, torch.zeros_like(target, dtype=bool) if weight is None else weight == 0)
    model = fit(X)
    error = model.reconstruction_error(X, per_feature=True)
    assert np.isfinite(error).all() and (error >= 0).all() and (error[missing.numpy()] == 0).all()
    np.testing.assert_allclose(model.reconstruction_error(X), error.sum(1) / (~missing).sum(1).numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", ["pandas int64", "pandas bool", "polars Int64"])
def test_a_gap_where_none_was_at_fit(name):
    """At fit the column was whole; a later row lacks it. It comes back filled in, and in the column's own type."""
    X = COLUMNS[name]
    model = fit(X if isinstance(X, pd.DataFrame) else X.drop_nulls())
    holes = X.astype({"x": "Int64" if "int" in name else "boolean"}) if isinstance(X, pd.DataFrame) else X
    if isinstance(X, pd.DataFrame):
        holes.loc[2, "x"] = pd.NA
    back = model.predict(holes)
    assert types(back) == types(X) and all(v is not None for v in values(back, "x"))


# ----------------------------------------------------------------------------------------------------- any frame at all

KINDS = {
    "number": st.floats(-1e3, 1e3, width=32),
    "whole": st.integers(-(10**5), 10**5),
    "truth": st.booleans(),
    "word": st.sampled_from(["a", "b", "", "é ö", "a b"]),
    "time": st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2030, 1, 1)),
    "date": st.dates(dt.date(1970, 1, 1), dt.date(2030, 1, 1)),
}
TYPES = {
    "number": pl.Float64,
    "whole": pl.Int64,
    "truth": pl.Boolean,
    "word": pl.String,
    "time": pl.Datetime("us"),
    "date": pl.Date,
}


@st.composite
def frames(draw):
    rows, kinds = draw(st.integers(1, 12)), draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
    columns = {}
    for i, kind in enumerate(kinds):
        one = st.none() | KINDS[kind] if draw(st.booleans()) else KINDS[kind]
        column = draw(st.lists(one, min_size=rows, max_size=rows))
        columns[f"{kind} {i}"] = pl.Series(column, dtype=TYPES[kind])
    return pl.DataFrame(columns)


@given(frames(), st.sampled_from(["polars", "pyarrow", "pandas"]))
def test_any_frame_comes_back(frame, library):
    assume(any(frame[name].null_count() < len(frame) for name in frame.columns))
    X = {"polars": lambda: frame, "pyarrow": frame.to_arrow, "pandas": frame.to_pandas}[library]()
    same(X, round_trip(X))


@st.composite
def arrays(draw):
    dtype = draw(st.sampled_from(["float64", "float32", "int32", "uint8", "bool", "int64"]))
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 5)))
    size = shape[0] * shape[1]
    if dtype.startswith("float"):
        # Values whose square no float32 could hold are none that standardizing is for.
        one = st.floats(-1e6, 1e6, width=32) | st.just(math.nan)
        X = np.array(draw(st.lists(one, min_size=size, max_size=size)), dtype=dtype)
    else:
        low, high = {"uint8": (0, 255), "bool": (0, 1)}.get(dtype, (-(10**5), 10**5))
        X = np.array(draw(st.lists(st.integers(low, high), min_size=size, max_size=size))).astype(dtype)
    return X.reshape(shape)


@given(arrays())
def test_any_array_comes_back(X):
    assume(not (X != X).all())
    back = round_trip(X)
    assert back.shape == X.shape and back.dtype == X.dtype
    there = X == X
    reach = np.ptp(np.where(there, X, np.nan_to_num(X)).astype(float), axis=0) if X.size else 0
    assert (np.abs(back.astype(float) - X.astype(float))[there] <= np.broadcast_to(reach * 1e-6, X.shape)[there]).all()
    if X.dtype.kind in "iub":
        assert np.array_equal(back, X)


# -------------------------------------------------------------------------------------------------------------- scaling


def test_columns_are_standardized(rng):
    X = rng.normal(size=(500, 4)) * [1e-3, 1, 1e3, 1e6] + [5, 0, -1e3, 1e7]
    _, scale, raw = learned(X)
    x, weight = scale.encode(torch.as_tensor(raw))
    assert weight is None
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(0, correction=0), 1, rtol=1e-5)
    np.testing.assert_allclose(x, (X - X.mean(0)) / X.std(0), atol=1e-5)


def test_missing_values_have_no_part_in_mean_and_deviation(rng):
    X = rng.normal(size=(300, 3)) * [1, 5, 9] + [3, 2, 1]
    X[rng.random(X.shape) < 0.3] = np.nan
    _, scale, raw = learned(X)
    np.testing.assert_allclose(scale.mean, np.nanmean(X, 0), rtol=1e-6)
    np.testing.assert_allclose(scale.deviation, np.nanstd(X, 0), rtol=1e-6)
    x, weight = scale.encode(torch.as_tensor(raw))
    assert torch.equal(weight == 0, torch.as_tensor(np.isnan(X))) and (x[weight == 0] == 0).all()


def test_large_offsets_keep_their_digits(rng):
    """A small signal on a large offset, as time stamps and identifiers have it."""
    signal = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 5))
    X = 1e9 + signal
    _, scale, _ = learned(X)
    np.testing.assert_allclose(scale.deviation, signal.std(0), rtol=1e-6)
    same_data, offset = (fit(data, latent_dim=5, max_epochs=3) for data in (signal, X))
    back = offset.predict(X)
    assert back.dtype == np.float64
    assert np.abs(back - X).max() < 1e-3 * signal.std()
    assert offset.score(X) == pytest.approx(same_data.score(signal), abs=1e-4)


def test_large_offsets_in_float32(rng):
    """There is less to keep; what is there counts."""
    X = (4096 + rng.normal(size=(400, 3))).astype(np.float32)
    _, scale, _ = learned(X)
    np.testing.assert_allclose(scale.deviation, X.astype(float).std(0), rtol=1e-4)
    np.testing.assert_allclose(scale.mean, X.astype(float).mean(0), rtol=1e-6)


def test_constant_columns_come_back_exactly(rng):
    X = np.c_[rng.normal(size=(80, 3)), np.full(80, 0.1), np.full(80, -3e8), np.zeros(80)]
    model = fit(X, max_epochs=4)
    back = model.predict(X)
    assert np.array_equal(back[:, 3:], X[:, 3:])
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(word="same", truth=True, day=pd.Timestamp("2024-02-29"))
    back = fit(frame, max_epochs=4).predict(frame)
    for name in ["d", "e", "f", "word", "truth", "day"]:
        assert (back[name] == frame[name]).all(), name


def test_zeros_and_ones_are_measured_as_truth_values(rng):
    X = (rng.random((100, 6)) < 0.3).astype(np.float32)
    model = fit(X)
    assert model.describe().loss == "bce"
    assert model.predict(X).min() >= 0 and model.predict(X).max() <= 1
    assert fit(X * 2).describe().loss == "mse"
    assert fit(X > 0.5).predict(X > 0.5).dtype == bool
    X[0, 0] = np.nan  # a gap is no third value
    assert fit(X).describe().loss == "bce"


@pytest.mark.trained
def test_nan_in_arrays(rng):
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6))
    holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    model = fit(holes, max_epochs=30)
    back = model.predict(holes)
    assert np.isfinite(back).all() and np.isfinite(model.transform(holes)).all()
    error = model.reconstruction_error(holes, per_feature=True)
    assert (error[np.isnan(holes)] == 0).all() and np.isfinite(model.score(holes))
    np.testing.assert_allclose(model.reconstruction_error(holes), error.sum(1) / (~np.isnan(holes)).sum(1), rtol=1e-5)
    # Where values are missing, the others tell what they are likely to be: better than the mean does.
    gone = np.isnan(holes)
    assert np.mean((back - X)[gone] ** 2) < 0.7 * np.mean((np.nanmean(holes, 0) - X)[gone] ** 2)


def test_a_row_that_misses_everything(rng):
    X = rng.normal(size=(60, 3))
    X[7] = np.nan
    model = fit(X)
    assert model.reconstruction_error(X)[7] == 0 and np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([None] * 30, dtype="str"),
        pd.Series([None] * 30, dtype=object),
        pd.Series([np.nan] * 30),
        pd.Series([None] * 30, dtype="boolean"),
        pd.Series([None] * 30, dtype="category"),
        pd.Series([pd.NaT] * 30),
    ],
    ids=lambda c: str(c.dtype),
)
def test_a_column_that_misses_everything(column, rng):
    X = pd.DataFrame({"n": rng.normal(size=30), "gone": column, "m": rng.normal(size=30)})
    model = fit(X)
    back = model.predict(X)
    assert names(back) == names(X) and np.isfinite(back["n"]).all()
    assert (model.reconstruction_error(X, per_feature=True)[:, 1] == 0).all()


# ----------------------------------------------------------------------------------------------------------- categories


def test_unseen_categories_read_as_missing():
    X = pl.DataFrame({"word": ["a", "b", "a", "b"] * 10, "n": np.arange(40.0)})
    model = fit(X)
    new = pl.DataFrame({"word": ["a", "never", None], "n": [1.0, 2.0, 3.0]})
    back = model.predict(new)
    assert set(back["word"]) <= {"a", "b"}
    error = model.reconstruction_error(new, per_feature=True)
    assert error[0, 0] > 0 and error[1, 0] == error[2, 0] == 0 and np.isfinite(error).all()


def test_unseen_categories_of_pandas_categoricals():
    X = pd.DataFrame({"word": pd.Categorical(["a", "b"] * 20), "n": np.arange(40.0)})
    model = fit(X)
    new = pd.DataFrame({"word": pd.Categorical(["z", "b", "z"]), "n": [1.0, 2, 3]})
    back = model.predict(new)
    assert back["word"].dtype == X["word"].dtype and back["word"].notna().all()


def test_levels_beyond_the_most_are_named():
    X = pl.DataFrame({"id": [f"customer {i}" for i in range(MOST_LEVELS + 5)], "n": np.arange(MOST_LEVELS + 5.0)})
    with pytest.warns(
        UserWarning, match=f"column 'id' has {MOST_LEVELS + 5} levels: the {MOST_LEVELS} commonest are kept"
    ):
        schema, raw = Table().learn(X, "the test")
    assert len(schema.columns[0].levels) == MOST_LEVELS and np.isnan(raw[:, 0]).sum() == 5


@pytest.mark.trained
def test_categories_and_truths_are_learned(rng):
    """What follows from the other columns is found: the right level, the right truth value."""
    n = rng.normal(size=400)
    X = pl.DataFrame({"n": n, "sign": np.where(n > 0, "up", "down"), "large": np.abs(n) > 1})
    model = fit(X, hidden=(32,), latent_dim=2, max_epochs=60)
    back = model.predict(X)
    assert (back["sign"] == X["sign"]).mean() > 0.95 and (back["large"] == X["large"]).mean() > 0.9
    assert model.describe().loss == "mixed"


# ------------------------------------------------------------------------------------------------------ names and index


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(list("qwertyuiopasdf")),
        pd.RangeIndex(5, 5 + N),
        pd.MultiIndex.from_product([[1, 2], range(N // 2)]),
        pd.Index([1] * N),
        pd.date_range("2024", periods=N, name="day"),
    ],
    ids=["text", "range", "two levels", "all alike", "days"],
)
def test_the_index_of_a_pandas_frame_comes_back(index):
    X = pandas(gaps(WORDS)).set_index(index)
    model = fit(X)
    back = model.predict(X)
    assert back.index.equals(index) and back.index.names == index.names
    pd.testing.assert_frame_equal(model.predict(X.iloc[3:9]), back.iloc[3:9])
    Z = model.set_output(transform="pandas").transform(X)
    assert Z.index.equals(index)
    assert model.inverse_transform(Z).index.equals(index)


@pytest.mark.parametrize("labels", [[0, 1, 2], [10, -3, 7], ["a b", "", "ü"]])
def test_columns_of_any_name(labels, rng, tmp_path):
    X = pd.DataFrame(rng.normal(size=(30, 3)), columns=labels)
    model = fit(X)
    assert list(model.predict(X).columns) == labels
    model.save(tmp_path / "m")
    pd.testing.assert_frame_equal(load(tmp_path / "m").predict(X), model.predict(X))


def test_names_are_kept():
    model = fit(polars(INTS))
    assert list(model.feature_names_in_) == ["x", "n"] and model.n_features_in_ == 2


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_other_columns_are_refused(make, rng):
    X = {name: rng.normal(size=20) for name in "abc"}
    model = fit(make(X))
    for wrong in (
        {"a": X["a"], "b": X["b"]},
        {**X, "d": X["a"]},
        {"a": X["a"], "b": X["b"], "z": X["c"]},
        {"c": X["c"], "b": X["b"], "a": X["a"]},
    ):
        for use in (model.transform, model.predict, model.reconstruction_error, model.score):
            with pytest.raises(ValueError, match=r"feature names|columns|features"):
                use(make(wrong))
    with pytest.raises(ValueError, match=r"X has 2 features, but Autoencoder is expecting 3 features"):
        fit(rng.normal(size=(20, 3))).transform(rng.normal(size=(20, 2)))


def test_columns_of_another_kind_are_refused(rng):
    X = pl.DataFrame(
        {"n": rng.normal(size=20), "w": ["a", "b"] * 10, "t": [True, False] * 10, "d": [dt.date(2024, 1, 1)] * 20}
    )
    model = fit(X)
    for name, column in {"n": ["x"] * 20, "t": ["x"] * 20, "d": ["x"] * 20}.items():
        with pytest.raises(DataError, match=rf"column '{name}' of Autoencoder's data held .* cannot be read"):
            model.transform(X.with_columns(pl.Series(name, column)))


def test_the_same_numbers_in_another_type_are_read(rng):
    X = pl.DataFrame({"n": rng.integers(0, 50, 30), "m": rng.normal(size=30)})
    model = fit(X)
    floats = X.cast({"n": pl.Float32})
    assert np.array_equal(model.transform(floats), model.transform(X))
    assert np.array_equal(fit(X.to_pandas()).transform(X.to_pandas()), model.transform(X))


def test_a_frame_of_another_library_is_read(rng):
    X = pl.DataFrame({"n": rng.normal(size=30), "w": ["a", "b", "c"] * 10})
    model = fit(X)
    assert np.array_equal(model.transform(X.to_pandas()), model.transform(X))
    assert isinstance(model.predict(X.to_arrow()), pl.DataFrame)


def test_predictions_stay_within_the_type():
    """A number below zero has no place among unsigned ones: it is the nearest that has."""
    wild = np.array([[-3.4, 0.0], [300.0, 0.0], [7.6, 0.0]])
    for X in (pandas(INTS, "uint8"), pandas(INTS, "UInt8"), polars(INTS, pl.UInt8), arrow(INTS, pa.uint8())):
        schema, *_ = learned(X)
        back = schema.give(wild)
        assert values(back, "x") == [0, 255, 8], type(X)
        assert types(back) == types(X)
    schema, *_ = learned(np.array([[1, 2], [3, 4]], np.uint8))
    assert np.array_equal(schema.give(wild), np.array([[0, 0], [255, 0], [8, 0]], np.uint8))


# ----------------------------------------------------------------------------------------------------------- bad frames


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pl.Series([[1, 2]] * 4), "column 'x' of Autoencoder's data has type List"),
        (pl.Series([dt.time(1)] * 4), "column 'x' of Autoencoder's data has type Time"),
        (pl.Series([None] * 4), "column 'x' of Autoencoder's data has type Null"),
        (pl.Series([b"a"] * 4), "column 'x' of Autoencoder's data has type Binary"),
        (pl.Series([{"a": 1}] * 4), "column 'x' of Autoencoder's data has type Struct"),
        (pd.Series([1, "a", 2, 3], dtype=object), "column 'x' of Autoencoder's data mixes int, str"),
        (pd.Series([1j, 2, 3, 4]), "column 'x' of Autoencoder's data has type complex128"),
        (pd.Series(pd.period_range("2024", periods=4, freq="D")), "column 'x' of Autoencoder's data has type period"),
    ],
    ids=str,
)
def test_columns_that_are_not_understood_are_named(column, says):
    frame = (pl.DataFrame if isinstance(column, pl.Series) else pd.DataFrame)({"n": [1.0, 2, 3, 4], "x": column})
    with pytest.raises(DataTypeError, match=says):
        fit(frame)


@pytest.mark.parametrize(
    "X",
    [
        arrow(INTS, pa.decimal128(10, 2)),
        polars(INTS, pl.Decimal(10, 2)),
        polars(INTS, pl.Int128),
        arrow(pa.array(WORDS).cast(pa.string_view())),
        arrow(DATES, pa.date64()),
        pandas(pd.cut(np.array(FLOATS), 3)),
        pandas(pd.Categorical(pd.to_datetime([*DATES[:7], *DATES[:7]]))),
    ],
    ids=[
        "pyarrow decimal",
        "polars decimal",
        "polars Int128",
        "pyarrow string view",
        "pyarrow date64",
        "intervals",
        "days",
    ],
)
def test_rare_types_come_back_or_are_refused_by_name(X, tmp_path):
    try:
        model = fit(X)
    except (DataError, DataTypeError) as error:
        assert "column 'x' of Autoencoder's data" in str(error) and "held" not in str(error)
    else:
        assert types(model.predict(X)) == types(X)
        model.save(tmp_path / "m")
        assert types(load(tmp_path / "m").predict(X)) == types(X)


def test_names_that_cannot_be_are_refused_before_the_work():
    """scikit-learn wants names of one kind: said at once, with no half-fitted model left."""
    model = Autoencoder(2, max_epochs=1)
    with pytest.raises(TypeError, match="Feature names are only supported if all input features have string names"):
        model.fit(pd.DataFrame(np.eye(4), columns=["a", 1, "c", "d"]))
    assert not hasattr(model, "module_") and not hasattr(model, "history_")


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("extra", [{}, {"w": ["a", "b"] * 5}], ids=["numbers", "mixed"])
def test_infinities_are_refused(value, extra):
    frame = pl.DataFrame({"n": [1.0, value] * 5, **extra})
    with pytest.raises(DataError, match="Input X contains infinity"):
        fit(frame)
    model = fit(frame.with_columns(n=pl.Series([1.0, 2.0] * 5)))
    with pytest.raises(DataError, match="Input X contains infinity"):
        model.transform(frame)


def test_columns_of_one_name_are_refused():
    with pytest.raises(DataError, match="'a'"):
        fit(pd.DataFrame(np.eye(4), columns=["a", "a", "b", "c"]))


def test_a_lazy_frame_is_collected_or_refused():
    lazy = pl.LazyFrame({"a": [1.0, 2, 3, 4], "b": [4.0, 3, 2, 1]})
    with pytest.raises((DataTypeError, TypeError), match="collect"):
        fit(lazy)


def test_masked_values_are_missing_or_refused(rng):
    """What stands under a mask is nothing to learn from."""
    X = np.ma.masked_array(rng.normal(size=(40, 3)), mask=rng.random((40, 3)) < 0.2)
    try:
        model = fit(X, validation=0.1)
    except (DataError, DataTypeError) as error:
        assert "mask" in str(error)
    else:
        train = X[np.sort(np.random.default_rng(0).permutation(40)[4:])]
        np.testing.assert_allclose(model.module_.scaler.mean, train.mean(0))
        assert (model.reconstruction_error(X, per_feature=True)[X.mask] == 0).all()


# --------------------------------------------------------------------------------------------------------------- arrays


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i1", "i4", "i8", "u1", "u2", "u4", "u8", "?"])
def test_arrays_keep_their_dtype(dtype, rng):
    X = rng.integers(0, 2 if dtype == "?" else 100, (50, 4)).astype(dtype)
    model = fit(X)
    back = model.predict(X)
    assert back.dtype == X.dtype and back.shape == X.shape
    assert model.inverse_transform(model.transform(X)).dtype == X.dtype
    np.testing.assert_allclose(round_trip(X).astype(float), X.astype(float), rtol=1e-6, atol=1e-5)


def test_lists_are_arrays():
    X = [[1, 2.5], [3, 4.5], [5, 6.0], [0, 1.0]]
    assert np.array_equal(fit(X).transform(X), fit(np.array(X)).transform(np.array(X)))


@pytest.mark.parametrize("order", ["F", "strided", "read-only", "negative strides"])
def test_arrays_in_any_layout(order, rng):
    X = rng.normal(size=(40, 4))
    other = {
        "F": np.asfortranarray(X),
        "strided": np.repeat(X, 2, 0)[::2],
        "read-only": X.copy(),
        "negative strides": X[::-1].copy()[::-1],
    }[order]
    other.setflags(write=False)
    model, same_model = fit(other), fit(X)
    assert np.array_equal(model.transform(other), same_model.transform(X))
    assert np.array_equal(model.predict(other), same_model.predict(X))


def test_the_users_data_are_left_alone(rng):
    X = rng.normal(size=(40, 4))
    X[3, 1] = np.nan
    before = X.copy()
    model = fit(X)
    model.predict(X), model.transform(X), model.score(X)
    assert np.array_equal(X, before, equal_nan=True)
    frame = pandas(gaps(WORDS))
    copy = frame.copy()
    fit(frame).predict(frame)
    pd.testing.assert_frame_equal(frame, copy)


# -------------------------------------------------------------------------------------------------------- class numbers


@pytest.mark.trained
def test_class_numbers(rng):
    X = rng.integers(0, 3, (300, 1)) @ np.ones((1, 4), int) % 3
    model = fit(X, loss="cross_entropy", max_epochs=40, hidden=(16,))
    assert model.describe().loss == "cross_entropy" and model.module_.compare.params_shape == (4, 3)
    assert np.array_equal(model.predict(X), X) and model.predict(X).dtype == X.dtype
    assert model.score(X) > 0.9
    with pytest.raises(DataError, match="loss='cross_entropy' needs whole numbers"):
        fit(X + 0.5, loss="cross_entropy")
    with pytest.raises(DataError, match="loss='cross_entropy' needs whole numbers"):
        fit(X - 1, loss="cross_entropy")


@pytest.mark.parametrize("loss", ["mse", "mae", "bce", "mixed"])
def test_every_loss_on_numbers(loss, rng):
    X = rng.random((60, 4))
    model = fit(X, loss=loss, max_epochs=10)
    assert model.describe().loss == loss
    back = model.predict(X)
    assert back.shape == X.shape and np.isfinite(back).all() and model.score(X) > 0
    if loss == "bce":
        assert back.min() >= 0 and back.max() <= 1


def test_losses_that_do_not_fit_are_refused(rng):
    mixed = pl.DataFrame({"n": rng.random(20), "w": ["a", "b"] * 10})
    with pytest.raises(DataError, match="loss='mse' needs columns of numbers, and column 'w' is a category"):
        fit(mixed, loss="mse")
    with pytest.raises(DataError, match=r"loss='bce' needs values within \[0, 1\]"):
        fit(rng.normal(size=(20, 3)), loss="bce")
