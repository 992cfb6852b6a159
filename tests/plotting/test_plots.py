"""Pictures are drawn for every kind of data, and say what they show."""

import sys

import numpy as np
import pytest

from zandloper import io
from zandloper.plotting import panels, style


def texts(figure):
    return {text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((6, 5), np.uint8), ((6, 5), np.uint16), ((6, 5, 1), float), ((6, 5, 3), float), ((90, 80, 4), np.uint8)],
)
def test_originals_beside_reconstructions(tmp_path, shape, dtype):
    X = np.ones((4, *shape), dtype)
    figure = style.originals_beside_reconstructions(X, list(X), rivals={"PCA": X}, title="Some ones")
    assert len(figure.axes) == 12 and {"original", "reconstruction", "PCA", "Some ones"} <= texts(figure)
    io.write_figure(tmp_path / "x.png", figure)
    assert io.read(tmp_path / "x.png")[0].std() > 0


def test_at_most_n_images_are_shown(images):
    assert len(style.originals_beside_reconstructions(images, images, n=7).axes) == 14


@pytest.mark.parametrize(
    "labels", [None, [0, 1] * 30, ["a", "b", "c"] * 20, list(range(60)), np.linspace(0, 1, 60), [True, False] * 30]
)
@pytest.mark.parametrize("latents", [1, 2, 5])
def test_latent_map(tmp_path, rng, labels, latents):
    figure = style.latent_map(rng.normal(size=(60, latents)), labels, title="A map")
    io.write_figure(tmp_path / "x.png", figure)
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
    figure = style.loss_curves(history)
    io.write_figure(tmp_path / "x.png", figure)
    assert best is None or f"best: {best}" in texts(figure)


def test_no_figure_is_left_open(rng):
    style.latent_map(rng.normal(size=(5, 2)))
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


# -------------------------------------------------------------------------------------------------------------- panels


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        (np.full((4, 6), 255, np.uint8), (255, 255, 255, 255)),
        (np.full((4, 6, 1), 65535, np.uint16), (255, 255, 255, 255)),
        (np.full((4, 6), 0.2), (51, 51, 51, 255)),
        (np.ones((4, 6), bool), (255, 255, 255, 255)),
        (np.full((4, 6, 3), (0, 128, 255), np.uint8), (0, 128, 255, 255)),
        (np.full((4, 6, 4), (0, 128, 255, 9), np.uint8), (0, 128, 255, 9)),
    ],
)
def test_tiles_are_the_images(image, wanted):
    found = panels.tiles([image, image])
    assert found.shape == (2, 4, 6, 4) and (found == np.array(wanted)).all()


def test_large_images_and_large_grids_are_made_smaller():
    assert panels.tiles(np.zeros((1, 300, 200))).shape == (1, 75, 50, 4)
    sheet = panels.grid_figure(np.zeros((100, 96, 96, 4), np.uint8)).axes[0].images[0].get_array()
    assert sheet.shape[0] * sheet.shape[1] < 1.3 * panels.PIXELS


def test_signed_tiles_have_a_scale_each():
    values = np.zeros((2, 3, 3, 1))
    values[0, 0, 0], values[1, 0, 0], values[1, 1, 1] = 1e-3, 5.0, -5.0
    found = panels.signed_tiles(values).astype(int)
    assert (found[0, 0, 0] == found[1, 0, 0]).all()
    (red, _, blue, _), (red_below, _, blue_below, _) = found[1, 0, 0], found[1, 1, 1]
    assert red > blue and blue_below > red_below
    assert panels.signed_tiles(np.ones((1, 3, 3, 3)))[0, 0, 0].tolist() == [255, 255, 255, 255]


def test_grids_have_names(tmp_path):
    images = panels.tiles(np.zeros((6, 5, 7)))
    figure = panels.grid_figure(images, ["above", "below"], ["a", "b", "c"], title="A grid")
    io.write_figure(tmp_path / "x.png", figure)
    assert {"above", "below", "a", "b", "c", "A grid"} <= texts(figure)
    sheet = figure.axes[0].images[0].get_array()
    assert sheet.shape == (2 * 5 + 1, 3 * 7 + 2, 4) and (sheet[5] == 0).all() and (sheet[0, 0] == (0, 0, 0, 255)).all()


def test_heat_maps_show_what_moves_most(rng):
    table = rng.normal(size=(5, 9, 40)) * np.linspace(0, 1, 40)
    figure = panels.heats(table, [f"c{i}" for i in range(40)], list("abcde"), ("low", "high"), "steps", "units")
    assert {"c39", "a", "e", "low", "high", "steps", "units"} <= texts(figure) and "c0" not in texts(figure)
    one = panels.heat(abs(table[0]), [str(i) for i in range(9)], [f"c{i}" for i in range(40)], "units", "neuron")
    assert one.axes[0].images[0].get_clim()[0] == 0 and "neuron" in texts(one)


def test_histograms_leave_out_what_is_missing(rng, tmp_path):
    real = np.stack([rng.normal(size=50), np.full(50, np.nan), rng.integers(0, 3, 50), np.ones(50)], 1)
    for given in (real, None):
        figure = panels.histograms(given, real[:20], ["a", "b", "c", "d"], [False] * 4)
        io.write_figure(tmp_path / f"{given is None}.png", figure)
        assert {"a", "b", "c", "d"} <= texts(figure)
    heights = sum(np.diff(patch.get_path().vertices[:, 1]).max() for patch in figure.axes[2].patches)
    assert 0 < heights <= 1
