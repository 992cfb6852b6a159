"""Bad input, each with one clear sentence: what was got, what is wanted, what to do. And input that only looks bad."""

import errno
import os

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from sklearn.model_selection import GroupKFold
from torch import nn

from zandloper import Autoencoder, load
from zandloper.errors import DataError, DataTypeError, FileError, ParameterError, ZandloperError
from zandloper.fitting.validation import MOST_LATENTS
from zandloper.modality.image import Image

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))


def fit(X, y=None, **settings):
    return Autoencoder(**{"latent_dim": 2, "hidden": (8,), "max_epochs": 2, "random_state": 0, **settings}).fit(X, y)


# ----------------------------------------------------------------------------------------------------------- parameters

NAN, INF = float("nan"), float("inf")
PARAMETERS = {
    "latent_dim": [0, -1, 1.0, 1.5, 0.0, -0.5, NAN, INF, MOST_LATENTS + 1, "8", True, [2], (2, 3), X],
    "hidden": ["8", "none", 0, 8, -1, None, (0,), (8, -1), (1.5,), (True,), ("8",), {8}, X],
    "activation": ["magic", None, 3, torch.relu, ["silu"]],
    "encoder": ["magic", None, 3, nn.Linear, ["dense"]],
    "decoder": ["magic", None, 3, nn.Linear, ["dense"]],
    "loss": ["magic", None, 3, nn.MSELoss, ["mse"]],
    "modality": ["magic", None, 3, Image],
    "target": ["x", None, 3, True, X],
    "validation": [-0.1, 1, 1.0, 2, NAN, None, True, "0.1", "X"],
    "max_epochs": [0, -1, 1.5, NAN, INF, "many", None, True, [3]],
    "max_minutes": [0, -1, NAN, -INF, "5", True, [3]],
    "patience": [0, -1, 1.5, "x", None, True],
    "batch_size": [0, -1, 1.5, "x", None, True, [32]],
    "lr": [0, -1, NAN, INF, "x", None, True, [0.1]],
    "optimizer": ["magic", None, 3, nn.Linear, "Adam", ["adam"]],
    "weight_decay": [-1, NAN, INF, "x", None, "auto"],
    "linear_path": ["yes", None, 3, "True", X],
    "device": ["magic", "cuda:x", "", None, 1.5],
    "precision": ["float64", "half", None, 32, torch.float32],
    "checkpoint": [3, True, ["a"]],
    "random_state": ["0", 1.5, -1, [1], np.random.default_rng(0)],
    "verbose": ["yes", None, [1]],
    "corrupt": ["noise", 3, nn.Dropout],
    "bottleneck": ["plain", 3, nn.Identity],
}
CASES = [(name, value) for name, bad in PARAMETERS.items() for value in bad]


def test_every_parameter_is_tried():
    assert set(PARAMETERS) | {"target_modality"} == set(Autoencoder().get_params(deep=False))


@pytest.mark.parametrize(("name", "value"), CASES, ids=[f"{name}-{str(value)[:20]!r}" for name, value in CASES])
def test_parameters_that_cannot_be(name, value):
    model = Autoencoder(**{"latent_dim": 2, "max_epochs": 1, name: value})
    with pytest.raises(
        ParameterError, match=rf"^parameter `{name}` of (Autoencoder|the model) must be .*, got "
    ) as caught:
        model.fit(X)
    assert isinstance(caught.value, ValueError) and "\n" not in str(caught.value)[:40]
    assert not [attribute for attribute in vars(model) if attribute.endswith("_") or attribute.startswith("_")]


@pytest.mark.parametrize("value", ["magic", None, 3])
def test_target_modalities_that_cannot_be(value):
    with pytest.raises(ParameterError, match=r"^parameter `target_modality` of Autoencoder must be .*, got "):
        fit(X, X, target="y", target_modality=value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there():
    with pytest.raises(ParameterError, match=r"`device` of Autoencoder must be 'auto' or 'cpu' .*, got 'cuda'"):
        fit(X, device="cuda")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("latent_dim", np.int64(3)),
        ("latent_dim", np.float64(0.5)),
        ("latent_dim", np.float32(0.5)),
        ("latent_dim", 300),
        ("hidden", [8, 4]),
        ("hidden", ()),
        ("hidden", (np.int32(8),)),
        ("lr", np.float32(0.01)),
        ("batch_size", np.int64(7)),
        ("batch_size", 10_000),
        ("max_epochs", np.int16(1)),
        ("max_minutes", 5),
        ("max_minutes", INF),
        ("validation", 0),
        ("validation", 0.5),
        ("validation", np.float32(0.25)),
        ("random_state", np.int64(3)),
        ("random_state", 2**40),
        ("weight_decay", 0),
        ("verbose", 1),
        ("verbose", False),
        ("linear_path", np.True_),
    ],
    ids=str,
)
def test_parameters_that_can_be(name, value):
    assert np.isfinite(fit(X, **{name: value, "max_epochs": 1}).predict(X)).all()


def test_parameters_that_contradict_each_other():
    for encoder, reads in (("conv1d", "series and sounds"), ("conv2d", "images"), ("attention", "images and series")):
        wanted = (
            r"`encoder` of Autoencoder must be 'auto' or 'dense'.* for samples of shape .*"
            rf"'{encoder}' reads {reads}, of"
        )
        with pytest.raises(ParameterError, match=wanted):
            fit(X, encoder=encoder)
        with pytest.raises(ParameterError, match=wanted.replace("encoder", "decoder", 1)):
            fit(X, decoder=encoder)
    with pytest.raises(
        ParameterError,
        match=r"must be 'auto' or 'attention' or 'conv2d' or 'dense' or 'residual' or 'spatial' .*for samples of shape",
    ):
        fit(np.zeros((9, 5, 5), np.uint8), encoder="conv1d")
    for encoder in ("conv2d", "attention"):
        with pytest.raises(
            ParameterError, match=f"`hidden` of Autoencoder must be at least one number for .*{encoder}"
        ):
            fit(np.zeros((9, 5, 5), np.uint8), encoder=encoder, hidden=())
    with pytest.raises(ParameterError, match="`linear_path` of Autoencoder must be 'auto' or False with own"):
        fit(X, decoder=nn.Linear(2, 4), linear_path=True)
    with pytest.raises(ParameterError, match="`validation` of Autoencoder must be a pair"):
        fit(X, X[:, 0], target="y", validation=X)
    for channels in (0, 2, 5, "RGB"):
        with pytest.raises(ParameterError, match="`channels` of Image must be 1, 3, 4 or None"):
            fit([np.zeros((5, 5), np.uint8)] * 5, modality=Image(channels=channels))
    for size in ((0, 5), (5,), 5, (5, -1), "5x5", (2.5, 3)):
        with pytest.raises(ParameterError, match="`size` of Image must be "):
            fit([np.zeros((5, 5), np.uint8)] * 5, modality=Image(size=size))


def test_a_share_that_leaves_nothing_to_train_on():
    with pytest.raises((ParameterError, DataError), match="validation"):
        fit(X, validation=0.99)


def test_splitters_that_fail_say_why():
    with pytest.raises(ValueError, match="groups"):
        fit(X, validation=GroupKFold(3))


def test_validation_data_of_another_form():
    with pytest.raises(DataError, match=r"features|columns"):
        fit(X, validation=X[:, :3])
    with pytest.raises(DataError, match=r"0 sample\(s\)"):
        fit(X, validation=X[:0])


@pytest.mark.parametrize("name", ["nonsense", "dropout", "epochs"])
def test_parameters_that_do_not_exist(name):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        Autoencoder(**{name: 1})
    with pytest.raises(ValueError, match=f"Invalid parameter '{name}' for estimator"):
        Autoencoder().set_params(**{name: 1})


# ----------------------------------------------------------------------------------------------------------------- data

BAD = {
    "no rows": (X[:0], DataError, r"0 sample\(s\)"),
    "no columns": (X[:, :0], DataError, r"0 feature\(s\)"),
    "one row": (X[:1], DataError, r"1 sample\(s\).* a minimum of 2 is required by Autoencoder"),
    "an empty list": ([], DataError, r"0 sample\(s\)|Expected 2D array"),
    "lists of nothing": ([[], []], DataError, r"0 feature\(s\)"),
    "an empty frame": (pd.DataFrame(), DataError, r"0 sample\(s\).*the frame is empty"),
    "a frame without rows": (pl.DataFrame({"a": [1.0, 2.0]})[:0], DataError, r"0 sample\(s\)"),
    "a frame without columns": (pd.DataFrame(index=range(5)), DataError, "the frame is empty"),
    "a frame of one row": (pl.DataFrame({"a": [1.0], "b": ["x"]}), DataError, r"1 sample\(s\)"),
    "all NaN": (np.full((9, 3), np.nan), DataError, "all 27 values of Autoencoder's data are missing"),
    "all missing": (pl.DataFrame({"a": [None] * 9}, schema={"a": pl.Float64}), DataError, "are missing"),
    "infinity": (np.where(X > 2, np.inf, X), DataError, "Input X contains infinity"),
    "minus infinity": (np.where(X > 2, -np.inf, X), DataError, "Input X contains infinity"),
    "numbers too large for floats": (np.array([[10**400, 1], [2, 3]], dtype=object), DataError, "large|convert"),
    "text": (np.array([["a", "b"], ["c", "d"]]), DataError, "numeric.*text belongs in a frame"),
    "text among objects": (
        np.array([[1, "b"], [2, "d"]], dtype=object),
        DataError,
        "could not convert .*text belongs in a frame",
    ),
    "text in lists": ([["a", 1], ["b", 2]], DataError, "text belongs in a frame"),
    "complex numbers": (X * 1j, DataError, "Complex data not supported"),
    "a sparse matrix": (scipy.sparse.csr_matrix(X), DataTypeError, "Sparse data was passed"),
    "one dimension": (X[:, 0], DataError, "Expected 2D array, got 1D array instead"),
    "a series": (pd.Series(X[:, 0]), DataError, "Expected 2D array|Expected a 2-dimensional"),
    "five dimensions": (np.zeros((2, 2, 2, 2, 2)), DataError, "dim 5|5-D"),
    "no dimensions": (np.float64(3), (DataError, DataTypeError), "Expected 2D array|cannot read data"),
    "ragged lists": ([[1, 2], [3]], (DataError, DataTypeError), "inhomogeneous|ragged|length"),
    "a list of texts and more": (["a", 3, "c"], DataTypeError, "is 3, no str"),
    "nothing": (None, DataTypeError, "Autoencoder cannot read data of type NoneType: a 2-D array"),
    "a dictionary": ({"a": [1, 2]}, DataTypeError, "cannot read data of type dict"),
    "a number": (3, DataTypeError, "cannot read data of type int"),
    "a function": (len, DataTypeError, "cannot read data of type builtin_function_or_method"),
    "a generator": ((row for row in X), DataTypeError, "cannot read data of type generator"),
    "a set": ({1, 2, 3}, DataTypeError, "cannot read data of type set"),
    "a missing file": ("nowhere.png", FileError, "nowhere.png"),
    "a missing folder": ("no/where", FileError, "no/where"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_at_fit(name):
    data, kind, says = BAD[name]
    model = Autoencoder(2, max_epochs=1)
    with pytest.raises(kind, match=says) as caught:
        model.fit(data)
    assert isinstance(caught.value, ZandloperError)
    assert not hasattr(model, "module_")


AT_PREDICT = [name for name in BAD if name not in ("one row", "a frame of one row", "all NaN", "all missing")]


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("name", AT_PREDICT)
def test_bad_data_at_predict(name):
    data, _, _ = BAD[name]
    model = fit(X)
    for use in (model.transform, model.predict, model.reconstruction_error, model.score):
        with pytest.raises((ValueError, TypeError, OSError)) as caught:
            use(data)
        assert isinstance(caught.value, ZandloperError), repr(caught.value)


def test_one_row_is_enough_to_predict():
    model = fit(X)
    assert model.predict(X[:1]).shape == (1, 4) and model.transform(X[:1]).shape == (1, 2)


def test_nothing_but_missing_values_can_be_predicted():
    model = fit(X)
    assert np.isfinite(model.predict(np.full((2, 4), np.nan))).all()


def test_other_columns_at_predict():
    model = fit(X)
    for wrong in (X[:, :3], np.c_[X, X]):
        for use in (model.transform, model.predict, model.reconstruction_error, model.score):
            with pytest.raises(
                DataError, match=rf"X has {wrong.shape[1]} features, but Autoencoder is expecting 4 features"
            ):
                use(wrong)


def test_values_that_the_loss_cannot_measure_at_predict():
    """What the loss refuses at fit it refuses when it measures, too; to predict is possible."""
    model = fit((X > 0).astype(float))
    assert model.describe().loss == "bce" and np.isfinite(model.predict(X)).all()
    with pytest.raises(DataError, match=r"loss='bce' needs values within \[0, 1\]"):
        model.score(X)
    classes = np.abs(X.round()).astype(int).clip(0, 2)
    model = fit(classes, loss="cross_entropy", linear_path=False)
    with pytest.raises(DataError, match="loss='cross_entropy' needs whole numbers from 0 to 2"):
        model.reconstruction_error(classes + 5)


def test_a_failed_fit_leaves_an_earlier_one_alone():
    model = fit(X)
    before = model.predict(X)
    with pytest.raises(DataError):
        model.fit(X[:1])
    assert np.array_equal(model.predict(X), before)


# --------------------------------------------------------------------------------------------- what only looks like bad


@pytest.mark.parametrize("validation", [0, 0.1])
def test_two_rows(validation):
    data = X[:2]
    model = fit(data, validation=validation)
    assert np.isfinite(model.predict(data)).all() and model.transform(data).shape == (2, 2)


def test_half_of_four_rows_validate():
    assert np.isfinite(fit(X[:4], validation=0.5).predict(X[:4])).all()


@pytest.mark.parametrize("latent_dim", [None, 1, 3, 0.9])
def test_one_column(latent_dim):
    model = fit(X[:, :1], latent_dim=latent_dim, max_epochs=20)
    assert model.predict(X[:, :1]).shape == (30, 1) and model.score(X[:, :1]) > 0.99


@pytest.mark.parametrize("value", [0.0, 1.0, -7.5, 1e30, 3e-30])
@pytest.mark.parametrize("latent_dim", [None, 2])
def test_all_constant(value, latent_dim):
    data = np.full((20, 3), value)
    model = fit(data, latent_dim=latent_dim)
    assert np.array_equal(model.predict(data), data) and model.score(data) == 1.0
    assert np.isfinite(model.transform(data)).all() and (model.reconstruction_error(data) == 0).all()


def test_one_value_differs():
    data = np.zeros((40, 3))
    data[5, 1] = 1e-12
    assert np.isfinite(fit(data, loss="mse").predict(data)).all()


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
def test_extreme_sizes(scale):
    """Standardized in float64, numbers of any size are like any other."""
    model, usual = fit(X * scale, max_epochs=10), fit(X, max_epochs=10)
    assert model.score(X * scale) == pytest.approx(usual.score(X), abs=1e-3)
    np.testing.assert_allclose(model.predict(X * scale) / scale, usual.predict(X), atol=0.05)


def test_an_extreme_value_among_others(recwarn):
    data = X.copy()
    data[3, 2] = 1e12
    model = fit(data, max_epochs=5)
    assert np.isfinite(model.predict(data)).all() and np.isfinite(model.score(data))


def test_more_latents_than_columns_and_rows():
    model = fit(X[:5], latent_dim=50)
    assert model.transform(X[:5]).shape == (5, 50) and model.describe().shape.endswith("overcomplete")


def test_a_column_twice():
    data = np.repeat(X, 3, axis=1)
    assert fit(data, max_epochs=10).score(data) > 0


def test_integers_and_truths():
    for data in ((X * 9).astype(int), X > 0, (X * 9).astype(np.int8)):
        assert fit(data).predict(data).dtype == data.dtype


# ---------------------------------------------------------------------------------------------------------------- files


def test_missing_models():
    with pytest.raises(FileError, match="no model at nowhere"):
        load("nowhere")


@pytest.mark.parametrize("where", ["a file", "below a file"])
def test_a_checkpoint_that_cannot_be_a_folder(tmp_path, where):
    (tmp_path / "file").write_text("years of work")
    path = tmp_path / "file" / ("run" if where == "below a file" else "")
    with pytest.raises((FileError, ParameterError), match="file"):
        fit(X, checkpoint=path)
    assert (tmp_path / "file").read_text() == "years of work"


@pytest.mark.parametrize(
    ("code", "says"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "no permission to write")]
)
@pytest.mark.parametrize("step", ["save_file", "os.fsync"])
def test_a_disk_that_refuses_a_checkpoint(tmp_path, monkeypatch, code, says, step):
    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    threads = torch.get_num_threads()
    monkeypatch.setattr(f"zandloper.io.state_file.{step}", fail)
    with pytest.raises(FileError, match=says):
        fit(X, checkpoint=tmp_path / "run")
    assert torch.get_num_threads() == threads
    assert not [p for p in (tmp_path / "run").iterdir() if p.name.endswith(".part")]


def test_a_history_that_cannot_be_written(tmp_path):
    (tmp_path / "run" / "history.jsonl").mkdir(parents=True)
    with pytest.raises(FileError, match=r"history\.jsonl"):
        fit(X, checkpoint=tmp_path / "run", validation=0.1)  # one run: folds would have a history each
