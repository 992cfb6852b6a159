"""Generators of images, series and sounds, and the evaluation of their samples."""

import numpy as np
import pytest

import zandloper as zl
from zandloper.applications.generation.evaluation import classifier
from zandloper.applications.generation.evaluation.audio import spectral_distances
from zandloper.applications.generation.evaluation.metrics import frechet, precision_and_recall
from zandloper.applications.generation.evaluation.series import discriminative_score, predictive_score
from zandloper.errors import DataError, ParameterError

QUICK = {"max_epochs": 2, "random_state": 0}


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Classifiers that are trained for a moment."""
    monkeypatch.setattr(classifier, "TRAINING_STEPS", 30)


@pytest.fixture(scope="module")
def spoken():
    rng = np.random.default_rng(0)
    label = np.arange(60) % 2
    hertz = np.where(label == 0, 300, 1200)[:, None]
    t = np.arange(1000) / 8000
    return 0.5 * np.sin(2 * np.pi * hertz * t + rng.uniform(0, 6, (60, 1))) + 0.01 * rng.normal(size=(60, 1000)), label


@pytest.fixture(scope="module")
def waves():
    rng = np.random.default_rng(0)
    t = np.arange(16)
    return np.stack([np.sin(t * rng.uniform(0.3, 0.6, (80, 1)) + rng.uniform(0, 6, (80, 1))) for _ in range(2)], 2)


def test_the_frechet_distance_by_hand(rng):
    a = rng.normal(size=(20_000, 3))
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, a + np.array([3, 0, 0])) == pytest.approx(9, rel=1e-6)
    assert frechet(a, 2 * a) == pytest.approx(3, rel=0.05)  # (2 - 1)^2 for each of three


def test_precision_and_recall_show_missing_modes(rng):
    real = np.concatenate([rng.normal(size=(200, 2)), rng.normal(size=(200, 2)) + 20])
    half = rng.normal(size=(200, 2))
    precision, recall = precision_and_recall(real, half)
    assert precision > 0.9 and 0.4 < recall < 0.55


def test_the_discriminator_of_series_finds_a_difference(rng):
    a, b = rng.normal(size=(2, 150, 1, 12)).astype(np.float32)
    shifted = discriminative_score(a, b + 3)
    assert shifted > 0.45 and discriminative_score(a, b) < 0.2
    assert discriminative_score(a, b + 3) == shifted  # the same every time
    assert predictive_score(a, b) > 0.5


@pytest.mark.trained
@pytest.mark.parametrize("conditional", [False, True])
def test_images_are_evaluated(conditional, images):
    label = np.array(["top", "down"])[(images.reshape(60, 12, 10).argmax(1).max(1) > 5).astype(int)]
    generator = zl.Generator(**QUICK).fit(images, condition=label if conditional else None)
    assert generator.autoencoder_.latent_shape_ == (16,)
    assert generator.sample(2, random_state=0).shape == (2, 12, 10)
    found = generator.evaluate(images, labels=label)
    assert ("recognized" in found.made) == conditional and {"frechet", "precision", "recall"} <= set(found.made)
    assert found["frechet"] > 0 and "distance in a classifier's features" in str(found)
    assert found.report().html.count("<img") == 24
    assert generator.interpolate(images[:1], images[1:2], 5).shape == (5, 12, 10)
    assert generator.sample(2, like=images[:3], condition=label[:3] if conditional else None, random_state=0).shape == (
        6,
        12,
        10,
    )


def test_series_are_evaluated(waves):
    generator = zl.Generator(modality="series", **QUICK).fit(waves)
    assert generator.sample(3, random_state=0).shape == (3, 16, 2)
    found = generator.evaluate(waves)
    with pytest.raises(ParameterError, match="classifier_data= of evaluate is for images and sounds"):
        generator.evaluate(waves, classifier_data=(waves, np.zeros(80)))
    assert 0 <= found["discriminative"] <= 0.5 and set(found.real) == {"discriminative", "predictive"}
    assert found.columns["figure"] == ["discriminative", "predictive"]
    assert "Each chart is a window" in found.report().html


def test_series_are_drawn_by_class(waves):
    label = np.arange(80) % 2
    generator = zl.Generator(modality="series", **QUICK).fit(waves, condition=label)
    assert generator.sample(2, condition=[0, 1], random_state=0).shape == (4, 16, 2)


@pytest.mark.trained
def test_sounds_are_evaluated(spoken):
    X, label = spoken
    generator = zl.Generator(modality=zl.modality.Audio(8000), **QUICK).fit(X, condition=label)
    drawn = generator.sample(2, condition=[0, 1], random_state=0)
    assert np.shape(drawn) == (4, 1000)
    found = generator.evaluate(X, labels=label)
    assert found.report().html.count("<audio controls") == 48 and "dB apart" in found.report().html
    assert found["reconstruction"] > 0 and 0 <= found["recognized"] <= 1 and "decibels" in str(found)
    other = generator.evaluate(X[:40], labels=label[:40], classifier_data=(X[40:], label[40:]))
    assert set(other.made) == set(found.made)
    with pytest.raises(DataError, match=r"\['7'\] are none of `labels`"):
        generator.evaluate(X[:40], labels=label[:40], classifier_data=(X[40:], np.full(20, 7)))
    schema = generator.autoencoder_.model_.schema
    assert spectral_distances(schema, X, X).max() == 0 < spectral_distances(schema, X, X[::-1]).mean()


def test_sounds_cut_into_parts_keep_their_labels(spoken):
    X, label = spoken
    generator = zl.Generator(modality=zl.modality.Audio(8000, seconds=0.05), **QUICK).fit(X[:20], condition=label[:20])
    assert len(generator.sample(1, condition=[0, 1], random_state=0)) == 2


def test_what_cannot_be_evaluated_is_refused(images):
    generator = zl.Generator(**QUICK).fit(images)
    with pytest.raises(DataError, match="60 real samples and 3 labels"):
        generator.evaluate(images, labels=[0, 1, 2])
    with pytest.raises(ParameterError, match="pass labels= instead"):
        generator.evaluate(images, np.arange(60))
    with pytest.raises(DataError, match="at least 20"):
        generator.evaluate(images[:9])
