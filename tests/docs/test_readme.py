"""What the README shows runs as written. The blocks under `## Start` make environments: CI runs those."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}$\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"README.md has no section '## {title}'"
    return found[1]


def blocks(text: str, language: str) -> list[str]:
    return [code for name, code in FENCED.findall(text) if name == language]


def test_readme_is_short_and_keeps_its_sentence():
    assert README.count("\n") <= 100
    assert "five words to choose" in README


def test_start_has_two_blocks_the_job_and_the_tests():
    found = FENCED.findall(section("Start"))
    assert [language for language, _ in found] == ["sh", "sh"]
    (_, job), (_, tests) = found
    assert "zandloper demo" in job and "pytest" in tests
    # Each stands alone, in a clone where nothing has been made yet, and takes the tested set.
    for code in (job, tests):
        assert "-m venv .venv" in code and "-c constraints.txt" in code


@pytest.mark.parametrize("code", blocks(README, "python"))
def test_python_runs_as_written(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def test_the_command_line_runs_as_written(tmp_path, table):
    np.savetxt(tmp_path / "table.csv", table, delimiter=",", header="a,b,c,d,e,f", comments="")
    (code,) = blocks(section("On the command line"), "sh")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", README))))
def test_links_lead_somewhere(target):
    assert (Path(__file__).parents[2] / target).exists()
