"""The help of every command: its options, their descriptions, and completion in a shell."""

import os
import subprocess
import sys

import pytest
import typer

from zandloper import cli
from zandloper.cli.app import app

DATA = "--columns --drop --modality --size --channels --window --time"
TRAINING = "--output -o --force --quiet -q --seed --max-epochs --max-minutes"
# Options that scripts may use: none is lost by accident.
WORDS = {
    "demo": "--output -o --force --seed --quiet -q",
    "run": "--output -o --force --quiet -q --seed --json --beside --best --fast --condition --continue --guidance "
    "--like --number -n --steps --text --what",
    "sample": "--output -o --number -n --like --seed --force --quiet -q",
    "describe": "--json --quiet -q",
    "compare-pca": "--output -o --columns --drop --modality --size --channels --latent-dims --max-epochs --max-minutes "
    "--seed --force --quiet -q",
    "report": "--output -o --force --quiet -q --seed --clean --masks --labels --target --compare-pca",
    "compress": "--model -m --output -o --force --quiet -q",
    "decompress": "--model -m --output -o --rows --damaged --force --quiet -q",
    "fit reduce": f"{DATA} {TRAINING} --type --latent-dim --hidden --activation --encoder --decoder --loss "
    "--validation --batch-size --lr --device --precision --checkpoint --beta --warmup --free-bits --importance-samples "
    "--prior --method --codes --code-dim --levels --sparsity --dropout --noise --noisy --noise-conditional",
    "fit detect": f"{DATA} {TRAINING} --false-alarm-rate --n-neighbors --trim-fraction --fast",
    "fit segment": f"{TRAINING} --masks --unlabeled --ignore --no-skips",
    "fit compress": f"{DATA} {TRAINING} --max-error --relative --quality",
    "fit denoise": f"{TRAINING} --columns --drop --modality --window --time --noise --clean --learn-from --init-from "
    "--patch-matching",
    "fit generate": f"{DATA} {TRAINING} --captions --condition",
}


def commands():
    """The commands of the tree by their words."""
    tree = typer.main.get_command(app)
    fit = tree.commands["fit"]
    found = {name: command for name, command in tree.commands.items() if name != "fit"}
    return found | {f"fit {name}": fit.get_command(None, name) for name in fit.commands}


def flags(command):
    return {flag for p in command.params for flag in (*p.opts, *p.secondary_opts) if flag.startswith("-")}


def test_no_option_is_lost():
    found = commands()
    assert sorted(found) == sorted(WORDS)
    assert {name: set(words.split()) - flags(found[name]) for name, words in WORDS.items()} == {
        name: set() for name in WORDS
    }


@pytest.mark.parametrize("name", WORDS)
def test_every_option_has_a_description(name):
    without = [p.name for p in commands()[name].params if len(p.help or "") < 10]
    assert not without


@pytest.mark.parametrize("line", ["", "fit", *WORDS])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_plain(line, flag, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert cli._run([*line.split(), flag]) == 0
    text = capsys.readouterr().out
    assert ("Usage: zandloper" in text and "Print errors" in text) or line in ("", "fit")
    for sign in ("<bool>", "<boolean>", "{", "}", "None", "nn.Module"):
        assert sign not in text, sign


def test_version(capsys):
    from zandloper import __version__

    for flag in ("--version", "-V"):
        assert cli._run([flag]) == 0
        assert capsys.readouterr().out == f"zandloper {__version__}\n"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("desc", ["describe"]),
        ("fit re", ["reduce"]),
        ("fit reduce --latent", ["--latent-dim"]),
        ("fit reduce --type va", ["variational"]),
        ("fit detect --modality se", ["series"]),
    ],
)
def test_completion_in_a_shell(line, found):
    done = subprocess.run(
        [sys.executable, "-m", "zandloper"],
        env=os.environ
        | {
            "_ZANDLOPER_COMPLETE": "complete_bash",
            "COMP_WORDS": f"zandloper {line}",
            "COMP_CWORD": str(len(line.split())),
        },
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == found, done.stderr
