"""Gaps in series: straight lines where it begins, and less error than them where channels know of each other."""

import numpy as np
import torch

import zandloper as zl
from zandloper.bridged import bridged


def test_lines_across_gaps_and_levels_at_the_ends():
    nan = float("nan")
    x = torch.tensor([[[nan, 1.0, nan, nan, 4.0, nan], [nan] * 6, [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]])
    valid = (~x.isnan()).float()
    made = bridged(x.nan_to_num(), valid, empty=9.0)
    assert made[0, 0].tolist() == [1, 1, 2, 3, 4, 4]
    assert made[0, 1].tolist() == [9] * 6 and made[0, 2].tolist() == x[0, 2].tolist()


def test_lines_of_pandas(rng):
    import pandas as pd

    x = rng.normal(size=(200, 3))
    x[rng.random(x.shape) < 0.4] = np.nan
    wanted = pd.DataFrame(x).interpolate(limit_direction="both").to_numpy().T
    seen = torch.from_numpy(x.T)[None]
    assert np.allclose(bridged(seen.nan_to_num(), (~seen.isnan()).float())[0], wanted)


def test_better_than_lines_where_channels_know_of_each_other(rng, tmp_path):
    first = np.cumsum(rng.normal(size=3000)) / 10 + rng.normal(size=3000)
    steps = np.stack([first, 2 * first + 0.1 * rng.normal(size=3000) + 7], 1)
    gaps = steps.copy()
    gaps[rng.random(steps.shape) < 0.2] = np.nan
    model = zl.Denoiser(modality=zl.modality.Series(window=32), max_epochs=40, random_state=0).fit(steps[:2000])
    assert type(model.model_.module_).__name__ == "BridgedHourglass"
    made, hidden = model.transform(gaps[2000:]), np.isnan(gaps[2000:])
    seen = torch.from_numpy(gaps[2000:].T)[None]
    lines = bridged(seen.nan_to_num(), (~seen.isnan()).float())[0].numpy().T
    error = lambda x: np.sqrt(((x - steps[2000:])[hidden] ** 2).mean())  # noqa: E731
    assert error(made) < 0.8 * error(lines)
    model.save(tmp_path / "model")
    assert np.array_equal(zl.load(tmp_path / "model").transform(gaps[2000:]), made)
