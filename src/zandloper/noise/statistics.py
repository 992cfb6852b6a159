"""Statistics of noise, for residuals and for regions where the signal is smooth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

PROBABILITIES = np.array([0.005, 0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975, 0.995])
MOST = 1_000_000  # values to measure, at most
BINS = 16
FRAME = 512  # steps of a series in one periodogram
INNER = np.linspace(0.3, 0.7, 9)
HALF_SURE = 0.2  # relative error of a variance from one half of the noise, the other being clipped


def some_rows(x: NDArray) -> NDArray[np.int_]:
    """Indices of evenly spread samples that hold about `MOST` values."""
    n = max(2, int(MOST / max(1, x[0].size)))
    return np.arange(len(x)) if len(x) <= n else np.linspace(0, len(x) - 1, n).round().astype(int)


def ends_of(x: Array, kind: str) -> tuple[float, float]:
    """The lowest and the highest value if many values share them, else NaN: noise is clipped there, or jumps there.

    In images, 0 and 1 count as well, even if other noise exceeds them.
    """
    enough = max(10, 2e-4 * x.size)
    found = []
    for extreme, usual in ((x.min(), 0.0), (x.max(), 1.0)):
        candidates = (extreme, usual) if kind == "image" else (extreme,)
        found.append(next((float(v) for v in candidates if (x == v).sum() >= enough), np.nan))
    return found[0], found[1]


def bins_of(signal: Array) -> NDArray[np.int_]:
    """The bin of each value, of about 16 of equal count; a frequent value gets a separate bin."""
    edges = np.unique(np.quantile(signal, np.linspace(0, 1, BINS + 1)[1:-1]))
    found = np.searchsorted(edges, signal, side="left") + np.searchsorted(edges, signal, side="right")
    _, where = np.unique(found, return_inverse=True)
    counts = np.bincount(where)
    few = min(200, len(signal) // (4 * BINS) + 1)
    target = np.arange(len(counts))
    for k in np.flatnonzero(counts < few):  # too few values: merge with a neighbor
        target[k] = target[k - 1] if k else min(1, len(counts) - 1)
    _, where = np.unique(target[where], return_inverse=True)
    return where


def spread_of(r: Array, low: Flags, high: Flags) -> tuple[float, float]:
    """Standard deviation and the relative error of its square.

    If one side is clipped, they are estimated from the other side, as for symmetric noise.
    """
    cut_low, cut_high = low.mean(), high.mean()
    if max(cut_low, cut_high) > 0.005 and min(cut_low, cut_high) < 0.05:
        side = r[r > 0] if cut_low > cut_high else r[r < 0]
        if len(side) > 20:
            return float(np.sqrt(np.mean(side**2))), HALF_SURE
    return float(np.sqrt(np.mean(r**2))), float(np.sqrt((2 + max(0.0, kurtosis_of(r))) / len(r)))


def robust_spread(r: Array) -> float:
    """Standard deviation of noise around 0 from its inner quantiles, which edges and impulses do not affect.

    The median absolute deviation (Donoho and Johnstone 1994, section 4.2), averaged with its neighboring quantiles,
    since a single quantile of integers moves in steps.
    """
    return float(np.mean(np.quantile(np.abs(r), INNER) / ndtri((1 + INNER) / 2)))


def kurtosis_of(z: Array) -> float:
    """Excess kurtosis."""
    square = np.mean(z**2)
    return float(np.mean(z**4) / square**2 - 3) if square > 0 else 0.0


def neighbors_of(z: Array) -> float:
    """Correlation of each value with the next, over all ordered axes; NaN if there are no two values."""
    axes = tuple(range(2, z.ndim)) or (1,)
    if z.size == 0 or min(z.shape[a] for a in axes) < 2 or not z.any():
        return float("nan")
    products = [np.mean(cut(z, axis, 0, 1) * cut(z, axis, 1, 1)) for axis in axes]
    return float(np.mean(products) / np.mean(z**2))


def spectrum_of(z: Array) -> tuple[Array, Array]:
    """Frequencies in cycles a step and power density, on average 1: the mean periodogram of tapered pieces.

    The density of images is averaged over rings of frequency. Data that are too short give empty arrays.

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
    f = np.sqrt(sum(g**2 for g in frequency_grid(sizes)))
    bands = min(64 if len(axes) == 1 else 16, min(sizes) // 2)
    keep = f > 1.5 / max(sizes)  # below, the taper and the removed mean dominate
    band = np.minimum((2 * f * bands).astype(int), bands - 1)[keep]
    weight = np.bincount(band, minlength=bands)
    filled = weight > 0
    mean = np.bincount(band, power[keep], minlength=bands)[filled] / weight[filled]
    middle = np.bincount(band, np.minimum(f[keep], 0.5), minlength=bands)[filled] / weight[filled]
    return middle, mean / max(float(np.average(mean, weights=weight[filled])), 1e-30)


def frequency_grid(sizes: list[int]) -> list[Array]:
    """Grids of the frequencies of a real Fourier transform along each axis."""
    kinds = [np.fft.fftfreq(n) for n in sizes[:-1]] + [np.fft.rfftfreq(sizes[-1])]
    return list(np.meshgrid(*kinds, indexing="ij"))


def frames_of(x: Array) -> Array:
    """Series cut into pieces of at most `FRAME` steps, (pieces, 1, steps); rows of a table stay whole."""
    x = x.reshape(-1, 1, x.shape[-1])
    length = min(x.shape[-1], FRAME)
    count = x.shape[-1] // length
    return x[..., : count * length].reshape(-1, 1, length)


def cut(x: NDArray, axis: int, start: int, less: int) -> NDArray:
    """A slice along an axis from `start` on, `less` shorter than the axis."""
    index = [slice(None)] * x.ndim
    index[axis] = slice(start, x.shape[axis] - less + start)
    return x[tuple(index)]
