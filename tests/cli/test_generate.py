"""Generation from the command line: conditions, variations, series that go on, sheets, and what is refused."""

import csv

import numpy as np
import pytest
from PIL import Image

from zandloper import cli, io
from zandloper.applications.generation.contact_sheet import MAX_ITEMS, contact_sheet

FIT = ("--max-epochs", 1, "--seed", 0, "-q")


@pytest.fixture
def go(capsys):
    """Runs a line and gives its exit status and all that it said."""

    def line(*words):
        status = cli._run([str(word) for word in words])
        said = capsys.readouterr()
        return status, said.out + said.err

    return line


def fitted(*words):
    assert cli._run(["fit", "generate", *map(str, words), *map(str, FIT)]) == 0


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with two folders of images, dark and light, and a model conditioned on the folder."""
    place = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        (place / "all" / name).mkdir(parents=True)
        for i in range(16):
            picture = (level + rng.integers(-20, 20, (12, 12))).astype(np.uint8)
            Image.fromarray(picture).save(place / "all" / name / f"{i}.png")
    fitted(place / "all", "-o", place / "m", "--condition", "folder")
    return place


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    place = tmp_path_factory.mktemp("series")
    t = np.arange(300)
    rows = np.stack([np.sin(t / 4), np.cos(t / 4) + 0.01 * t], 1) + 0.05 * np.random.default_rng(0).normal(
        size=(300, 2)
    )
    with open(place / "tide.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["height", "speed"], *rows.round(4).tolist()])
    fitted(place / "tide.csv", "-o", place / "m", "--modality", "series", "--window", 20)
    return place


def test_images_of_one_folder(images, go, tmp_path):
    status, said = go("run", images / "m", "--condition", "dark", "-n", 5, "-o", tmp_path / "new", "--seed", 1)
    assert status == 0 and "5 new samples" in said and "new-sheet.png" in said
    drawn = io.read(tmp_path / "new")
    assert len(drawn) == 5 and drawn[0].shape == (12, 12)
    assert np.asarray(Image.open(tmp_path / "new-sheet.png")).std() > 0
    status, said = go("run", images / "m", "--condition", "gray", "-n", 5, "-o", tmp_path / "other")
    assert status == 2 and "gray" in said and "dark" in said and not (tmp_path / "other").exists()


def test_variations_of_an_image(images, go, tmp_path):
    one = images / "all" / "light" / "3.png"
    status, _ = go("run", images / "m", "--like", one, "--condition", "light", "-n", 2, "-o", tmp_path / "like")
    assert status == 0 and len(io.read(tmp_path / "like")) == 2


def test_labels_in_a_table(images, go, tmp_path):
    names = [path.relative_to(images / "all") for path in sorted((images / "all").rglob("*.png"))]
    with open(tmp_path / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([["image", "label"], *([name, i % 2] for i, name in enumerate(names))])
    line = ("fit", "generate", images / "all", "-o", tmp_path / "m", "--condition")
    assert go(*line, tmp_path / "labels.csv", *FIT)[0] == 0
    assert go("run", tmp_path / "m", "--condition", 1, "-n", 2, "-o", tmp_path / "new")[0] == 0
    status, said = go(*line, tmp_path / "none.csv", "--force", *FIT)
    assert status == 2 and "none.csv" in said


def test_series_are_drawn_and_go_on(series, go, tmp_path):
    status, said = go("run", series / "m", "-n", 4, "-o", tmp_path / "new.csv", "--seed", 0)
    assert status == 0 and "new-sheet.png" in said
    table = io.read(tmp_path / "new.csv")
    assert table.column_names == ["sample", "height", "speed"] and table.num_rows == 80
    line = ("run", series / "m", "--continue", series / "tide.csv", "-n", 3, "--steps", 25)
    assert go(*line, "-o", tmp_path / "ahead.npy")[0] == 0
    assert np.load(tmp_path / "ahead.npy").shape == (3, 25, 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--steps", 3), "--steps goes with --continue"),
        (("-n", 0), "at least 1"),
        (("--condition", "a", "--continue", "x.csv"), "take one"),
        (("--condition", "dark"), "without a condition"),
    ],
)
def test_series_lines_that_are_refused(series, go, tmp_path, words, said):
    status, answer = go("run", series / "m", *words, "-o", tmp_path / "x.csv")
    assert status == 2 and said in answer and not (tmp_path / "x.csv").exists()


def test_series_want_one_file(series, go, tmp_path):
    status, said = go("run", series / "m", "-o", tmp_path / "folder")
    assert status == 2 and "new.csv" in said


def test_two_ways_to_say_what_items_show(images, go, tmp_path):
    line = ("fit", "generate", images / "all", "-o", tmp_path / "m", "--condition", "folder", "--captions", "c.csv")
    status, said = go(*line, *FIT)
    assert status == 2 and "take one" in said


def test_a_sheet_shows_no_more_than_fits(images):
    from zandloper import load

    model = load(images / "m")
    picture = contact_sheet(
        model.autoencoder_.model_.schema, model.sample(MAX_ITEMS // 2 + 3, condition=["dark", "light"], random_state=0)
    )
    assert picture.get_axes()
