"""Files, functions and classes stay small enough to be read at once, and ever more parameters have types."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "zandloper"
LINES_OF_FILE, LINES_OF_FUNCTION, METHODS_OF_CLASS = 300, 60, 20
# What stays above a limit, and why. An entry that is no longer needed fails, so that the list only shrinks.
LARGER = {
    "autoencoders/base.py": "until the hooks of the types are an object of their own",
    "autoencoders/base.py:BaseAutoencoder": "the same; 11 of its methods are the hooks",
    "fitting/fit.py:fit_hourglass": "until data are read into one object before it",
    "fitting/validation.py:check_parameters": "a list of checks, one line per parameter",
    "modality/__init__.py:Schema": "the contract of a modality, one method per question",
    "model/hourglass.py:Hourglass": "the network's whole path, with the four forms of its error",
}
# At most so many parameters annotated with `Any`, by folder: lower a figure whenever it can be.
ANY = {
    "applications": 376,
    "autoencoders": 79,
    "cli": 50,
    "data": 21,
    "fitting": 66,
    "inspection": 84,
    "io": 22,
    "modality": 74,
    "model": 17,
    "noise": 20,
    "persistence": 6,
    "plotting": 8,
    "report": 28,
    "spec.py": 1,
}

FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def named(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """All functions and classes of a body with their dotted names; functions inside functions belong to the outer."""
    for node in body:
        if isinstance(node, FUNCTIONS | ast.ClassDef):
            yield f"{prefix}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from named(node.body, f"{prefix}{node.name}.")


def lines_of(node: ast.AST) -> int:
    """Lines of code of a function: its docstring does not count."""
    assert isinstance(node, FUNCTIONS)
    text = ast.get_docstring(node, clean=False)
    docstring = node.body[0].end_lineno - node.body[0].lineno + 1 if text is not None else 0  # type: ignore[operator]
    return node.end_lineno - node.lineno + 1 - docstring  # type: ignore[operator]


def above() -> dict[str, str]:
    """What exceeds a limit, by its name, with the figure."""
    found = {}
    for name, tree in TREES.items():
        length = len((SOURCE / name).read_text(encoding="utf-8").splitlines())
        if length > LINES_OF_FILE:
            found[name] = f"{length} lines of at most {LINES_OF_FILE}"
        for inner, node in named(tree.body):
            if isinstance(node, FUNCTIONS) and lines_of(node) > LINES_OF_FUNCTION:
                found[f"{name}:{inner}"] = f"{lines_of(node)} lines of at most {LINES_OF_FUNCTION}"
            if isinstance(node, ast.ClassDef):
                methods = sum(isinstance(part, FUNCTIONS) for part in node.body)
                if methods > METHODS_OF_CLASS:
                    found[f"{name}:{inner}"] = f"{methods} methods of at most {METHODS_OF_CLASS}"
    return found


def test_nothing_grows_beyond_what_is_read_at_once():
    found = above()
    new = [f"{name}: {figure}" for name, figure in found.items() if name not in LARGER]
    assert not new, "look for the idea that wants a file or a function: " + "; ".join(new)
    assert set(LARGER) <= set(found), f"no longer needed in LARGER: {sorted(set(LARGER) - set(found))}"


def parameters(tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """Line, name and whether it is `Any`, of every parameter that is annotated."""
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            for one in [*every, *filter(None, (node.args.vararg, node.args.kwarg))]:
                if one.annotation is not None:
                    yield one.lineno, one.arg, ast.unparse(one.annotation) == "Any"


@pytest.mark.parametrize("room", sorted({name.split("/")[0] for name in TREES}))
def test_parameters_have_types(room):
    found = [
        f"{name}:{line} {parameter}"
        for name, tree in TREES.items()
        if name.split("/")[0] == room
        for line, parameter, loose in parameters(tree)
        if loose
    ]
    allowed = ANY.get(room, 0)
    assert len(found) <= allowed, f"{len(found)} parameters of {room} are Any, {allowed} at most: {'; '.join(found)}"
