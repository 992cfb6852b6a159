"""Noise estimation: the noise family that explains a measured profile with the fewest parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from zandloper.errors import DataError
from zandloper.model.corruptions import Noise, Strength
from zandloper.model.corruptions.chain import Chain
from zandloper.model.corruptions.colored import EXPONENTS, Colored
from zandloper.model.corruptions.gaussian import Gaussian
from zandloper.model.corruptions.impulses import Impulses
from zandloper.model.corruptions.masking import Masking
from zandloper.model.corruptions.poisson import Poisson
from zandloper.model.corruptions.poisson_gaussian import PoissonGaussian
from zandloper.model.corruptions.salt_and_pepper import SaltAndPepper
from zandloper.model.corruptions.speckle import Speckle
from zandloper.noise.blind import from_noisy
from zandloper.noise.profile import Profile, from_pairs
from zandloper.noise.units import ORDERED, ScaledData, to_model_units

Array = NDArray[np.float64]
SURE = {True: 0.01, False: 0.04}  # relative error of a level that more data would not lower, by `paired`
COLORED = {
    True: (-0.06, 0.06),
    False: (-0.15, 0.15),
}  # correlation of neighbors in white noise, by `paired`
LEAN = 0.3  # slope of the log spectrum below which blind estimates call it flat
UNEVEN = 0.15  # spread of the log levels of samples above which they differ
TAILS = (0.05, 0.95)
SLIGHT = {True: 0.05, False: 0.12}  # share of the variance below which a component is left out, by `paired`
FLOOR = 0.03  # level below which a blind estimate of dense noise with impulses may be texture alone
FEW = 0.002  # share of jumps below which impulses are left out


def estimate(noisy: Any, clean: Any = None, modality: Any = "auto") -> Noise:
    """Estimate the noise in data.

    From pairs, the variance of the residual by signal level decides between Gaussian (constant), Poisson-Gaussian
    (a x + b) and speckle (c x^2). Jumps to both ends are salt and pepper, jumps elsewhere impulses, gaps masking. A
    spectrum that is not flat makes the noise colored. From noisy data alone, the same is measured where the signal is
    smooth (see `zandloper.noise.blind`). Then colored noise is found only in images with flat regions and in sounds
    with pauses, and the noise of series counts as white.

    Parameters
    ----------
    noisy : data
        Images, a table, with `modality="series"` series (time, channels), with `"audio"` sounds (n, time), or either as
        (n, time, channels).
    clean : data, optional
        The same items without noise.
    modality : "auto", "table", "image", "series", "audio" or an object of zl.modality

    Returns
    -------
    Noise
        In model units: of columns and series, in standard deviations of the clean data.

    Examples
    --------
    >>> import zandloper as zl
    >>> rows = np.random.default_rng(0).normal(size=(5000, 1)) @ np.ones((1, 8))
    >>> noisy = zl.noise.Gaussian(0.2).apply(rows, random_state=0)
    >>> round(zl.noise.estimate(noisy, rows).sigma, 2), round(zl.noise.estimate(noisy).sigma, 2)
    (0.2, 0.2)

    References
    ----------
    Foi, Trimeche, Katkovnik and Egiazarian 2008, "Practical Poissonian-Gaussian noise modeling and fitting for
    single-image raw-data", IEEE Trans. Image Processing 17. Donoho and Johnstone 1994. Immerkaer 1996.
    """
    there, base = read_pair(noisy, clean, modality)
    return fit(profile_of(there, base), there.kind, noisy_units=base is None)


def read_pair(noisy: Any, clean: Any, modality: Any) -> tuple[ScaledData, ScaledData | None]:
    """Convert both to the model units of the clean data, where given."""
    if clean is None:
        return to_model_units(noisy, modality, "zl.noise"), None
    base = to_model_units(clean, modality, "zl.noise")
    there = base.read_like(noisy)
    if there.x.shape != base.x.shape:
        raise DataError(
            f"noisy data of shape {tuple(there.x.shape)} and clean data of shape {tuple(base.x.shape)} are no pairs: "
            "pass the same items twice, or no clean ones"
        )
    return there, base


def profile_of(there: ScaledData, base: ScaledData | None) -> Profile:
    """Return the profile of the noise in data, from residuals where `base` is given."""
    seen = None if there.valid is None else there.valid.numpy() > 0
    if base is None:
        return from_noisy(there.x.numpy(), there.kind, seen)
    known = None if base.valid is None else base.valid.numpy() > 0
    both = known if seen is None else seen if known is None else known & seen
    if both is not None and not both.any():
        raise DataError("there is no value that both the noisy and the clean data have: nothing can be compared")
    return from_pairs(there.x.numpy(), base.x.numpy(), there.kind, both)


def fit(profile: Profile, kind: str, noisy_units: bool) -> Noise:
    """Return the noise that fits a profile.

    `noisy_units` means that the units were learned from noisy data, whose standard deviation includes the noise.
    """
    noises: list[Noise] = []
    dense = _dense(profile, kind, noisy_units)
    if dense is not None:
        noises.append(dense)
    if profile.impulses > FEW and kind == "image":
        noises.append(SaltAndPepper(min(1.0, profile.impulses), profile.salt / profile.impulses))
    elif profile.impulses + profile.spikes > FEW and kind != "image":
        size = profile.spike_size if profile.spikes else (profile.level, profile.level)
        noises.append(Impulses(min(1.0, profile.impulses + profile.spikes), size))
    if profile.missing > 0:
        noises.append(Masking(profile.missing))
    if not noises:
        return Gaussian(0.0)
    return noises[0] if len(noises) == 1 else Chain(tuple(noises))


def _dense(profile: Profile, kind: str, noisy_units: bool) -> Noise | None:
    """The noise on all values, or None if there is none."""
    if not len(profile.levels) or profile.levels.max() <= 1e-6:
        return None
    overall = profile.dense
    if not profile.paired and profile.impulses and overall < FLOOR:
        return None
    if noisy_units and kind in ("table", "series"):
        overall /= np.sqrt(max(0.05, 1 - profile.level**2))
    color = _color(profile, kind)
    level: Strength = overall
    law = Gaussian(level) if kind in ("table", *ORDERED) and not profile.paired else _by_signal(profile, overall)
    snr: Strength | None = None
    if len(profile.sizes) > 1 and (color is not None or isinstance(law, Gaussian)):
        finite = profile.ratios[np.isfinite(profile.ratios)]
        by_size = np.std(np.log(np.maximum(profile.sizes, 1e-12)))
        by_ratio = np.std(finite) * np.log(10) / 20 if kind in ORDERED and len(finite) > 1 else np.inf
        if by_size > UNEVEN and by_ratio < by_size / 2:  # the noise of a sample scales with its signal
            snr = float(finite.mean()) if by_ratio < UNEVEN else tuple(float(v) for v in np.quantile(finite, TAILS))  # type: ignore[assignment]
        elif by_size > UNEVEN:
            level = tuple(float(v) for v in np.quantile(profile.sizes, TAILS))  # type: ignore[assignment]
    if color is not None or snr is not None:
        return Colored(color or "white", snr=snr, level=None if snr is not None else level)
    return Gaussian(level) if isinstance(level, tuple) else law


@dataclass(frozen=True)
class Law:
    """A variance law: functions of the signal whose non-negative combination is the variance, and the noise family."""

    columns: tuple[Callable[[Array], Array], ...]
    make: Callable[..., Noise]


def _by_signal(profile: Profile, level: float) -> Noise:
    """Choose between Gaussian, Poisson, Poisson-Gaussian and speckle noise.

    The variance is regressed on the signal by weighted least squares; each parameter costs two units of loss (Akaike's
    criterion).
    """
    s, v = profile.signal, profile.levels**2
    if len(s) < 4:  # too few bins to fit a law
        return Gaussian(level)
    doubt = np.maximum(v, 1e-3 * v.max()) * np.sqrt(profile.errors**2 + (2 * SURE[profile.paired]) ** 2)
    constant, rising, square = (lambda x: np.ones_like(x)), (lambda x: x), (lambda x: x**2)
    laws = (
        Law((constant,), lambda b: Gaussian(float(np.sqrt(b)))),
        Law((square,), lambda c: _speckle(float(np.sqrt(c)), profile)),
        Law((rising,), lambda a: Poisson(float(1 / a))),
        Law((rising, constant), lambda a, b: PoissonGaussian(float(1 / a), float(np.sqrt(b)))),
    )
    best: Noise = Gaussian(level)
    least = np.inf
    for law in laws if s.min() > -0.01 else laws[:2]:  # negative signals rule out photon counts
        design = np.stack([column(s) for column in law.columns], 1)
        weights = nnls(design / doubt[:, None], v / doubt)[0]
        if weights.min() <= 1e-9:  # the law is then one of the simpler ones
            continue
        parts = weights * np.average(design, axis=0, weights=profile.counts)
        if parts.min() < SLIGHT[profile.paired] * parts.sum():
            continue
        loss = float((((design @ weights - v) / doubt) ** 2).sum()) + 2 * len(law.columns)
        if loss < least:
            best, least = law.make(*weights), loss
    return best


def _speckle(sigma: float, profile: Profile) -> Speckle:
    """Choose between normal and gamma speckle by skewness.

    The skewness of a gamma law is 2 sigma, a third of which the quantiles show (Cornish and Fisher 1938).
    """
    low, middle, high = (profile.quantiles[i] for i in (1, 4, 7))
    lean = (high + low - 2 * middle) / max(1e-12, high - low)
    return Speckle(sigma, "gamma" if lean > 0.33 * sigma else "normal")


def _color(profile: Profile, kind: str) -> str | tuple[float, ...] | None:
    """The spectrum of noise that is not white, by name if a power law fits it, else as densities; None for white."""
    if kind == "table" or not len(profile.spectrum) or (kind == "series" and not profile.paired):
        return None
    low, high = COLORED[profile.paired]
    if np.isnan(profile.neighbors) or low < profile.neighbors < high:
        return None
    f, p = profile.frequency, np.maximum(profile.spectrum, 1e-6)
    slope, offset = np.polyfit(np.log(f), np.log(p), 1)
    if abs(slope) < LEAN and not profile.paired:  # correlation without a slope comes from image content
        return None
    misfit = np.std(np.log(p) - slope * np.log(f) - offset)
    for name, exponent in EXPONENTS.items():
        if exponent and abs(slope + exponent) < 0.25 and misfit < 0.35:
            return name
    even = np.linspace(0, 0.5, len(f) + 1)
    return tuple(float(f"{v:.4g}") for v in np.interp(even, f, p))
