"""The scale by normal scores: it maps to bells and back, keeps what is alike in order, and takes what is missing."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import zandloper as zl
from zandloper.modality.series import QuantileScaler


def scaler_of(values, scaling="quantile"):
    """The scale learned from one series (time, channels), and its windows (n, channels, steps)."""
    schema, windows = zl.modality.Series(window=10, scaling=scaling).learn(values, "test")
    raw = torch.from_numpy(np.stack([windows[i : i + 1][0] for i in range(len(windows))]))
    scale = schema.scaler()
    scale.learn(lambda: iter([raw]))
    return scale, raw


def skewed(n=2000, seed=0):
    rng = np.random.default_rng(seed)
    return np.exp(1.5 * rng.normal(size=(n, 2))) * [1, 1e4] + [0, -7]


def test_skewed_channels_become_bells():
    scale, raw = scaler_of(skewed())
    inner, there = scale.encode(raw)
    assert there is None or bool(there.all())
    flat = inner.transpose(0, 1).flatten(1)
    assert flat.mean(1).abs().max() < 0.1 and (flat.std(1) - 1).abs().max() < 0.1
    assert flat.pow(3).mean(1).abs().max() < 0.2


def test_round_trip_and_beyond():
    scale, raw = scaler_of(skewed())
    assert isinstance(scale, QuantileScaler)
    back = scale.restore(scale.encode(raw)[0])
    assert torch.allclose(back.to(raw.dtype), raw, rtol=1e-3, atol=1e-2 * float(raw.std(dim=(0, 2)).min()))
    far = torch.stack([raw[0] * 0 + sign * 1e6 for sign in (-1, 1)])
    inner = scale.encode(far)[0]
    assert torch.isfinite(inner).all() and (inner[1] > 0).all() and (inner[0] < 0).all()


def test_even_channels_are_only_standardized():
    values = np.random.default_rng(0).normal(size=(2000, 2)) * [3, 0.1] + [50, 0]
    for scaling in ("quantile", "standard"):
        scale, raw = scaler_of(values, scaling)
        flat = scale.encode(raw)[0].transpose(0, 1).flatten(1)
        line = np.corrcoef(flat[0], raw[:, 0].flatten())[0, 1]
        assert line > 1 - 1e-6 and abs(float(flat[0].std()) - 1) < 1e-3


def test_channels_alike_keep_their_order():
    """A day's highest price is above its lowest, however skewed both are."""
    low = skewed()[:, :1]
    values = np.concatenate([low, low + 0.01 * np.random.default_rng(1).random(low.shape), 100 - low], 1)
    scale, raw = scaler_of(values)
    assert torch.equal(scale.knots[0], scale.knots[1]) and not torch.equal(scale.knots[0], scale.knots[2])
    inner = scale.encode(raw)[0]
    assert (inner[:, 1] >= inner[:, 0]).all()


@pytest.mark.parametrize("column", [np.zeros(300), np.repeat([0.0, 1, 50], [250, 40, 10])])
def test_constant_and_tied_channels_with_gaps(column):
    values = np.stack([column, np.exp(np.random.default_rng(0).normal(size=300) * 2)], 1)
    values[5:9, 1] = np.nan
    scale, raw = scaler_of(values)
    inner, there = scale.encode(raw)
    assert torch.isfinite(inner).all()
    back, known = scale.restore(inner), ~raw.isnan()
    assert torch.isfinite(back).all()
    assert (back[known] - raw[known]).abs().max() < 1e-2 * (1 + raw[known].abs().max())
    if there is not None:
        assert torch.equal(there > 0, known)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=20, max_size=60))
def test_any_channel_rises_and_comes_back(values):
    column = np.asarray(values, np.float64)[:, None]
    scale, raw = scaler_of(column)
    inner = scale.encode(raw)[0]
    assert torch.isfinite(inner).all()
    order = raw.flatten().argsort()
    assert (inner.flatten()[order].diff() >= -1e-5).all()


def test_a_generator_of_skewed_series_comes_back_from_its_file(tmp_path):
    X = np.exp(np.cumsum(np.random.default_rng(0).normal(size=(400, 2)) * 0.1, 0))
    generator = zl.Generator(modality=zl.modality.Series(window=12), max_epochs=2, random_state=0).fit(X)
    assert generator.autoencoder_.model_.schema.scaling == "quantile"
    generator.save(tmp_path / "m")
    made = zl.load(tmp_path / "m").sample(5, random_state=1)
    np.testing.assert_array_equal(made, generator.sample(5, random_state=1))


def test_scaling_is_checked():
    with pytest.raises(zl.errors.ParameterError, match=r"scaling.*must be one of"):
        zl.Autoencoder(modality=zl.modality.Series(scaling="log")).fit(np.random.default_rng(0).normal(size=(100, 2)))
