"""Images of any size through a function of small ones: overlapping tiles, blended so smoothly that no seam shows.

Tiles are spread evenly. What a net says near a tile's edge is not used at all, since it lacks what lies beyond; in
the rest of the overlap one tile fades out while its neighbor fades in, so that the weights sum to one everywhere.
Beyond the rim the image is mirrored, or it ends there. Only one row of tiles is in memory at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

TILE = 640  # pixels of the largest tile's side
OVERLAP = 64  # pixels that neighboring tiles share


def tiled(
    function: Callable[[Tensor], Tensor],
    image: Any,
    tile: int = TILE,
    overlap: int = OVERLAP,
    multiple: int = 16,
    batch: int = 1,
    out: np.ndarray | None = None,
    rim: bool = True,
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
        Pixels that neighbors share, at least.
    multiple : int
        Divides the sides and the places of tiles: the stride of the net.
    batch : int
        Tiles a call. With 1 no result depends on what else was asked.
    out : array (height, width, ...), optional
        Where to write, such as a memory-mapped file; else a new array.
    rim : bool
        Whether half the overlap lies around the image, mirrored. Else only what sides must have to be multiples is, at
        the bottom and on the right: for noise, which is mirrored along and then looks like what the image shows.

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
    for band in bands(function, image, tile, overlap, multiple, batch, rim):
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
    rim: bool = True,
) -> Iterator[np.ndarray]:
    """As `tiled`, band by band from the top: each array (rows, width, ...) goes on where the one before ended.

    This is for images larger than memory: what is held is one row of tiles.
    """
    height, width = image.shape[:2]
    overlap = -(-overlap // multiple) * multiple
    down, across = (Steps(length, tile, overlap, multiple, rim) for length in (height, width))
    columns = across.mirrored
    sums: Tensor | None = None
    for i in range(down.count):
        rows = down.mirrored[down.starts[i] : down.starts[i] + down.side]
        strip = _taken(image, rows)
        for first in range(0, across.count, batch):
            starts = across.starts[first : first + batch]
            tiles = torch.from_numpy(np.stack([strip[:, columns[s : s + across.side]] for s in starts]))
            said = function(tiles).float().cpu()
            if sums is None:
                sums = said.new_zeros(down.side, across.total, *said.shape[3:])
            last = (1,) * (said.dim() - 3)
            weight = (down.fade(i)[:, None] * across.fades(first, len(starts))[:, None, :]).reshape(
                len(starts), down.side, across.side, *last
            )
            for start, part in zip(starts, said * weight):
                sums[:, start : start + across.side] += part
        assert sums is not None
        # What the next row of tiles does not reach is done; the rim beyond the image is left out.
        final = down.side if i == down.count - 1 else down.step(i)
        low, high = max(0, down.rim - down.starts[i]), min(final, down.rim + height - down.starts[i])
        if high > low:
            yield sums[low:high, across.rim : across.rim + width].numpy().copy()
        sums = torch.cat([sums[final:], torch.zeros_like(sums[:final])])


class Steps:
    """Tiles along one axis: `count` of them, each `side` long, from `starts` on; the image begins at `rim`."""

    def __init__(self, length: int, tile: int, overlap: int, multiple: int, rim: bool = True) -> None:
        self.overlap, self.rim = overlap, overlap // 2 if rim else 0
        self.total = -(-(length + 2 * self.rim) // multiple) * multiple
        inner = max(multiple, (tile - overlap) // multiple * multiple)
        if self.total <= inner + overlap:
            self.count, self.side = 1, self.total
        else:
            self.count = -(-(self.total - overlap) // inner)
            self.side = overlap + math.ceil((self.total - overlap) / self.count / multiple) * multiple
        spare, gaps = (self.total - self.side) // multiple, max(1, self.count - 1)
        self.starts = [k * spare // gaps * multiple for k in range(self.count)]
        self.mirrored = mirrored(self.total, length, self.rim)
        rising = torch.zeros(overlap)
        unused = 3 * overlap // 8
        ramp = (torch.arange(overlap - 2 * unused) + 0.5) / max(1, overlap - 2 * unused)
        rising[unused : overlap - unused] = (ramp * math.pi / 2).sin().square()
        rising[overlap - unused :] = 1
        self.rising = rising

    def step(self, k: int) -> int:
        """From where tile k starts to where the next one does."""
        return self.starts[k + 1] - self.starts[k]

    def fade(self, k: int) -> Tensor:
        """The weights of tile k along this axis: at the two ends of the image nothing fades."""
        weight = torch.ones(self.side)
        if k > 0:
            weight[: self.overlap] *= self.rising
        if k < self.count - 1:
            step = self.step(k)
            weight[step : step + self.overlap] *= 1 - self.rising
            weight[step + self.overlap :] = 0
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
