"""What a noise looks like, in numbers: how strong, where, of which shape, and how one value hangs on the next."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zandloper.noise import statistics
from zandloper.noise.statistics import PROBABILITIES, Array, Flags

ENOUGH = 200  # values of a sample from which it has a level of its own
FAR = 5  # standard deviations from which a value is said to have jumped


@dataclass(frozen=True)
class Profile:
    """A noise in numbers.

    Parameters
    ----------
    paired : bool
        From residuals, else from noisy data alone.
    level : float
        Standard deviation, all of it together.
    signal, levels, counts, errors : arrays (bins,)
        Standard deviation by signal level, jumps left out; how many values say so, and the relative error of its
        square.
    quantiles : array
        At PROBABILITIES, of the noise divided by its standard deviation at its signal level.
    kurtosis : float
        In excess of a normal distribution's.
    neighbors : float
        Correlation of adjacent values; NaN where there is no order, or nothing to tell it by.
    frequency, spectrum : arrays (bands,)
        Power density by frequency in cycles a step, on average 1; empty where it cannot be told.
    salt, pepper : float
        Shares of the values that jumped to the highest and to the lowest there is.
    spikes : float
        Share of the values that jumped elsewhere.
    spike_size : tuple of float
        Between which sizes nine of ten of those jumps are.
    untouched : float
        Share of the values that the noise left exactly alone; NaN without pairs.
    missing : float
        Share of the values that are gone, and were there in the clean data.
    sizes, ratios : arrays (samples,)
        Standard deviation and signal-to-noise ratio in dB of each sample; empty where a sample is too small to say, or
        without pairs.
    """

    paired: bool
    level: float
    signal: Array
    levels: Array
    counts: Array
    errors: Array
    quantiles: Array
    kurtosis: float
    neighbors: float = float("nan")
    frequency: Array = field(default_factory=lambda: np.empty(0))
    spectrum: Array = field(default_factory=lambda: np.empty(0))
    salt: float = 0.0
    pepper: float = 0.0
    spikes: float = 0.0
    spike_size: tuple[float, float] = (0.0, 0.0)
    untouched: float = float("nan")
    missing: float = 0.0
    sizes: Array = field(default_factory=lambda: np.empty(0))
    ratios: Array = field(default_factory=lambda: np.empty(0))

    @property
    def dense(self) -> float:
        """Standard deviation of what does not jump."""
        return float(np.sqrt(np.average(self.levels**2, weights=self.counts))) if len(self.levels) else 0.0

    @property
    def impulses(self) -> float:
        """Share of the values that jumped to one of the ends."""
        return self.salt + self.pepper


def from_pairs(noisy: Array, clean: Array, kind: str, there: Flags | None = None) -> Profile:
    """Of (n, columns), (n, channels, height, width) or (n, channels, time) and its clean counterpart.

    Parameters
    ----------
    noisy, clean : arrays of one shape
    kind : {"table", "image", "series", "audio"}
    there : array of bool, optional
        Which values both have.
    """
    rows = statistics.some_rows(noisy)
    there = np.ones((len(rows), *noisy.shape[1:]), bool) if there is None else there[rows]
    missing = float(1 - there.mean())
    noisy, clean = noisy[rows].astype(np.float64), clean[rows].astype(np.float64)
    r, s = (noisy - clean)[there], clean[there]
    low, high = statistics.ends_of(noisy[there], kind)
    at_low, at_high = noisy[there] == low, noisy[there] == high
    where = statistics.bins_of(s)
    each = [where == k for k in range(where.max() + 1)]

    trifle = 1e-5 * max(1e-12, float(s.std()))
    far_from = np.zeros(len(r))
    for mine in each:  # how far the noise goes that is no jump: told by the values between the ends
        inside = mine & ~at_low & ~at_high
        far_from[mine] = max(FAR * statistics.robust_spread(r[inside if inside.sum() >= 20 else mine]), trifle)
    whole = bool(there.all()) and (at_low | at_high).mean() < 0.05
    sizes, ratios = _each(noisy, clean) if whole else (np.empty(0), np.empty(0))
    if len(sizes):  # a loud sample is loud, and does not jump
        own = np.broadcast_to(sizes.reshape(-1, *(1 for _ in noisy.shape[1:])), noisy.shape)[there]
        far_from = np.maximum(far_from, np.where(far_from > trifle, FAR * own, 0))
    jumped = np.abs(r) > far_from
    salted, peppered = jumped & at_high & (r > 0), jumped & at_low & (r < 0)
    spiked = jumped & ~salted & ~peppered

    signal, levels, counts, errors = [], [], [], []
    z, around = np.zeros(len(r)), np.zeros(len(r))
    for mine in each:
        size = max(1e-12, float(np.sqrt(np.mean(r[mine] ** 2))))
        z[mine], around[mine] = r[mine] / size, (r[mine] - _line(s[mine], r[mine])) / size
        dense = mine & ~jumped
        if dense.sum() >= 30:
            level, error = statistics.spread_of(r[dense], at_low[dense], at_high[dense])
            signal.append(s[dense].mean())
            levels.append(level)
            counts.append(float(dense.sum()))
            errors.append(error)
    ordered = np.zeros(noisy.shape)
    ordered[there] = around  # without its mean by signal level: noise that is cut off has one, and that is no noise
    frequency, spectrum = statistics.spectrum_of(ordered)
    jumps = np.abs(r[spiked])
    return Profile(
        paired=True,
        level=float(np.sqrt(np.mean(r**2))),
        signal=np.array(signal),
        levels=np.array(levels),
        counts=np.array(counts),
        errors=np.array(errors),
        quantiles=np.quantile(z, PROBABILITIES),
        kurtosis=statistics.kurtosis_of(z),
        neighbors=statistics.neighbors_of(ordered),
        frequency=frequency,
        spectrum=spectrum,
        salt=float(salted.sum() / max(1, (high - s > far_from).sum())),
        pepper=float(peppered.sum() / max(1, (s - low > far_from).sum())),
        spikes=float(spiked.mean()),
        spike_size=(float(np.quantile(jumps, 0.05)), float(np.quantile(jumps, 0.95))) if len(jumps) else (0.0, 0.0),
        untouched=float((np.abs(r) <= trifle).mean()),
        missing=missing,
        sizes=sizes,
        ratios=ratios,
    )


def _line(s: Array, r: Array) -> Array:
    """The mean of r as a line in s."""
    around, variance = s - s.mean(), float(s.var())
    return r.mean() + (float((around * r).mean()) / variance * around if variance > 0 else 0.0)


def _each(noisy: Array, clean: Array) -> tuple[Array, Array]:
    """Of each sample its noise's standard deviation, told by its inner part, and its signal-to-noise ratio."""
    if noisy.ndim < 3 or noisy[0].size < ENOUGH:
        return np.empty(0), np.empty(0)
    sizes = np.array([statistics.robust_spread(n - c) for n, c in zip(noisy, clean)])
    axes = tuple(range(2, clean.ndim))
    power = (clean - clean.mean(axes, keepdims=True)).reshape(len(clean), -1).var(1)
    own = np.square(noisy - clean).reshape(len(clean), -1).mean(1)
    heard = (power > 0) & (own > 0)
    ratios = np.full(len(clean), np.nan)
    ratios[heard] = 10 * np.log10(power[heard] / own[heard])
    return sizes, ratios
