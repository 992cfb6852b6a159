"""Range coding of integers with one frequency table per class; all frequencies are integers.

The coder is `constriction`'s (Bamler 2022, "Understanding entropy coding with asymmetric numeral systems"; range
coding: Martin 1979). `RangeEncoder` and `RangeDecoder` have the same two methods, so that models of values are written
once for both directions: they pass symbols in if these are known, and take symbols from the result.
"""

from __future__ import annotations

import importlib
import itertools
from typing import Any

import numpy as np

from zandloper.errors import FileError, missing_extra

WORD = "<u4"
HALF = 2**16  # numbers without a table are written in two halves of 16 bits


def coder_library() -> Any:
    """Import `constriction`, or raise the error that names the extra."""
    try:
        return importlib.import_module("constriction")
    except ImportError as error:
        raise missing_extra("constriction", "compress", "entropy coding") from error


class Tables:
    """Frequencies of symbols, one row per class: (classes, symbols) integers from 1 on.

    Examples
    --------
    >>> import numpy as np
    >>> tables = Tables(np.array([[9, 1], [1, 9]]))
    >>> encoder = RangeEncoder()
    >>> _ = encoder.code(tables, np.array([0, 1, 0]), np.array([0, 1, 1]))
    >>> RangeDecoder(encoder.bytes()).code(tables, np.array([0, 1, 0])).tolist()
    [0, 1, 1]
    """

    def __init__(self, frequencies: np.ndarray) -> None:
        self.frequencies = frequencies
        self._models: list[Any] = [None] * len(frequencies)

    def model(self, row: int) -> Any:
        """The coder's model of a class, built on first use.

        The frequencies are integers whose sum a float32 represents exactly, so that the coder does not round.
        """
        if self._models[row] is None:
            categorical = coder_library().stream.model.Categorical
            self._models[row] = categorical(self.frequencies[row].astype(np.float32), perfect=False)
        return self._models[row]


class RangeEncoder:
    """Encode symbols to bytes."""

    def __init__(self) -> None:
        stream = coder_library().stream
        self._coder, self._uniform = stream.queue.RangeEncoder(), stream.model.Uniform

    def code(self, tables: Tables, classes: np.ndarray, symbols: np.ndarray | None = None) -> np.ndarray:
        """Write symbols (n,), each by the table of its class (n,)."""
        assert symbols is not None
        order, groups = _groups(classes)
        ranked = symbols[order].astype(np.int32)
        for row, low, high in groups:
            self._coder.encode(ranked[low:high], tables.model(row))
        return symbols

    def uniform(self, sizes: np.ndarray, symbols: np.ndarray | None = None) -> np.ndarray:
        """Write symbols (n,) that are equally likely from 0 up to `sizes` (n,), powers of two of at most 2^16."""
        assert symbols is not None
        if len(symbols):
            self._coder.encode(symbols.astype(np.int32), self._uniform(), sizes.astype(np.int32))
        return symbols

    def bytes(self) -> bytes:
        """The encoded bytes."""
        return np.asarray(self._coder.get_compressed()).astype(WORD).tobytes()


class RangeDecoder:
    """Decode symbols from bytes, in the order of encoding."""

    def __init__(self, data: bytes) -> None:
        stream = coder_library().stream
        words = np.frombuffer(data, WORD).astype(np.uint32)
        self._coder, self._uniform = stream.queue.RangeDecoder(words), stream.model.Uniform

    def code(self, tables: Tables, classes: np.ndarray, symbols: np.ndarray | None = None) -> np.ndarray:
        """Read a symbol for each class (n,)."""
        order, groups = _groups(classes)
        ranked, out = np.empty(len(classes), np.int64), np.empty(len(classes), np.int64)
        with _explained():
            for row, low, high in groups:
                ranked[low:high] = self._coder.decode(tables.model(row), high - low)
        out[order] = ranked
        return out

    def uniform(self, sizes: np.ndarray, symbols: np.ndarray | None = None) -> np.ndarray:
        """Read a symbol for each size (n,)."""
        if not len(sizes):
            return np.zeros(0, np.int64)
        with _explained():
            return self._coder.decode(self._uniform(), sizes.astype(np.int32)).astype(np.int64)


Coder = RangeEncoder | RangeDecoder


def code_plain(coder: Coder, values: np.ndarray | None, n: int) -> np.ndarray:
    """Integers of 32 bits without a table, (n,)."""
    sizes = np.full(n, HALF)
    whole = None if values is None else values.astype(np.int64) + 2**31
    high = coder.uniform(sizes, None if whole is None else whole // HALF)
    low = coder.uniform(sizes, None if whole is None else whole % HALF)
    return high * HALF + low - 2**31


def _groups(classes: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """An order that groups equal classes, and the class, start and end of each group, for one call per class."""
    order = np.argsort(classes, kind="stable")
    ranked = classes[order]
    cuts = [0, *(np.flatnonzero(np.diff(ranked)) + 1).tolist(), len(ranked)]
    return order, [(int(ranked[a]), a, b) for a, b in itertools.pairwise(cuts) if b > a]


class _explained:
    """Context manager that turns errors of the coder, which have no common type, into a `FileError`."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is not None and issubclass(kind, Exception):
            raise FileError("a block cannot be decoded: it was written by another model, or on another kind of machine")
