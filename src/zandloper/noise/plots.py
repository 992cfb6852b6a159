"""Plots of an audit: the real and the added noise."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.figure import Figure
from scipy.special import ndtri

from zandloper.noise.profile import Profile
from zandloper.noise.statistics import PROBABILITIES
from zandloper.plotting.style import COLORS, FAINT, INK, MARKERS, new_figure, plain

NAMES = ("there", "added")


def audit_figure(there: Profile, added: Profile, verdict: str) -> Figure:
    """Plot level by signal, quantiles and, where both have one, spectrum, in a panel each."""
    both = (there, added)
    spectral = all(len(p.spectrum) for p in both)
    figure = new_figure(11 if spectral else 7.6, 4)
    axes = figure.subplots(1, 3 if spectral else 2)
    for ax, title, across, up in zip(
        axes,
        ("strength by signal", "distribution", "color"),
        ("signal level", "of a normal distribution", "frequency (cycles a step)"),
        ("standard deviation", "standard deviations", "power density (dB)"),
    ):
        plain(ax)
        ax.set_title(title, fontsize=10, color=INK)
        ax.set_xlabel(across)
        ax.set_ylabel(up)
    normal = ndtri(PROBABILITIES)
    axes[1].axline((0, 0), slope=1, color=FAINT, linewidth=1, zorder=0)
    for profile, name, color, marker in zip(both, NAMES, COLORS, MARKERS):
        style = {"color": color, "marker": marker, "markersize": 4, "linewidth": 1.6, "label": name}
        order = np.argsort(profile.signal)
        axes[0].plot(profile.signal[order], profile.levels[order], **style)
        axes[1].plot(normal, profile.quantiles, **style)
        if spectral:
            axes[2].plot(profile.frequency, 10 * np.log10(np.maximum(profile.spectrum, 1e-4)), **style)
    top = max(float(p.levels.max(initial=0.0)) for p in both)
    axes[0].set_ylim(0, 1.15 * top if top > 0 else 1)
    axes[0].legend(frameon=False, fontsize=9)
    figure.suptitle("\n".join(textwrap.wrap(verdict, 110 if spectral else 76)), fontsize=10, color=INK)
    return figure
