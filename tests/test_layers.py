"""Imports run one way: downwards in this list. It is the map of the house; a new file takes its place here."""

import ast
from pathlib import Path

import pytest

# From the faces down to the foundations. A name is a file or a folder of src/zandloper; `__init__` is the public face.
# A file may import what stands on a lower line; those of one line never import each other.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("demo",),
    ("__init__",),
    ("datasets", "loading"),
    ("application",),
    ("denoiser_report",),
    (
        "compression",
        "compressor_file",
        "denoising",
        "detector_default",
        "detector_file",
        "detector_report",
        "evaluation",
        "generator_file",
        "segmenter_file",
        "segmenter_report",
    ),
    ("block_code",),
    ("context_fit", "latent_code"),
    ("detector_plots",),
    ("detections",),
    ("continuing", "contact_sheet"),
    ("judging", "study", "oddness", "explanation", "folds", "spans", "segmenting", "tiled_images"),
    (
        "denoising_autoencoder",
        "masked_autoencoder",
        "quantized_autoencoder",
        "sparse_autoencoder",
        "variational_autoencoder",
    ),
    ("autoencoder", "prior_fitting"),
    ("fitting", "report"),
    ("parameters",),
    ("denoising_plots", "quantized_plots", "sparse_plots", "variational_plots"),
    ("describe", "persist", "latents", "drawing", "pictured"),
    ("probe",),
    ("blueprint",),
    ("condition",),
    ("warps", "alignment"),
    ("grids", "masks", "patches"),
    ("training",),
    ("muon",),
    (
        "source",
        "storage",
        "progress",
        "defaults",
        "signature",
        "type_options",
        "architecture",
        "latent_plots",
        "panels",
    ),
    ("noise",),
    ("plots",),
    ("lanes_series",),
    ("lanes",),
    ("modality",),
    ("clock", "several", "clips", "fields"),
    ("alphabet", "columns", "files", "normal_scores", "period", "spectrogram", "tiles", "vocabulary", "windows"),
    ("grid", "container"),
    ("context_tables",),
    ("context",),
    ("entropy",),
    ("bridged",),
    ("prior", "elbo", "told", "masked", "conformal"),
    ("hourglass",),
    ("own", "linear"),
    ("corrupt", "nets", "bottleneck", "compare"),
    ("transformer", "convolutions"),
    ("layers",),
    ("batch",),
    ("spec",),
    ("errors",),
)
# Folders whose files are found by discovery: they import nothing of their folder but its `__init__`, which imports none
# of them, so that one more is one new file. Inside other folders, imports are the folder's own matter.
DISCOVERED = {"application", "modality", "prior", "corrupt", "nets", "bottleneck", "compare"}
# What keeps to itself, and all that it may import of the house.
ALONE = {"datasets": {"errors"}}

SOURCE = Path(__file__).parents[1] / "src" / "zandloper"
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def module_of(path: Path, source: Path) -> str:
    """The dotted name below `zandloper`: `spec`, `nets` (its `__init__`), `nets.dense`; `__init__` for the top."""
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
                # `from zandloper.nets import dense` means the file where there is one, else a name in `nets`.
                whole = f"{origin}.{alias.name}"
                add(node.lineno, whole if whole.removeprefix("zandloper.") in known else origin)
    return found


def faults(module: str, known: dict[str, Path]) -> list[str]:
    """What a file imports and should not, in words."""
    part, said = module.split(".")[0], []
    for line, target in imports(module, known):
        other = target.split(".")[0]
        if other not in LEVEL:
            why = f"`{other}` has no place in LAYERS"
        elif other == part:
            if part not in DISCOVERED or target == part != module:
                continue
            why = "files of one folder import nothing of it but its __init__, and that imports none of them"
        elif LEVEL[other] < LEVEL[part]:
            why = f"`{other}` stands above `{part}`: imports run downwards"
        elif LEVEL[other] == LEVEL[part]:
            why = f"`{other}` and `{part}` are siblings: what both need belongs further down"
        elif other not in ALONE.get(part, {other}):
            why = f"`{part}` stands alone: of the house it imports only {', '.join(sorted(ALONE[part]))}"
        else:
            continue
        said.append(f"{known[module].name}:{line} imports {target}: {why}")
    return said


KNOWN = modules(SOURCE)


@pytest.mark.parametrize("part", sorted({module.split(".")[0] for module in KNOWN}))
def test_every_part_has_a_place(part):
    assert part in LEVEL, f"src/zandloper/{part} has no place yet: put it where it belongs in LAYERS"


@pytest.mark.parametrize("module", [module for module in KNOWN if module.split(".")[0] in LEVEL])
def test_imports_run_downwards(module):
    found = faults(module, KNOWN)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("file", "code", "why"),
    [
        ("spec.py", "import zandloper.hourglass", "stands above"),
        ("spec.py", "def f():\n    from zandloper import hourglass", "stands above"),
        ("hourglass.py", "import zandloper as zl", "stands above"),
        ("hourglass.py", "from zandloper import Autoencoder", "stands above"),
        ("hourglass.py", "from . import storage", "stands above"),
        ("nets/dense.py", "from zandloper.bottleneck.plain import Plain", "siblings"),
        ("nets/dense.py", "from ..compare import Comparison", "siblings"),
        ("nets/dense.py", "from zandloper.nets.conv2d import Conv2d", "files of one folder"),
        ("nets/dense.py", "from zandloper.nets import conv2d", "files of one folder"),
        ("nets/dense.py", "from . import conv2d", "files of one folder"),
        ("nets/__init__.py", "from .dense import Dense", "files of one folder"),
        ("datasets.py", "from zandloper.spec import Spec", "stands alone"),
        ("spec.py", "from zandloper.nowhere import it", "no place"),
    ],
)
def test_a_wrong_import_is_found(tmp_path, file, code, why):
    found = _faults_in(tmp_path, file, code)
    assert len(found) == 1 and why in found[0]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("hourglass.py", "import math, torch\nfrom zandloper.nets.dense import Dense\nfrom zandloper import spec"),
        ("nets/dense.py", "from zandloper.nets import something\nfrom . import other\nfrom ..spec import Spec"),
        ("nets/__init__.py", "from ..spec import Spec\nimport zandloper.errors"),
        ("__init__.py", "from .hourglass import Hourglass"),
        ("storage.py", "from zandloper import __version__, spec"),
        ("cli/run.py", "import zandloper as zl"),
        ("files/__init__.py", "from zandloper.files import tables"),
        ("files/tables.py", "from zandloper.files.place import ending"),
    ],
)
def test_a_right_import_passes(tmp_path, file, code):
    assert _faults_in(tmp_path, file, code) == []


# A small house, empty: what the tests above build in.
ROOMS = """
__init__ cli/__init__ cli/run hourglass storage spec errors datasets bottleneck/__init__ bottleneck/plain
compare/__init__ nets/__init__ nets/dense nets/conv2d files/__init__ files/tables files/place
"""


def _faults_in(source: Path, file: str, code: str) -> list[str]:
    for room in ROOMS.split():
        (source / room).parent.mkdir(exist_ok=True)
        (source / f"{room}.py").touch()
    (source / file).write_text(code)
    return faults(module_of(source / file, source), modules(source))
