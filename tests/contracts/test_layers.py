"""Imports run one way: downwards in this list. It is the map of the house; a new file takes its place here."""

import ast
from pathlib import Path

import pytest

# From the faces down to the foundations: the tree of src/zandloper, one name a line; `__init__` is the public face.
# A file may import what stands on a lower line.
LAYERS = (
    "__main__",
    "cli",
    "__init__",
    "applications",
    "autoencoders",
    "report",
    "persistence",
    "fitting",
    "inspection",
    "noise",
    "plotting",
    "training",
    "modality",
    "model",
    "data",
    "io",
    "spec",
    "errors",
)
# The same inside `model`, where those of one line never import each other: the slots are siblings.
MODEL_LAYERS = (
    ("series_imputation",),
    ("priors", "masked", "noise_conditional"),
    ("hourglass",),
    ("custom", "linear_path"),
    ("corruptions", "networks", "bottlenecks", "losses"),
    ("layers",),
    ("batch",),
)
# Folders whose subfolders never import each other.
APART = "applications"
# Folders whose files are found by discovery: they import nothing of their folder but its `__init__`, which imports none
# of them, so that one more is one new file. Inside other folders, imports are the folder's own matter.
DISCOVERED = {"modality", "model.priors", "model.corruptions", "model.networks", "model.bottlenecks", "model.losses"}

SOURCE = Path(__file__).parents[2] / "src" / "zandloper"
LEVEL = {name: level for level, name in enumerate(LAYERS)}
MODEL_LEVEL = {name: level for level, names in enumerate(MODEL_LAYERS) for name in names}


def module_of(path: Path, source: Path) -> str:
    """The dotted name below `zandloper`: `spec`, `io` (its `__init__`), `io.tables`; `__init__` for the top."""
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def modules(source: Path) -> dict[str, Path]:
    return {module_of(path, source): path for path in sorted(source.rglob("*.py"))}


def imports(module: str, known: dict[str, Path]) -> list[tuple[int, str]]:
    """The line and the name of all that a file imports of the house, inside functions too."""
    path, found = known[module], []

    def add(line: int, dotted: str) -> None:
        below = dotted.removeprefix("zandloper").lstrip(".")
        found.append((line, below or "__init__"))

    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "zandloper":
                    add(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                here = ["zandloper", *path.relative_to(known["__init__"].parent).parts[:-1]]
                origin = ".".join([*here[: len(here) - node.level + 1], *filter(None, [node.module])])
            if origin.split(".")[0] != "zandloper":
                continue
            for alias in node.names:
                if alias.name == "__version__":  # a fact, not a layer
                    continue
                # `from zandloper.model.networks import dense` means the file where there is one, else a name in `nets`.
                whole = f"{origin}.{alias.name}"
                add(node.lineno, whole if whole.removeprefix("zandloper.") in known else origin)
    return found


def fault(module: str, target: str) -> str | None:
    """Why a file should not import another part of the house, in words; None: it may."""
    part, other = module.split(".")[0], target.split(".")[0]
    if other not in LEVEL:
        return f"`{other}` has no place in LAYERS"
    if LEVEL[other] < LEVEL[part]:
        return f"`{other}` stands above `{part}`: imports run downwards"
    folder = next((name for name in DISCOVERED if f"{module}.".startswith(f"{name}.")), None)
    inside = len(folder.split(".")) + 1 if folder else 0
    same_part = module.split(".")[:inside] == target.split(".")[:inside]  # a part may be a folder of several files
    if folder and f"{target}.".startswith(f"{folder}.") and not (target == folder != module or same_part):
        return "files of one folder import nothing of it but its __init__, and that imports none of them"
    if part != other or "." not in module or "." not in target:
        return None
    inner, outer = module.split(".")[1], target.split(".")[1]
    if part == APART and inner != outer:
        return f"`{inner}` and `{outer}` are siblings: what both need belongs further down"
    if part != "model" or inner == outer:
        return None
    if inner not in MODEL_LEVEL or outer not in MODEL_LEVEL:
        return f"`model/{outer if inner in MODEL_LEVEL else inner}` has no place in MODEL_LAYERS"
    if MODEL_LEVEL[outer] < MODEL_LEVEL[inner]:
        return f"`{outer}` stands above `{inner}`: imports run downwards"
    if MODEL_LEVEL[outer] == MODEL_LEVEL[inner]:
        return f"`{inner}` and `{outer}` are siblings: what both need belongs further down"
    return None


def faults(module: str, known: dict[str, Path]) -> list[str]:
    """What a file imports and should not, in words."""
    found = [(line, target, fault(module, target)) for line, target in imports(module, known)]
    return [f"{known[module].name}:{line} imports {target}: {why}" for line, target, why in found if why]


KNOWN = modules(SOURCE)


@pytest.mark.parametrize("part", sorted({module.split(".")[0] for module in KNOWN}))
def test_every_part_has_a_place(part):
    assert part in LEVEL, f"src/zandloper/{part} has no place yet: put it where it belongs in LAYERS"


def test_the_top_level_has_few_entries():
    entries = {path.name for path in SOURCE.iterdir()} - {"__pycache__"}
    assert len(entries) <= 24, sorted(entries)


@pytest.mark.parametrize("module", [module for module in KNOWN if module.split(".")[0] in LEVEL])
def test_imports_run_downwards(module):
    found = faults(module, KNOWN)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("file", "code", "why"),
    [
        ("spec.py", "import zandloper.model.hourglass", "stands above"),
        ("spec.py", "def f():\n    from zandloper.model import hourglass", "stands above"),
        ("model/hourglass.py", "import zandloper as zl", "stands above"),
        ("model/hourglass.py", "from zandloper import Autoencoder", "stands above"),
        ("model/hourglass.py", "from .. import fitting", "stands above"),
        ("model/networks/dense.py", "from zandloper.model.hourglass import Hourglass", "stands above"),
        ("model/networks/dense.py", "from zandloper.model.bottlenecks.plain import Identity", "siblings"),
        ("model/networks/dense.py", "from ..losses import Loss", "siblings"),
        ("model/networks/dense.py", "from zandloper.model.networks.conv2d import Conv2d", "files of one folder"),
        ("model/networks/dense.py", "from zandloper.model.networks import conv2d", "files of one folder"),
        ("model/networks/dense.py", "from . import conv2d", "files of one folder"),
        ("model/networks/__init__.py", "from .dense import Dense", "files of one folder"),
        ("model/networks/dense.py", "from zandloper.model.nowhere import it", "no place"),
        ("applications/detection/detector.py", "from zandloper.applications.denoising import tabular", "siblings"),
        ("modality/series/schema.py", "from zandloper.modality.table import Table", "files of one folder"),
        ("spec.py", "from zandloper.nowhere import it", "no place"),
    ],
)
def test_a_wrong_import_is_found(tmp_path, file, code, why):
    found = _faults_in(tmp_path, file, code)
    assert len(found) == 1 and why in found[0]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (
            "model/hourglass.py",
            "import math\nfrom zandloper.model.networks.dense import Dense\nfrom zandloper import spec",
        ),
        (
            "model/networks/dense.py",
            "from zandloper.model.networks import some\nfrom . import other\nfrom ...spec import Spec",
        ),
        ("model/networks/__init__.py", "from zandloper.spec import Spec\nimport zandloper.errors"),
        ("__init__.py", "from .model.hourglass import Hourglass"),
        ("applications/detection/detector.py", "from zandloper.applications.detection import scoring"),
        ("fitting/__init__.py", "from zandloper import __version__, spec"),
        ("cli/run.py", "import zandloper as zl"),
        ("io/__init__.py", "from zandloper.io import tables"),
        ("modality/series/schema.py", "from zandloper.modality.series.scaler import SeriesScaler"),
        ("io/tables.py", "from zandloper.io.atomic import ending"),
    ],
)
def test_a_right_import_passes(tmp_path, file, code):
    assert _faults_in(tmp_path, file, code) == []


# A small house, empty: what the tests above build in.
ROOMS = """
__init__ cli/__init__ cli/run fitting/__init__ spec errors model/__init__ model/hourglass model/bottlenecks/__init__
model/bottlenecks/plain model/losses/__init__ model/networks/__init__ model/networks/dense model/networks/conv2d
io/__init__ io/tables io/atomic applications/__init__ applications/detection/__init__ applications/detection/scoring
applications/detection/detector applications/denoising/__init__ applications/denoising/tabular modality/__init__
modality/series/__init__ modality/series/schema modality/series/scaler modality/table/__init__
"""


def _faults_in(source: Path, file: str, code: str) -> list[str]:
    for room in ROOMS.split():
        (source / room).parent.mkdir(exist_ok=True, parents=True)
        (source / f"{room}.py").touch()
    (source / file).write_text(code)
    return faults(module_of(source / file, source), modules(source))
