"""Metrics of denoised images and sounds."""

from __future__ import annotations

import numpy as np


def psnr(made: np.ndarray, clean: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of values in [0, 1]."""
    return float(-10 * np.log10(max(1e-12, float(np.mean((np.clip(made, 0, 1) - clean) ** 2)))))


def si_sdr(made: np.ndarray, clean: np.ndarray) -> float:
    """Scale-invariant signal to distortion in dB (Le Roux et al. 2019, "SDR - half-baked or well done?", eq. 5)."""
    s = clean.astype(np.float64).ravel() - clean.mean()
    x = made.astype(np.float64).ravel() - made.mean()
    part = (x @ s) / max(1e-12, s @ s) * s
    return float(10 * np.log10(max(1e-12, part @ part) / max(1e-12, ((x - part) ** 2).sum())))
