"""Tables encoded as symbols: every value is one of a few, so that any distribution can be represented exactly."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

import zandloper.modality
from zandloper.data.binning import MOST_BINS, UNKNOWN, Alphabet, learn_levels, learn_numbers
from zandloper.errors import DataError
from zandloper.modality import Chunks, Modality, Scaler, Schema, modality
from zandloper.model.losses.token_cross_entropy import TokenCrossEntropy
from zandloper.spec import Spec, build_spec

MOST_SYMBOLS = 16_384  # of all columns of numbers together
IDENTIFIER = 20  # rows from which a column without a repetition is taken for one that names rows


@dataclass(frozen=True)
class DiscreteTable(Modality):
    """A table encoded as symbols (see `zandloper.data.binning`), as generators of tables read it.

    Examples
    --------
    >>> import numpy as np
    >>> import zandloper as zl
    >>> form, raw = zl.modality.DiscreteTable().learn(np.eye(4), "me")
    >>> form.in_words(), raw.tolist()[0]
    ('table of 4 columns (4 number) in 8 symbols', [1, 0, 0, 0])
    """

    name: ClassVar[str] = "discrete_table"

    def learn(self, X: Any, caller: str, loss: str = "auto", target: bool = False) -> tuple[Schema, np.ndarray]:
        """The form of a table and its symbols, (n, places)."""
        table: Any
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="column .* has .* levels", category=UserWarning)
            table, raw = modality("table", X, caller).learn(X, caller, "auto", target)
        raw = np.asarray(raw, np.float64)
        most = int(np.clip(MOST_SYMBOLS // max(1, len(table.columns)), 8, MOST_BINS))
        alphabets = []
        for column, x in zip(table.columns, raw.T):
            _warn_of_identifiers(column, x, caller)
            if column.kind == "category":
                alphabets.append(learn_levels(x, len(column.levels)))
            elif column.kind == "truth":
                alphabets.append(learn_levels(x, 2))
            else:
                alphabets.append(learn_numbers(x, most))
        schema = DiscreteTableSchema(table, tuple(alphabets))
        return schema, schema.encode(raw)


@dataclass(frozen=True)
class DiscreteTableSchema(Schema):
    """The schema of a table encoded as symbols: that of the table, and the alphabet of each column.

    The places of a row are the columns' first digits in order, then the second digits of those that have one.
    """

    name: ClassVar[str] = "discrete_table_schema"
    table: Any
    alphabets: tuple[Alphabet, ...]

    def to_dict(self) -> dict[str, Any]:
        """As for every spec; the table is one too."""
        return {**super().to_dict(), "table": self.table.to_dict()}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        table = build_spec(zandloper.modality, settings["table"])
        plain: Any = lambda a: {k: tuple(v) if isinstance(v, list) else v for k, v in a.items()}  # noqa: E731
        alphabets = tuple(Alphabet(**plain(a)) for a in settings["alphabets"])
        return super().from_dict({**settings, "table": table, "alphabets": alphabets})

    @property
    def digits(self) -> list[tuple[int, int]]:
        """Which column and which of its digits stands at each place."""
        digits = [(c, d) for c, a in enumerate(self.alphabets) for d in range(len(a.sizes))]
        return sorted(digits, key=lambda at: at[1])

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many symbols there are at each place."""
        return tuple(self.alphabets[c].sizes[d] for c, d in self.digits)

    @property
    def in_shape(self) -> tuple[int, ...]:
        """One value for each symbol, and one for each place: its rank."""
        return (sum(self.sizes) + len(self.digits),)

    @property
    def target_shape(self) -> tuple[int, ...]:
        """One symbol a place."""
        return (len(self.digits),)

    @property
    def n_features(self) -> int:
        """The table's columns."""
        return len(self.alphabets)

    def feature_names(self) -> list[str]:
        """The columns' names; of second digits with a mark."""
        names = self.table.feature_names()
        return [f"{names[c]}{' (second digit)' * d}" for c, d in self.digits]

    def feature_of(self, values: int) -> np.ndarray | None:
        """Symbols belong to their place, and what nets read besides, its rank."""
        place = np.arange(len(self.digits))
        return np.r_[np.repeat(place, self.sizes), place][:values]

    def column_names(self) -> list[str]:
        """All columns of a frame."""
        return self.table.column_names()

    def in_words(self) -> str:
        """The table, and how many symbols tell it."""
        return f"{self.table.in_words()} in {sum(self.sizes):,} symbols"

    def loss(self, given: str) -> Spec:
        """The cross-entropy of each symbol."""
        if given not in ("auto", "token_cross_entropy"):
            raise DataError(f"loss={given!r} cannot measure symbols: take loss='auto'")
        return TokenCrossEntropy(self.sizes)

    def read(self, X: Any, caller: str) -> np.ndarray:
        """The symbols of a table, (n, places), -1 where there is none."""
        raw = np.asarray(self.table.read(X, caller))
        symbols = self.encode(raw.astype(np.float64))
        # Long integers for doubles and the like: results have the precision of what they are asked for.
        return symbols.astype(np.int64) if raw.dtype in (np.float64, np.int64) else symbols

    def read_to_train(self, X: Any, caller: str) -> np.ndarray:
        """The same in as little room as can be."""
        return self.read(X, caller).astype(np.int16)

    def encode(self, raw: np.ndarray) -> np.ndarray:
        """The table's numbers (n, columns) as symbols (n, places)."""
        digits = [a.encode(x) for a, x in zip(self.alphabets, raw.T)]
        return np.stack([digits[c][:, d] for c, d in self.digits], 1).astype(np.int16)

    def decode(self, symbols: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Symbols (n, places) as the table's numbers (n, columns), drawn where symbols leave something open."""
        at: dict[int, list[int]] = {}
        for place, (column, _) in enumerate(self.digits):
            at.setdefault(column, []).append(place)
        columns = [a.decode(symbols[:, at[c]].astype(np.int64), rng) for c, a in enumerate(self.alphabets)]
        return np.stack(columns, 1)

    def give(self, values: np.ndarray, like: Any = None) -> Any:
        """Symbols as the kind of table that was learned; numbers in the middle of their bins."""
        return self.table.give(self.decode(np.asarray(values)), like)

    def scaler(self) -> Scaler:
        """The scale of these symbols."""
        return DiscreteTableScaler(self)


class DiscreteTableScaler(Scaler):
    """Symbols (n, places) as zeros and ones, a value for each symbol, and a rank for each place."""

    unit = True
    starts: Tensor
    ranks: Tensor

    def __init__(self, schema: DiscreteTableSchema) -> None:
        super().__init__()
        sizes = torch.tensor(schema.sizes)
        self.total = int(sizes.sum())
        self.register_buffer("starts", sizes.cumsum(0) - sizes, persistent=False)
        of = {c: a.ranks() for c, a in enumerate(schema.alphabets)}
        ranks = np.concatenate([of[c][d] for c, d in schema.digits])
        self.register_buffer("ranks", torch.tensor(ranks, dtype=torch.float32), persistent=False)

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, places) -> (n, symbols + places); what has no symbol is all zeros."""
        symbols = raw.long()
        known = symbols >= 0
        at = symbols.clamp(min=0) + self.starts
        out = torch.zeros(len(raw), self.total, device=raw.device).scatter_(1, at, known.float())
        return torch.cat([out, self.ranks[at] * known], dim=1), None

    def target(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """The symbols, weight 0 where there is none."""
        known = raw >= 0
        return raw.clamp(min=0).float(), None if bool(known.all()) else known.float()

    def both(self, raw: Tensor) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """`encode` and `target`."""
        return *self.encode(raw), *self.target(raw)

    def shares(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Zeros and ones alone."""
        return self.encode(raw)[0][:, : self.total], None

    def learn(self, chunks: Chunks) -> None:
        """Nothing: the form knows all."""

    def restore(self, point: Tensor) -> Tensor:
        """Symbols as they are."""
        return point


def _warn_of_identifiers(column: Any, x: np.ndarray, caller: str) -> None:
    there = x[~np.isnan(x)]
    text = (
        column.kind == "category"
        and len(column.levels) >= IDENTIFIER
        and bool((np.bincount(there.astype(int)) <= 1).all())
    )
    number = (
        column.kind == "number" and column.integer and len(there) >= IDENTIFIER and len(np.unique(there)) == len(there)
    )
    if text or number:
        warnings.warn(
            f"column {column.name!r} of {caller}'s data has another value in every row, as identifiers have: "
            + (
                "those that are drawn would be copied from the rows"
                if text
                else "new ones are drawn, which name nothing"
            )
            + "; drop the column",
            UserWarning,
            stacklevel=3,
        )


assert UNKNOWN < 0  # what `encode` and `target` look for
