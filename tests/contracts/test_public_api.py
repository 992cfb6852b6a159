"""The public names: the lazy table, the imports for type checkers, `__all__` and `dir()` are one list."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import zandloper as zl

SOURCE = Path(zl.__file__).parent
MODULES = ("bottlenecks", "errors", "losses", "modality", "networks", "noise", "priors")
# `zl.noise.Gaussian` or `zandloper.report.Report`, with whatever stands before and after it in backticks.
DOTTED = re.compile(r"\b(?:zl|zandloper)(?:\.[A-Za-z_]\w*)+")


def imports_for_type_checkers():
    """Name -> module or module's parent, out of the block under TYPE_CHECKING."""
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    return {alias.asname or alias.name: line.module for line in block.body for alias in line.names}


def test_the_lists_agree():
    imported = imports_for_type_checkers()
    lazy = {name: home for name, home in zl._HOMES.items()}
    lazy |= {name: home.rpartition(".")[0] for name, home in zl._MODULES.items()}
    assert imported == lazy
    assert sorted(zl.__all__) == sorted([*lazy, "__version__"]) == dir(zl)
    assert sorted(zl._MODULES) == sorted(MODULES)


@pytest.mark.parametrize("name", zl.__all__)
def test_every_public_name_resolves(name):
    value = getattr(zl, name)
    assert value is getattr(zl, name)
    assert inspect.ismodule(value) == (name in MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_public_modules_list_their_names(name):
    module = getattr(zl, name)
    listed = list(module.__all__)
    assert listed and len(set(listed)) == len(listed) and sorted(listed) == dir(module)
    for each in listed:
        assert getattr(module, each).__doc__, f"zl.{name}.{each}"
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        module.Nothing  # noqa: B018
    names = {}
    exec(f"from {module.__name__} import *", names)
    assert set(listed) <= set(names)


def test_a_part_is_found_without_importing_the_others():
    code = """if True:
        import sys
        from zandloper.model.losses import mse
        assert "zandloper.model.losses.mixed" not in sys.modules
        assert not hasattr(sys.modules["zandloper.model.losses"], "nothing")
        assert "zandloper.model.losses.mixed" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_is_lazy():
    code = "import sys, zandloper; dir(zandloper); assert not {'torch', 'numpy', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_types_are_shipped():
    assert (SOURCE / "py.typed").exists()


def public_objects():
    """All that has a public docstring: names, names of modules, and their methods."""
    found = {"zandloper": zl}
    for name in zl.__all__:
        value = getattr(zl, name)
        found[name] = value
        if inspect.ismodule(value):
            found |= {f"{name}.{each}": getattr(value, each) for each in value.__all__}
    methods = {
        f"{name}.{method}": getattr(value, method)
        for name, value in found.items()
        if inspect.isclass(value)
        for method in dir(value)
        if not method.startswith("_") and (getattr(value, method).__doc__ or "")
    }
    return found | methods


def resolves(dotted):
    _, *rest = dotted.split(".")
    value = zl
    for i, part in enumerate(rest):
        if not hasattr(value, part) and inspect.ismodule(value):
            try:
                importlib.import_module(".".join(["zandloper", *rest[: i + 1]]))
            except ImportError:
                return False
        if not hasattr(value, part):
            return False
        value = getattr(value, part)
    return True


def test_names_in_public_docstrings_resolve():
    lost = {}
    for name, value in public_objects().items():
        for quoted in re.findall(r"`([^`]+)`", inspect.getdoc(value) or ""):
            for dotted in DOTTED.findall(quoted):
                if not resolves(dotted):
                    lost.setdefault(dotted, name)
    assert not lost
