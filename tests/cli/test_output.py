"""What commands print: lines, nothing with --quiet, one JSON object with --json."""

import json

import numpy as np
import pytest

from zandloper import cli, io, load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table with a name of its own, an autoencoder and a detector trained on it."""
    place = tmp_path_factory.mktemp("output")
    io.write(place / "a.npy", np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32))
    for command in ("reduce", "detect"):
        line = ["fit", command, place / "a.npy", "-o", place / command, "--max-epochs", 1, "--seed", 0, "-q"]
        assert cli._run([str(word) for word in line]) == 0
    return place


@pytest.fixture
def printed(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)

    def run(line):
        capsys.readouterr()
        assert cli._run(line.split()) == 0
        return capsys.readouterr().out

    return run


def test_describe_as_json(printed, folder):
    facts = json.loads(printed("describe reduce --json"))
    assert facts["estimator"] == "Autoencoder" and facts["inputs"] == 3
    assert facts["epochs"] == load(folder / "reduce").n_epochs_
    assert facts["latents"] == load(folder / "reduce").describe().latents
    facts = json.loads(printed("describe detect --json"))
    assert facts["estimator"] == "AnomalyDetector" and facts["false_alarm_rate"] == 0.01
    assert facts["model"]["inputs"] == 3


def test_run_as_json(printed):
    assert json.loads(printed("run reduce a.npy -o z.csv --json")) == {
        "model": "Autoencoder",
        "data": "a.npy",
        "n": 200,
        "what": "latent",
        "written": "z.csv",
    }
    facts = json.loads(printed("run detect a.npy -o verdicts.csv --json --quiet"))
    assert facts["n"] == 200 and 0 <= facts["anomalies"] <= 200 and facts["written"] == "verdicts.csv"


def test_quiet_prints_nothing(printed):
    for line in ("run reduce a.npy -o q.csv -q", "describe reduce -q", "report reduce a.npy -o q.html --quiet"):
        assert printed(line) == ""


def test_a_seed_is_taken_by_every_model(printed):
    printed("run reduce a.npy -o one.csv --seed 1 -q")
    printed("run reduce a.npy -o two.csv --seed 2 -q")
    assert io.read("one.csv") == io.read("two.csv")  # nothing is drawn
