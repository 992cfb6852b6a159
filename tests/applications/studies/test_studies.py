"""The studies: PCA beside the autoencoder, the lecture's table, and the bottleneck against overfitting."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from PIL import Image
from rich.console import Console
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

import zandloper as zl
from zandloper import cli, io
from zandloper.applications.studies import protocol
from zandloper.errors import DataError, ParameterError, UnsupportedError

QUICK = {"max_epochs": 2, "random_state": 3}


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


# ------------------------------------------------------------------------------------------------------ what they share


@pytest.mark.parametrize(("size", "count"), [(0.2, 2), (0.01, 1), (0.99, 8), (1, 1), (8, 8), (np.float32(0.5), 5)])
def test_rows_held_out(size, count):
    train, test = protocol.held_out(10, size, 0, "me")
    assert len(test) == count and sorted([*train, *test]) == list(range(10))
    assert np.array_equal(test, protocol.held_out(10, size, 0, "me")[1])


@pytest.mark.parametrize("size", [0, 9, -1, 0.0, 1.0, True, None, "0.2", float("nan")])
def test_a_test_size_that_cannot_be(size):
    with pytest.raises(ParameterError, match=r"`test_size` of me must be .* from 1 to 8, got"):
        protocol.held_out(10, size, 0, "me")


@pytest.mark.parametrize("sizes", [[], [0], [1.5], [True], "8", 2.5, [2, "4"]])
@pytest.mark.parametrize("function", [zl.compare_with_pca, lambda X, k: zl.compare_latent_dims(X, None, k)])
def test_latent_sizes_that_cannot_be(table, function, sizes):
    with pytest.raises(ParameterError, match=r"`latent_dims` of compare_.* must be positive integers"):
        function(table, sizes)


@pytest.mark.parametrize("function", [zl.compare_with_pca, zl.compare_latent_dims])
@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"autoencoder": PCA()}, ParameterError, "must be an autoencoder"),
        ({"random_state": "x"}, ParameterError, "must be an integer or None"),
        ({"random_state": True}, ParameterError, "must be an integer or None"),
        ({"max_epochs": 0}, ParameterError, "`max_epochs` of Autoencoder"),
        ({"modality": "sound"}, ParameterError, "`modality` of compare_"),
        ({"test_size": 2.0}, ParameterError, "`test_size` of compare_"),
    ],
)
def test_bad_parameters(table, function, given, error, says):
    with pytest.raises(error, match=says):
        function(table, **given)


@pytest.mark.parametrize("function", [zl.compare_with_pca, zl.compare_latent_dims])
def test_too_few_samples(table, function):
    with pytest.raises(DataError, match="got 4 samples: at least 5"):
        function(table[:4])


@pytest.mark.parametrize("function", [zl.compare_with_pca, zl.compare_latent_dims])
def test_the_seed_decides_and_nothing_global_is_touched(table, function):
    before = np.random.get_state()[1].copy()
    columns = [
        function(table[:40], latent_dims=[2], max_epochs=1, random_state=s).columns for s in (1, 1, 2, None, None)
    ]
    assert columns[0] == columns[1] and all(columns[i] != columns[j] for i in range(1, 5) for j in range(1, i))
    assert np.array_equal(np.random.get_state()[1], before)


def test_the_users_autoencoder_is_cloned(table):
    given = zl.Autoencoder(hidden=(5,), latent_dim=3, max_epochs=1)
    zl.compare_with_pca(table, [2], autoencoder=given, random_state=0)
    zl.compare_latent_dims(table, table[:, 0], [2], autoencoder=given, random_state=0)
    assert not hasattr(given, "module_") and (given.latent_dim, given.target, given.random_state) == (3, "input", None)


@pytest.fixture(scope="module")
def studies():
    X = np.random.default_rng(0).normal(size=(30, 4))
    return {
        "pca": zl.compare_with_pca(X, [1, 4], **QUICK),
        "dims": zl.compare_latent_dims(X, None, [1, 4], seeds=2, **QUICK),
        "curves": zl.curves_table(40, (1, 3), max_epochs=2, random_state=0),
    }


@pytest.mark.parametrize("name", ["pca", "dims", "curves"])
def test_a_study_shows_itself(studies, name, tmp_path, monkeypatch):
    found = studies[name]
    assert isinstance(found.frame, pd.DataFrame) and found.frame.to_dict("list").keys() == found.columns.keys()
    console = Console(record=True, width=200)
    console.print(found)
    printed = console.export_text()
    for text in (str(found), repr(found), printed):
        assert found.title in text and found.remark in text
        assert all(heading.replace("_", " ") in text for heading in found.columns)
    page = found._repr_html_()
    assert page.count("<tr>") == 1 + len(found.frame) and 'src="data:image/png;base64,iVBOR' in page
    io.write_figure(tmp_path / "x.png", found.plot())
    assert io.read(tmp_path / "x.png")[0].std() > 0
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert isinstance(found.frame, pa.Table) and found.frame.to_pydict().keys() == found.columns.keys()


# ------------------------------------------------------------------------------------------------------ beside PCA


def by_hand(train, test, k):
    """The errors of PCA and of the autoencoder that a reader would compute."""
    scale = StandardScaler().fit(train.astype(float))
    A, B = scale.transform(train), scale.transform(test)
    pca = PCA(k).fit(A)
    model = zl.Autoencoder(latent_dim=k, loss="mse", **QUICK).fit(A)
    errors = [((made - B) ** 2).mean() for made in (pca.inverse_transform(pca.transform(B)), model.predict(B))]
    return errors


def test_errors_are_those_computed_by_hand(table):
    found = zl.compare_with_pca(table, (4, 2, 2), **QUICK)
    train, test = protocol.held_out(len(table), 0.2, 3, "me")
    assert found.latent_dims == (2, 4) and found.rows == (160, 40) and found.features == 6
    for i, k in enumerate((2, 4)):
        pca, autoencoder = by_hand(table[train], table[test], k)
        assert found.pca[i] == pytest.approx(pca, rel=1e-9)
        assert found.autoencoder[i] == pytest.approx(autoencoder, rel=1e-6)
    assert list(found.frame.columns) == ["latent_dim", "pca", "autoencoder", "ratio"]
    assert found.frame["ratio"].tolist() == [a / p for a, p in zip(found.autoencoder, found.pca)]


def test_rows_of_ones_own_to_measure_on(table):
    found = zl.compare_with_pca(table[:150], 2, X_test=table[150:], **QUICK)
    assert found.rows == (150, 50)
    assert [found.pca[0], found.autoencoder[0]] == pytest.approx(by_hand(table[:150], table[150:], 2), rel=1e-6)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, lambda d: pa.table(dict(d))])
def test_frames_are_as_arrays(table, make):
    frame = make({f"c{i}": table[:, i].astype(float) for i in range(6)})
    found, wanted = (zl.compare_with_pca(X, [2], **QUICK) for X in (frame, table.astype(float)))
    assert found.pca == pytest.approx(wanted.pca) and found.autoencoder == pytest.approx(wanted.autoencoder)


def test_columns_that_are_numbers_after_all(table):
    frame = pd.DataFrame({"n": (table[:, 0] * 3).astype(int), "t": table[:, 1] > 5, "x": table[:, 2], "same": 1.0})
    frame["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(frame)), unit="h")
    found = zl.compare_with_pca(frame, [1, 2], **QUICK)
    assert found.features == 5 and max(found.pca) < 1.5 and "standard deviations" in found.remark


def test_missing_values_count_for_neither(table):
    gaps = table.copy()
    gaps[::7, 2] = np.nan
    found, whole = (zl.compare_with_pca(X, [2], **QUICK) for X in (gaps, table))
    assert np.isfinite([found.pca, found.autoencoder]).all() and found.pca != whole.pca
    # A missing value that is a column's mean would change nothing; so the error stays near that of the whole table.
    assert found.pca[0] == pytest.approx(whole.pca[0], rel=0.5)


def test_as_many_latents_as_columns_leave_no_error_to_compare_with(table):
    found = zl.compare_with_pca(table, [6, 9], **QUICK)
    assert max(found.pca) < 1e-12 and np.isnan(found.ratio).all()
    assert "–" in str(found)
    found.plot()


@pytest.mark.parametrize(
    ("columns", "most"), [(1, [1]), (2, [1]), (3, [1, 2]), (5, [1, 2, 4]), (40, [1, 2, 4, 8, 16, 32])]
)
def test_sizes_tried_unasked(rng, columns, most):
    found = zl.compare_with_pca(rng.normal(size=(100, columns)), max_epochs=1, random_state=0)
    assert list(found.latent_dims) == most


@pytest.mark.parametrize("kind", ["uint8", "uint16", "bool", "float", "list", "PIL", "gray channel", "colored"])
@pytest.mark.trained
def test_images(images, kind):
    made = {
        "uint8": images,
        "uint16": images.astype(np.uint16) * 257,
        "bool": images > 90,
        "float": images / np.float32(255),
        "list": list(images),
        "PIL": [Image.fromarray(image) for image in images],
        "gray channel": images[..., None],
        "colored": np.repeat(images[..., None], 3, axis=3),
    }[kind]
    found = zl.compare_with_pca(made, [2, 8], modality="image", **QUICK)
    train, test = protocol.held_out(60, 0.2, 3, "me")
    rows = ((images > 90) if kind == "bool" else images / 255.0).reshape(60, -1).astype(float)
    pca = PCA(8).fit(rows[train])
    made_again = pca.inverse_transform(pca.transform(rows[test]))
    assert found.pca[1] == pytest.approx(((made_again - rows[test]) ** 2).mean(), rel=1e-4)
    assert found.features == (360 if kind == "colored" else 120)
    assert ("as given" if kind == "float" else "in [0, 1]") in found.remark
    assert min(found.autoencoder) > 0 and max(found.autoencoder) < rows.var(axis=0).mean() * 1.5


def test_what_pca_cannot_read_is_refused(table, images):
    frame = pd.DataFrame({"a": table[:, 0], "kind": ["x", "y"] * 100})
    with pytest.raises(DataError, match="column 'kind' is a category, and PCA takes numbers only: drop"):
        zl.compare_with_pca(frame)
    with pytest.raises(DataError, match="columns 'kind', 'more' are categories"):
        zl.compare_with_pca(frame.assign(more="z"))
    with pytest.raises(UnsupportedError, match='target="y": take target="input"'):
        zl.compare_with_pca(table, autoencoder=zl.Autoencoder(target="y"))
    with pytest.raises(DataError, match="fitted on images of 12 x 10"):
        zl.compare_with_pca(images, X_test=images[:, :5])


def test_the_picture_says_what_it_shows(studies):
    said = texts(studies["pca"].plot())
    assert all(word in said for word in ("PCA", "autoencoder", "size of the latent space", "share of PCA's"))
    assert f"{studies['pca'].ratio[0]:.0%}" in said


# ------------------------------------------------------------------------------------------------------ three curves


def test_points_lie_on_their_curves():
    found = zl.curves_table(60, (1, 2, 8), noise=0, max_epochs=1, random_state=0)
    assert found.n_train == 48 and len(found.curves) == 3
    for curve in found.curves:
        x, y = curve.points.T
        assert len(x) == 12 and y == pytest.approx(2 * x**curve.power + 1) and abs(x).max() <= 1
        assert curve.by_pca.shape == curve.by_autoencoder.shape == (12, 2)
        # One number a point: what PCA makes of it lies on a line.
        a, b = curve.by_pca[:2]
        across = np.cross(np.c_[curve.by_pca - a, np.zeros(12)], np.r_[b - a, 0])[:, 2]
        assert across == pytest.approx(0, abs=1e-9)
    assert found.columns["pca"][0] < 1e-12 < found.columns["pca"][1]


@pytest.mark.trained
def test_what_the_lecture_says():
    """On the curves at most a fifth of PCA's error; on the line no worse than chance explains."""
    found = zl.curves_table(random_state=0)
    line, square, eighth = found.curves
    assert line.excess < 2 and found.columns["ratio"][0] < 1.01
    for curve in (square, eighth):
        assert curve.errors.mean() <= curve.rival_errors.mean() / 5 and curve.excess < -2
    said = texts(found.plot())
    for wanted in ("feature space", "PCA's reconstruction", "autoencoder's reconstruction", "$y = mx^{8} + c$"):
        assert wanted in said
    for error in (*found.columns["pca"], *found.columns["autoencoder"]):
        assert f"test error {error:.4f}" in said


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"n": 19}, "`n` of curves_table must be an integer >= 20, got 19"),
        ({"n": 20.5}, "`n`"),
        ({"powers": []}, "`powers`"),
        ({"powers": [0]}, "`powers`"),
        ({"powers": [1.5]}, "`powers`"),
        ({"noise": -0.1}, "`noise`"),
        ({"noise": float("nan")}, "`noise`"),
        ({"noise": "much"}, "`noise`"),
        ({"autoencoder": "good"}, "`autoencoder`"),
    ],
)
def test_curves_that_cannot_be(given, says):
    with pytest.raises(ParameterError, match=says):
        zl.curves_table(**given)


# -------------------------------------------------------------------------------------------------- over latent sizes


@pytest.mark.parametrize("supervised", [False, True])
def test_errors_over_sizes_are_those_computed_by_hand(table, supervised):
    X, y = table[:, :5], table[:, 5]
    found = zl.compare_latent_dims(X, y if supervised else None, [3, 1], seeds=2, test_size=50, **QUICK)
    assert found.latent_dims == (1, 3) and found.rows == (150, 50) and found.seeds == 2
    assert found.target == ("y" if supervised else "input") and found.loss == "mse"
    for run in range(2):
        train, held = protocol.held_out(len(X), 50, 3 + run, "me")
        for i, k in enumerate((1, 3)):
            model = zl.Autoencoder(latent_dim=k, target=found.target, max_epochs=2, random_state=3 + run)
            parts = [(X[rows], y[rows]) if supervised else (X[rows],) for rows in (train, held)]
            model.fit(*parts[0])
            wanted = [model.reconstruction_error(*part).mean() for part in parts]
            assert [found.train[i, run], found.validation[i, run]] == pytest.approx(wanted, rel=1e-6)


def test_what_follows_from_the_errors():
    train, validation = np.array([[4.0, 6], [2, 2], [1, 1]]), np.array([[6.0, 8], [3, 4], [7, 5]])
    found = type(zl.compare_latent_dims(np.eye(8), None, 1, max_epochs=1))(
        (1, 4, 16), train, validation, (10, 5), "y", "mse"
    )
    assert found.best == 4 and found.margin() == (2.5, pytest.approx(np.std([4, 1], ddof=1)))
    assert found.columns["gap"] == [2, 1.5, 5] and found.columns["validation_std"][0] == pytest.approx(2**0.5)
    assert "prediction" in found.title and "best at 4" in found.title and "10 training rows and 5" in found.remark
    said = texts(found.plot())
    assert all(word in said for word in ("best: 4", "gap", "training rows", "validation rows"))


def test_one_seed_has_no_spread(table):
    found = zl.compare_latent_dims(table, latent_dims=[1, 2], **QUICK)
    assert list(found.frame.columns) == ["latent_dim", "train", "validation", "gap"]
    assert np.isnan(found.margin()[1]) and "seeds" not in found.remark


@pytest.mark.parametrize("wide", [False, True])
def test_sizes_reach_the_number_of_values(rng, wide):
    found = zl.compare_latent_dims(rng.normal(size=(150, 90 if wide else 5)), max_epochs=1, random_state=0)
    assert found.latent_dims == ((1, 2, 4, 8, 16, 32, 64) if wide else (1, 2, 4))


@pytest.mark.parametrize("make", [list, np.array, pd.Series, pl.Series, lambda y: pd.DataFrame({"y": y})])
def test_targets_of_all_kinds(table, make):
    y = np.where(table[:, 0] > 0, "high", "low")
    X = pd.DataFrame(table[:, 1:], columns=list("abcde")).assign(kind=np.where(table[:, 1] > 5, "x", "z"))
    found = zl.compare_latent_dims(X, make(list(y)), [1, 2], **QUICK)
    assert found.target == "y" and found.validation.shape == (2, 1) and 0 < found.validation.max() < 2


@pytest.mark.trained
def test_images_over_sizes(images):
    found = zl.compare_latent_dims(list(images), latent_dims=[1, 8], **QUICK)
    assert found.train[1, 0] < found.train[0, 0]
    assert zl.compare_latent_dims(images / 255, latent_dims=[1], modality="image", **QUICK).loss == "mse"


def test_what_cannot_be_studied_over_sizes(table):
    with pytest.raises(DataError, match="X has 200 samples and y has 199"):
        zl.compare_latent_dims(table, table[1:, 0])
    for seeds in (0, 1.5, True):
        with pytest.raises(ParameterError, match="`seeds` of compare_latent_dims must be a positive integer"):
            zl.compare_latent_dims(table, seeds=seeds)


# ------------------------------------------------------------------------------------------------------ command line


@pytest.fixture
def zandloper(capsys, tmp_path, monkeypatch):
    """Runs a command line in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main([str(word) for word in words])
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


@pytest.fixture
def data(tmp_path, table, images):
    frame = pa.table({**{f"c{i}": table[:, i] for i in range(6)}, "kind": ["a", "b"] * 100})
    io.write(tmp_path / "t.csv", frame)
    io.write(tmp_path / "photos", images)
    return tmp_path


def test_compare_pca_of_a_table(zandloper, data, table):
    line = ("compare-pca", "t.csv", "--drop", "kind", "--latent-dims", "1,3", "--max-epochs", 2, "--seed", 3)
    code, out, err = zandloper(*line, "-o", "x.csv")
    assert (code, err) == (0, "") and "data     table of 200 rows" in out and "written  x.csv" in out
    found = io.read(data / "x.csv")
    wanted = zl.compare_with_pca(table, [1, 3], **QUICK)
    assert found["latent_dim"].to_pylist() == [1, 3]
    assert found["pca"].to_pylist() == pytest.approx(wanted.pca, rel=1e-5)
    code, _, err = zandloper(*line, "-o", "x.csv")
    assert code == 2 and "x.csv exists already" in err
    assert zandloper(*line, "-o", "x.csv", "--force")[0] == 0


def test_compare_pca_of_images(zandloper, data):
    code, out, err = zandloper("compare-pca", "photos", "--latent-dims", 2, "--max-epochs", 1, "-o", "x.png")
    assert (code, err) == (0, "") and "60 images of 12 x 10 pixels" in out and "pixels in [0, 1]" in out
    assert io.read(data / "x.png")[0].shape[0] > 100


def test_compare_pca_without_data(zandloper, tmp_path):
    code, out, err = zandloper("compare-pca", "--max-epochs", 1, "-o", "x.png")
    assert (code, err) == (0, "") and "y = mx^8 + c" in out and (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["t.csv"], "column 'kind' is a category"),
        (["none.csv"], "none.csv does not exist"),
        (["--latent-dims", "1,2"], "--latent-dims is for data of your own"),
        (["--drop", "kind"], "--drop is for data of your own"),
        (["t.csv", "--latent-dims", "few"], "'few' is no list of sizes: write 1,2,4,8"),
        (["t.csv", "--drop", "kind", "--latent-dims", "0"], "`latent_dims` of compare_with_pca"),
        (["t.csv", "-o", "x.npy"], "the picture is written to .png, the numbers to .csv or .parquet"),
        (["t.csv", "-o", "x"], "the picture is written to .png"),
        (["t.csv", "-o", "x.doc"], "cannot be written"),
        (["t.csv", "-o", "t.csv", "--force"], "is or holds or lies in what is read"),
    ],
)
def test_compare_pca_says_no(zandloper, data, words, says):
    before = sorted(path.name for path in data.iterdir())
    code, _, err = zandloper("compare-pca", *words)
    assert code == 2 and says in err and err.count("\n") == 1
    assert sorted(path.name for path in data.iterdir()) == before
