"""Whether the noise that is added is like the noise that is there.

A model learns to remove the noise that it was given: where that is unlike reality, it will not work well.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.ndimage import median_filter

from zandloper.batch import Batch
from zandloper.corrupt import Noise
from zandloper.corrupt.blur import Blur
from zandloper.errors import DataError
from zandloper.noise.estimate import FLOOR, fit, profile_of, readings
from zandloper.noise.profile import Profile
from zandloper.noise.quiet import SMALL
from zandloper.noise.reading import Reading, as_noise, read

if TYPE_CHECKING:  # drawing is loaded where it is asked for
    from matplotlib.figure import Figure

DEEP = 0.3  # correlation of neighbours above which noise is mostly below the pitch of the finest detail


@dataclass(frozen=True)
class Check:
    """One comparison: what is there, what is added, how far they may differ, and what that means in words."""

    name: str
    there: float
    added: float
    difference: float
    tolerance: float
    words: str

    @property
    def passed(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.difference <= self.tolerance


@dataclass(frozen=True)
class Audit:
    """A noise beside the noise that is there; prints as a verdict, draws itself, and shows itself in notebooks.

    Parameters
    ----------
    noise : Noise
        That was audited; where it has ranges, `pinned` is what they hold that comes closest.
    there, added : Profile
        Both noises in numbers.
    checks : tuple of Check
        Level, dependence on the signal, distribution, jumps, correlation.
    suggestion : Noise
        What `estimate` finds in the noisy data.
    how : str
        What was compared with what.
    """

    noise: Noise
    pinned: Noise
    there: Profile
    added: Profile
    checks: tuple[Check, ...]
    suggestion: Noise
    how: str

    @property
    def realistic(self) -> bool:
        """Whether all checks passed."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """One sentence, or one for each thing that differs."""
        if self.realistic:
            return "The noise that is added looks like the noise that is there."
        wrong = " ".join(check.words for check in self.checks if not check.passed)
        return f"The noise that is added does not look like the noise that is there. {wrong}"

    def to_dict(self) -> dict[str, Any]:
        """Numbers by check, and whether it is realistic."""
        return {
            "realistic": self.realistic,
            **{c.name: {"there": c.there, "added": c.added, "difference": c.difference} for c in self.checks},
        }

    def plot(self) -> Figure:
        """Strength by signal level, distribution and spectrum of both noises, side by side."""
        from zandloper.noise.picture import audit_figure

        return audit_figure(self.there, self.added, self.verdict)

    def __str__(self) -> str:
        width = max(len(c.name) for c in self.checks)
        lines = [self.verdict, f"  added        {self.noise!r}"]
        if self.pinned != self.noise:
            lines.append(f"  nearest      {self.pinned!r}")
        lines += [f"  compared     {self.how}", f"  {'':{width}s}       there     added  difference  allowed"]
        lines += [
            f"  {c.name:{width}s}  {c.there:10.4g}{c.added:10.4g}{c.difference:12.3f}{c.tolerance:9.2f}  "
            f"{'ok' if c.passed else 'DIFFERS'}"
            for c in self.checks
        ]
        if not self.realistic:
            lines.append(f"  found there  {self.suggestion!r}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        buffer = io.BytesIO()
        self.plot().savefig(buffer, format="png")
        picture = base64.b64encode(buffer.getvalue()).decode()
        return (
            f'<pre style="white-space: pre-wrap">{html.escape(str(self))}</pre>'
            f'<img alt="{html.escape(self.verdict)}" style="max-width: 100%" src="data:image/png;base64,{picture}">'
        )


def audit(noise: Any, noisy: Any, clean: Any = None, modality: Any = "auto", *, paired: bool = True) -> Audit:
    """Compare a noise with the noise that is in data.

    With pairs, the noise is added to the clean data and both residuals are measured. With clean data that are not the
    same items (`paired=False`), it is added to those, and both noisy sets are measured where their signal is quiet.
    With noisy data alone it is added to a smoothed copy of them.

    Parameters
    ----------
    noise : noise of zl.noise, or list of noises
        Ranges are fine: of what they hold, the nearest is compared.
    noisy : data
        As for `estimate`.
    clean : data, optional
        The same items without noise; with `paired=False` any others.
    modality : "auto", "table", "image", "series", "audio" or an object of zl.modality
    paired : bool

    Returns
    -------
    Audit

    Examples
    --------
    >>> import zandloper as zl
    >>> clean = np.random.default_rng(0).random((20, 32, 32)).astype(np.float32)
    >>> noisy = zl.noise.Poisson(40).apply(clean, modality="image", random_state=0)
    >>> zl.noise.audit(zl.noise.Poisson(40), noisy, clean, modality="image").realistic
    True
    >>> zl.noise.audit(zl.noise.Gaussian(0.11), noisy, clean, modality="image").realistic
    False
    """
    noise = as_noise(noise, "zl.noise.audit")
    if clean is None:
        there, base = read(noisy, modality, "zl.noise"), None
        return compare(noise, there, _smoothed(there), alone=True)
    if paired:
        there, base = readings(noisy, clean, modality)
    else:
        base = read(clean, modality, "zl.noise")
        there = base.again(noisy)
    assert base is not None
    return compare(noise, there, base, paired=paired)


def compare(noise: Noise, there: Reading, base: Reading, paired: bool = False, alone: bool = False) -> Audit:
    """The audit of readings: noise is added to `base`."""
    if base.x.shape[1:] != there.x.shape[1:] and there.kind == "table":
        raise DataError(f"tables of {base.x.shape[1]} and {there.x.shape[1]} columns cannot be compared")
    real = profile_of(there, base if paired else None)
    pinned = _nearest(noise, real, base, paired)
    added = _added(pinned, base, paired)
    how = "residuals of pairs" if paired else "quiet places of both"
    how = "quiet places, and the noise added to smoothed data" if alone else how
    return Audit(noise, pinned, real, added, _checks(real, added, there.kind, alone), fit(real, there.kind, alone), how)


def _added(noise: Noise, base: Reading, paired: bool) -> Profile:
    seen = base.with_noise(noise)
    valid = None if base.kind == "image" else seen.valid  # what is hidden in an image is a colour like others
    return profile_of(dataclasses.replace(base, x=seen.x, valid=valid), base if paired else None)


def _nearest(noise: Noise, real: Profile, base: Reading, paired: bool) -> Noise:
    """Of what the ranges of a noise hold, that which is as strong as the noise that is there."""
    if noise.at(0.0) == noise.at(1.0):
        return noise
    shares = np.linspace(0, 1, 5)
    levels = np.array([_added(noise.at(float(share)), base, paired).level for share in shares])
    logs = np.maximum.accumulate(np.log(np.maximum(levels, 1e-12)))
    return noise.at(float(np.interp(np.log(max(real.level, 1e-12)), logs, shares)))


def _smoothed(there: Reading) -> Reading:
    """Data with about the same signal levels and hardly any noise, to add noise to."""
    x = there.x
    if there.kind == "table":
        centred = (x - x.mean(0)).double()
        values, vectors = torch.linalg.eigh(centred.T @ centred)
        kept = vectors[:, values > 4 * values.median()]
        x = (centred @ kept @ kept.T).float() + x.mean(0)
    elif there.kind == "image" and min(x.shape[2:]) < SMALL:  # strokes and grounds stay what they are
        x = torch.from_numpy(median_filter(x.numpy(), (1, 1, 3, 3)))
    else:
        x = Blur(2.0).build()(Batch(x)).x
    return dataclasses.replace(there, x=x, valid=None)


def _checks(there: Profile, added: Profile, kind: str, alone: bool) -> tuple[Check, ...]:
    slack = 1.0 if there.paired else 2.0 if alone else 1.5
    checks, impulses = [_jumps(there, added)], min(there.impulses, added.impulses) > 0
    if there.paired or not impulses or max(there.dense, added.dense) > FLOOR:
        checks.append(_level(there, added, 0.1 * slack))
    if there.paired or not impulses:  # beside impulses, noisy data alone tell of texture as much as of noise
        checks.append(_distribution(there, added, 0.08 * slack))
    coloured = max(abs(there.neighbours), abs(added.neighbours)) > DEEP  # the detail sees little of such noise
    if there.paired or (kind == "image" and not impulses and not coloured):
        checks.append(_dependence(there, added, 0.06 * slack))
    if len(there.spectrum) and len(added.spectrum):
        checks += [_neighbours(there, added, 0.06 * slack), _colour(there, added, 1.5 * slack)]
    elif np.isfinite(there.neighbours) and np.isfinite(added.neighbours):
        checks.append(_neighbours(there, added, 0.06 * slack))
    if there.missing or added.missing:
        checks.append(_missing(there, added))
    return tuple(checks)


def _level(there: Profile, added: Profile, tolerance: float) -> Check:
    a, b = max(there.level, 1e-12), max(added.level, 1e-12)
    ratio = a / b if a > b else b / a
    words = f"It is {ratio:.3g} times as {'weak' if a > b else 'strong'}: {b:.3g} against {a:.3g}."
    return Check("level", there.level, added.level, abs(np.log(a / b)), tolerance, words)


def _tilt(profile: Profile) -> float:
    """How many times stronger noise is in the third of the values with the highest signal than in the lowest third."""
    if len(profile.levels) < 2:
        return 1.0
    order = np.argsort(profile.signal)
    levels, share = profile.levels[order], profile.counts[order] / profile.counts.sum()
    end = np.cumsum(share)
    dark, bright = (np.average(levels[part], weights=share[part]) for part in (end - share < 0.33, end > 0.67))
    return float(bright / max(dark, 1e-2 * bright, 1e-12))


def _dependence(there: Profile, added: Profile, tolerance: float) -> Check:
    """Root mean square difference of the logarithms of the levels by signal, each over its own overall level."""
    tilts = _tilt(there), _tilt(added)
    slight = any(p.dense < 0.1 * p.level for p in (there, added))  # jumps are nearly all there is
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
    told = [
        f"{t:.2g} times as strong where the signal is high" if not 0.9 < t < 1.1 else "as strong everywhere"
        for t in tilts
    ]
    words = f"The noise that is there is {told[0]}, the added one {told[1]}."
    if told[0] == told[1]:
        words = "The two depend on the signal in different ways."
    return Check("dependence on signal", *tilts, difference, tolerance, words)


def _distribution(there: Profile, added: Profile, tolerance: float) -> Check:
    """Mean distance of the quantiles of both noises in standard deviations; how far the tails go counts up to four."""
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


def _neighbours(there: Profile, added: Profile, tolerance: float) -> Check:
    a, b = (round(p.neighbours, 4) + 0.0 for p in (there, added))
    words = f"Neighbouring values of the noise that is there are correlated by {a:.2f}, of the added one by {b:.2f}."
    return Check("neighbours", a, b, abs(a - b), tolerance, words)


def _colour(there: Profile, added: Profile, tolerance: float) -> Check:
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
    return Check("colour", slopes[0], slopes[1], difference, tolerance, words)


def _missing(there: Profile, added: Profile) -> Check:
    a, b = there.missing, added.missing
    words = f"Of the values that are there {a:.1%} are missing, the noise hides {b:.1%}."
    return Check("missing", a, b, abs(a - b), max(0.02, 0.2 * max(a, b)), words)
