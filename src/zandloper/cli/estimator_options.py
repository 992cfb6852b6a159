"""The estimators' parameters, read from their source without importing it.

The command line's help has an option for each parameter and must not wait for torch. So the classes are parsed, not
imported: fields and constructors define which parameters there are, docstrings describe them. A new autoencoder, or a
new parameter of an estimator, needs no new line here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zandloper import _HOMES

PLAIN = "plain"
SILENT = ("None", "'auto'", "...")  # defaults that need no mention
SOURCE = Path(__file__).parents[1]
ENTRY = re.compile(r"^(\w+(?:, \w+)*) : (.+)\n((?:(?:    .*)?\n)*)", re.MULTILINE)  # of a numpydoc section
SENTENCE, CHOICE = re.compile(r".+?[.](?= |$)"), re.compile(r'"([^"]*)"')
NOTHING = re.compile(r"[;,] None: [^;.]*")  # what Python's None stands for, which no command line has
CONSTANT = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True)
class Parameter:
    """A parameter of an estimator, as its source has it.

    Parameters
    ----------
    name : str
    annotation : str
    default : str
    help : str
        The choices and the first sentence of its docstring entry.
    """

    name: str
    annotation: str
    default: str
    help: str = ""


@dataclass(frozen=True)
class TypeOption:
    """A parameter that some of the types have and `Autoencoder` has not.

    Parameters
    ----------
    name : str
    help : dict of str
        By the types that have it: its description.
    annotation : str
        As the source has it.
    of_fit : bool
        Whether it is a parameter of `fit` and takes data, not one of the constructor.
    """

    name: str
    help: dict[str, str]
    annotation: str
    of_fit: bool


@cache
def types() -> dict[str, str]:
    """The classes of the types by name, the plain one first.

    >>> types()["plain"], types()["quantized"]
    ('Autoencoder', 'QuantizedAutoencoder')
    """
    found = {}
    for file in sorted((SOURCE / "autoencoders").glob("*.py")):
        for name in re.findall(r"^class (\w*Autoencoder)\(", file.read_text(encoding="utf-8"), re.MULTILINE):
            if name in _HOMES:
                found[name.removesuffix("Autoencoder").lower() or PLAIN] = name
    return dict(sorted(found.items(), key=lambda item: item[0] != PLAIN))


@cache
def type_options() -> dict[str, TypeOption]:
    """The parameters that only some types have, by name; one that several types have is one option.

    >>> list(type_options()["method"].help)
    ['quantized', 'sparse']
    """
    found: dict[str, TypeOption] = {}
    plain = types()[PLAIN]
    shared = constructor_of(plain) | fit_of(plain)
    for kind, class_name in types().items():
        for of_fit, parameters in ((False, constructor_of(class_name)), (True, fit_of(class_name))):
            for name, parameter in parameters.items():
                if name not in shared:
                    help_ = {**(found[name].help if name in found else {}), kind: in_words(parameter)}
                    found[name] = TypeOption(name, help_, parameter.annotation, of_fit)
    return found


def in_words(parameter: Parameter) -> str:
    """The description of a parameter, with its default unless that is None or auto."""
    if parameter.default in SILENT:
        return parameter.help
    default = parameter.default.strip("()").replace("'", "").replace(" ", "")
    default = re.sub(r"^(\d+)\.0$", r"\1", {"True": "yes", "False": "no"}.get(default, default))
    return f"{parameter.help} By default {default}.".strip()


# ------------------------------------------------------------------------------------------------------- out of source


@cache
def constructor_of(class_name: str) -> dict[str, Parameter]:
    """The parameters of an estimator's constructor."""
    return dict(_constructor(SOURCE / f"{_HOMES[class_name].replace('.', '/')[len('zandloper/') :]}.py", class_name))


@cache
def fit_of(class_name: str) -> dict[str, Parameter]:
    """The parameters of an estimator's `fit` that have to be named."""
    path = SOURCE / f"{_HOMES[class_name].replace('.', '/')[len('zandloper/') :]}.py"
    return {p.name: p for p in _keywords(path, class_name)}


@cache
def _class(path: Path, name: str) -> ast.ClassDef:
    """A class with its fields, its docstring, `__init__` and `fit`; other methods are cut out, unparsed."""
    text = path.read_text(encoding="utf-8")
    found = re.search(rf"^(?:@[^\n]*\n)*class {name}\b.*?(?=^[^\s#)]|\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise LookupError(f"no class {name} in {path}")
    head, *methods = re.split(r"^(?=    (?:@|def |async def ))", found[0], flags=re.MULTILINE)
    kept = [head, *(method for method in methods if re.match(r"    def (?:__init__|fit)\(", method))]
    node = ast.parse("".join(kept)).body[0]
    assert isinstance(node, ast.ClassDef)
    return node


@cache
def _base(path: Path, name: str) -> Path | None:
    """The file of a class that a file names: itself, or the one in zandloper that it is imported from."""
    text = path.read_text(encoding="utf-8")
    if re.search(rf"^class {name}\b", text, re.MULTILINE):
        return path
    found = re.search(rf"^from zandloper\.([\w.]+) import (?:\([^)]*|[^\n(]*)\b{name}\b", text, re.MULTILINE)
    file = SOURCE / f"{found[1].replace('.', '/')}.py" if found else None
    return file if file is not None and file.exists() else None


def _bases(path: Path, node: ast.ClassDef) -> Iterator[tuple[Path, str]]:
    """The bases of a class that zandloper's source defines."""
    for base in node.bases:
        file = _base(path, base.id) if isinstance(base, ast.Name) else None
        if file is not None and isinstance(base, ast.Name):
            yield file, base.id


def _constructor(path: Path, name: str) -> dict[str, Parameter]:
    """Constructor parameters by name: of `__init__`, of a dataclass's fields, or else of the nearest base."""
    node = _class(path, name)
    inherited: dict[str, Parameter] = {}
    for file, base in reversed(list(_bases(path, node))):
        inherited |= _constructor(file, base)
    own = list(_fields(node)) if "dataclass" in {_called(d) for d in node.decorator_list} else []
    init = _method(node, "__init__")
    if init is not None:
        inherited = {}
        pairs = zip(init.args.args[len(init.args.args) - len(init.args.defaults) :], init.args.defaults)
        own = [*_pairs(pairs), *_pairs(zip(init.args.kwonlyargs, init.args.kw_defaults))]
    return {name: _described(p, path, node, p) for name, p in inherited.items()} | {
        p.name: _described(p, path, node, inherited.get(p.name)) for p in own
    }


def _keywords(path: Path, name: str) -> list[Parameter]:
    """The keyword parameters of the nearest `fit`."""
    node = _class(path, name)
    fit = _method(node, "fit")
    if fit is not None:
        return [_described(p, path, fit) for p in _pairs(zip(fit.args.kwonlyargs, fit.args.kw_defaults))]
    return next((found for file, base in _bases(path, node) if (found := _keywords(file, base))), [])


def _pairs(pairs: Iterator[tuple[ast.arg, ast.expr | None]]) -> Iterator[Parameter]:
    """Parameters of a function, those with a default."""
    for arg, default in pairs:
        if default is not None:
            yield Parameter(
                arg.arg, "Any" if arg.annotation is None else ast.unparse(arg.annotation), ast.unparse(default)
            )


def _fields(node: ast.ClassDef) -> Iterator[Parameter]:
    """The fields of a dataclass that its constructor takes."""
    for line in node.body:
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name) or line.value is None:
            continue
        annotation, default = ast.unparse(line.annotation), line.value
        if "ClassVar" in annotation:
            continue
        if isinstance(default, ast.Call) and _called(default) == "field":
            settings = {keyword.arg: keyword.value for keyword in default.keywords}
            init = settings.get("init")
            if isinstance(init, ast.Constant) and init.value is False:
                continue
            default = settings.get("default", ast.Constant(...))
        yield Parameter(line.target.id, annotation, ast.unparse(default))


def _called(node: ast.expr) -> str:
    """The last name of a decorator or of a call."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    return next((line for line in node.body if isinstance(line, ast.FunctionDef) and line.name == name), None)


def _described(
    parameter: Parameter, path: Path, documented: ast.ClassDef | ast.FunctionDef, above: Parameter | None = None
) -> Parameter:
    """The parameter with the description from a docstring, and constants among defaults by their values.

    Without a single entry it takes the description of the parameter above it, then that of `Autoencoder`, then an
    entry that it shares with others.
    """
    default, name = parameter.default, parameter.name
    if CONSTANT.fullmatch(default):
        constant = re.search(rf"^{default} = ([^#\n]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        default = constant[1].strip() if constant else "..."
    docstring = ast.get_docstring(documented) or ""
    text = entry_of(docstring, name, alone=True) or ("" if above is None else above.help)
    if not text and documented.name not in (types()[PLAIN], "fit") and not documented.name.startswith("Base"):
        plain = constructor_of(types()[PLAIN]).get(name)
        text = plain.help if plain is not None else ""
    return Parameter(name, parameter.annotation, default, text or entry_of(docstring, name))


def entry_of(docstring: str, parameter: str, alone: bool = False) -> str:
    """The choices and the first sentence of a numpydoc entry, which unless `alone` may be of several parameters.

    >>> entry_of('size, speed : {"auto", "fast"} or int, default="auto"\\n    How `fast` it goes. More.', "speed")
    'auto, fast. How fast it goes.'
    """
    names = parameter if alone else next((n for n in _entries(docstring) if parameter in n.split(", ")), "")
    if names not in _entries(docstring):
        return ""
    kind, text = _entries(docstring)[names]
    paragraph = " ".join(text.strip("\n").split("\n\n")[0].split())
    sentence = SENTENCE.match(paragraph)
    first = sentence[0] if sentence else paragraph.removesuffix(":") + "." * paragraph.endswith(":")
    first = NOTHING.sub("", first).replace("`", "")
    choices = CHOICE.findall(kind.partition(", default=")[0])
    return first if choices in ([], ["auto"]) else f"{', '.join(choices)}. {first}".strip()


@cache
def _entries(docstring: str) -> dict[str, tuple[str, str]]:
    """The numpydoc entries of a docstring, type and text by name or names."""
    return {names: (kind, text) for names, kind, text in ENTRY.findall(docstring + "\n")}
