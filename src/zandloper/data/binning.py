"""Columns encoded as symbols: levels, values that come again and again, bins of the rest, and what is missing.

A column of numbers gets one symbol for each of its values where these are few, and for each value that is a spike. What
lies between is cut into bins of equally many rows, a bin into finer ones: two digits say where a number lies. Within
the finest bin numbers are spread evenly, on the grid that the data lie on: whole numbers stay whole, hundreds hundreds,
days days, and nothing leaves the range that was seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_VALUES = 256  # of a column whose values all are symbols
REPEATED = 8  # rows a value, on average, in such a column
FEW = 20, 2  # values of a column that are symbols though each has few rows, and how few
SPIKE = 128  # a value that has more than one in so many rows is a spike
ROWS_A_BIN = 16, 32  # rows that a bin and a finest bin need
MOST_BINS, MOST_FINE = 64, 16
DECIMALS = 6
UNKNOWN = -1


@dataclass(frozen=True)
class Alphabet:
    """The symbols of one column, JSON-ready: `values`, then bins, then, if it can be, missing.

    Parameters
    ----------
    values : tuple of float
        That are symbols of their own, in order.
    edges : tuple of float
        Of the finest bins, one more than there are; the last is beyond the largest number.
    fine : int
        Finest bins in a bin.
    step, origin, decimals : float, float, int
        Numbers are `origin` plus a multiple of `step`, with so many decimals; step 0: any.
    missing : bool
        Whether values may be missing.
    ordered : bool
        Whether near symbols mean near values.
    """

    values: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()
    fine: int = 1
    step: float = 0.0
    origin: float = 0.0
    decimals: int = 0
    missing: bool = False
    ordered: bool = True

    @property
    def bins(self) -> int:
        """How many coarse bins there are."""
        return max(0, len(self.edges) - 1) // self.fine

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many symbols each place has: the first digit's, and the second's where there is one."""
        first = len(self.values) + self.bins + self.missing
        return (max(1, first),) if self.bins == 0 or self.fine == 1 else (first, self.fine + 1)

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Numbers (n,) as symbols (n, places); what has no symbol is -1."""
        gone = np.isnan(x)
        first = np.full(len(x), UNKNOWN)
        fine = np.full(len(x), self.fine)
        values, edges = np.array(self.values), np.array(self.edges)
        if len(values):
            at = np.searchsorted(values, x).clip(0, len(values) - 1)
            if not self.bins and self.ordered:  # a number that was not seen is the nearest that was
                left = (at - 1).clip(0)
                at = np.where(np.abs(values[left] - x) < np.abs(values[at] - x), left, at)
                first = np.where(gone, first, at)
            else:
                first = np.where(values[at] == x, at, first)
        if self.bins:
            between = (first == UNKNOWN) & ~gone
            at = (np.searchsorted(edges, x, "right") - 1).clip(0, len(edges) - 2)
            first = np.where(between, len(values) + at // self.fine, first)
            fine = np.where(between, at % self.fine, fine)
        if self.missing:
            first = np.where(gone, self.sizes[0] - 1, first)
        return first[:, None] if len(self.sizes) == 1 else np.stack([first, np.where(first < 0, UNKNOWN, fine)], 1)

    def decode(self, symbols: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Symbols (n, places) as numbers (n,): drawn within their finest bin, or without `rng` its middle."""
        first = symbols[:, 0]
        out, n_values = np.full(len(first), np.nan), len(self.values)
        own = (first >= 0) & (first < n_values)
        if n_values:
            out[own] = np.array(self.values)[first[own]]
        between = (first >= n_values) & (first < n_values + self.bins)
        if between.any():
            edges, draw = np.array(self.edges), np.full(between.sum(), 0.5)
            # A first digit without a second, which no row had, says no more than its bin.
            fine = symbols[between, 1] if symbols.shape[1] > 1 else np.zeros(len(draw), int)
            loose = (fine < 0) | (fine >= self.fine)
            if rng is not None:
                draw = rng.random(len(draw))
                fine = np.where(loose, rng.integers(self.fine, size=len(draw)), fine)
            at = (first[between] - n_values) * self.fine + np.where(fine >= self.fine, self.fine // 2, fine)
            x = edges[at] + draw * (edges[at + 1] - edges[at])
            out[between] = self._on_grid(x)
        return out

    def ranks(self) -> list[np.ndarray]:
        """For each place a number in [-1, 1] for each symbol: near for near values; 0 where there is no order."""
        first = np.zeros(self.sizes[0])
        if self.ordered:
            edges = np.array(self.edges)[:: self.fine]
            there = np.r_[np.array(self.values), (edges[1:] + edges[:-1]) / 2 if self.bins else []]
            order = np.argsort(np.argsort(there, kind="stable"), kind="stable")
            first[: len(there)] = 2 * (order + 0.5) / max(1, len(there)) - 1
        if len(self.sizes) == 1:
            return [first]
        return [first, np.r_[2 * (np.arange(self.fine) + 0.5) / self.fine - 1, 0.0]]

    def _on_grid(self, x: np.ndarray) -> np.ndarray:
        if self.step == 0:
            return x
        # Floats on the grid may lie a trifle below it.
        return np.round(self.origin + np.floor((x - self.origin) / self.step + 1e-6) * self.step, self.decimals)


def learn_levels(codes: np.ndarray, levels: int) -> Alphabet:
    """The alphabet of level numbers."""
    return Alphabet(tuple(float(v) for v in range(levels)), missing=bool(np.isnan(codes).any()), ordered=False)


def learn_numbers(x: np.ndarray, most_bins: int = MOST_BINS) -> Alphabet:
    """The alphabet of numbers (n,), NaN where they are missing."""
    there = x[~np.isnan(x)]
    missing = len(there) < len(x)
    values, counts = np.unique(there, return_counts=True)
    n = len(there)
    repeated = n >= REPEATED * len(values) or (len(values) <= FEW[0] and n >= FEW[1] * len(values))
    if len(values) <= min(MOST_VALUES, 4 * most_bins) and repeated:
        return Alphabet(tuple(values.tolist()), missing=missing)
    spikes = values[counts * SPIKE > max(n, SPIKE * 5)]
    rest = there[~np.isin(there, spikes)]
    if len(np.unique(rest)) < 2:
        return Alphabet(tuple(values.tolist()), missing=missing)
    bins = int(np.clip(len(rest) // ROWS_A_BIN[0], 2, most_bins))
    fine = int(np.clip(len(rest) // (bins * ROWS_A_BIN[1]), 1, MOST_FINE))
    step, decimals = _grid(there)
    edges = np.quantile(rest, np.linspace(0, 1, bins * fine + 1), method="inverted_cdf")
    edges[-1] = edges[-1] + step if step else np.nextafter(edges[-1], np.inf)
    return Alphabet(
        tuple(spikes.tolist()), tuple(edges.tolist()), fine, step, float(there.min()), decimals, missing, True
    )


def _grid(x: np.ndarray) -> tuple[float, int]:
    """The step of the grid that numbers lie on, and its decimals; 0 where there is none."""
    offset = x - x.min()
    for decimals in range(DECIMALS + 1):
        scaled, whole = offset * 10.0**decimals, np.round(offset * 10.0**decimals)
        if np.abs(x).max() * 10.0**decimals > 2**52:
            break
        if np.abs(scaled - whole).max() < 1e-4 and np.array_equal(np.round(x, decimals), x):
            return float(np.gcd.reduce(whole.astype(np.int64))) / 10.0**decimals, decimals
    return 0.0, 0
