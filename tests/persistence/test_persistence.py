"""Safe files: what was saved comes back to the bit; what is damaged, foreign or hostile says so; nothing half done."""

import errno
import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from PIL import Image as PIL
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.utils import get_tags
from torch import nn

import zandloper
from zandloper import Autoencoder, load
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.errors import FileError, ParameterError
from zandloper.io import model_folder
from zandloper.modality.image import Image
from zandloper.modality.table import Table

RECIPE, WEIGHTS = "recipe.json", "weights.safetensors"
TYPES = [
    kind
    for kind in (getattr(zandloper, name) for name in zandloper.__all__)
    if isinstance(kind, type) and issubclass(kind, BaseAutoencoder)
]


def fit(X, y=None, **settings):
    return Autoencoder(
        **{"latent_dim": 2, "hidden": (8,), "max_epochs": 2, "validation": 0.1, "random_state": 0, **settings}
    ).fit(X, y)


@pytest.fixture
def model(table):
    return fit(table)


@pytest.fixture
def folder(model, tmp_path):
    """A saved model."""
    model.save(tmp_path / "m")
    return tmp_path / "m"


def listing(path):
    """Everything in and below a folder, hidden or not, with its content."""
    return {str(p.relative_to(path)): p.read_bytes() if p.is_file() else None for p in sorted(path.rglob("*"))}


def same_model(one, other, X):
    assert type(one) is type(other)
    for a, b in ((one.predict(X), other.predict(X)), (one.transform(X), other.transform(X))):
        assert type(a) is type(b)
        if hasattr(a, "equals"):
            assert a.equals(b) and getattr(a, "schema", None) == getattr(b, "schema", None)
        else:
            assert np.array_equal(np.asarray(a), np.asarray(b)) and np.asarray(a).dtype == np.asarray(b).dtype
    assert one.describe() == other.describe()
    assert repr(one.history_) == repr(other.history_)
    for name in ("n_epochs_", "stopped_by_", "latent_shape_", "n_features_in_"):
        assert getattr(one, name) == getattr(other, name), name
    assert list(getattr(one, "feature_names_in_", [])) == list(getattr(other, "feature_names_in_", []))
    assert list(one.get_feature_names_out()) == list(other.get_feature_names_out())
    mine, theirs = one.module_.state_dict(), other.module_.state_dict()
    assert list(mine) == list(theirs) and all(torch.equal(mine[k].cpu(), theirs[k].cpu()) for k in mine)


# ---------------------------------------------------------------------------------------------------------- round trips

WORDS = np.array(["a", "b", "c"])[np.arange(40) % 3]
NUMBERS = np.random.default_rng(0).normal(size=(40, 3))


def mixed(library):
    frame = pl.DataFrame(NUMBERS, schema=["x", "y", "z"]).with_columns(
        w=pl.Series(WORDS),
        t=pl.Series(WORDS == "a"),
        i=pl.Series(np.arange(40)),
        d=pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 2, 9), eager=True),
        u=pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 2, 15), "1h", eager=True, time_zone="UTC"),
    )
    frame = frame.with_columns(pl.when(pl.col("i") == 3).then(None).otherwise(pl.col("x")).alias("x"))
    return {"polars": lambda: frame, "pyarrow": frame.to_arrow, "pandas": frame.to_pandas}[library]()


DATA = {
    "float32": NUMBERS.astype(np.float32),
    "float64": NUMBERS,
    "integers": np.round(NUMBERS * 9).astype(np.int16),
    "truths": NUMBERS > 0,
    "missing": np.where(NUMBERS > 1, np.nan, NUMBERS),
    "class numbers": np.abs(np.round(NUMBERS)).astype(int) % 3,
    "pandas": mixed("pandas"),
    "polars": mixed("polars"),
    "pyarrow": mixed("pyarrow"),
    "ordered": pd.DataFrame({"w": pd.Categorical(WORDS, ["c", "z", "b", "a"], ordered=True), "n": NUMBERS[:, 0]}),
    "numbered columns": pd.DataFrame(NUMBERS),
    "gray": np.arange(40 * 30, dtype=np.uint8).reshape(40, 5, 6),
    "sixteen bits": np.arange(40 * 30, dtype=np.uint16).reshape(40, 5, 6),
    "float images": np.random.default_rng(1).random((12, 5, 6, 3)).astype(np.float32),
    "list": [np.full((5, 6), 7 * i, np.uint8) for i in range(12)],
    "PIL": [PIL.fromarray(np.full((5, 6, 3), 7 * i, np.uint8)) for i in range(12)],
}
SETTINGS = {
    "float images": {"modality": "image"},
    "sixteen bits": {"modality": "image"},
    "class numbers": {"loss": "cross_entropy"},
}


@pytest.mark.parametrize("name", DATA)
def test_models_come_back(name, tmp_path):
    X = DATA[name]
    model = fit(X, **SETTINGS.get(name, {}))
    model.save(tmp_path / "m")
    same_model(load(tmp_path / "m"), model, X)
    assert load(str(tmp_path / "m")).get_params().keys() == model.get_params().keys()


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_type_comes_back(kind, table, images, tmp_path):
    for i, X in enumerate((table, images) if get_tags(kind()).input_tags.three_d_array else (table,)):
        model = kind(2, max_epochs=1, random_state=0).fit(X)
        model.save(tmp_path / f"{i}")
        other = load(tmp_path / f"{i}")
        same_model(other, model, X)
        assert other.score(X) == model.score(X)
        assert np.array_equal(other.reconstruction_error(X), model.reconstruction_error(X))


@pytest.mark.parametrize("encoder", ["dense", "conv2d", "attention"])
@pytest.mark.parametrize("linear_path", [True, False])
def test_nets_come_back(encoder, linear_path, images, tmp_path):
    model = fit(images, encoder=encoder, linear_path=linear_path, hidden=(5, 4), activation="gelu")
    model.save(tmp_path / "m")
    same_model(load(tmp_path / "m"), model, images)


def test_a_target_of_its_own_comes_back(table, tmp_path):
    for i, y in enumerate((table[:, :2], np.where(table[:, 0] > 0, "up", "down"), table[:, 1])):
        model = fit(table, y, target="y")
        model.save(tmp_path / str(i))
        other = load(tmp_path / str(i))
        same_model(other, model, table)
        assert other.score(table, y) == model.score(table, y)


def test_parameters_come_back(table, tmp_path):
    settings = {
        "latent_dim": 0.5,
        "hidden": (9, 7),
        "activation": "tanh",
        "loss": "mae",
        "modality": Table(),
        "validation": 0.2,
        "max_epochs": np.int64(2),
        "max_minutes": 3.5,
        "patience": 4,
        "batch_size": 32,
        "lr": np.float32(0.5) / 64,
        "optimizer": "adamw",
        "weight_decay": 0.1,
        "linear_path": False,
        "device": "cpu",
        "precision": "float32",
        "checkpoint": tmp_path / "state",
        "random_state": 5,
        "verbose": False,
    }
    model = Autoencoder(**settings).fit(table)
    model.save(tmp_path / "m")
    other = load(tmp_path / "m")
    mine, theirs = model.get_params(), other.get_params()
    assert theirs.pop("checkpoint") == str(mine.pop("checkpoint"))
    assert theirs == mine
    shutil.rmtree(tmp_path / "state")
    assert np.array_equal(clone(other).set_params(checkpoint=None).fit(table).transform(table), model.transform(table))


def test_settings_of_a_modality_come_back(tmp_path):
    X = [np.full((5 + i % 2, 6), 7 * i, np.uint8) for i in range(12)]
    model = fit(X, modality=Image(size=(4, 4), channels=3))
    model.save(tmp_path / "m")
    other = load(tmp_path / "m")
    assert other.modality == Image((4, 4), 3)
    same_model(other, model, X)


def test_what_json_cannot_hold_goes_back_to_its_default(table, tmp_path):
    model = fit(table, validation=KFold(3), random_state=np.random.RandomState(3), optimizer=torch.optim.RMSprop)
    model.save(tmp_path / "m")
    other = load(tmp_path / "m")
    same_model(other, model, table)
    assert (other.validation, other.random_state, other.optimizer) == ("auto", None, "adam")
    recipe = json.loads((tmp_path / "m" / RECIPE).read_text())
    assert sorted(recipe["parameters_not_saved"]) == ["optimizer", "random_state", "validation"]


def test_validation_data_are_not_saved(table, tmp_path):
    """Data of the user's have no place in a model's file."""
    model = fit(table[:150], validation=table[150:].tolist())
    model.save(tmp_path / "m")
    recipe = (tmp_path / "m" / RECIPE).read_text()
    assert "validation" in json.loads(recipe)["parameters_not_saved"] and str(float(table[151, 2])) not in recipe


def test_a_loaded_model_can_be_trained_and_saved_again(folder, table, tmp_path):
    other = load(folder)
    other.save(tmp_path / "n")
    assert listing(tmp_path / "n") == listing(folder)
    more = clone(other).fit(table, init_from=other)
    assert more.history_[0]["validation"] == pytest.approx(min(h["validation"] for h in other.history_), rel=1e-6)


def test_what_is_saved(folder):
    assert sorted(listing(folder)) == [RECIPE, WEIGHTS]
    recipe = json.loads((folder / RECIPE).read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert recipe["format"] == "zandloper model" and recipe["version"] == 2
    assert recipe["weights_sha256"] == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    assert recipe["estimator"] == "Autoencoder" and recipe["zandloper"] == zandloper.__version__


def test_without_validation_the_recipe_is_json_too(table, tmp_path):
    model = fit(table, validation=0)
    model.save(tmp_path / "m")
    json.loads((tmp_path / "m" / RECIPE).read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    same_model(load(tmp_path / "m"), model, table)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="wants a CUDA device")
def test_a_model_trained_on_cuda_is_read_everywhere(table, tmp_path):
    model = fit(table, device="cuda")
    model.save(tmp_path / "m")
    other = load(tmp_path / "m")
    assert {p.device.type for p in other.module_.parameters()} == {"cpu"}
    np.testing.assert_allclose(other.predict(table), model.predict(table), rtol=1e-3, atol=1e-4)


# ------------------------------------------------------------------------------------------------------------ own parts


def net(*sizes, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(*sizes[:2]), nn.BatchNorm1d(sizes[1]), nn.Tanh(), nn.Linear(*sizes[1:]))


class Head(nn.Module):
    """A bottleneck with a shape and a cost of its own."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 4)

    def forward(self, neck):
        z = self.layer(neck).reshape(-1, 2, 2)
        return z, 0.01 * z.flatten(1).abs().sum(1)


def own_parts(seed):
    parts = {
        "encoder": net(6, 9, 5, seed=seed),
        "decoder": nn.Sequential(nn.Flatten(), net(4, 9, 6, seed=seed)),
        "loss": nn.SmoothL1Loss(reduction="none"),
        "corrupt": nn.Dropout(0.1),
        "bottleneck": Head(),
    }
    return parts


def test_own_parts_come_back(table, tmp_path):
    model = fit(table, **own_parts(0))
    model.save(tmp_path / "m")
    parts = own_parts(7)
    other = load(tmp_path / "m", parts=parts)
    same_model(other, model, table)
    assert all(getattr(other, slot) is part for slot, part in parts.items())
    other.fit(table)


def test_own_parts_that_are_missing_or_wrong_are_named(table, tmp_path):
    path = tmp_path / "m"
    fit(table, encoder=net(6, 9, 5)).save(path)
    with pytest.raises(
        ParameterError, match=r"fitted with a module of its own as `encoder`: pass .*parts=\{\"encoder\": module\}"
    ):
        load(path)
    for wrong in (net(6, 9, 4), net(6, 8, 5), net(5, 9, 5), nn.Linear(6, 5)):
        with pytest.raises((FileError, ParameterError), match=r"encoder|does not fit"):
            load(path, parts={"encoder": wrong})
    with pytest.raises(ParameterError, match=r"parts=\['magic'\] are no slots: there are"):
        load(path, parts={"encoder": net(6, 9, 5), "magic": nn.Identity()})
    with pytest.raises((ParameterError, FileError), match="decoder"):
        load(path, parts={"encoder": net(6, 9, 5), "decoder": net(2, 9, 6)})  # none of its own was there


# ----------------------------------------------------------------------------------------------------- damaged, foreign


def edit(folder, **changes):
    recipe = json.loads((folder / RECIPE).read_text())
    (folder / RECIPE).write_text(json.dumps({**recipe, **changes}))
    return recipe


def without(folder, name):
    recipe = json.loads((folder / RECIPE).read_text())
    del recipe[name]
    (folder / RECIPE).write_text(json.dumps(recipe))


def flip(file, place):
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(bytes(content))


def cut(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])


DAMAGE = {
    "a bit of a weight": (lambda m: flip(m / WEIGHTS, -9), "weights.safetensors is damaged or cut off: its checksum"),
    "a bit of the header": (lambda m: flip(m / WEIGHTS, 12), "weights.safetensors is damaged or cut off: its checksum"),
    "weights cut off": (lambda m: cut(m / WEIGHTS, 0.5), "weights.safetensors is damaged or cut off: its checksum"),
    "weights empty": (lambda m: cut(m / WEIGHTS, 0), "weights.safetensors is damaged or cut off: its checksum"),
    "no weights": (lambda m: (m / WEIGHTS).unlink(), "is damaged: weights.safetensors is missing"),
    "weights are a folder": (
        lambda m: ((m / WEIGHTS).unlink(), (m / WEIGHTS).mkdir()),
        "weights.safetensors is missing",
    ),
    "recipe cut off": (lambda m: cut(m / RECIPE, 0.5), "recipe.json is damaged: "),
    "recipe empty": (lambda m: cut(m / RECIPE, 0), "recipe.json is damaged: "),
    "recipe no text": (lambda m: (m / RECIPE).write_bytes(b"\xff\xfe\x00{}"), "recipe.json is damaged: "),
    "no recipe": (lambda m: (m / RECIPE).unlink(), "is not a model: wanted is a folder with recipe.json and weights"),
    "foreign JSON": (
        lambda m: (m / RECIPE).write_text('{"model": "bert"}'),
        "is not a zandloper model: its recipe.json",
    ),
    "a list": (lambda m: (m / RECIPE).write_text("[1, 2]"), "is not a zandloper model: its recipe.json"),
    "a number": (lambda m: (m / RECIPE).write_text("7"), "is not a zandloper model: its recipe.json"),
    "deep JSON": (lambda m: (m / RECIPE).write_text("[" * 100_000), "recipe.json is damaged: "),
    "foreign format": (lambda m: edit(m, format="other"), "is not a zandloper model: its recipe.json"),
    "newer": (lambda m: edit(m, version=3), "has format version 3, this zandloper reads up to 2: upgrade it"),
    "no version": (lambda m: edit(m, version=None), "has format version None, this zandloper reads up to 2"),
    "another hash": (lambda m: edit(m, weights_sha256="0" * 64), "its checksum is not the recipe's"),
    "unknown type": (
        lambda m: edit(m, estimator="Magic"),
        "holds a 'Magic', which this zandloper .* does not have: upgrade",
    ),
    "type is a list": (lambda m: edit(m, estimator=["Autoencoder"]), "does not have: upgrade|does not fit"),
    "no blueprint": (lambda m: without(m, "blueprint"), "does not fit this zandloper"),
    "no parameters": (lambda m: without(m, "parameters"), "does not fit this zandloper"),
    "nothing learned": (lambda m: edit(m, learned={}), "does not fit this zandloper"),
    "learned is text": (lambda m: edit(m, learned="x"), "does not fit this zandloper"),
    "unknown parameter": (lambda m: edit(m, parameters={"magic": 1}), "does not fit this zandloper"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_models_are_refused(folder, damage):
    harm, says = DAMAGE[damage]
    harm(folder)
    with pytest.raises(FileError, match=says) as caught:
        load(folder)
    assert str(folder) in str(caught.value) and isinstance(caught.value, OSError)


def test_a_recipe_for_other_weights_is_refused(folder):
    recipe = json.loads((folder / RECIPE).read_text())
    for change in (
        {"latent_dim": 3},
        {"linear": False},
        {"encoder": {"name": "magic"}},
        {"latent_dim": "x"},
        {"schema": {**recipe["blueprint"]["schema"], "columns": []}},
        {"encoder": None},
        {"compare": {"name": "custom"}},
        {"encoder": {**recipe["blueprint"]["encoder"], "hidden": [9]}},
    ):
        edit(folder, blueprint={**recipe["blueprint"], **change})
        with pytest.raises((FileError, ParameterError), match=str(folder)):
            load(folder)


@pytest.mark.parametrize("what", ["nowhere", "a file", "an empty folder", "a folder of other things"])
def test_what_is_no_model(tmp_path, what):
    path = tmp_path / what
    if what == "a file":
        path.write_text("x")
    elif what != "nowhere":
        path.mkdir()
    if what == "a folder of other things":
        (path / "thesis.txt").write_text("x")
    says = "no model at .*: there is no such folder" if what == "nowhere" else "is not a model: wanted is a folder with"
    with pytest.raises(FileError, match=says):
        load(path)


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (Path(self.mark),))


@pytest.mark.parametrize("protocol", ["pickle", "torch"])
def test_a_pickle_is_never_executed(folder, tmp_path, protocol):
    mark = tmp_path / "boom"
    if protocol == "pickle":
        (folder / WEIGHTS).write_bytes(pickle.dumps(Bomb(mark)))
    else:
        torch.save(Bomb(mark), folder / WEIGHTS)
    with pytest.raises(FileError, match="its checksum is not the recipe's"):
        load(folder)
    edit(
        folder, weights_sha256=hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    )  # the attacker knows that too
    with pytest.raises(FileError, match="cannot be read"):
        load(folder)
    (folder / RECIPE).write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(FileError, match="damaged"):
        load(folder)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))  # it would have
    assert mark.exists()


# -------------------------------------------------------------------------------------------------------------- writing


def test_nothing_is_overwritten_unasked(folder, model, table):
    before = listing(folder)
    other = fit(table, random_state=1)
    with pytest.raises(FileError, match=r"exists already: pass overwrite=True to replace it \(--force"):
        other.save(folder)
    assert listing(folder) == before
    other.save(folder, overwrite=True)
    assert listing(folder) != before and sorted(listing(folder)) == [RECIPE, WEIGHTS]
    same_model(load(folder), other, table)
    assert [p.name for p in folder.parent.iterdir()] == ["m"]


def test_what_is_no_model_is_never_replaced(model, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("years")
    (tmp_path / "file").write_text("years")
    before = listing(tmp_path)
    for path in (tmp_path / "work", tmp_path / "file"):
        for overwrite in (False, True):
            with pytest.raises(FileError, match="exists and is not a model: choose another path, nothing was written"):
                model.save(path, overwrite=overwrite)
    assert listing(tmp_path) == before


def test_a_model_that_holds_something_of_the_users_keeps_it(folder, model):
    """Notes beside the weights are not the model's to throw away."""
    (folder / "notes.txt").write_text("years")
    try:
        model.save(folder, overwrite=True)
    except FileError as error:
        assert "notes.txt" in str(error)
    assert (folder / "notes.txt").read_text() == "years"


def test_an_empty_folder_is_free(model, table, tmp_path):
    (tmp_path / "m").mkdir()
    model.save(tmp_path / "m")
    same_model(load(tmp_path / "m"), model, table)


def test_folders_on_the_way_are_made(model, table, tmp_path, monkeypatch):
    model.save(tmp_path / "a/b/c")
    same_model(load(tmp_path / "a/b/c"), model, table)
    monkeypatch.chdir(tmp_path)
    model.save("here")
    model.save(Path("here"), overwrite=True)
    same_model(load("here"), model, table)


def test_a_link_to_a_model_is_followed(folder, model, table, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(folder)
    same_model(load(link), model, table)
    other = fit(table, random_state=1)
    other.save(link, overwrite=True)
    same_model(load(link), other, table)


def failing(code):
    """Stands for a call that the system refuses."""

    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    return fail


STEPS = {
    "mkdtemp": (model_folder.tempfile, "mkdtemp"),
    "weights": (model_folder, "save_file"),
    "recipe": (Path, "write_text"),
    "flush": (os, "fsync"),
    "move": (Path, "rename"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "there is no permission to write there"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EIO, "[Ii]nput/output error"),
    ],
)
@pytest.mark.parametrize("old", [True, False], ids=["over a model", "anew"])
def test_a_disk_that_refuses_leaves_everything_as_it_was(table, tmp_path, monkeypatch, step, code, says, old):
    path = tmp_path / "m"
    if old:
        fit(table).save(path)
    before, other = listing(tmp_path), fit(table, random_state=1)
    with monkeypatch.context() as patched:
        patched.setattr(*STEPS[step], failing(code))
        with pytest.raises(FileError, match=f"could not write {path}: .*{says}"):
            other.save(path, overwrite=True)
    assert listing(tmp_path) == before  # the old model is whole, and there is no litter
    other.save(path, overwrite=True)
    same_model(load(path), other, table)


def test_a_disk_that_refuses_the_last_move(folder, table, monkeypatch, model):
    """The old model has moved aside already: it comes back."""
    before, rename = listing(folder.parent), Path.rename

    def fail(self, target):
        if self.name.endswith(".part"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(FileError, match="the disk is full"):
        fit(table, random_state=1).save(folder, overwrite=True)
    monkeypatch.undo()
    assert listing(folder.parent) == before
    same_model(load(folder), model, table)


def test_a_full_disk_as_safetensors_says_it(model, tmp_path, monkeypatch):
    from safetensors import SafetensorError

    def fail(*args, **kwargs):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(model_folder, "save_file", fail)
    with pytest.raises(FileError, match="the disk is full"):
        model.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_is_wanted(model, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match=r"could not write|is a file|not a"):
        model.save(tmp_path / "file" / "m")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_crash_between_the_two_moves_loses_nothing(folder, model, table):
    """Killed after the old model moved aside: it is read where it stands, and the next save tidies up."""
    folder.rename(folder.parent / ".m.old")
    same_model(load(folder), model, table)
    other = fit(table, random_state=1)
    with pytest.raises(FileError, match="exists already"):
        other.save(folder)  # it is there, if under another name
    other.save(folder, overwrite=True)
    same_model(load(folder), other, table)
    assert [p.name for p in folder.parent.iterdir()] == ["m"]


# ---------------------------------------------------------------------------------------------------------- plain files


def test_arrow_is_not_needed_to_read_a_model(folder):
    """What the folder holds is plain JSON and safetensors, which others read as well."""
    from safetensors.numpy import load_file

    tensors = load_file(folder / WEIGHTS)
    assert {"encoder.layers.0.weight", "scaler.mean"} <= set(tensors)
    assert isinstance(pa.array([1]), pa.Array) and tensors["scaler.mean"].shape == (6,)
