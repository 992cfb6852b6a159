"""The period of series: how many steps pass until things come round again, and windows that follow from it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

SHORTEST, LONGEST = 4, 512  # periods that are looked for
NEARLY = 0.8  # of the highest peak: the first peak that is as high as that is taken, the others are its multiples
HEIGHT = 0.1  # a peak of the autocorrelation that is lower says little
SHORTEST_WINDOW, USUAL_WINDOW = 16, 64  # of windows that follow from the data: at least, and where nothing repeats
TRAINED_WINDOWS = 20_000  # about so many train: longer series are cut more sparsely
MANY = 30  # series of one length from here on are windows themselves


def window_of(pieces: list[np.ndarray]) -> int:
    """A length of windows for series (steps, channels)."""
    lengths = {len(p) for p in pieces}
    longest = max(lengths)
    if len(lengths) == 1 and len(pieces) >= MANY and longest <= LONGEST:
        return max(2, longest)
    most = min(LONGEST, max(longest // 4, min(SHORTEST_WINDOW, longest // 2)))
    period = find_period(pieces, most)
    if period is None:
        return max(2, min(USUAL_WINDOW, most))
    return max(2, min(most, period * math.ceil(SHORTEST_WINDOW / period)))


def stride_of(steps: int, window: int) -> int:
    """Steps between windows that train: without a common divisor with the window, so that all phases are seen."""
    stride = min(max(1, window // 4), math.ceil(steps / TRAINED_WINDOWS))
    while math.gcd(stride, window) > 1:
        stride -= 1
    return stride


def find_period(series: Sequence[np.ndarray], longest: int = LONGEST) -> int | None:
    """The period of series in steps, or None where nothing repeats.

    The autocorrelation of each channel, by FFT, without what changes more slowly than the longest period; averaged
    over channels, where values are missing over those pairs that are there. A period is a lag at which it has a peak
    that stands out from what lies before it and from what white noise would show.

    Parameters
    ----------
    series : sequence of ndarray (steps, channels)
        NaN is missing.
    longest : int
        The longest period to look for.

    Examples
    --------
    >>> t = np.arange(600)
    >>> find_period([np.sin(2 * np.pi * t / 24)[:, None]])
    24

    References
    ----------
    Vlachos, Yu and Castelli 2005, "On periodicity detection and structural periodic similarity", SDM: peaks of the
    autocorrelation decide. Ermshaus, Schaefer and Leser 2022, "Window size selection in unsupervised time series
    analytics": its highest peak is among the best choices of a window. Wiener and Khinchin: the autocorrelation is the
    transform of the spectrum.
    """
    steps = max(map(len, series))
    lags = min(longest, steps // 3) + 1
    if lags <= SHORTEST:
        return None
    total, pairs = np.zeros(lags + 1), np.zeros(lags + 1)
    for one in series:
        if len(one) >= 3 * SHORTEST:
            for channel in one.T:
                product, count = _autocorrelation(channel, lags, 2 * longest)
                total[: len(product)] += product
                pairs[: len(count)] += count
    if pairs[0] == 0 or total[0] <= 0:
        return None
    acf = np.divide(total, pairs, out=np.zeros_like(total), where=pairs > 0) / (total[0] / pairs[0])
    smooth = np.convolve(acf, (0.25, 0.5, 0.25), mode="same")  # of noise, every other lag would be a peak
    smooth[[0, -1]] = acf[[0, -1]]
    inside = np.arange(SHORTEST, lags)
    valley = np.minimum.accumulate(smooth)[inside]
    peak = (smooth[inside] > smooth[inside - 1]) & (smooth[inside] >= smooth[inside + 1])
    noise = 4 / np.sqrt(np.maximum(pairs[inside], 1))  # the deviation of white noise is 1/sqrt(n) at every lag
    stands_out = peak & (smooth[inside] > np.maximum(HEIGHT, noise)) & (valley < 0.5 * smooth[inside])
    if not stands_out.any():
        return None
    first = int(inside[stands_out & (smooth[inside] >= NEARLY * smooth[inside][stands_out].max())][0])
    return _refined(acf[:lags], first)


def _refined(acf: np.ndarray, lag: int) -> int:
    """The top of the hill that a peak stands on: long periods have flat tops, on which noise puts the highest point."""
    width = lag // 6
    if width < 2:
        return lag
    near = np.arange(lag - width, min(lag + width + 1, len(acf)))
    padded = np.pad(acf, width, mode="edge")
    kernel = np.bartlett(2 * width + 3)[1:-1]
    hill = np.array([padded[i : i + 2 * width + 1] @ kernel for i in near])
    return int(near[hill.argmax()])


def _autocorrelation(x: np.ndarray, lags: int, slow: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums of products at lags 0 to `lags` of a standardized channel without its slow part, and how many they are."""
    there = np.isfinite(x)
    lags = min(lags, len(x) - 1)
    if there.sum() < 2:
        return np.zeros(lags + 1), np.zeros(lags + 1)
    x = np.interp(np.arange(len(x)), np.flatnonzero(there), x[there].astype(np.float64))
    middle = abs(np.median(x))
    x = _clipped(x)
    x = np.where(there, _clipped(x - _slow(x, slow)), 0.0)
    deviation = np.sqrt((x**2).sum() / there.sum())
    if deviation <= 1e-12 * max(1.0, middle):
        return np.zeros(lags + 1), np.zeros(lags + 1)
    size = 1 << (2 * len(x) - 1).bit_length()
    power = lambda a: np.fft.irfft(np.abs(np.fft.rfft(a, size)) ** 2, size)[: lags + 1]  # noqa: E731
    return power(x / deviation), np.round(power(there.astype(np.float64)))


def _clipped(x: np.ndarray) -> np.ndarray:
    """Without what lies far outside: a single spike must not outshout all else."""
    low, middle, high = np.quantile(x, (0.25, 0.5, 0.75))
    reach = max(8 * (high - low), 4 * x.std())  # spikes that come often are part of what repeats
    return np.clip(x, middle - reach, middle + reach)


def _slow(x: np.ndarray, width: int) -> np.ndarray:
    """The straight line through a channel, and the moving mean over `width` steps of what is left, if it is longer."""
    t = np.linspace(-1, 1, len(x))
    mean = x.mean()
    line = mean + t * ((x - mean) @ t) / (t @ t)
    if len(x) <= 2 * width:
        return line
    rest = x - line
    padded = np.pad(rest, (width // 2, width - width // 2), mode="reflect")
    summed = np.cumsum(np.concatenate([[0.0], padded]))
    return line + (summed[width:] - summed[:-width])[: len(x)] / width
