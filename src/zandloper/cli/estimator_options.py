"""The types and the parameters that each has of its own, read from their source without importing it.

The command line's help has an option for each of them, and must not wait for torch. So the classes in
`autoencoders/` are parsed, not imported: their constructors say which parameters there are, their docstrings what
they mean. A new type, or a new parameter of one, is found here without a new line.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PLAIN = "plain"
SILENT, OUTER = ("None", "'auto'"), "'()"  # defaults that say nothing, and what the others are told without


@dataclass(frozen=True)
class TypeOption:
    """A parameter that some of the types have and `Autoencoder` has not.

    Parameters
    ----------
    name : str
        Of the parameter.
    help : dict of str
        By the types that have it: what it is, in a sentence or two.
    annotation : str
        As the source has it.
    of_fit : bool
        Whether it is a parameter of `fit` and takes data, not one of the constructor.
    """

    name: str
    help: dict[str, str]
    annotation: str
    of_fit: bool


def spelled(name: str) -> str:
    """A type's name as it is told: quantized is quantized."""
    return name.strip().lower().replace("ized", "ised")


@cache
def types() -> dict[str, str]:
    """The classes of the types by name, the plain one first.

    >>> types()["plain"], types()["quantized"]
    ('Autoencoder', 'QuantizedAutoencoder')
    """
    names = {spelled(name.removesuffix("Autoencoder")) or PLAIN: name for name in _classes()}
    return dict(sorted(names.items(), key=lambda item: item[0] != PLAIN))


@cache
def type_options() -> dict[str, TypeOption]:
    """The parameters that are not every type's, by name; one that several types have is one option.

    >>> list(type_options()["method"].help)
    ['quantized', 'sparse']
    """
    classes = _classes()
    found: dict[str, TypeOption] = {}
    shared = {name for method in ("__init__", "fit") for name, *_ in _parameters(classes["Autoencoder"], method)}
    for kind, name in types().items():
        for method in ("__init__", "fit"):
            for parameter, annotation, default in _parameters(classes[name], method):
                if parameter in shared:
                    continue
                told = _told(classes[name], method, parameter)
                told += f" By default {default.strip(OUTER).replace(' ', '')}." if default not in SILENT else ""
                help_ = {**(found[parameter].help if parameter in found else {}), kind: told}
                found[parameter] = TypeOption(parameter, help_, annotation, method == "fit")
    return found


@cache
def _classes() -> dict[str, ast.ClassDef]:
    """The classes of the types, as syntax trees."""
    return {name: node for name, node in _all().items() if not name.startswith("Base")}


@cache
def _all() -> dict[str, ast.ClassDef]:
    """The same with the base of all."""
    return {
        node.name: node
        for file in sorted(Path(__file__).parents[1].glob("autoencoders/*.py"))
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name.endswith("Autoencoder")
    }


def _method(cls: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    """A method of a class, or else of the nearest of its bases in these files."""
    own = next((node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name == name), None)
    bases = [_all()[base.id] for base in cls.bases if isinstance(base, ast.Name) and base.id in _all()]
    return own or next(filter(None, (_method(base, name) for base in bases)), None)


def _parameters(cls: ast.ClassDef, method: str) -> list[tuple[str, str, str]]:
    """Name, annotation and default of the parameters of a constructor, or of those of `fit` that have to be named."""
    function = _method(cls, method)
    if function is None:
        return []
    args = function.args
    of_fit = zip(args.kwonlyargs, args.kw_defaults)
    own = zip(args.args[1:], args.defaults)  # all of them have defaults, as scikit-learn wants it
    return [
        (each.arg, "Any" if each.annotation is None else ast.unparse(each.annotation), ast.unparse(default))
        for each, default in (of_fit if method == "fit" else own)
        if default is not None
    ]


def _told(cls: ast.ClassDef, method: str, parameter: str) -> str:
    """What a docstring says of a parameter: its words, where it takes some, and the first sentence about it."""
    caller = _method(cls, method) if method == "fit" else cls
    text = (ast.get_docstring(caller) if caller is not None else "") or ""
    entry = re.search(rf"^{parameter} : (.+)\n((?:    .*\n?)+)", text, re.MULTILINE)
    if entry is None:
        return ""
    sentence = re.match(r".+?[.](?= |$)", " ".join(entry[2].split()))
    words = entry[1].replace('"', "") + ". " if '"' in entry[1] else ""
    return words + (sentence[0] if sentence else "").replace("`", "")
