"""Gaps in series: the linear answer is the conditional mean, and nets that learn what it misses."""

import numpy as np
import pytest
import torch

import zandloper as zl
from zandloper.model.series_imputation import LinearImputer


def walk(rng, steps, channels):
    """A vector autoregression of order one."""
    a, x = rng.normal(size=(channels, channels)) * 0.3, np.zeros((steps, channels))
    for t in range(1, steps):
        x[t] = a @ x[t - 1] + rng.normal(size=channels) * (1, 0.1, 2)[:channels]
    return x


@pytest.fixture
def learned(rng):
    windows = torch.from_numpy(walk(rng, 4000, 3).reshape(-1, 20, 3).transpose(0, 2, 1)).float()
    answer = LinearImputer(3, 20)
    answer.learn([(windows[:100], torch.ones(100, 3, 20)), (windows[100:], torch.ones(100, 3, 20))])
    return answer, windows


def test_it_is_the_conditional_mean(learned):
    answer, windows = learned
    inverse = answer._precision(torch.eye(60).reshape(-1, 3, 20)).reshape(60, 60)
    assert torch.allclose(inverse, inverse.T, atol=1e-4)
    assert torch.allclose(inverse.diag().reshape(3, 20), answer._diagonal(windows)[0], rtol=1e-4)
    covariance = torch.linalg.inv(inverse.double())
    there = (torch.rand(5, 3, 20, generator=torch.Generator().manual_seed(0)) < 0.7).float()
    made = answer(windows[:5], there)
    for i in range(5):
        gap, known = (there[i].flatten() == mark for mark in (0, 1))
        wanted = covariance[gap][:, known] @ torch.linalg.solve(
            covariance[known][:, known], windows[i].flatten()[known].double()
        )
        assert torch.allclose(made[i].flatten()[gap].double(), wanted, atol=2e-3)
        assert torch.equal(made[i].flatten()[known], windows[i].flatten()[known])


def test_the_model_has_the_covariance_of_the_series(learned):
    answer, windows = learned
    covariance = torch.linalg.inv(answer._precision(torch.eye(60).reshape(-1, 3, 20)).reshape(60, 60))
    spread = windows.std((0, 2))
    assert torch.allclose(covariance.diag().reshape(3, 20).sqrt(), spread[:, None].expand(3, 20), rtol=0.1)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_short_windows_and_gaps_everywhere(steps):
    answer, x = LinearImputer(2, steps), torch.zeros(4, 2, steps)
    answer.learn([(x, torch.ones_like(x))])
    assert torch.isfinite(answer(torch.full_like(x, torch.nan), torch.zeros_like(x))).all()


def test_channels_that_know_of_each_other(rng, tmp_path):
    first = np.cumsum(rng.normal(size=3000)) / 10 + rng.normal(size=3000)
    steps = np.stack([first, 2 * first + 0.1 * rng.normal(size=3000) + 7], 1)
    gaps = steps.copy()
    gaps[rng.random(steps.shape) < 0.2] = np.nan
    model = zl.Denoiser(modality=zl.modality.Series(window=32), max_epochs=20, random_state=0).fit(steps[:2000])
    assert type(model.autoencoder_.module_).__name__ == "SeriesImputationHourglass"
    made, hidden = model.transform(gaps[2000:]), np.isnan(gaps[2000:])
    assert np.allclose(made[~hidden], steps[2000:][~hidden], rtol=1e-6)
    off = np.sqrt(np.mean((made - steps[2000:])[:, 1][hidden[:, 1] & ~hidden[:, 0]] ** 2))
    assert off < 0.3  # of a channel with a deviation of two and more, whose twin is there
    model.save(tmp_path / "model")
    assert np.array_equal(zl.load(tmp_path / "model").transform(gaps[2000:]), made)


def test_half_precision_around_it_changes_nothing(learned):
    answer, windows = learned
    there = (torch.rand(5, 3, 20, generator=torch.Generator().manual_seed(0)) < 0.7).float()
    with torch.autocast("cpu", torch.bfloat16):
        half = answer(windows[:5], there)
    assert torch.equal(half, answer(windows[:5], there))
