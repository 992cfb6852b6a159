"""The command line, as a user meets it: what it prints, what it leaves on disk, and how it says no."""

import errno
import inspect
import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from zandloper import Autoencoder, cli, io, load, noise
from zandloper.applications.studies.digits_demo import run_demo
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.cli import estimator_options, values
from zandloper.cli.applications import applications
from zandloper.cli.fit import command_of
from zandloper.persistence.load import loadable


@pytest.fixture
def zandloper(capsys, tmp_path, monkeypatch):
    """Runs a command line in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(line, *more):
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main([*line.split(), *map(str, more)])
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


@pytest.fixture
def refused(zandloper):
    """Runs a command line that has to fail with one line and exit code 2, and gives the line."""

    def run(line, *more):
        code, out, err = zandloper(line, *more)
        assert (code, out) == (2, "") and re.fullmatch(r"zandloper: error: .+\n", err), (code, out, err)
        return err

    return run


@pytest.fixture
def data(tmp_path, table, images):
    """The same small data in all forms, in the folder that commands run in."""
    kinds = np.array(["round", "square", "long"])[np.arange(len(table)) % 3]
    frame = pa.table({**{f"c{i}": table[:, i] for i in range(6)}, "kind": kinds})
    for name, content in {"t.csv": frame, "t.parquet": frame, "a.npy": table, "a.npz": table, "i.npy": images}.items():
        io.write(tmp_path / name, content)
    io.write(tmp_path / "photos", images[:20])
    io.write(tmp_path / "scans", list(images[:20].astype(np.uint16) * 257))
    return tmp_path


FIT = "fit reduce {} -o m --max-epochs 2 --seed 0"


# ----------------------------------------------------------------------------------------------------------------- help


def test_help_loads_nothing_heavy():
    code = """if True:
        import sys
        from zandloper import cli
        commands = ("fit reduce", "run", "demo", "describe", "report", "sample")
        for line in ("", "fit", "--help", "--version", *(f"{command} --help" for command in commands)):
            assert cli._run(line.split()) == 0
        heavy = {"torch", "sklearn", "numpy", "pandas", "pyarrow", "PIL", "matplotlib", "narwhals"} & set(sys.modules)
        assert not heavy, heavy
    """
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_python_m(tmp_path):
    done = subprocess.run([sys.executable, "-m", "zandloper", "nonsense"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "zandloper: error: No such command 'nonsense'. (see: zandloper --help)\n"


def test_options_are_parameters_of_the_estimator():
    (reduce,) = (each for each in applications() if each.name == "reduce")
    options = set(inspect.signature(command_of(reduce)).parameters)
    here_only = {"data", "output", "columns", "drop", "size", "channels", "window", "time", "force", "quiet", "seed"}
    here_only |= {"type"}
    of_types = set(estimator_options.type_options())
    assert options - here_only - of_types <= set(inspect.signature(Autoencoder).parameters)
    assert of_types <= options


def test_options_of_the_types_are_those_of_their_signatures():
    """They are read from the source alone: here the classes are asked."""
    known = {
        name: kind
        for name, kind in loadable().items()
        if issubclass(kind, BaseAutoencoder) and kind is not BaseAutoencoder
    }
    known = {name: kind for name, kind in known.items() if kind.__module__.startswith("zandloper.")}
    assert sorted(estimator_options.types().values()) == sorted(known)
    shared, found = set(inspect.signature(Autoencoder).parameters), {}
    shared_fit = set(inspect.signature(Autoencoder.fit).parameters)
    for name, class_name in estimator_options.types().items():
        of_fit = set(inspect.signature(known[class_name].fit).parameters) - shared_fit
        for parameter in (set(inspect.signature(known[class_name]).parameters) - shared) | of_fit:
            found.setdefault(parameter, set()).add(name)
    assert {name: set(option.help) for name, option in estimator_options.type_options().items()} == found
    texts = [text for option in estimator_options.type_options().values() for text in option.help.values()]
    assert all(text.endswith(".") and len(text) > 20 for text in texts), texts


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("fit reduce", "Missing argument 'DATA'"),
        ("fit reduce x.csv", "Missing option '--output' / '-o'"),
        ("fit nothing x.csv", "No such command 'nothing'"),
        ("--nothing", "No such option: --nothing"),
        ("fit reduce x.csv -o m --latent-dim many", "a number of latents (8) or a fraction of the variance (0.9)"),
        ("fit reduce x.csv -o m --hidden 64;32", "write 64,32"),
        ("fit reduce x.csv -o m --size 32", "write 32x48"),
        ("fit reduce x.csv -o m --seed x", "--seed"),
        (
            "fit reduce x.csv -o m --type strange",
            "'strange' is no type: write plain, denoising, masked, quantized, sparse, variational",
        ),
        ("fit reduce x.csv -o m --beta much", "--beta"),
        ("fit reduce x.csv -o m --levels 8x6", "write 8,6,5"),
        ("fit reduce x.csv -o m --noise gausian", "there is no noise named 'gausian': there is block_masking, blur"),
        ("fit reduce x.csv -o m --noise gaussian(-1)", "parameter `sigma` of Gaussian must be"),
    ],
)
def test_wrong_usage(refused, line, says):
    error = refused(line)
    assert says in error and "--help)" in error


@pytest.mark.parametrize(
    ("text", "value"), [("auto", "auto"), ("none", ()), ("", ()), ("64", (64,)), ("64, 32", (64, 32))]
)
def test_hidden(text, value):
    assert values.read_hidden(text) == value


def test_latent_dim():
    assert [values.read_latent_dim(text) for text in ("8", "0.95", "-1")] == [8, 0.95, -1]


# --------------------------------------------------------------------------------------------------- fit, run, describe


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "a.npy", "a.npz", "i.npy", "photos", "scans"])
@pytest.mark.parametrize("out", ["z.csv", "z.parquet", "z.npy"])
def test_from_any_data_to_latents(zandloper, data, name, out):
    code, said, err = zandloper(FIT.format(name), "--latent-dim", 3)
    assert (code, err) == (0, "")
    for word in ("data ", "Autoencoder", "2 epochs", "score ", "written  m"):
        assert word in said
    code, said, err = zandloper(f"run m {name} -o {out}")
    assert (code, err) == (0, "") and f"written  {out} (latent)" in said
    back, model = io.read(data / out), load(data / "m")
    latents = model.transform(io.read(data / name))
    if isinstance(back, pa.Table):
        assert back.column_names == list(model.get_feature_names_out())
        back = np.stack([column.to_numpy() for column in back.columns], axis=1)
    assert np.array_equal(back.astype(latents.dtype), latents)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_table_comes_back_as_a_table(zandloper, data, name):
    assert zandloper(FIT.format(name), "-q") == (0, "", "")
    assert zandloper(f"run m {name} -o r_{name} --what reconstruction -q") == (0, "", "")
    assert io.read(data / f"r_{name}").schema.names == io.read(data / name).schema.names
    assert set(io.read(data / f"r_{name}")["kind"].to_pylist()) <= {"round", "square", "long"}
    assert zandloper(f"run m {name} -o e.csv --what error -q") == (0, "", "")
    assert io.read(data / "e.csv").column_names == ["reconstruction_error"]


@pytest.mark.parametrize(("name", "dtype"), [("photos", np.uint8), ("scans", np.uint16)])
def test_images_come_back_as_images(zandloper, data, name, dtype):
    assert zandloper(FIT.format(name), "-q")[0] == 0
    assert zandloper(f"run m {name} -o out --what reconstruction -q") == (0, "", "")
    back = io.read(data / "out")
    assert back.names == io.read(data / name).names and back[0].shape == (12, 10) and back[0].dtype == dtype
    assert zandloper(f"run m {name}/00.png -o one.png --what reconstruction -q") == (0, "", "")
    assert np.array_equal(io.read(data / "one.png")[0], back[0])


def test_options_reach_the_estimator(zandloper, data):
    line = FIT.format("t.csv") + " --latent-dim 2 --hidden 8,4 --activation tanh --loss mse --drop kind,c5 -q"
    assert zandloper(line)[0] == 0
    model = load(data / "m")
    assert (model.latent_dim, model.hidden, model.activation, model.loss) == (2, (8, 4), "tanh", "mse")
    assert (model.random_state, model.max_epochs) == (0, 2)
    assert list(model.feature_names_in_) == ["c0", "c1", "c2", "c3", "c4"]
    assert zandloper("run m t.csv -o z.csv -q")[0] == 0  # takes the columns that it knows


def test_the_same_seed_gives_the_same_model(zandloper, data):
    for name in ("m1", "m2"):
        zandloper(f"fit reduce a.npy -o {name} --max-epochs 2 --seed 5 -q")
        zandloper(f"run {name} a.npy -o {name}.npy -q")
    assert (data / "m1.npy").read_bytes() == (data / "m2.npy").read_bytes()


def test_images_of_mixed_sizes(zandloper, refused, data):
    Image.fromarray(np.zeros((7, 9, 3), np.uint8)).save(data / "photos/odd.png")
    assert "differ in size: 00.png (12 x 10) and odd.png (7 x 9)" in refused(FIT.format("photos"))
    line = FIT.format("photos") + " --size 6x8"
    assert "00.png (gray) and odd.png (colored); make them alike with --channels" in refused(line)
    assert zandloper(line, "--channels", 1, "-q")[0] == 0
    assert zandloper("run m photos -o out --what reconstruction -q")[0] == 0
    assert io.read(data / "out").sizes() == {"6 x 8": "00.png"}
    assert "change images from files" in refused(FIT.format("a.npy"), "--size", "8x8", "--force")


def test_describe(zandloper, data):
    zandloper(FIT.format("a.npy"))
    code, out, _ = zandloper("describe m")
    assert code == 0 and out == f"{load(data / 'm').describe()}\n"


# ------------------------------------------------------------------------------------------------------------ the types

OF_TYPES = {  # the options of each, and what `run` can write of it beside latents, reconstructions and errors
    "plain": ("", {}),
    "denoising": ("--noise gaussian(0.2)", {}),
    "masked": ("--dropout 0.2", {}),
    "quantized": ("--method vq --codes 8", {"symbols": ["symbol_0", "symbol_1"]}),
    "sparse": ("--method kl --sparsity 0.2", {}),
    "variational": ("--beta 0.5 --prior normal", {"elbo": ["elbo"], "log_likelihood": ["log_likelihood"]}),
}


@pytest.mark.parametrize("kind", estimator_options.types())
@pytest.mark.parametrize("name", ["t.csv", "photos"])
def test_every_type_from_fit_to_report(zandloper, data, kind, name):
    settings, more = OF_TYPES[kind]
    code, said, err = zandloper(f"{FIT.format(name)} --latent-dim 2 --type {kind} {settings}")
    if kind == "masked" and name == "photos":  # a type for tables alone
        assert code == 2 and "parameter `modality` of MaskedAutoencoder must be 'auto' or 'table'" in err
        return
    model = load(data / "m")
    assert (
        (code, err) == (0, "")
        and type(model).__name__ == estimator_options.types()[kind]
        and model.score_meaning in said
    )
    assert zandloper("describe m")[1].startswith(type(model).__name__)
    for what, columns in {
        "latent": list(model.get_feature_names_out()),
        "error": ["reconstruction_error"],
        **more,
    }.items():
        assert zandloper(f"run m {name} -o {what}.csv --what {what} -q") == (0, "", "")
        assert io.read(data / f"{what}.csv").column_names == columns
    if "symbols" in more:
        assert all(str(column.type) == "int64" for column in io.read(data / "symbols.csv").columns)
    assert zandloper(f"run m {name} -o r --what reconstruction -q")[0] == (2 if name == "t.csv" else 0)
    assert zandloper(f"report m {name} -o m.html -q") == (0, "", "") and (data / "m.html").stat().st_size > 50_000


def test_options_reach_the_types(zandloper, data):
    for line, wanted in {
        "sparse --method topk --sparsity 3 --dropout 0.1": {"method": "topk", "sparsity": 3, "dropout": 0.1},
        "quantized --method fsq --levels 4,3": {"method": "fsq", "levels": (4, 3)},
        "variational --beta 2 --free-bits 0.1 --importance-samples 2": {"beta": 2.0, "importance_samples": 2},
        "denoising --noise masking(0.3,patch=2)": {"noise": noise.Masking(0.3, 2)},
        "denoising --noise auto": {"noise": "auto"},
    }.items():
        assert zandloper(f"fit reduce i.npy -o m --max-epochs 1 --force -q --seed 0 --type {line}") == (0, "", "")
        model = load(data / "m")
        assert {name: getattr(model, name) for name in wanted} == wanted


@pytest.mark.filterwarnings("ignore:The noise that is added")
def test_noise_is_learned_from_noisy_data(zandloper, data, table):
    io.write(data / "noisy.npy", table + table.std(0) * np.random.default_rng(1).normal(size=table.shape) * 0.5)
    line = "fit reduce a.npy -o m --max-epochs 1 --seed 0 -q --type denoising --noisy"
    assert zandloper(f"{line} noisy.npy")[0] == 0
    assert isinstance(load(data / "m").noise_, noise.Noise)
    assert "none.npy does not exist" in zandloper(f"{line} none.npy --force")[2]


def test_options_of_other_types_are_refused_before_anything_is_read(refused):
    assert "--beta belongs to --type variational, and this is --type plain" in refused("fit reduce x -o m --beta 2")
    line = "fit reduce x -o m --type variational --method vq"
    assert "--method belongs to --type quantized or --type sparse" in refused(line)


# --------------------------------------------------------------------------------------------------------------- sample


@pytest.mark.parametrize("kind", ["variational", "quantized"])
def test_samples_of_tables_and_images(zandloper, refused, data, kind):
    assert "zandloper sample m -o samples.csv" in zandloper(FIT.format("t.csv") + f" --type {kind}")[1]
    for out in ("s.csv", "s.parquet"):
        assert zandloper(f"sample m -n 5 -o {out} --seed 1") == (0, f"written  {out} (5 samples)\n", "")
    made, other = io.read(data / "s.csv"), io.read(data / "s.parquet")
    assert made.column_names == io.read(data / "t.csv").column_names and made.num_rows == other.num_rows == 5
    assert made["kind"].to_pylist() == other["kind"].to_pylist()
    assert "no images" in refused("sample m -o s")
    zandloper(f"{FIT.format('photos')} --type {kind} --force")
    assert zandloper("sample m -n 3 -o s --seed 1 -q") == (0, "", "")
    assert zandloper("sample m -n 3 -o s.npy --seed 1 -q") == (0, "", "")
    assert np.array_equal(np.stack(list(io.read(data / "s"))), io.read(data / "s.npy"))
    assert io.read(data / "s").names == ["0.png", "1.png", "2.png"]


def test_variations_of_items(zandloper, refused, data):
    zandloper(FIT.format("t.csv") + " --type variational")
    assert zandloper("sample m --like t.csv -n 2 -o s.csv -q") == (0, "", "")
    assert io.read(data / "s.csv").num_rows == 2 * io.read(data / "t.csv").num_rows
    assert "choose another place" in refused("sample m --like t.csv -n 2 -o t.csv --force")
    zandloper(FIT.format("t.csv") + " --type quantized --force")
    assert "only --type variational does" in refused("sample m --like t.csv -o s2.csv")


def test_what_cannot_be_sampled(zandloper, refused, data):
    zandloper(FIT.format("t.csv"))
    assert "Autoencoder has no prior to sample from: take a variational or quantized" in refused("sample m -o s.csv")
    zandloper(FIT.format("t.csv") + " --type variational --force")
    assert "parameter `n` of sample must be a positive integer, got 0" in refused("sample m -n 0 -o s.csv")
    assert "'.doc' cannot be written" in refused("sample m -o s.doc")
    assert "t.csv exists already" in refused("sample m -o t.csv")
    assert "choose another place" in refused("sample m -o m --force")
    assert not (data / "s.csv").exists()


# ------------------------------------------------------------------------------------------------------------ bad input


def test_data_that_cannot_be_read(refused, data):
    (data / "bad.png").write_bytes((data / "photos/00.png").read_bytes()[:50])
    (data / "dirty.csv").write_text("a,b\n" + "1,2\n" * 99 + "1,oops\n")
    (data / "one.csv").write_text("a,b\n1,2\n")
    for name, says in {
        "none.csv": "does not exist",
        "t.doc": "does not exist",
        "dirty.csv": "text in 1, first in data row 100: 'oops'",
        "bad.png": "bad.png cannot be read",
        "one.csv": "minimum of 2",
    }.items():
        assert says in refused(FIT.format(name), "-q")
    (data / "t.doc").touch()
    assert "'.doc' cannot be read" in refused(FIT.format("t.doc"))
    assert not (data / "m").exists()


def test_parameters_that_cannot_be(refused, data):
    for option, says in {
        "--latent-dim 0": "latent_dim",
        "--hidden 0": "hidden",
        "--max-epochs -1": "max_epochs",
    }.items():
        assert f"parameter `{says}` of Autoencoder must be" in refused(f"fit reduce a.npy -o m -q {option}")
    assert "lack the column zz: there are c0" in refused("fit reduce t.csv -o m --columns c0,zz")


def test_data_that_do_not_fit_the_model(zandloper, refused, data):
    zandloper(FIT.format("t.csv"))
    io.write(data / "less.csv", io.read(data / "t.csv").drop_columns(["c1", "kind"]))
    assert "lack the columns c1, kind: there are c0, c2" in refused("run m less.csv -o z.csv")
    assert not (data / "z.csv").exists()


def test_models_that_are_none(refused, data):
    assert "no model at m" in refused("describe m")
    assert "photos is not a model" in refused("run photos a.npy -o z.csv")


def test_what_a_model_cannot_give(zandloper, refused, data):
    zandloper(FIT.format("a.npy"))
    assert "gives latent, reconstruction, error" in refused("run m a.npy -o z.csv --what nonsense")
    assert "--what latent gives numbers" in refused("run m a.npy -o z.png")
    assert "'.doc' cannot be written" in refused("run m a.npy -o z.doc")
    assert "no images" in refused("run m a.npy -o z --what reconstruction")


# ------------------------------------------------------------------------------------------------- nothing is destroyed


def test_an_existing_output_is_refused_before_training(zandloper, refused, data, monkeypatch):
    zandloper(FIT.format("a.npy"))
    monkeypatch.setattr(Autoencoder, "fit", lambda *_: pytest.fail("trained for nothing"))
    assert "m exists already" in refused(FIT.format("a.npy"))
    assert "photos is no model, and only models are replaced" in refused("fit reduce a.npy -o photos --force")
    assert "t.csv is a file, and a model is a folder" in refused("fit reduce a.npy -o t.csv --force")
    assert "t.csv exists already" in refused("run m a.npy -o t.csv")
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)
    assert "no permission" in refused("fit reduce a.npy -o new")


def test_force_replaces_a_model(zandloper, data):
    zandloper(FIT.format("a.npy"), "--latent-dim", 2)
    assert zandloper(FIT.format("a.npy"), "--latent-dim", 3, "--force")[0] == 0
    assert load(data / "m").latent_shape_ == (3,)


def test_what_is_read_is_never_replaced(zandloper, refused, data):
    zandloper(FIT.format("photos"))
    for out in ("photos", "photos/new", "m", "m/new", "."):
        assert "choose another place" in refused(f"run m photos -o {out} --what reconstruction --force")
    zandloper(FIT.format("a.npy"), "--force")
    assert "choose another place" in refused("run m a.npy -o a.npy --force")


def test_a_full_disk(zandloper, refused, data, monkeypatch):
    zandloper(FIT.format("a.npy"))
    before = sorted(p.name for p in data.iterdir())

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert "z.csv could not be written: the disk is full" in refused("run m a.npy -o z.csv")
    assert sorted(p.name for p in data.iterdir()) == before


# ---------------------------------------------------------------------------------------------------- the unexpected


def test_unexpected_errors_are_one_line(zandloper, data, monkeypatch):
    def break_down(*_):
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr(Autoencoder, "fit", break_down)
    code, _, err = zandloper(FIT.format("a.npy"))
    assert (code, err) == (
        1,
        "zandloper: error: unexpected ZeroDivisionError: two lines (ZANDLOPER_DEBUG=1 shows where)\n",
    )
    monkeypatch.setenv("ZANDLOPER_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli._run(FIT.format("a.npy").split())


def test_interrupted(zandloper, data, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Autoencoder, "fit", interrupt)
    code, _, err = zandloper(FIT.format("a.npy"))
    assert (code, err) == (130, "zandloper: error: interrupted\n")


@pytest.mark.filterwarnings("default")
def test_warnings_are_one_line(zandloper, data):
    io.write(data / "ids.csv", pa.table({"id": [f"user {i}" for i in range(600)], "x": np.arange(600.0)}))
    code, _, err = zandloper("fit reduce ids.csv -o m --max-epochs 1")
    assert code == 0 and re.fullmatch(r"zandloper: warning: .*'id'.*\n", err)


def test_a_reader_that_hangs_up(data):
    program = [sys.executable, "-m", "zandloper", "fit", "reduce", "a.npy", "-o", "m", "--max-epochs", "1"]
    with subprocess.Popen(program, cwd=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode != -signal.SIGABRT and "Traceback" not in err


# ----------------------------------------------------------------------------------------------------------------- demo


@pytest.mark.trained
def test_demo(tmp_path, capsys):
    results = run_demo(tmp_path / "demo", seed=1, max_epochs=3)
    out = capsys.readouterr().out
    assert [r.latents for r in results] == [2, 8]
    assert all(0 < r.error < 1.02 * r.pca_error and r.accuracy > 0.5 for r in results)
    assert "Training on 1,347 handwritten digits" in out and "Next:" in out
    made = {"demo.json", "digits.npy", "latent_map.png", "model", "model_2", "reconstructions.png"}
    assert {p.name for p in (tmp_path / "demo").iterdir()} == made
    assert json.loads((tmp_path / "demo/demo.json").read_text())["results"][1]["latents"] == 8
    digits = io.read(tmp_path / "demo/digits.npy")
    assert load(tmp_path / "demo/model").transform(digits).shape == (450, 8)


def test_demo_replaces_only_its_own(zandloper, refused, data):
    (data / "demo").mkdir()
    (data / "demo/demo.json").touch()
    assert "demo holds an earlier demo: open its figures, replace it with --force" in refused("demo -o demo")
    assert "photos holds other things than an earlier demo" in refused("demo -o photos --force")
    assert "t.csv is a file" in refused("demo -o t.csv --force")
