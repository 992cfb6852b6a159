"""Pictures are drawn for every kind of data, and say what they show."""

import sys

import numpy as np
import pytest

from zandloper import files, plots


def texts(figure):
    return {text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((6, 5), np.uint8), ((6, 5), np.uint16), ((6, 5, 1), float), ((6, 5, 3), float), ((90, 80, 4), np.uint8)],
)
def test_originals_beside_reconstructions(tmp_path, shape, dtype):
    X = np.ones((4, *shape), dtype)
    figure = plots.originals_beside_reconstructions(X, list(X), rivals={"PCA": X}, title="Some ones")
    assert len(figure.axes) == 12 and {"original", "reconstruction", "PCA", "Some ones"} <= texts(figure)
    files.write_figure(tmp_path / "x.png", figure)
    assert files.read(tmp_path / "x.png")[0].std() > 0


def test_at_most_n_images_are_shown(images):
    assert len(plots.originals_beside_reconstructions(images, images, n=7).axes) == 14


@pytest.mark.parametrize(
    "labels", [None, [0, 1] * 30, ["a", "b", "c"] * 20, list(range(60)), np.linspace(0, 1, 60), [True, False] * 30]
)
@pytest.mark.parametrize("latents", [1, 2, 5])
def test_latent_map(tmp_path, rng, labels, latents):
    figure = plots.latent_map(rng.normal(size=(60, latents)), labels, title="A map")
    files.write_figure(tmp_path / "x.png", figure)
    assert {"latent 0", "A map"} <= texts(figure)
    if latents > 1 and labels is not None and not isinstance(labels, np.ndarray):
        assert {str(label) for label in labels} <= texts(figure)


@pytest.mark.parametrize(
    ("history", "best"),
    [
        (
            [{"epoch": 0, "train": float("nan"), "validation": 2.0}, {"epoch": 1, "train": 1.5, "validation": 0.25}],
            "0.25",
        ),
        (
            [{"epoch": 0, "train": 9.0, "validation": float("nan")}, {"epoch": 1, "train": 0.5, "validation": None}],
            "0.5",
        ),
        ([{"epoch": 0, "train": -3.0, "validation": -2.0}], "-2"),
        ([], None),
    ],
)
def test_loss_curves(tmp_path, history, best):
    figure = plots.loss_curves(history)
    files.write_figure(tmp_path / "x.png", figure)
    assert best is None or f"best: {best}" in texts(figure)


def test_no_figure_is_left_open(rng):
    plots.latent_map(rng.normal(size=(5, 2)))
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
