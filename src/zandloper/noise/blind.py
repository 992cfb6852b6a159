"""Blind noise estimation: the profile of a noise from noisy data alone, measured where the signal is smooth.

The level comes from the finest detail, in regions that are smooth at a coarser scale. The smoothness is computed from
other values than the detail, so that the selection does not favor weak noise. The spectrum comes from flat tiles of
images or from the frames of sounds with the least power.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from zandloper.errors import DataError
from zandloper.noise import statistics
from zandloper.noise.blind_tables import table_profile
from zandloper.noise.profile import Profile
from zandloper.noise.statistics import PROBABILITIES, Array, Flags, cut, robust_spread

SMOOTH_SHARE = 0.25
LONELY = 0.003  # share of isolated white and black pixels above which they count as noise
FLAT_SHARE = 0.1  # of black or white background in a small image, above which noise is measured there alone
SMALL = 64  # pixels of a side below which an image counts as small
HALF_SURE = 0.5  # relative error of a variance from one half of the noise, on a nearly black or white background
JUMP = 7  # standard deviations of the detail


def from_noisy(noisy: Array, kind: str, there: Flags | None = None) -> Profile:
    """Return the noise profile of data (n, columns), (n, channels, height, width) or (n, channels, time).

    References
    ----------
    Immerkaer 1996, "Fast noise variance estimation", Computer Vision and Image Understanding 64, eq. 1 and 4: the mask
    of second differences. Donoho and Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81,
    section 4.2: median absolute deviation of the finest detail. Foi et al. 2008, section IV: by signal level, in smooth
    regions. Martin 2001, "Noise power spectral density estimation based on optimal smoothing and minimum statistics",
    IEEE Trans. Speech and Audio Processing 9: in sounds, the power in the pauses. Tables: `table_profile`.
    """
    rows = statistics.some_rows(noisy)
    noisy, there = noisy[rows].astype(np.float64), None if there is None else there[rows]
    return table_profile(noisy, there) if kind == "table" else _ordered(noisy, kind)


def _ordered(x: Array, kind: str) -> Profile:
    axes = tuple(range(2, x.ndim))
    low, high = statistics.ends_of(x, kind)
    salt = pepper = spikes = 0.0
    size = (0.0, 0.0)
    smallest = min(x.shape[a] for a in axes)
    if smallest < 3:
        raise DataError(
            f"{kind} samples of shape {x.shape[1:]} are too small to tell noise from signal: three values a side are "
            "needed, or clean data as well"
        )
    if kind == "image":
        salt, pepper = _impulses(x, low, high)
    elif kind == "series" and smallest >= 9:
        x, spikes, size = _without_spikes(x)
    has_impulses = salt + pepper + spikes > 0
    found = _by_signal(x, axes, low, high, has_impulses)
    # A smooth series cannot be distinguished from colored noise; images with flat regions and sounds with pauses can.
    tiles = np.zeros((0, 1, 4)) if has_impulses or kind == "series" else _flat_tiles(x, kind, low, high)
    frequency, spectrum = statistics.spectrum_of(tiles)
    # The detail has high frequencies only: the level over all frequencies follows by way of the spectrum.
    color = _gain(frequency, spectrum, len(axes))
    signal, levels, counts, errors, z = found
    return Profile(
        paired=False,
        level=float(np.sqrt(np.average(levels**2, weights=counts))) * color,
        signal=signal,
        levels=levels * color,
        counts=counts,
        errors=errors,
        quantiles=np.quantile(z, PROBABILITIES),
        kurtosis=statistics.kurtosis_of(z),
        neighbors=statistics.neighbors_of(tiles) if len(frequency) else float("nan"),
        frequency=frequency,
        spectrum=spectrum,
        salt=salt,
        pepper=pepper,
        spikes=spikes,
        spike_size=size,
    )


def _by_signal(
    x: Array, axes: tuple[int, ...], low: float, high: float, has_impulses: bool
) -> tuple[Array, Array, Array, Array, Array]:
    """Signal, level, count and relative error of each bin, and the detail divided by its level."""
    halves = [(end, _half_noise(x, end, other, sign, axes)) for end, other, sign in ((low, high, 1), (high, low, -1))]
    halves = [(end, half) for end, half in halves if len(half) >= 100 and not has_impulses]
    small = min(x.shape[a] for a in axes) < SMALL
    bins: list[tuple[float, float, float, float]] = [
        (end, robust_spread(half), 2.0 * len(half), HALF_SURE) for end, half in halves
    ]
    flat = sum(count for _, _, count, _ in bins) / x.size
    z = [np.concatenate([half, -half]) / max(1e-12, level) for (_, half), (_, level, *_) in zip(halves, bins)]
    if small and flat >= FLAT_SHARE:  # strokes on a flat background: nothing else in such images is smooth
        largest = int(np.argmax([count for _, _, count, _ in bins]))
        bins, z = [bins[largest]], [z[largest]]
        return *(np.array(column) for column in zip(*bins)), np.concatenate(z)  # type: ignore[return-value]
    detail, mean, rough = _detail(x, axes)
    ended = _any_near((x == low) | (x == high), axes)
    inner = tuple(slice((n - m) // 2, (n - m) // 2 + m) for n, m in zip(ended.shape, detail.shape))
    free = ~ended[inner]
    free = free if free.sum() >= 200 else np.ones_like(free)
    d, m, g = detail[free], mean[free], rough[free]
    where, chosen = statistics.bins_of(m), []
    tops = np.array([m[where == k].max() for k in range(where.max() + 1)])
    everywhere = np.bincount(np.minimum(np.searchsorted(tops, mean.ravel()), len(tops) - 1), minlength=len(tops))
    for k in range(where.max() + 1):
        mine = np.flatnonzero(where == k)
        smooth = mine[np.argsort(g[mine], kind="stable")[: max(50, int(SMOOTH_SHARE * len(mine)))]]
        if len(smooth) >= 30:
            level = robust_spread(d[smooth])
            lost = 1 - len(mine) / max(1, everywhere[k])  # near clipped values the noise is weaker than elsewhere
            error = float(np.sqrt(5.4 / len(smooth) + lost**2))
            bins.append((float(m[smooth].mean()), level, float(len(mine)), error))
            chosen.append(d[smooth] / max(1e-12, level))
    if not chosen:
        level = robust_spread(detail)
        bins.append((float(mean.mean()), level, float(detail.size), float(np.sqrt(5.4 / detail.size))))
        chosen.append(detail.ravel() / max(1e-12, level))
    return *(np.array(column) for column in zip(*sorted(bins))), np.concatenate(chosen)  # type: ignore[return-value]


def _detail(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Second differences along all axes, the local mean and the local roughness: three arrays of one shape.

    The differences are scaled to the variance of white noise. The roughness leaves out the nearest neighbors. Values
    without all neighbors are dropped.
    """
    detail, mean = x, x
    for axis in axes:
        a, b, c = (cut(detail, axis, i, 2) for i in range(3))
        detail = (a - 2 * b + c) / np.sqrt(6)
        mean = (cut(mean, axis, 0, 2) + cut(mean, axis, 1, 2) + cut(mean, axis, 2, 2)) / 3
    if min(detail.shape[axis] for axis in axes) < 10:
        return detail, mean, np.zeros_like(mean)
    inner = tuple(slice(3, -3) if i in axes else slice(None) for i in range(x.ndim))
    rough, wide = np.zeros_like(mean[inner]), mean[inner].copy()
    for axis in axes:
        ahead, behind = cut(mean, axis, 6, 6), cut(mean, axis, 0, 6)
        others = tuple(slice(3, -3) if i in axes and i != axis else slice(None) for i in range(x.ndim))
        rough += np.abs(ahead - behind)[others]
        wide += (ahead + behind)[others]
    return detail[inner], wide / (1 + 2 * len(axes)), rough


def _any_near(flags: Flags, axes: tuple[int, ...]) -> Flags:
    """Flags of values that are flagged or have a flagged neighbor."""
    for axis in axes:
        out = flags.copy()
        ahead, behind = cut(flags, axis, 1, 1), cut(flags, axis, 0, 1)
        np.logical_or(cut(out, axis, 0, 1), ahead, out=cut(out, axis, 0, 1))
        np.logical_or(cut(out, axis, 1, 1), behind, out=cut(out, axis, 1, 1))
        flags = out
    return flags


def _around(x: Array, axes: tuple[int, ...]) -> Array:
    """The neighbors of each value that has all of them, (3^axes - 1, ...)."""
    parts = []
    for shift in product((0, 1, 2), repeat=len(axes)):
        if shift != (1,) * len(axes):
            part = x
            for axis, start in zip(axes, shift):
                part = cut(part, axis, start, 2)
            parts.append(part)
    return np.stack(parts)


def _impulses(x: Array, low: float, high: float) -> tuple[float, float]:
    """Shares of isolated white and of isolated black pixels among pixels with at most one such neighbor."""
    around, middle = _around(x, (2, 3)), x[:, :, 1:-1, 1:-1]
    surround = np.median(around, axis=0)
    inside = (middle != low) & (middle != high)
    typical = robust_spread((middle - surround)[inside]) if inside.mean() > 0.3 else 0.0
    shares = []
    for end, other in ((high, low), (low, high)):
        span = abs(end - other) if np.isfinite(end - other) else float(x.max() - x.min())
        room = max(0.3 * span, 5 * typical)
        near = np.abs(around - end) < 0.3 * span
        apart = (near.sum(0) <= 1) & (np.abs(surround - end) > room)
        share = float((apart & (middle == end)).sum() / apart.sum()) if apart.any() else 0.0
        shares.append(share if share > LONELY else 0.0)
    return shares[0], shares[1]


def _without_spikes(x: Array) -> tuple[Array, float, tuple[float, float]]:
    """Replace single values far from both neighbors by the mean of these; return also their share and jump sizes."""
    a, b, c = (cut(x, 2, i, 2) for i in range(3))
    jump = b - (a + c) / 2
    level = robust_spread(jump)
    # Next to a spike, half of its jump appears with the opposite sign: only the largest of three counts.
    size = np.pad(np.abs(jump), ((0, 0), (0, 0), (1, 1)))
    far = (size[..., 1:-1] > JUMP * level) & (size[..., 1:-1] >= size[..., :-2]) & (size[..., 1:-1] >= size[..., 2:])
    if level == 0 or far.sum() < 5:
        return x, 0.0, (0.0, 0.0)
    out = x.copy()
    out[..., 1:-1] = np.where(far, (a + c) / 2, b)
    sizes = np.abs(jump[far])
    return out, float(far.mean()), (float(np.quantile(sizes, 0.05)), float(np.quantile(sizes, 0.95)))


def _half_noise(x: Array, end: float, other: float, sign: int, axes: tuple[int, ...]) -> Array:
    """Distances from the clipping value of values with about half of their neighbors clipped.

    That is one half of the noise on a flat black or white background; the other half is clipped.
    """
    if not np.isfinite(end) or min(x.shape[axis] for axis in axes) < 3:
        return np.empty(0)
    cut_off = (_around(x, axes) == end).mean(0)
    if (cut_off > 0.8).sum() > (cut_off >= 0.375).sum() / 2:  # a background without noise
        return np.empty(0)
    middle = x[tuple(slice(1, -1) if i in axes else slice(None) for i in range(x.ndim))]
    return sign * (middle - end)[(cut_off >= 0.375) & (cut_off <= 0.8) & (middle != end) & (middle != other)]


def _flat_tiles(x: Array, kind: str, low: float, high: float) -> Array:
    """The tiles of images flattest at a coarse scale, or frames of series, without their mean and slope."""
    if kind == "image":
        side = 16 if min(x.shape[2:]) >= SMALL else 8
        if min(x.shape[2:]) < side:
            return np.zeros((0, 1, side, side))
        rows, columns = (n // side for n in x.shape[2:])
        parts = x[:, :, : rows * side, : columns * side].reshape(*x.shape[:2], rows, side, columns, side)
        tiles = parts.transpose(0, 1, 2, 4, 3, 5).reshape(-1, 1, side, side)
        means = tiles.reshape(len(tiles), 4, side // 4, 4, side // 4).mean((2, 4))
        chosen = tiles[np.argsort(means.std((1, 2)), kind="stable")[: max(32, len(tiles) // 10)]]
        y, z = np.mgrid[:side, :side] - (side - 1) / 2
        planes = [np.ones((side, side)), y, z]
    else:
        frames = statistics.frames_of(x)
        length = frames.shape[-1]
        loud = frames.std(-1)[:, 0]
        chosen = frames[np.argsort(loud, kind="stable")[: max(8, len(frames) // 5)]] if kind == "audio" else frames
        planes = [np.ones(length), np.arange(length) - (length - 1) / 2]
    usable = ((chosen == low) | (chosen == high)).reshape(len(chosen), -1).mean(1) < 0.9
    usable &= chosen.reshape(len(chosen), -1).std(1) > 0
    if usable.mean() < 0.5:  # flat tiles without noise: the variation of the others may be signal
        return np.zeros((0, *chosen.shape[1:]))
    flat = chosen[usable].reshape(int(usable.sum()), -1)
    basis = np.stack([p.ravel() / np.linalg.norm(p) for p in planes])
    flat = flat - (flat @ basis.T) @ basis
    return (flat / np.maximum(flat.std(1, keepdims=True), 1e-12)).reshape(-1, *chosen.shape[1:])


def _gain(frequency: Array, spectrum: Array, axes: int) -> float:
    """Ratio of the standard deviation over all frequencies to that of second differences: 1 for white noise."""
    if not len(frequency):
        return 1.0
    grid = statistics.frequency_grid([64] * axes)
    seen = np.prod([(2 - 2 * np.cos(2 * np.pi * f)) ** 2 / 6 for f in grid], axis=0)
    power = np.interp(np.sqrt(sum(f**2 for f in grid)), frequency, spectrum)
    ratio = float((power * seen).sum() / seen.sum() / power.mean())
    return float(1 / np.sqrt(max(ratio, 1e-3)))
