"""Sounds: what a classifier of spectrograms makes of generated ones, and how near spectra are on average."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from zandloper.applications.generation.evaluation.metrics import (
    SAID,
    SHOWN,
    Verdict,
    drawn_for,
    labels_of,
    seen_by_judge,
)
from zandloper.data import spectrogram

MOST = 4_000  # real sounds
FRAMES = 64  # of the judge's spectrograms: longer sounds are seen at wider steps
DEEP = 60.0  # decibels below the loudest place that the judge sees

HEARD = {
    "spectrum": "mean distance of the average loudness of bands, in decibels: near the real one is good",
    "reconstruction": "mean distance between spectrograms of sounds and of what the model makes of them, in decibels",
}


def heard(schema: Any, sounds: Any) -> np.ndarray:
    """Loudness of bands in decibels below the loudest place of each sound, (n, 1, bands, frames)."""
    rows = schema.read(sounds, "evaluate")
    x = rows[np.searchsorted(rows.starts, rows.firsts)].nan_to_num(0.0).mean(1)
    bands = spectrogram.bands_of(schema.frame, schema.rate, min(64, schema.frame // 4))
    loud = torch.cat([bands @ spectrogram.magnitudes(part, schema.frame) for part in x.split(256)])
    peak = loud.amax((1, 2), keepdim=True).clamp(min=1e-9)
    decibels = 20 * torch.log10((loud / peak).clamp(min=10 ** (-DEEP / 20)))
    step = -(-decibels.shape[2] // FRAMES)
    return decibels[:, None, :, ::step].numpy()


def spectral_distances(schema: Any, first: Any, second: Any) -> np.ndarray:
    """The distance of the spectrograms of sounds, pair by pair, in decibels: the root of the mean square, (n,).

    Gray and Markel 1976, "Distance measures for speech processing", eq. 9, over bands, within 60 dB of the loudest.
    """
    a, b = heard(schema, first), heard(schema, second)
    return np.sqrt(((a - b) ** 2).mean((1, 2, 3)))


def evaluate(generator: Any, real: Any, labels: Any, seed: int, judge: Any = None) -> Verdict:
    """A classifier's view, the distance of mean spectra, and that of reconstructions."""
    model = generator.autoencoder_
    schema, sounds = model.model_.schema, heard(model.model_.schema, real)
    n = min(MOST, len(sounds))
    kept = np.random.default_rng(seed).permutation(len(sounds))[:n]
    told = labels_of(labels, kept, len(sounds))
    drawn, asked = drawn_for(generator, told, n, seed)
    made = heard(schema, drawn)
    unit = lambda x: x / (DEEP / 2) + 1  # noqa: E731
    objective = None if judge is None else (unit(heard(schema, judge[0])), judge[1])
    found, base = seen_by_judge(unit(sounds[kept]), unit(made), told, asked, seed, objective=objective)
    mean = lambda x: x.mean((0, 1, 3))  # noqa: E731
    apart = lambda a, b: float(np.sqrt(((mean(a) - mean(b)) ** 2).mean()))  # noqa: E731
    found["spectrum"] = apart(sounds[kept], made)
    base["spectrum"] = apart(sounds[kept[: n // 2]], sounds[kept[n // 2 :]])
    rebuilt = model.predict(real)
    apart_by = spectral_distances(schema, real, rebuilt)
    found["reconstruction"] = float(apart_by.mean())
    remark = f"{n:,} sounds of each kind; real: one half against the other."
    rows, new = schema.read(real, "evaluate"), schema.read(drawn, "evaluate")
    first = lambda windows, which: windows[np.searchsorted(windows.starts, windows.firsts)[which]].numpy()  # noqa: E731
    shown = (schema, first(rows, kept[:SHOWN]), first(new, np.arange(min(n, SHOWN))))
    captions = [f"{apart_by[i]:.1f} dB apart" for i in kept[:SHOWN]]
    again = (first(schema.read(rebuilt, "evaluate"), kept[:SHOWN]), captions)
    return Verdict(found, base, SAID | HEARD, remark=remark, shown=shown, rebuilt=again)
