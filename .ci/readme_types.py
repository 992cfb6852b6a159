"""Print the README's Python as one module, for a type checker: its blocks, and the lines of zandloper in backticks."""

import ast
import builtins
import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"(?<!`)`(zl\.[^`]+)`(?!`)")


def free_names(code: str) -> list[str]:
    """The names that a line uses and does not define."""
    names = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    return sorted(names - {"zl"} - set(dir(builtins)))


print("from typing import Any\n\nimport zandloper as zl\n")
for number, block in enumerate(BLOCK.findall(README)):
    body = "\n".join(f"    {line}" for line in block.splitlines())
    print(f"\ndef block_{number}() -> None:\n{body}\n")
for number, line in enumerate(dict.fromkeys(LINE.findall(README))):
    arguments = ", ".join(f"{name}: Any" for name in free_names(line))
    print(f"\ndef line_{number}({arguments}) -> None:\n    {line}\n")
