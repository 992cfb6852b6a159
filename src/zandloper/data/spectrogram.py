"""From sounds to magnitudes in bands of frequency and back, with phases that sound right.

A frame is four hops long, so that three quarters of it are the next one's. Bands follow the ear's scale: narrow below,
wide above.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

MOMENTUM = 0.99  # of the search for phases, as recommended in Perraudin et al. 2013, section 4
UNMIX = 30  # rounds that split bands into single frequencies


def magnitudes(x: Tensor, frame: int) -> Tensor:
    """Magnitudes of sounds (..., samples), (..., frame / 2 + 1, samples / hop + 1); the hop is a quarter of a frame."""
    return transform(x, frame).abs()


def transform(x: Tensor, frame: int) -> Tensor:
    """The short-time Fourier transform under a Hann window, scaled so that a sine of size 1 gives about 1."""
    flat = x.reshape(-1, x.shape[-1])
    window = torch.hann_window(frame, dtype=x.dtype, device=x.device)
    found = torch.stft(flat, frame, frame // 4, window=window, pad_mode="constant", return_complex=True)
    return found.reshape(*x.shape[:-1], *found.shape[1:]) * (4 / frame)


def inverse(spectrum: Tensor, frame: int, length: int) -> Tensor:
    """The sound whose transform is closest to a spectrum (Griffin and Lim 1984, eq. 6)."""
    flat = spectrum.reshape(-1, *spectrum.shape[-2:]) * (frame / 4)
    window = torch.hann_window(frame, dtype=flat.real.dtype, device=flat.device)
    found = torch.istft(flat, frame, frame // 4, window=window, length=length)
    return found.reshape(*spectrum.shape[:-2], length)


def first_phases(size: Tensor) -> Tensor:
    """Phases to begin with, from magnitudes (..., frequencies, frames): each frequency turns on as fast as the loudest
    one near it.

    Beauregard, Harish and Wyse 2015, "Single pass spectrogram inversion", section 3: peaks, their frequencies by a
    parabola through three values, and everything up to the valley between two peaks turning with its peak.
    """
    frequencies = size.shape[-2]
    k = torch.arange(frequencies, device=size.device)
    inner = torch.nn.functional.pad(size, (0, 0, 1, 1), value=-1.0)
    below, above = inner[..., :-2, :], inner[..., 2:, :]
    peak = (size >= below) & (size > above)
    bend = below.clamp(min=0) - 2 * size + above.clamp(min=0)
    offset = torch.where(bend < 0, 0.5 * (below.clamp(min=0) - above.clamp(min=0)) / bend, 0.0).clamp(-0.5, 0.5)
    at = k[:, None].expand_as(size)
    last = torch.where(peak, at, -1).cummax(-2).values  # the nearest peak below, and the nearest above
    following = torch.where(peak, at, 2 * frequencies).flip(-2).cummin(-2).values.flip(-2)
    nearest = torch.where((at - last <= following - at) & (last >= 0), last, following).clamp(0, frequencies - 1)
    turning = (k[:, None] + offset).gather(-2, nearest)
    # A hop is a quarter of a frame: frequency f turns by f quarters of a circle. Phases count from a frame's first
    # sample, half a frame before its middle.
    return (turning * (0.5 * math.pi)).cumsum(-1) - math.pi * at


def with_phases(size: Tensor, frame: int, length: int, rounds: int, start: Tensor | None = None) -> Tensor:
    """A sound (..., length) with given magnitudes, by searching for phases that agree from frame to frame.

    The fast Griffin-Lim algorithm: project on what sounds can have, then on the magnitudes, and go on a little in the
    direction of the last step.

    Parameters
    ----------
    size : Tensor (..., frequencies, frames)
    start : Tensor, optional
        A sound to take the first phases from.

    References
    ----------
    Perraudin, Balazs and Søndergaard 2013, "A fast Griffin-Lim algorithm", algorithm 2. Griffin and Lim 1984, "Signal
    estimation from modified short-time Fourier transform".
    """
    phases = first_phases(size) if start is None else transform(start, frame).angle()
    spectrum, before = torch.polar(size, phases), None
    for _ in range(rounds):
        possible = transform(inverse(spectrum, frame, length), frame)
        ahead = possible if before is None else possible + MOMENTUM * (possible - before)
        before = possible
        spectrum = size * ahead / ahead.abs().clamp(min=1e-12)
    return inverse(spectrum, frame, length)


def bands_of(frame: int, rate: int, bands: int) -> Tensor:
    """Triangles over the frequencies, (bands, frame / 2 + 1), evenly spaced on the mel scale, each of sum 1.

    O'Shaughnessy 1987, "Speech communication", p. 150: mel = 2595 log10(1 + f / 700). Where triangles would be narrower
    than the frequencies are apart, they reach to the next ones, so that no band is empty.
    """
    mel = lambda f: 2595 * math.log10(1 + f / 700)  # noqa: E731
    top, step = rate / 2, rate / frame
    points = torch.linspace(0.0, mel(top), bands + 2, dtype=torch.float64)
    edges = 700 * (10 ** (points / 2595) - 1) / step
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    k = torch.arange(frame // 2 + 1, dtype=torch.float64)
    rise = (k - low.minimum(middle - 1)) / (middle - low).clamp(min=1)
    fall = (high.maximum(middle + 1) - k) / (high - middle).clamp(min=1)
    weight = rise.minimum(fall).clamp(min=0)
    return (weight / weight.sum(1, keepdim=True)).float()


def unmixed(loud: Tensor, bands: Tensor) -> Tensor:
    """Magnitudes of single frequencies (..., frequencies, frames) that are never negative and give those of bands.

    Lee and Seung 2001, "Algorithms for non-negative matrix factorization", theorem 1, with the factor known.
    """
    size = bands.T @ loud / bands.sum(0)[:, None].clamp(min=1e-6)
    wanted, square = bands.T @ loud, bands.T @ bands
    for _ in range(UNMIX):
        size = size * wanted / (square @ size).clamp(min=1e-12)
    return size
