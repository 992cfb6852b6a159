"""Audits: comparisons of a simulated noise with the noise in data.

A model learns to remove the noise that it is trained on: it works badly where that differs from the real noise.
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

from zandloper.errors import DataError
from zandloper.model.batch import Batch
from zandloper.model.corruptions import Noise
from zandloper.model.corruptions.blur import Blur
from zandloper.noise.blind import SMALL
from zandloper.noise.checks import Check, checks_of
from zandloper.noise.estimate import fit, profile_of, read_pair
from zandloper.noise.profile import Profile
from zandloper.noise.units import ScaledData, as_noise, to_model_units

if TYPE_CHECKING:  # drawing is loaded where it is asked for
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Audit:
    """Comparison of a noise with the noise in data; prints as a verdict, has `plot()` and a view for notebooks.

    Parameters
    ----------
    noise : Noise
        The audited noise; where its parameters are ranges, `pinned` has the values within them that fit best.
    there, added : Profile
        Profiles of the noise in the data and of the added noise.
    checks : tuple of Check
        Level, dependence on the signal, distribution, jumps, correlation.
    suggestion : Noise
        The noise that `estimate` returns for the noisy data.
    how : str
        The two things that were compared, in words.
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
        """True if all checks passed."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """The result in one sentence, plus one for each failed check."""
        if self.realistic:
            return "The noise that is added looks like the noise that is there."
        wrong = " ".join(check.words for check in self.checks if not check.passed)
        return f"The noise that is added does not look like the noise that is there. {wrong}"

    def to_dict(self) -> dict[str, Any]:
        """The numbers of each check, and `realistic`."""
        return {
            "realistic": self.realistic,
            **{c.name: {"there": c.there, "added": c.added, "difference": c.difference} for c in self.checks},
        }

    def plot(self) -> Figure:
        """Plot strength by signal level, distribution and spectrum of both noises."""
        from zandloper.noise.plots import audit_figure

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
    """Compare a noise with the noise in data.

    With pairs, the noise is added to the clean data, and both residuals are measured. With clean data of other items
    (`paired=False`), the noise is added to them, and both noisy sets are measured where their signal is smooth. With
    noisy data alone, the noise is added to a smoothed copy of them.

    Parameters
    ----------
    noise : noise of zl.noise, or list of noises
        Of ranges, the values that fit best are compared.
    noisy : data
        As for `estimate`.
    clean : data, optional
        The same items without noise; with `paired=False` other items.
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
        there, base = to_model_units(noisy, modality, "zl.noise"), None
        return compare(noise, there, _smoothed(there), alone=True)
    if paired:
        there, base = read_pair(noisy, clean, modality)
    else:
        base = to_model_units(clean, modality, "zl.noise")
        there = base.read_like(noisy)
    assert base is not None
    return compare(noise, there, base, paired=paired)


def compare(noise: Noise, there: ScaledData, base: ScaledData, paired: bool = False, alone: bool = False) -> Audit:
    """Return the audit of data in model units; the noise is added to `base`."""
    if base.x.shape[1:] != there.x.shape[1:] and there.kind == "table":
        raise DataError(f"tables of {base.x.shape[1]} and {there.x.shape[1]} columns cannot be compared")
    real = profile_of(there, base if paired else None)
    pinned = _nearest(noise, real, base, paired)
    added = _added(pinned, base, paired)
    how = "residuals of pairs" if paired else "smooth regions of both"
    how = "smooth regions, with the noise added to smoothed data" if alone else how
    return Audit(
        noise, pinned, real, added, checks_of(real, added, there.kind, alone), fit(real, there.kind, alone), how
    )


def _added(noise: Noise, base: ScaledData, paired: bool) -> Profile:
    seen = base.with_noise(noise)
    valid = None if base.kind == "image" else seen.valid  # hidden pixels of images have a fill color
    return profile_of(dataclasses.replace(base, x=seen.x, valid=valid), base if paired else None)


def _nearest(noise: Noise, real: Profile, base: ScaledData, paired: bool) -> Noise:
    """Choose, within the ranges of a noise, the values at which it is as strong as the real noise."""
    if noise.at(0.0) == noise.at(1.0):
        return noise
    shares = np.linspace(0, 1, 5)
    levels = np.array([_added(noise.at(float(share)), base, paired).level for share in shares])
    logs = np.maximum.accumulate(np.log(np.maximum(levels, 1e-12)))
    return noise.at(float(np.interp(np.log(max(real.level, 1e-12)), logs, shares)))


def _smoothed(there: ScaledData) -> ScaledData:
    """Smooth data to about the same signal levels with little noise, as a base to add noise to."""
    x = there.x
    if there.kind == "table":
        centered = (x - x.mean(0)).double()
        values, vectors = torch.linalg.eigh(centered.T @ centered)
        kept = vectors[:, values > 4 * values.median()]
        x = (centered @ kept @ kept.T).float() + x.mean(0)
    elif there.kind == "image" and min(x.shape[2:]) < SMALL:  # a median keeps strokes and backgrounds apart
        x = torch.from_numpy(median_filter(x.numpy(), (1, 1, 3, 3)))
    else:
        x = Blur(2.0).build()(Batch(x)).x
    return dataclasses.replace(there, x=x, valid=None)
