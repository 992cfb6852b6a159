"""Parameters out of source: constructors, dataclass fields, inheritance, docstrings."""

import textwrap

import pytest

from zandloper.cli import estimator_options
from zandloper.cli.values import reader_of

SOURCE = '''
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

WIDTH = 64  # a constant

@dataclass(eq=False, repr=False)
class Base:
    """A base.

    Parameters
    ----------
    size : int, default=1
        The size of it. More about it.
    """

    shared: ClassVar[int] = 3
    size: int = 1
    _: KW_ONLY
    speed: float = 0.5
    hidden_state: int = field(init=False, default=0)

@dataclass(eq=False, repr=False)
class Car(Base):
    """A car.

    Parameters
    ----------
    mode : {"slow", "fast"}, default="slow"
        How it goes:

        - "slow": like a snail
    """

    size: int = 5
    mode: str = "slow"
    width: int = field(default=WIDTH)

    def drive(self):
        return None

class Boat(Base):
    def __init__(self, sails: int = 2, *, flag: str | None = None):
        self.sails, self.flag = sails, flag
'''


@pytest.fixture
def parameters(tmp_path):
    path = tmp_path / "vehicles.py"
    path.write_text(textwrap.dedent(SOURCE))
    return lambda name: estimator_options._constructor(path, name)


def test_fields_of_dataclasses(parameters):
    car = parameters("Car")
    assert {name: p.default for name, p in car.items()} == {
        "size": "5",
        "speed": "0.5",
        "mode": "'slow'",
        "width": "64",
    }
    assert car["size"].help == "The size of it."  # of the base
    assert estimator_options.in_words(car["mode"]) == "slow, fast. How it goes. By default slow."


def test_constructors(parameters):
    assert [(p.name, p.annotation, p.default) for p in parameters("Boat").values()][-2:] == [
        ("sails", "int", "2"),
        ("flag", "str | None", "None"),
    ]


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("int | None", int),
        ("float | Literal['auto']", "anything"),
        ("Literal['a', 'b']", str),
        ("bool", bool),
        ("nn.Module | None", None),
    ],
)
def test_readers_by_annotation(annotation, kind):
    reader = reader_of("something", annotation)
    assert (reader and ("anything" if "parser" in reader[1] else reader[0])) == kind
