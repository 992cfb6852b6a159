"""Constructors that share parameters: written once in the base, seen by everyone that reads a signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

C = TypeVar("C", bound=type)


def with_parameters_of(base: type, without: tuple[str, ...] = ()) -> Callable[[C], C]:
    """Give a class a constructor that stores the parameters of `base` and its own.

    The class writes its own `__init__` with its own parameters alone, or parameters of the base with other defaults;
    those stand after the base's. scikit-learn reads the joined signature (`get_params`, `clone`), and so does `help`.

    Examples
    --------
    >>> class Base:
    ...     def __init__(self, size=1, speed=2):
    ...         self.size, self.speed = size, speed
    >>> @with_parameters_of(Base)
    ... class Car(Base):
    ...     def __init__(self, doors=4, speed=3): ...
    >>> inspect.signature(Car)
    <Signature (size=1, speed=3, doors=4)>
    >>> Car(7, doors=2).doors
    2
    """

    def decorate(cls: C) -> C:
        shared = {k: p for k, p in inspect.signature(base.__init__).parameters.items() if k not in without}  # type: ignore[misc]
        own = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
        joined = [own.get(name, parameter) for name, parameter in shared.items()]
        joined += [parameter for name, parameter in own.items() if name not in shared]
        signature = inspect.Signature(joined)

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            try:
                bound = signature.bind(self, *args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{cls.__name__}.__init__() {error}") from None
            bound.apply_defaults()
            for name, value in list(bound.arguments.items())[1:]:
                setattr(self, name, value)

        __init__.__signature__ = signature  # type: ignore[attr-defined]
        __init__.__qualname__ = f"{cls.__qualname__}.__init__"
        cls.__init__ = __init__  # type: ignore[misc]
        return cls

    return decorate
