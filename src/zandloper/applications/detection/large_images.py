"""Images larger than those that a detector has learned: judged tile by tile, and put together without a seam.

Tiles have the size that was learned and lie every half of it, the last at the rim, so that whatever is odd lies well
inside one of them. No tile reaches beyond the image, for what is mirrored there would be judged too; that is why this
is not `data/tiling.py`, whose tiles are of a net's size and choice. An image is as odd as its oddest tile. Maps are
means of overlapping tiles with weights that fall to nearly nothing at a tile's edge, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zandloper.io.images import Images, images_at, pixels_of
from zandloper.modality.image import ImageSchema

VALUES = 2**20  # of tiles that are judged at a time


class PixelNames(Sequence[str]):
    """The names of an image's pixels, made when they are asked for: as `ImageSchema.feature_names` has them.

    >>> PixelNames((2, 3, 2))[7]
    'pixel_0_1_1'
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.height, self.width, self.channels = shape

    def __len__(self) -> int:
        return self.height * self.width * self.channels

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        channel, pixel = divmod(range(len(self))[at], self.height * self.width)
        row, column = divmod(pixel, self.width)
        return f"pixel_{row}_{column}" + (f"_{channel}" if self.channels > 1 else "")


class LargeImages:
    """Images of any sizes from that of a tile on.

    Parameters
    ----------
    form : ImageSchema
        What was learned; a tile is as large as its images.
    images : list of ndarray (height, width, channels)
    kind : "array", "list" or "one"
        What they were given as.
    names : list of str or None
        Of the files that they came from.
    """

    def __init__(self, schema: ImageSchema, images: list[np.ndarray], kind: str, names: list[str] | None) -> None:
        self.schema, self.images, self.kind, self.names = schema, images, kind, names

    @property
    def tries(self) -> np.ndarray:
        """How many tiles each image has, (n,)."""
        height, width = self.schema.shape[:2]
        return np.array([len(starts(a.shape[0], height)) * len(starts(a.shape[1], width)) for a in self.images], float)

    def apart(self) -> list[np.ndarray]:
        """The images one by one, with the names of their files where there are any."""
        own = [image[:, :, 0] if self.schema.gray else image for image in self.images]
        return own if self.names is None else Images(own, self.names)

    def scores(self, scores_and_residuals: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The largest score among each image's tiles, (n,).

        `look` takes tiles (k, height, width, channels) and gives (k,).
        """
        score = np.full(len(self.images), -np.inf)
        for places, tiles in self._tiles():
            np.maximum.at(score, places[:, 0], scores_and_residuals(tiles))
        return score

    def judged(
        self, scores_and_residuals: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
    ) -> tuple[np.ndarray, Any, Any, Any]:
        """Scores (n,); errors, (channels, height, width) each; what was expected, as the images came; pixels' names.

        `look` takes tiles (k, height, width, channels) and gives scores (k,), errors (k, channels, height, width) and
        what was expected, like the tiles. Errors are a list and names a list of lists where the images are a list.
        """
        h, w = self.schema.shape[:2]
        weight = weights(h)[:, None] * weights(w)
        score = np.full(len(self.images), -np.inf)
        expected = [np.zeros(image.shape) for image in self.images]
        error = [np.zeros(np.moveaxis(image, 2, 0).shape) for image in self.images]
        for places, tiles in self._tiles():
            said, wrong, wanted = scores_and_residuals(tiles)
            np.maximum.at(score, places[:, 0], said)
            for (i, top, left), e, x in zip(places.tolist(), wrong, wanted):
                at = slice(top, top + h), slice(left, left + w)
                error[i][:, *at] += weight * e
                expected[i][at] += weight[:, :, None] * x
        for image, e, x in zip(self.images, error, expected):
            total = _total(image.shape[0], h)[:, None] * _total(image.shape[1], w)
            e /= total
            x /= total[:, :, None]
        maps = [e.astype(np.float32) for e in error]
        own = [self.schema.give(x[None])[0] for x in expected]
        names = [PixelNames(image.shape) for image in self.images]
        if self.kind == "list":
            return score, maps, own, names
        stacked = np.stack([np.asarray(one) for one in own])
        return score, np.stack(maps), stacked[0] if self.kind == "one" else stacked, names[0]

    def _tiles(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Tiles, some at a time, with their places: (k, 3) image, top and left, and (k, height, width, channels)."""
        h, w = self.schema.shape[:2]
        most = max(32, VALUES // int(np.prod(self.schema.shape)))
        places: list[tuple[int, int, int]] = []

        def cut() -> tuple[np.ndarray, np.ndarray]:
            tiles = [self.images[i][top : top + h, left : left + w] for i, top, left in places]
            return np.array(places), np.stack(tiles)

        for i, image in enumerate(self.images):
            for top in starts(image.shape[0], h).tolist():
                for left in starts(image.shape[1], w).tolist():
                    places.append((i, top, left))
                    if len(places) == most:
                        yield cut()
                        places = []
        if places:
            yield cut()


def larger(schema: Any, X: Any, caller: str) -> LargeImages | None:
    """Images of which at least one is larger than those that were learned; None for all other data.

    One image by itself counts as larger. An image that is smaller, or of another kind of pixels, is refused as
    `ImageSchema.read` refuses it.
    """
    if not isinstance(schema, ImageSchema) or schema.size is not None:  # with a size, all are brought to it
        return None
    if isinstance(X, str | Path):
        X = images_at(Path(X))
    kind = "list"
    if not isinstance(X, list | tuple):
        if not hasattr(X, "__array__") or hasattr(X, "columns"):
            return None
        X = np.asarray(X)
        kind = "one" if X.ndim == (2 if schema.gray else 3) else "array"
        if X.ndim - (kind == "array") != (2 if schema.gray else 3) or not len(X):
            return None
        X = X[None] if kind == "one" else X
    pixels = [_pixels(schema, image) for image in X]
    if any(a.ndim != 3 for a in pixels) or (kind != "one" and all(a.shape[:2] == schema.shape[:2] for a in pixels)):
        return None
    height, width = schema.shape[:2]
    for image in pixels[:1] if kind == "array" else pixels:
        small = image.shape[0] < height or image.shape[1] < width
        schema.read((image if small else image[:height, :width])[None], caller)
    return LargeImages(schema, pixels, kind, getattr(X, "names", None))


def starts(length: int, side: int) -> np.ndarray:
    """Where tiles begin along an axis: every half of a side, and at the rim.

    >>> starts(9, 4).tolist()
    [0, 2, 4, 5]
    """
    last = length - side
    return np.unique(np.append(np.arange(0, last, max(1, side // 2)), last))


def weights(side: int) -> np.ndarray:
    """What the pixels of a tile weigh along an axis: halves that overlap sum to 1 where a side is even."""
    return np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2


def _total(length: int, side: int) -> np.ndarray:
    """The sum of weights along an axis."""
    total, weight = np.zeros(length), weights(side)
    for start in starts(length, side).tolist():
        total[start : start + side] += weight
    return total


def _pixels(schema: ImageSchema, image: Any) -> np.ndarray:
    array = schema._one(image) if schema.channels is not None else image
    array = pixels_of(array) if hasattr(array, "getbands") else np.asarray(array)
    return array[:, :, None] if array.ndim == 2 else array
