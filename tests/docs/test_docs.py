"""What the pages in docs/ show runs as written, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)\s#]+)")


@pytest.mark.parametrize(
    "page", [p for p in PAGES if PYTHON.search(p.read_text(encoding="utf-8"))], ids=lambda p: p.stem
)
def test_python_runs_as_written(page, tmp_path, monkeypatch):
    """The blocks of a page one after another: a later one may use what an earlier one made."""
    text = page.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "docs"}
    for code in PYTHON.findall(text):
        exec(compile(code, page.name, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_lead_somewhere(page):
    lost = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert not lost


GLOSSARY = re.compile(r"^\| (.+?) \|.*\| `(\w+)` in \[[^\]]+\]\(\.\./(src/\S+)\)", re.MULTILINE)


def test_the_glossary_names_what_the_files_define():
    rows = GLOSSARY.findall((Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8"))
    files = {file: (Path(__file__).parents[2] / file).read_text(encoding="utf-8") for _, _, file in rows}
    assert len(rows) > 100
    assert not [(word, name, file) for word, name, file in rows if not re.search(rf"\b{name}\b", files[file])]
