"""Words that the project does not use: the field has others for what they meant."""

import re
from pathlib import Path

import pytest
import typer

from zandloper import cli
from zandloper.cli.app import app

ROOT = Path(__file__).parents[2]
WORDS = re.compile(r"told|witness|testimon|oddness|oddest", re.IGNORECASE)
# The record of earlier decisions, and the names that version 1 of the file format has.
EXCEPTED = {"docs/decisions.md", "src/zandloper/io/model_folder.py"}
TEXTS = {".py", ".md", ".css", ".js", ".html", ".json", ".toml", ".txt"}
FILES = sorted(
    path
    for path in [ROOT / "README.md", *(ROOT / "src").rglob("*"), *(ROOT / "docs").rglob("*")]
    if path.suffix in TEXTS and path.relative_to(ROOT).as_posix() not in EXCEPTED
)


def lines_of_commands():
    """A line of words for each command and group."""
    tree = typer.main.get_command(app)
    return ["", *tree.commands, *(f"fit {name}" for name in tree.commands["fit"].commands)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_use_the_words_of_the_field(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert not [f"{number}: {line}" for number, line in enumerate(lines, 1) if WORDS.search(line)]


@pytest.mark.parametrize("line", lines_of_commands())
def test_help_uses_the_words_of_the_field(line, capsys):
    assert cli._run([*line.split(), "--help"]) == 0
    assert not WORDS.findall(capsys.readouterr().out)
