"""A target of another kind than the input: images, tables and series in all the ways that pages show."""

import numpy as np
import pytest

import zandloper as zl

SERIES = zl.modality.Series(window=24, stride=24)
QUICK = {"latent_dim": 4, "hidden": (32,), "max_epochs": 30, "random_state": 0, "target": "y"}


@pytest.fixture
def waves(rng):
    """Numbers of waves (120, 3), and the waves as a list of (24, 1)."""
    numbers = rng.uniform([0.5, 1, 0], [1.5, 2, 3], (120, 3))
    time = np.linspace(0, 6.28, 24)
    return numbers, [(height * np.sin(pitch * time + phase))[:, None] for height, pitch, phase in numbers]


@pytest.mark.trained
def test_a_table_predicts_series(waves, tmp_path):
    numbers, series = waves
    model = zl.Autoencoder(target_modality=SERIES, **QUICK).fit(numbers, series)
    said = model.predict(numbers)
    assert said.shape == (120, 24, 1) and model.score(numbers, series) > 0.7
    assert np.corrcoef(said.ravel(), np.stack(series).ravel())[0, 1] > 0.8
    model.save(tmp_path / "m")
    assert np.array_equal(zl.load(tmp_path / "m").predict(numbers), said)


def test_series_predict_a_table(waves):
    numbers, series = waves
    model = zl.Autoencoder(modality=SERIES, target_modality="table", **QUICK).fit(series, numbers)
    assert model.predict(series).shape == numbers.shape and model.score(series, numbers) > 0.7


@pytest.mark.trained
def test_images_predict_images(images):
    """Cleaning: what was added is gone from images that did not train."""
    clean = images / np.float32(255)
    dark = clean * np.linspace(0.2, 1, 10, dtype=np.float32)
    model = zl.Autoencoder(modality="image", target_modality="image", **QUICK).fit(dark[:50], clean[:50])
    said = model.predict(dark[50:])
    assert ((said - clean[50:]) ** 2).mean() < ((dark - clean)[50:] ** 2).mean()


@pytest.mark.trained
def test_a_table_predicts_images(images, rng):
    places = np.stack([images.mean(1).argmax(1), images.mean(2).argmax(1)], 1).astype(float)
    model = zl.Autoencoder(target_modality="image", **{**QUICK, "latent_dim": 2}).fit(places, images)
    assert model.predict(places).dtype == np.uint8 and model.score(places, images) > 0.1
