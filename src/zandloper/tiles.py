"""Images of any size through a function of small ones: overlapping tiles, blended so smoothly that no seam shows.

Tiles lie on a regular grid. What a net says near a tile's edge is not used at all, since it lacks what lies beyond; in
the rest of the overlap one tile fades out while its neighbour fades in, so that the weights sum to one everywhere.
Beyond the rim the image is mirrored. Only one row of tiles is in memory at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

TILE = 640  # pixels of the largest tile's side
OVERLAP = 64  # pixels that neighbouring tiles share


def tiled(
    function: Callable[[Tensor], Tensor],
    image: Any,
    tile: int = TILE,
    overlap: int = OVERLAP,
    multiple: int = 16,
    batch: int = 1,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """What a function of batches of tiles says about an image of any size.

    Parameters
    ----------
    function : callable
        Takes a tensor (n, height, width, ...) of tiles, all of one size that `multiple` divides, in the image's own
        dtype, and gives a float tensor (n, height, width, ...) whose last axes are its own.
    image : array (height, width, ...)
        Anything that numpy indexes, memory-mapped files included: of those only a row of tiles is read at a time.
    tile : int
        The largest side of a tile in pixels; tiles are made as small as as many of them allow.
    overlap : int
        Pixels that neighbours share, at least; also twice what is mirrored beyond the rim.
    multiple : int
        Divides the sides and the places of tiles: the stride of the net.
    batch : int
        Tiles a call. With 1 no result depends on what else was asked.
    out : array (height, width, ...), optional
        Where to write, such as a memory-mapped file; else a new array.

    Returns
    -------
    ndarray of float32, (height, width, ...)

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(0).normal(size=(70, 100)).astype(np.float32)
    >>> doubled = tiled(lambda tiles: 2 * tiles, image, tile=48, overlap=16)
    >>> bool(np.allclose(doubled, 2 * image, atol=1e-6))
    True
    """
    top = 0
    for band in bands(function, image, tile, overlap, multiple, batch):
        if out is None:
            out = np.empty((len(image), *band.shape[1:]), np.float32)
        out[top : top + len(band)] = band
        top += len(band)
    assert out is not None
    return out


@torch.inference_mode()
def bands(
    function: Callable[[Tensor], Tensor],
    image: Any,
    tile: int = TILE,
    overlap: int = OVERLAP,
    multiple: int = 16,
    batch: int = 1,
) -> Iterator[np.ndarray]:
    """As `tiled`, band by band from the top: each array (rows, width, ...) goes on where the one before ended.

    This is for images larger than memory: what is held is one row of tiles.
    """
    height, width = image.shape[:2]
    overlap = -(-overlap // multiple) * multiple
    down, across = Steps(height, tile, overlap, multiple), Steps(width, tile, overlap, multiple)
    columns = across.mirrored
    sums: Tensor | None = None
    for i in range(down.count):
        rows = down.mirrored[i * down.step : i * down.step + down.side]
        strip = _taken(image, rows)
        for first in range(0, across.count, batch):
            starts = [across.step * k for k in range(first, min(first + batch, across.count))]
            tiles = torch.from_numpy(np.stack([strip[:, columns[s : s + across.side]] for s in starts]))
            said = function(tiles).float().cpu()
            if sums is None:
                sums = said.new_zeros(down.side, across.step * across.count + overlap, *said.shape[3:])
            last = (1,) * (said.dim() - 3)
            weight = (down.fade(i)[:, None] * across.fades(first, len(starts))[:, None, :]).reshape(
                len(starts), down.side, across.side, *last
            )
            for start, part in zip(starts, said * weight):
                sums[:, start : start + across.side] += part
        assert sums is not None
        # What the next row of tiles does not reach is done; the rim beyond the image is left out.
        final = down.side if i == down.count - 1 else down.step
        low, high = max(0, down.rim - i * down.step), min(final, down.rim + height - i * down.step)
        if high > low:
            yield sums[low:high, across.rim : across.rim + width].numpy().copy()
        sums = torch.cat([sums[down.step :], torch.zeros_like(sums[: down.step])])


class Steps:
    """Tiles along one axis: `count` of them, each `side` long, one every `step`, the first `rim` before the image."""

    def __init__(self, length: int, tile: int, overlap: int, multiple: int) -> None:
        inner = max(multiple, (tile - overlap) // multiple * multiple)
        self.count = -(-length // inner)
        self.step = math.ceil(length / self.count / multiple) * multiple
        self.count = -(-length // self.step)
        self.side, self.overlap, self.rim = self.step + overlap, overlap, overlap // 2
        self.mirrored = mirrored(self.count * self.step + overlap, length, self.rim)
        rising = torch.zeros(overlap)
        unused = 3 * overlap // 8
        ramp = (torch.arange(overlap - 2 * unused) + 0.5) / max(1, overlap - 2 * unused)
        rising[unused : overlap - unused] = (ramp * math.pi / 2).sin().square()
        rising[overlap - unused :] = 1
        self.rising = rising

    def fade(self, k: int) -> Tensor:
        """The weights of tile k along this axis: at the two ends of the image nothing fades."""
        weight = torch.ones(self.side)
        if k > 0:
            weight[: self.overlap] *= self.rising
        if k < self.count - 1:
            weight[self.step :] *= 1 - self.rising
        return weight

    def fades(self, first: int, count: int) -> Tensor:
        """The weights of some tiles in a row, (count, side)."""
        return torch.stack([self.fade(k) for k in range(first, first + count)])


def mirrored(count: int, length: int, before: int) -> np.ndarray:
    """Where to read `count` places, the first `before` ahead of an axis of some length, which is mirrored at its ends.

    >>> mirrored(9, 4, 3).tolist()
    [3, 2, 1, 0, 1, 2, 3, 2, 1]
    """
    period = max(1, 2 * (length - 1))
    place = np.arange(-before, count - before) % period
    return np.minimum(place, period - place)


def _taken(image: Any, rows: np.ndarray) -> np.ndarray:
    """Rows of an image as an array that torch reads, each row of the image read once."""
    low, high = int(rows.min()), int(rows.max()) + 1
    strip = np.asarray(image[low:high])
    return np.ascontiguousarray(strip[rows - low])
