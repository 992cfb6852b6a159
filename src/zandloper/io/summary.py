"""What was read, in words, and the part of it that is wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from zandloper.errors import DataError
from zandloper.io.audio import Sounds
from zandloper.io.images import Images


def in_words(X: Any) -> str:
    """What data were read as, on one line."""
    if isinstance(X, Images):
        size = f"{next(iter(X.sizes()))} pixels" if len(X.sizes()) == 1 else "different sizes"
        return f"{len(X):,} image{'s' if len(X) > 1 else ''} of {size}, {X[0].dtype}"
    if isinstance(X, Sounds):
        seconds = [file.length / file.rate for file in X.files]
        rates = " and ".join(f"{rate:,}" for rate in sorted(set(X.rates))[:3])
        long = f"{min(seconds):.3g} to {max(seconds):.3g}" if len(X) > 1 else f"{seconds[0]:.3g}"
        return f"{len(X):,} sound{'s' if len(X) > 1 else ''} of {long} s at {rates} Hz"
    if not hasattr(X, "column_names"):
        return f"array of shape {X.shape}, {X.dtype}"
    kinds = Counter(str(column.type) for column in X.columns)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return f"table of {X.num_rows:,} rows and {X.num_columns} columns ({counts})"


def choose_columns(X: Any, keep: Sequence[str], drop: Sequence[str] = ()) -> Any:
    """The columns of a table to keep (all, if none are named) less those to drop.

    Raises
    ------
    DataError
        If the data have no named columns, or not these.
    """
    if not keep and not drop:
        return X
    if not hasattr(X, "column_names"):
        raise DataError(f"columns can be chosen from tables with named columns, and the data are: {in_words(X)}")
    lost = [name for name in (*keep, *drop) if name not in X.column_names]
    if lost:
        plural = "s" if len(lost) > 1 else ""
        raise DataError(f"the data lack the column{plural} {_listed(lost)}: there are {_listed(X.column_names)}")
    chosen = [name for name in keep or X.column_names if name not in drop]
    if not chosen:
        raise DataError("all columns are dropped: drop fewer")
    return X.select(chosen)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
