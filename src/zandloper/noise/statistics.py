"""What is measured of a noise, whether from residuals or from places where the signal is quiet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

PROBABILITIES = np.array([0.005, 0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975, 0.995])
MOST = 1_000_000  # values that are looked at
BINS = 16
FRAME = 512  # steps of a series whose spectrum is taken at once
INNER = np.linspace(0.3, 0.7, 9)
HALF_SURE = 0.2  # relative error of a variance that is told by the half of the noise that is not cut off


def some_rows(x: NDArray) -> NDArray[np.int_]:
    """Samples spread evenly, so many that they hold about MOST values."""
    n = max(2, int(MOST / max(1, x[0].size)))
    return np.arange(len(x)) if len(x) <= n else np.linspace(0, len(x) - 1, n).round().astype(int)


def ends_of(x: Array, kind: str) -> tuple[float, float]:
    """The lowest and highest value where many values share them, NaN where not: there noise is cut off, or jumps to.

    In images 0 and 1 count as well, where other noise goes beyond them.
    """
    enough = max(10, 2e-4 * x.size)
    found = []
    for extreme, usual in ((x.min(), 0.0), (x.max(), 1.0)):
        candidates = (extreme, usual) if kind == "image" else (extreme,)
        found.append(next((float(v) for v in candidates if (x == v).sum() >= enough), np.nan))
    return found[0], found[1]


def bins_of(signal: Array) -> NDArray[np.int_]:
    """Which of about 16 bins of equal size each value belongs to; a value that is common gets a bin of its own."""
    edges = np.unique(np.quantile(signal, np.linspace(0, 1, BINS + 1)[1:-1]))
    found = np.searchsorted(edges, signal, side="left") + np.searchsorted(edges, signal, side="right")
    _, where = np.unique(found, return_inverse=True)
    counts = np.bincount(where)
    few = min(200, len(signal) // (4 * BINS) + 1)
    target = np.arange(len(counts))
    for k in np.flatnonzero(counts < few):  # too few to say anything: to a neighbor
        target[k] = target[k - 1] if k else min(1, len(counts) - 1)
    _, where = np.unique(target[where], return_inverse=True)
    return where


def spread_of(r: Array, low: Flags, high: Flags) -> tuple[float, float]:
    """Standard deviation and the relative error of its square.

    Where one side is cut off, the other side alone tells, as far as the noise is symmetric.
    """
    cut_low, cut_high = low.mean(), high.mean()
    if max(cut_low, cut_high) > 0.005 and min(cut_low, cut_high) < 0.05:
        side = r[r > 0] if cut_low > cut_high else r[r < 0]
        if len(side) > 20:
            return float(np.sqrt(np.mean(side**2))), HALF_SURE
    return float(np.sqrt(np.mean(r**2))), float(np.sqrt((2 + max(0.0, kurtosis_of(r))) / len(r)))


def robust_spread(r: Array) -> float:
    """Standard deviation of noise around 0 told by its inner part, so that edges and impulses have no say.

    The median absolute deviation (Donoho and Johnstone 1994, section 4.2) averaged with its neighboring quantiles,
    since of counted or stored values a single quantile moves in steps.
    """
    return float(np.mean(np.quantile(np.abs(r), INNER) / ndtri((1 + INNER) / 2)))


def kurtosis_of(z: Array) -> float:
    """In excess of a normal distribution's."""
    square = np.mean(z**2)
    return float(np.mean(z**4) / square**2 - 3) if square > 0 else 0.0


def neighbors_of(z: Array) -> float:
    """Correlation of each value with the next, over all axes that have an order; NaN where there are no two."""
    axes = tuple(range(2, z.ndim)) or (1,)
    if z.size == 0 or min(z.shape[a] for a in axes) < 2 or not z.any():
        return float("nan")
    products = [np.mean(cut(z, axis, 0, 1) * cut(z, axis, 1, 1)) for axis in axes]
    return float(np.mean(products) / np.mean(z**2))


def spectrum_of(z: Array) -> tuple[Array, Array]:
    """Frequencies in cycles a step and power density, on average 1: the mean periodogram of tapered pieces.

    In images over rings of frequency. Nothing where the data are too short.

    References
    ----------
    Welch 1967, "The use of fast Fourier transform for the estimation of power spectra", IEEE Trans. Audio 15.
    """
    if z.ndim < 4:
        z = frames_of(z)
    axes = tuple(range(2, z.ndim))
    sizes = [z.shape[a] for a in axes]
    if len(z) == 0 or min(sizes) < 8 or not z.any():
        return np.empty(0), np.empty(0)
    z = z - z.mean(axes, keepdims=True)
    for axis, size in zip(axes, sizes):
        z = z * np.hanning(size + 2)[1:-1].reshape([-1 if a == axis else 1 for a in range(z.ndim)])
    power = (np.abs(np.fft.rfftn(z, axes=axes)) ** 2).mean((0, 1))
    f = np.sqrt(sum(g**2 for g in grid_of(sizes)))
    bands = min(64 if len(axes) == 1 else 16, min(sizes) // 2)
    keep = f > 1.5 / max(sizes)  # below, the taper and the lost mean speak
    band = np.minimum((2 * f * bands).astype(int), bands - 1)[keep]
    weight = np.bincount(band, minlength=bands)
    filled = weight > 0
    mean = np.bincount(band, power[keep], minlength=bands)[filled] / weight[filled]
    middle = np.bincount(band, np.minimum(f[keep], 0.5), minlength=bands)[filled] / weight[filled]
    return middle, mean / max(float(np.average(mean, weights=weight[filled])), 1e-30)


def grid_of(sizes: list[int]) -> list[Array]:
    """The frequencies of a real transform along each axis, spread over its grid."""
    kinds = [np.fft.fftfreq(n) for n in sizes[:-1]] + [np.fft.rfftfreq(sizes[-1])]
    return list(np.meshgrid(*kinds, indexing="ij"))


def frames_of(x: Array) -> Array:
    """Series as pieces of FRAME steps at most, (pieces, 1, steps); of a table, rows."""
    x = x.reshape(-1, 1, x.shape[-1])
    length = min(x.shape[-1], FRAME)
    count = x.shape[-1] // length
    return x[..., : count * length].reshape(-1, 1, length)


def cut(x: NDArray, axis: int, start: int, less: int) -> NDArray:
    """An axis from `start` on, `less` shorter."""
    index = [slice(None)] * x.ndim
    index[axis] = slice(start, x.shape[axis] - less + start)
    return x[tuple(index)]
