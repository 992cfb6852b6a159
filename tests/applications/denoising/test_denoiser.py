"""zl.Denoiser: three lessons, any size, gaps, files, and errors that say what to do."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError

import zandloper as zl
from zandloper.applications.denoising.objectives import BlindSpot, Recorrupted, objective_for_noisy
from zandloper.applications.denoising.tabular import _noisy_copies
from zandloper.errors import DataError, DataTypeError, ParameterError, UnsupportedError
from zandloper.model.batch import Batch
from zandloper.training.patch_source import apply_symmetry, undo_symmetry

NOISE = zl.noise.Gaussian(0.1)
QUICK = {"hidden": (8, 16), "random_state": 0}


@pytest.fixture(scope="module")
def clean():
    """Smooth float images of two sizes."""
    y, x = np.mgrid[:64, :48] / 10
    waves = [(np.sin(x + k) * np.cos(y) / 3 + 0.5).astype(np.float32) for k in range(6)]
    return [wave[: 40 + 8 * (k % 4)] for k, wave in enumerate(waves)]


@pytest.fixture(scope="module")
def noisy(clean):
    return [NOISE.apply(x[None], modality="image", random_state=k)[0] for k, x in enumerate(clean)]


@pytest.fixture(scope="module")
def model(clean):
    return zl.Denoiser(noise=NOISE, modality="image", max_epochs=120, **QUICK).fit(clean)


def error(made, clean):
    return np.mean([((np.asarray(a, float) - b) ** 2).mean() for a, b in zip(made, clean)])


@pytest.mark.trained
def test_clean_data_and_a_noise(model, clean, noisy):
    assert model.learned_from_ == "clean" and model.noise_ == NOISE
    assert error(model.transform(noisy), clean) < 0.5 * error(noisy, clean)


@pytest.mark.trained
def test_pairs(clean, noisy):
    model = zl.Denoiser(modality="image", max_epochs=120, **QUICK).fit(noisy, clean)
    assert model.learned_from_ == "pairs" and model.audit_.realistic
    assert model.noise_.sigma == pytest.approx(0.1, rel=0.1)
    assert error(model.transform(noisy), clean) < 0.5 * error(noisy, clean)


@pytest.mark.trained
def test_going_on_from_a_denoiser(model, clean, noisy):
    more = zl.Denoiser(noise=NOISE, modality="image", max_epochs=1, random_state=0).fit(clean, init_from=model)
    assert more.network_.net.spec == model.network_.net.spec
    # One epoch is far too short for a net that starts from nothing, and leaves one that has learned as good as it was.
    assert error(more.transform(noisy), clean) < 1.2 * error(model.transform(noisy), clean)


@pytest.mark.trained
def test_going_on_from_a_denoiser_of_tables(rng):
    X = rng.normal(size=(1200, 1)) @ np.ones((1, 4))  # so many rows that the same tenth validates both
    X[::5, 1] = np.nan
    first = zl.Denoiser(max_epochs=30, random_state=0).fit(X)
    more = zl.Denoiser(max_epochs=1, random_state=0).fit(X, init_from=first)
    assert more.history_[0]["validation"] == pytest.approx(min(h["validation"] for h in first.history_), rel=0.01)


def test_only_denoisers_that_fit_are_gone_on_from(model, clean, rng):
    fresh = lambda **settings: zl.Denoiser(noise=NOISE, max_epochs=1, **settings)  # noqa: E731
    with pytest.raises(ParameterError, match=r"init_from.*a fitted Denoiser, got 3"):
        fresh(modality="image").fit(clean, init_from=3)
    with pytest.raises(DataError, match=r"3 channel\(s\) and an init_from that learned images of 1"):
        fresh(modality="image").fit([np.stack([x] * 3, -1) for x in clean], init_from=model)
    with pytest.raises(DataError, match="got table data and an init_from that learned image data"):
        fresh().fit(rng.normal(size=(50, 3)), init_from=model)
    with pytest.raises(NotFittedError):
        fresh(modality="image").fit(clean, init_from=zl.Denoiser())
    small = zl.Denoiser(zl.Autoencoder(2, max_epochs=1), noise=NOISE, modality="image")
    with pytest.raises(DataError, match="different ways"):
        small.fit(np.stack([x[:40, :40] for x in clean]), init_from=model)


def test_sounds_are_gone_on_from_at_their_rate(rng):
    sounds = [rng.normal(size=4000) for _ in range(3)]
    at = lambda rate: zl.Denoiser(  # noqa: E731
        noise=NOISE, modality=zl.modality.Audio(sample_rate=rate), max_epochs=1, hidden=(8, 8)
    )
    first = at(8000).fit(sounds)
    assert at(8000).fit(sounds, init_from=first).n_epochs_ == 1
    with pytest.raises(DataError, match="resample"):
        at(48_000).fit(sounds, init_from=first)


def test_recordings_of_noise_are_those_that_are_given(rng):
    X = [np.sin(np.arange(200) / (3 + k))[:, None] for k in range(6)]
    quick = {"modality": "series", "max_epochs": 1, "random_state": 0}
    first = zl.Denoiser(noise=zl.noise.Gaussian(0.1), **quick).fit(X)
    other = zl.noise.Recorded([rng.normal(size=(300, 1))], snr=10.0)
    more = zl.Denoiser(noise=other, **quick).fit(X, init_from=first)
    assert more.noise_ == other


@pytest.mark.trained
def test_noisy_data_alone(clean, noisy):
    model = zl.Denoiser(modality="image", max_epochs=200, **QUICK).fit(noisy)
    assert model.learned_from_ == "noisy" and isinstance(model.network_.objective, Recorrupted)
    assert error(model.transform(noisy), clean) < 0.6 * error(noisy, clean)


def test_redrawn_noises_have_nothing_to_do_with_each_other():
    rng = torch.Generator().manual_seed(0)
    x = torch.full((1, 1, 400, 400), 0.5)
    noise = zl.noise.PoissonGaussian(40, 0.05)
    y = noise.build()(Batch(x), rng).x
    seen, target, _ = Recorrupted(noise).parts(Batch(y), rng, noise.build())
    a, b = (seen - x).flatten(), (target - x).flatten()
    assert abs(float((a * b).mean())) < 0.02 * float(y.var())
    assert float(target.mean()) == pytest.approx(0.5, abs=0.01)


def test_blind_spots_hide_what_counts():
    objective = objective_for_noisy(zl.noise.SaltAndPepper(0.1))
    assert isinstance(objective, BlindSpot)
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    seen, target, weight = objective.parts(Batch(x), torch.Generator().manual_seed(1), None)
    assert torch.equal(target, x) and bool((seen[weight == 0] == x[weight == 0]).all())
    assert bool((seen[weight > 0] != x[weight > 0]).float().mean() > 0.9)


def test_any_size_keeps_its_form(model):
    for shape in [(33, 21), (7, 100), (1, 1)]:
        image = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
        out = model.transform(image)
        assert out.shape == shape and out.dtype == np.uint8
    color = np.random.default_rng(0).random((40, 31, 3))
    out = model.transform([color, color[..., 0]])
    assert out[0].shape == (40, 31, 3) and out[0].dtype == np.float64 and out[1].shape == (40, 31)
    assert np.allclose(out[0][..., 0], out[1], atol=1e-6)


def test_tiles_leave_no_seam(model, monkeypatch):
    import zandloper.applications.denoising.signals as pieces

    y, x = np.mgrid[:150, :170] / 9
    image = NOISE.apply((np.sin(x) * np.cos(y) / 3 + 0.5)[None], modality="image", random_state=0)[0]
    whole = model.transform(image)
    monkeypatch.setattr(pieces, "TILE", 96)
    assert np.abs(model.transform(image) - whole).max() < 1e-3


def test_nets_that_go_on_never_saw_what_validates(monkeypatch):
    """With another seed too."""
    from zandloper.training.patch_source import PatchSource

    held = []
    usual = PatchSource.held
    monkeypatch.setattr(PatchSource, "held", lambda self, rows: held.append(list(rows)) or usual(self, rows))
    images = np.random.default_rng(0).random((24, 32, 32), np.float32)
    settings = {"noise": NOISE, "modality": "image", "hidden": (4,), "max_epochs": 1}
    first = zl.Denoiser(random_state=0, **settings).fit(images)
    zl.Denoiser(random_state=1, **settings).fit(images, init_from=first)
    assert len(held) == 2 and held[0] == held[1]


def test_turned_copies_are_turned_back():
    x = torch.arange(24.0).reshape(1, 1, 4, 6)
    assert all(torch.equal(undo_symmetry(apply_symmetry(x, way), way), x) for way in range(8))


@pytest.mark.trained
def test_averaging_helps(model, clean, noisy):
    one = error(model.transform(noisy), clean)
    many = error(zl.Denoiser.transform(model.set_params(n_augmentations=8), noisy), clean)
    model.set_params(n_augmentations=1)
    assert many < one


def test_files(model, noisy, tmp_path):
    model.save(tmp_path / "m")
    again = zl.load(tmp_path / "m")
    assert again.noise_ == model.noise_ and again.n_epochs_ == model.n_epochs_
    assert all(np.array_equal(a, b) for a, b in zip(again.transform(noisy), model.transform(noisy)))


def test_the_same_seed_gives_the_same_bits(clean, noisy):
    a, b = (zl.Denoiser(noise=NOISE, modality="image", max_epochs=2, **QUICK).fit(clean) for _ in range(2))
    assert all(np.array_equal(x, y) for x, y in zip(a.transform(noisy), b.transform(noisy)))


def test_wrong_noise_is_said(clean, noisy):
    with pytest.warns(UserWarning, match="does not look like"):
        model = zl.Denoiser(noise=zl.noise.Gaussian(0.02), modality="image", max_epochs=1, **QUICK).fit(
            clean, noisy=noisy
        )
    assert not model.audit_.realistic


def test_minutes_are_kept(clean):
    model = zl.Denoiser(noise=NOISE, modality="image", max_minutes=0.02, **QUICK).fit(clean)
    assert model.stopped_by_ == "max_minutes" and model.fit_seconds_ < 5


def mixed(rng, n=600):
    a = rng.normal(size=n)
    kind = np.where(a + 0.2 * rng.normal(size=n) > 0, "up", "down")
    return pd.DataFrame(
        {"a": a, "b": 2 * a + 0.1 * rng.normal(size=n), "kind": kind, "c": -a + 0.1 * rng.normal(size=n)}
    )


@pytest.mark.trained
def test_gaps_of_a_mixed_table_are_filled(rng):
    whole = mixed(rng)
    hole = rng.random(whole.shape) < 0.2
    gaps = whole.mask(hole)
    filled = zl.Denoiser(max_epochs=40, random_state=0).fit(gaps).transform(gaps)
    assert not filled.isna().any().any() and list(filled.columns) == list(whole.columns)
    kept = ~hole
    for j, name in enumerate(whole.columns):
        assert (filled[name][kept[:, j]] == whole[name][kept[:, j]]).all()
    off = (filled["b"] - whole["b"])[hole[:, 1]]
    assert off.std() < 0.5 * whole["b"].std()
    assert (filled["kind"] == whole["kind"])[hole[:, 2]].mean() > 0.8


@pytest.mark.trained
def test_gaps_of_series_are_filled(rng, tmp_path):
    t = np.arange(1500)
    whole = np.stack([np.sin(t / 4), np.cos(t / 4)], 1) + 0.05 * rng.normal(size=(1500, 2))
    hole = rng.random(whole.shape) < 0.2
    gaps = np.where(hole, np.nan, whole)
    model = zl.Denoiser(modality=zl.modality.Series(window=32), max_epochs=8, random_state=0).fit(gaps)
    filled = model.transform(gaps)
    assert np.allclose(filled[~hole], whole[~hole]) and np.sqrt(((filled - whole)[hole] ** 2).mean()) < 0.25
    model.save(tmp_path / "m")
    assert np.array_equal(zl.load(tmp_path / "m").transform(gaps), filled)


@pytest.mark.trained
def test_error_bars_are_honest(rng):
    whole = rng.normal(size=(800, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(800, 6))
    hole = rng.random(whole.shape) < 0.2
    gaps = np.where(hole, np.nan, whole)
    model = zl.Denoiser(zl.VariationalAutoencoder(latent_dim=3), max_epochs=40, random_state=0).fit(gaps)
    bars = model.error_bars(gaps)
    assert (bars[~hole] == 0).all()
    z = ((model.transform(gaps) - whole) / np.where(hole, bars, 1))[hole]
    assert 0.5 < (np.abs(z) < 1).mean() < 0.95
    with pytest.raises(UnsupportedError, match="VariationalAutoencoder"):
        zl.Denoiser(max_epochs=1, random_state=0).fit(gaps).error_bars(gaps)


@pytest.mark.trained
def test_noisy_tables_alone(rng):
    whole = rng.normal(size=(600, 1)) @ np.ones((1, 8))
    noise = zl.noise.Gaussian(0.5)
    noisy = noise.apply(whole, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = zl.Denoiser(noise=noise, learn_from="noisy", max_epochs=20, random_state=0).fit(noisy)
    assert ((model.transform(noisy) - whole) ** 2).mean() < 0.6 * ((noisy - whole) ** 2).mean()


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"learn_from": "hope"}, "learn_from"),
        ({"noise": "loud"}, "noise"),
        ({"n_augmentations": 3}, "n_augmentations"),
        ({"n_augmentations": True}, "n_augmentations"),
        ({"autoencoder": "U-Net"}, "autoencoder"),
        ({"max_minutes": -1}, "max_minutes"),
        ({"hidden": (0,)}, "hidden"),
        ({"modality": "smell"}, "modality"),
    ],
)
def test_bad_parameters(settings, match, clean):
    with pytest.raises(ParameterError, match=match):
        zl.Denoiser(**{"modality": "image", **settings}).fit(clean)


def test_bad_data(model, clean):
    with pytest.raises(DataError, match="same shape"):
        zl.Denoiser(modality="image").fit([clean[0]], [clean[1]])
    with pytest.raises(DataError, match="NaN"):
        model.transform(np.full((8, 8), np.nan))
    with pytest.raises(DataTypeError, match="int64"):
        model.transform(np.zeros((8, 8), np.int64))
    with pytest.raises(DataError, match="pairs"):
        zl.Denoiser(modality="image", learn_from="pairs").fit(clean)


def test_series_have_noises_of_their_own(rng):
    X = rng.normal(size=(6, 40, 2))
    seen, clean = _noisy_copies(X, "series", zl.noise.Gaussian(0.1), 0, "series")
    noises = np.stack([a - b for a, b in zip(seen, clean)])
    assert len(noises) == 4 * len(X) == len(np.unique(noises.round(9), axis=0))


@pytest.mark.trained
def test_an_autoencoder_learns_from_noisy_images_alone():
    y, x = np.mgrid[:12, :12] / 4
    clean = np.stack([np.sin(x + k / 3) * np.cos(y) / 3 + 0.5 for k in range(60)]).astype(np.float32)
    noisy = zl.noise.Gaussian(0.1).apply(clean, modality="image", random_state=0)
    inner = zl.Autoencoder(latent_dim=4, max_epochs=30, random_state=0)
    model = zl.Denoiser(inner, modality="image", random_state=0).fit(noisy)
    assert model.learned_from_ == "noisy" and model.noise_.name == "gaussian_noise"
    assert error(model.transform(noisy), clean) < error(noisy, clean)
