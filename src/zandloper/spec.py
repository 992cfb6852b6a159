"""Settings: small frozen dataclasses that build the module below them, found by discovery.

A part of a slot is one file with a `Spec` subclass and the `torch.nn.Module` that it sets up. The spec has a `name`;
`discover(package)` maps names to specs, so that no list of parts is kept anywhere. A spec goes to JSON and back, which
is all that a saved model needs to rebuild itself without running code from the file.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any, ClassVar, Self

from zandloper.errors import FileError, ParameterError


@dataclasses.dataclass(frozen=True)
class Spec:
    """Settings of one part. Subclasses are frozen dataclasses whose fields are numbers, strings, booleans or tuples."""

    name: ClassVar[str] = ""

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON-ready values, with the part's name."""
        return {"name": self.name, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """The inverse of `to_dict`; a setting that the part does not have is an error."""
        known = {f.name for f in dataclasses.fields(cls)}
        given = {k: _frozen(v) for k, v in settings.items() if k != "name"}
        if set(given) != known:
            odd = sorted(set(given) ^ known)
            raise FileError(f"the settings of part {cls.name!r} do not fit this version: {odd} unknown or missing")
        return cls(**given)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value


@cache
def discover(package: ModuleType) -> dict[str, Any]:
    """All `Spec` subclasses with a name in the files of a package, by name.

    >>> import zandloper.model.losses
    >>> {"bce", "mae", "mse"} <= set(discover(zandloper.model.losses))
    True
    """
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, Spec)
                and f"{value.__module__}.".startswith(f"{module.__name__}.")
                and value.name
            ):
                found[value.name] = value
    return found


def public_attribute(package: ModuleType, name: str) -> Any:
    """The value of a package's missing attribute: a part by its class name, or `__all__`, which lists the parts.

    A package of parts calls it in its `__getattr__`. Other names raise at once, without an import: `from package import
    module` asks for them first.

    >>> import zandloper.model.losses
    >>> zandloper.model.losses.MSE().name
    'mse'
    """
    if name == "__all__":
        own = [k for k, v in vars(package).items() if isinstance(v, type) and v.__module__ == package.__name__]
        return sorted({*own, *(part.__name__ for part in discover(package).values())})
    if name[:1].isupper():
        for part in discover(package).values():
            if part.__name__ == name:
                return part
    raise AttributeError(f"module {package.__name__!r} has no attribute {name!r}")


def build_spec(package: ModuleType, settings: dict[str, Any]) -> Any:
    """The spec that `settings` (from `to_dict`) describes, out of the parts in `package`."""
    parts = discover(package)
    name = settings.get("name")
    if name not in parts:
        raise ParameterError(f"no part named {name!r} in {package.__name__}, there is: {', '.join(sorted(parts))}")
    return parts[name].from_dict(settings)
