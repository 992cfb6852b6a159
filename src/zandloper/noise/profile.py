"""Noise profiles: the level by signal, distribution, spectrum, jumps and gaps of a noise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zandloper.noise import statistics
from zandloper.noise.statistics import PROBABILITIES, Array, Flags

ENOUGH = 200  # values of a sample from which its level is estimated separately
FAR = 5  # standard deviations beyond which a residual counts as a jump


@dataclass(frozen=True)
class Profile:
    """Statistics of a noise.

    Parameters
    ----------
    paired : bool
        True if measured from residuals, False if from noisy data alone.
    level : float
        Overall standard deviation.
    signal, levels, counts, errors : arrays (bins,)
        By bin of the signal, without jumps: mean signal, standard deviation, number of values, and relative error of
        the variance.
    quantiles : array
        At `PROBABILITIES`, of the noise divided by its standard deviation at that signal level.
    kurtosis : float
        Excess kurtosis.
    neighbors : float
        Correlation of adjacent values; NaN if the values have no order or it cannot be estimated.
    frequency, spectrum : arrays (bands,)
        Power density by frequency in cycles a step, on average 1; empty if it cannot be estimated.
    salt, pepper : float
        Shares of the values that jumped to the highest and to the lowest value.
    spikes : float
        Share of the values that jumped elsewhere.
    spike_size : tuple of float
        5% and 95% quantiles of the sizes of these jumps.
    untouched : float
        Share of the values that the noise did not change; NaN without pairs.
    missing : float
        Share of the values that are missing, of those present in the clean data.
    sizes, ratios : arrays (samples,)
        Standard deviation and signal-to-noise ratio in dB of each sample; empty if samples are too small, or without
        pairs.
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
        """Standard deviation of the noise without jumps."""
        return float(np.sqrt(np.average(self.levels**2, weights=self.counts))) if len(self.levels) else 0.0

    @property
    def impulses(self) -> float:
        """Share of the values that jumped to one of the ends."""
        return self.salt + self.pepper


def from_pairs(noisy: Array, clean: Array, kind: str, there: Flags | None = None) -> Profile:
    """Return the noise profile of pairs.

    Parameters
    ----------
    noisy, clean : arrays of one shape
        (n, columns), (n, channels, height, width) or (n, channels, time).
    kind : {"table", "image", "series", "audio"}
    there : array of bool, optional
        Flags of values that both have.
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
    far_from = _reach(r, each, at_low | at_high, trifle)
    whole = bool(there.all()) and (at_low | at_high).mean() < 0.05
    sizes, ratios = _by_sample(noisy, clean) if whole else (np.empty(0), np.empty(0))
    if len(sizes):  # a noisy sample is no sample of jumps
        level_of_sample = np.broadcast_to(sizes.reshape(-1, *(1 for _ in noisy.shape[1:])), noisy.shape)[there]
        far_from = np.maximum(far_from, np.where(far_from > trifle, FAR * level_of_sample, 0))
    jumped = np.abs(r) > far_from
    salted, peppered = jumped & at_high & (r > 0), jumped & at_low & (r < 0)
    spiked = jumped & ~salted & ~peppered

    z, around = _standardized(s, r, each)
    signal, levels, counts, errors = _levels(s, r, [mine & ~jumped for mine in each], at_low, at_high)
    ordered = np.zeros(noisy.shape)
    ordered[there] = around  # without its mean by signal level, which clipping causes
    frequency, spectrum = statistics.spectrum_of(ordered)
    return Profile(
        paired=True,
        level=float(np.sqrt(np.mean(r**2))),
        signal=signal,
        levels=levels,
        counts=counts,
        errors=errors,
        quantiles=np.quantile(z, PROBABILITIES),
        kurtosis=statistics.kurtosis_of(z),
        neighbors=statistics.neighbors_of(ordered),
        frequency=frequency,
        spectrum=spectrum,
        salt=float(salted.sum() / max(1, (high - s > far_from).sum())),
        pepper=float(peppered.sum() / max(1, (s - low > far_from).sum())),
        spikes=float(spiked.mean()),
        spike_size=_middle_range(np.abs(r[spiked])),
        untouched=float((np.abs(r) <= trifle).mean()),
        missing=missing,
        sizes=sizes,
        ratios=ratios,
    )


def _reach(r: Array, bins: list[Flags], ended: Flags, least: float) -> Array:
    """The largest size of a residual that is no jump, from the values of its bin between the ends."""
    reach = np.zeros(len(r))
    for mine in bins:
        inside = mine & ~ended
        chosen = inside if inside.sum() >= 20 else mine
        reach[mine] = max(FAR * statistics.robust_spread(r[chosen]), least)
    return reach


def _middle_range(x: Array) -> tuple[float, float]:
    """The 5% and the 95% quantile; zeros of no values."""
    return (float(np.quantile(x, 0.05)), float(np.quantile(x, 0.95))) if len(x) else (0.0, 0.0)


def _standardized(s: Array, r: Array, bins: list[Flags]) -> tuple[Array, Array]:
    """Residuals divided by the root mean square of their bin, as they are and without their linear trend."""
    z, around = np.zeros(len(r)), np.zeros(len(r))
    for mine in bins:
        size = max(1e-12, float(np.sqrt(np.mean(r[mine] ** 2))))
        z[mine], around[mine] = r[mine] / size, (r[mine] - _linear_fit(s[mine], r[mine])) / size
    return z, around


def _levels(s: Array, r: Array, bins: list[Flags], at_low: Flags, at_high: Flags) -> tuple[Array, Array, Array, Array]:
    """Mean signal, noise level, number of values and relative error of the variance of each bin with enough values."""
    signal, levels, counts, errors = [], [], [], []
    for dense in bins:
        if dense.sum() >= 30:
            level, error = statistics.spread_of(r[dense], at_low[dense], at_high[dense])
            signal.append(s[dense].mean())
            levels.append(level)
            counts.append(float(dense.sum()))
            errors.append(error)
    return np.array(signal), np.array(levels), np.array(counts), np.array(errors)


def _linear_fit(s: Array, r: Array) -> Array:
    """The mean of r as a linear function of s."""
    around, variance = s - s.mean(), float(s.var())
    return r.mean() + (float((around * r).mean()) / variance * around if variance > 0 else 0.0)


def _by_sample(noisy: Array, clean: Array) -> tuple[Array, Array]:
    """Robust standard deviation of the noise, and signal-to-noise ratio in dB, of each sample."""
    if noisy.ndim < 3 or noisy[0].size < ENOUGH:
        return np.empty(0), np.empty(0)
    sizes = np.array([statistics.robust_spread(n - c) for n, c in zip(noisy, clean)])
    axes = tuple(range(2, clean.ndim))
    power = (clean - clean.mean(axes, keepdims=True)).reshape(len(clean), -1).var(1)
    noise_power = np.square(noisy - clean).reshape(len(clean), -1).mean(1)
    finite = (power > 0) & (noise_power > 0)
    ratios = np.full(len(clean), np.nan)
    ratios[finite] = 10 * np.log10(power[finite] / noise_power[finite])
    return sizes, ratios
