"""Evaluation of generated sounds: a classifier of spectrograms, mean spectra, and reconstructions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from zandloper.applications.generation.evaluation.classifier import (
    MEANINGS,
    compare_by_classifier,
    drawn_for,
    labels_of,
)
from zandloper.applications.generation.evaluation.result import N_SHOWN, SampleMetrics
from zandloper.data import spectrogram
from zandloper.data.windows import Windows

MAX_SOUNDS = 4_000  # real sounds
FRAMES = 64  # of the spectrograms: longer sounds are sampled at wider steps
DYNAMIC_RANGE = 60.0  # decibels below the maximum of a sound

AUDIO_MEANINGS = {
    "spectrum": "mean distance of the mean loudness of bands, in decibels: near the real one is good",
    "reconstruction": "mean distance between spectrograms of sounds and of their reconstructions, in decibels",
}


def log_spectrograms(schema: Any, sounds: Any) -> np.ndarray:
    """Loudness of bands in decibels below the maximum of each sound, (n, 1, bands, frames)."""
    rows = schema.read(sounds, "evaluate")
    x = rows[np.searchsorted(rows.starts, rows.firsts)].nan_to_num(0.0).mean(1)
    bands = spectrogram.bands_of(schema.frame, schema.rate, min(64, schema.frame // 4))
    loud = torch.cat([bands @ spectrogram.magnitudes(part, schema.frame) for part in x.split(256)])
    peak = loud.amax((1, 2), keepdim=True).clamp(min=1e-9)
    decibels = 20 * torch.log10((loud / peak).clamp(min=10 ** (-DYNAMIC_RANGE / 20)))
    step = -(-decibels.shape[2] // FRAMES)
    return decibels[:, None, :, ::step].numpy()


def spectral_distances(schema: Any, first: Any, second: Any) -> np.ndarray:
    """Root mean square distance of the spectrograms of sounds, pair by pair, in decibels, (n,).

    Gray and Markel 1976, "Distance measures for speech processing", eq. 9, over bands, within 60 dB of the maximum.
    """
    a, b = log_spectrograms(schema, first), log_spectrograms(schema, second)
    return np.sqrt(((a - b) ** 2).mean((1, 2, 3)))


def evaluate(generator: Any, real: Any, labels: Any, seed: int, classifier_data: Any = None) -> SampleMetrics:
    """Compare by a classifier, by mean spectra, and by reconstructions."""
    model = generator.autoencoder_
    schema, sounds = model.model_.schema, log_spectrograms(model.model_.schema, real)
    n = min(MAX_SOUNDS, len(sounds))
    kept = np.random.default_rng(seed).permutation(len(sounds))[:n]
    kept_labels = labels_of(labels, kept, len(sounds))
    drawn, requested = drawn_for(generator, kept_labels, n, seed)
    made = log_spectrograms(schema, drawn)
    training_set = None
    if classifier_data is not None:
        training_set = _scaled(log_spectrograms(schema, classifier_data[0])), classifier_data[1]
    found, base = compare_by_classifier(
        _scaled(sounds[kept]), _scaled(made), kept_labels, requested, seed, training_set
    )
    found["spectrum"] = _spectrum_distance(sounds[kept], made)
    base["spectrum"] = _spectrum_distance(sounds[kept[: n // 2]], sounds[kept[n // 2 :]])
    rebuilt = model.predict(real)
    distances = spectral_distances(schema, real, rebuilt)
    found["reconstruction"] = float(distances.mean())
    remark = f"{n:,} sounds of each kind; real: one half against the other."
    rows, new = schema.read(real, "evaluate"), schema.read(drawn, "evaluate")
    shown = (schema, _first_windows(rows, kept[:N_SHOWN]), _first_windows(new, np.arange(min(n, N_SHOWN))))
    captions = [f"{distances[i]:.1f} dB apart" for i in kept[:N_SHOWN]]
    again = (_first_windows(schema.read(rebuilt, "evaluate"), kept[:N_SHOWN]), captions)
    return SampleMetrics(found, base, MEANINGS | AUDIO_MEANINGS, remark=remark, shown=shown, rebuilt=again)


def _scaled(decibels: np.ndarray) -> np.ndarray:
    """Loudness in units of about 1 around 0."""
    return decibels / (DYNAMIC_RANGE / 2) + 1


def _spectrum_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square distance of two mean spectra, in decibels."""
    return float(np.sqrt(((a.mean((0, 1, 3)) - b.mean((0, 1, 3))) ** 2).mean()))


def _first_windows(windows: Windows, which: np.ndarray) -> np.ndarray:
    """First window of each of some sounds."""
    first: np.ndarray = windows[np.searchsorted(windows.starts, windows.firsts)[which]].numpy()
    return first
