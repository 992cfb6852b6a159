"""The checks of an audit: comparisons of two noise profiles, each with numbers and a sentence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zandloper.noise.estimate import FLOOR
from zandloper.noise.profile import Profile

DEEP = 0.3  # correlation of neighbors above which most noise is of lower frequency than the finest detail


@dataclass(frozen=True)
class Check:
    """Comparison of one property: its value in the real and in the added noise, their difference, the tolerance."""

    name: str
    there: float
    added: float
    difference: float
    tolerance: float
    words: str

    @property
    def passed(self) -> bool:
        """True if the difference is within the tolerance."""
        return self.difference <= self.tolerance


def checks_of(there: Profile, added: Profile, kind: str, alone: bool) -> tuple[Check, ...]:
    """Checks of level, distribution, dependence on the signal, jumps and correlation, where both profiles have them."""
    slack = 1.0 if there.paired else 2.0 if alone else 1.5
    checks, impulses = [_jumps(there, added)], min(there.impulses, added.impulses) > 0
    if there.paired or not impulses or max(there.dense, added.dense) > FLOOR:
        checks.append(_level(there, added, 0.1 * slack))
    if there.paired or not impulses:  # with impulses, blind estimates contain texture as well as noise
        checks.append(_distribution(there, added, 0.08 * slack))
    colored = max(abs(there.neighbors), abs(added.neighbors)) > DEEP  # the detail contains little of such noise
    if there.paired or (kind == "image" and not impulses and not colored):
        checks.append(_dependence(there, added, 0.06 * slack))
    if len(there.spectrum) and len(added.spectrum):
        checks += [_neighbors(there, added, 0.06 * slack), _color(there, added, 1.5 * slack)]
    elif np.isfinite(there.neighbors) and np.isfinite(added.neighbors):
        checks.append(_neighbors(there, added, 0.06 * slack))
    if there.missing or added.missing:
        checks.append(_missing(there, added))
    return tuple(checks)


def _level(there: Profile, added: Profile, tolerance: float) -> Check:
    a, b = max(there.level, 1e-12), max(added.level, 1e-12)
    ratio = a / b if a > b else b / a
    words = f"It is {ratio:.3g} times as {'weak' if a > b else 'strong'}: {b:.3g} against {a:.3g}."
    return Check("level", there.level, added.level, abs(np.log(a / b)), tolerance, words)


def _tilt(profile: Profile) -> float:
    """Ratio of the noise level in the third of the values with the highest signal to that in the lowest third."""
    if len(profile.levels) < 2:
        return 1.0
    order = np.argsort(profile.signal)
    levels, share = profile.levels[order], profile.counts[order] / profile.counts.sum()
    end = np.cumsum(share)
    dark, bright = (np.average(levels[part], weights=share[part]) for part in (end - share < 0.33, end > 0.67))
    return float(bright / max(dark, 1e-2 * bright, 1e-12))


def _dependence(there: Profile, added: Profile, tolerance: float) -> Check:
    """Root mean square difference of the logarithms of the levels by signal, each relative to its overall level."""
    tilts = _tilt(there), _tilt(added)
    slight = any(p.dense < 0.1 * p.level for p in (there, added))  # nearly all of the noise is jumps
    if slight or len(there.levels) < 2 or len(added.levels) < 2:
        return Check("dependence on signal", *tilts, 0.0, tolerance, "")
    shape = []
    for profile in (there, added):
        levels = np.interp(there.signal, profile.signal, profile.levels)
        overall = max(1e-12, float(np.sqrt(np.average(levels**2, weights=there.counts))))
        shape.append(np.log(np.maximum(levels / overall, 0.1)))
    sure = np.minimum(there.counts, there.counts.sum() / 4) / (1 + (there.errors / 0.1) ** 2)
    gap = shape[0] - shape[1]
    gap = gap - np.average(gap, weights=sure)
    difference = float(np.sqrt(np.average(gap**2, weights=sure)))
    described = [
        f"{t:.2g} times as strong where the signal is high" if not 0.9 < t < 1.1 else "as strong everywhere"
        for t in tilts
    ]
    words = f"The noise that is there is {described[0]}, the added one {described[1]}."
    if described[0] == described[1]:
        words = "The two depend on the signal in different ways."
    return Check("dependence on signal", *tilts, difference, tolerance, words)


def _distribution(there: Profile, added: Profile, tolerance: float) -> Check:
    """Mean distance of the quantiles of both noises in standard deviations; quantiles are clipped at four."""
    difference = float(np.mean(np.abs(np.clip(there.quantiles, -4, 4) - np.clip(added.quantiles, -4, 4))))
    words = (
        f"Its distribution is of another shape (excess kurtosis {added.kurtosis:.2g} against {there.kurtosis:.2g}; "
        f"median {added.quantiles[4]:.2g} against {there.quantiles[4]:.2g} standard deviations)."
    )
    return Check("distribution", there.kurtosis, added.kurtosis, difference, tolerance, words)


def _jumps(there: Profile, added: Profile) -> Check:
    a, b = there.impulses + there.spikes, added.impulses + added.spikes
    words = f"Of the values that are there {a:.2%} jump, of the added ones {b:.2%}."
    return Check("jumps", a, b, abs(a - b), max(0.005, 0.25 * max(a, b)), words)


def _neighbors(there: Profile, added: Profile, tolerance: float) -> Check:
    a, b = (round(p.neighbors, 4) + 0.0 for p in (there, added))
    words = f"Neighboring values of the noise that is there are correlated by {a:.2f}, of the added one by {b:.2f}."
    return Check("neighbors", a, b, abs(a - b), tolerance, words)


def _color(there: Profile, added: Profile, tolerance: float) -> Check:
    """Root mean square difference of the spectra in dB, where there is power."""
    other = np.interp(there.frequency, added.frequency, added.spectrum)
    floor = 0.02
    gap = 10 * np.log10(np.maximum(there.spectrum, floor) / np.maximum(other, floor))
    weight = np.maximum(there.spectrum, other) > floor
    difference = float(np.sqrt(np.mean(gap[weight] ** 2))) if weight.any() else 0.0
    slopes = [
        float(np.polyfit(np.log(p.frequency), np.log(np.maximum(p.spectrum, floor)), 1)[0]) for p in (there, added)
    ]
    words = f"Its spectrum is off by {difference:.1f} dB (slope {slopes[1]:.2f} against {slopes[0]:.2f})."
    return Check("color", slopes[0], slopes[1], difference, tolerance, words)


def _missing(there: Profile, added: Profile) -> Check:
    a, b = there.missing, added.missing
    words = f"Of the values that are there {a:.1%} are missing, the noise hides {b:.1%}."
    return Check("missing", a, b, abs(a - b), max(0.02, 0.2 * max(a, b)), words)
