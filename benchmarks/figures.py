"""Figures that outlive the terminal: each benchmark prints them and adds them to `results/figures.jsonl`.

`python benchmarks/figures.py` writes `results/README.md`, the table of the newest figure of each name.
"""

import datetime
import json
import os
import platform
import shlex
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
LEDGER = RESULTS / "figures.jsonl"


def figure(name: str, value: float, against: str, wanted: str = "", schema: str = ".3f") -> None:
    """Print a figure and write it down, with the command and the machine that gave it."""
    command = " ".join(["python", *(shlex.quote(_relative(a)) for a in sys.argv)])
    entry = {
        "name": name,
        "value": format(value, schema),
        "against": against,
        "wanted": wanted,
        "command": command,
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
    }
    RESULTS.mkdir(exist_ok=True)
    with open(LEDGER, "a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
    print(f"figure: {name} {entry['value']} against {against}{f' (wanted: {wanted})' if wanted else ''}", flush=True)


def _relative(argument: str) -> str:
    """Paths as seen from the data folder or the repository: a table names no machine."""
    data = os.environ.get("ZANDLOPER_DATA")
    path = Path(argument)
    if data and path.exists() and path.resolve().is_relative_to(Path(data).resolve()):
        return f"$ZANDLOPER_DATA/{path.resolve().relative_to(Path(data).resolve())}".removesuffix("/.")
    root = Path(__file__).resolve().parents[1]
    if path.exists() and path.resolve().is_relative_to(root):
        return str(path.resolve().relative_to(root))
    return path.name if path.is_absolute() else argument


def table() -> str:
    """The newest figure of each name, in Markdown."""
    newest = {}
    for line in LEDGER.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        newest[entry["name"]] = entry
    lines = ["| what | figure | against | wanted | command | date |", "|---|---|---|---|---|---|"]
    for name, entry in newest.items():
        cells = (name, entry["value"], entry["against"], entry["wanted"], f"`{entry['command']}`", entry["date"])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    head = "# Figures\n\nWritten by `python benchmarks/figures.py` from `figures.jsonl`; "
    head += "see [how they are measured](../README.md).\n\n"
    (RESULTS / "README.md").write_text(head + table(), encoding="utf-8")
    print(table())
