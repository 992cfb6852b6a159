"""Scores and error maps of images that are larger than the training images, from overlapping tiles.

Tiles have the size of the training images and a stride of half of it, the last one ends at the border, so that every
anomaly lies well inside one of them. No tile extends beyond the image, because padding would be scored too; that is why
`data/tiling.py`, whose tiles have a network's size and are padded, is not used. The score of an image is the maximum
over its tiles. Maps are weighted means of overlapping tiles, with weights that fall almost to zero at a tile's edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zandloper.io.images import Images, images_at, pixels_of
from zandloper.modality.image import ImageSchema

TILE_VALUES = 2**20  # pixels of tiles in one batch


class PixelNames(Sequence[str]):
    """Names of an image's pixels, as `ImageSchema.feature_names` has them, computed on access.

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
    """Images of any sizes that are at least that of a tile.

    Parameters
    ----------
    schema : ImageSchema
        Schema of the training images, whose size is that of a tile.
    images : list of ndarray (height, width, channels)
    kind : "array", "list" or "one"
        Form in which they were passed.
    names : list of str or None
        Names of their files.
    """

    def __init__(self, schema: ImageSchema, images: list[np.ndarray], kind: str, names: list[str] | None) -> None:
        self.schema, self.images, self.kind, self.names = schema, images, kind, names

    @property
    def n_tiles(self) -> np.ndarray:
        """Number of tiles of each image, (n,)."""
        height, width = self.schema.shape[:2]
        return np.array([len(starts(a.shape[0], height)) * len(starts(a.shape[1], width)) for a in self.images], float)

    def separate(self) -> list[np.ndarray]:
        """Images one by one, with the names of their files where there are any."""
        images = [image[:, :, 0] if self.schema.gray else image for image in self.images]
        return images if self.names is None else Images(images, self.names)

    def scores(self, score_tiles: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Maximum score over each image's tiles, (n,).

        `score_tiles` maps tiles (k, height, width, channels) to scores (k,).
        """
        score = np.full(len(self.images), -np.inf)
        for positions, tiles in self._tiles():
            np.maximum.at(score, positions[:, 0], score_tiles(tiles))
        return score

    def score_maps(
        self, explain_tiles: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
    ) -> tuple[np.ndarray, Any, Any, Any]:
        """Scores (n,); errors, (channels, height, width) each; expected images; names of the pixels.

        `explain_tiles` maps tiles (k, height, width, channels) to scores (k,), errors (k, channels, height, width) and
        expected tiles. Errors are a list and names a list of lists where the images are a list.
        """
        h, w = self.schema.shape[:2]
        weight = weights(h)[:, None] * weights(w)
        score = np.full(len(self.images), -np.inf)
        expected = [np.zeros(image.shape) for image in self.images]
        error = [np.zeros(np.moveaxis(image, 2, 0).shape) for image in self.images]
        for positions, tiles in self._tiles():
            tile_scores, tile_errors, tile_expected = explain_tiles(tiles)
            np.maximum.at(score, positions[:, 0], tile_scores)
            for (i, top, left), e, x in zip(positions.tolist(), tile_errors, tile_expected):
                at = slice(top, top + h), slice(left, left + w)
                error[i][:, *at] += weight * e
                expected[i][at] += weight[:, :, None] * x
        for image, e, x in zip(self.images, error, expected):
            total = _total(image.shape[0], h)[:, None] * _total(image.shape[1], w)
            e /= total
            x /= total[:, :, None]
        maps = [e.astype(np.float32) for e in error]
        images = [self.schema.give(x[None])[0] for x in expected]
        names = [PixelNames(image.shape) for image in self.images]
        if self.kind == "list":
            return score, maps, images, names
        stacked = np.stack([np.asarray(image) for image in images])
        return score, np.stack(maps), stacked[0] if self.kind == "one" else stacked, names[0]

    def _tiles(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of tiles (k, height, width, channels) with their positions (k, 3): image, top and left."""
        h, w = self.schema.shape[:2]
        most = max(32, TILE_VALUES // int(np.prod(self.schema.shape)))
        positions: list[tuple[int, int, int]] = []

        def cut() -> tuple[np.ndarray, np.ndarray]:
            tiles = [self.images[i][top : top + h, left : left + w] for i, top, left in positions]
            return np.array(positions), np.stack(tiles)

        for i, image in enumerate(self.images):
            for top in starts(image.shape[0], h).tolist():
                for left in starts(image.shape[1], w).tolist():
                    positions.append((i, top, left))
                    if len(positions) == most:
                        yield cut()
                        positions = []
        if positions:
            yield cut()


def larger(schema: Any, X: Any, caller: str) -> LargeImages | None:
    """Images of which at least one is larger than the training images; None for all other data.

    A single image counts as larger. An image that is smaller, or of another kind of pixels, is refused as
    `ImageSchema.read` refuses it.
    """
    if not isinstance(schema, ImageSchema) or schema.size is not None:  # with a size, all are resized to it
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
    """First pixels of tiles along an axis, with a stride of half a side; the last tile ends at the border.

    >>> starts(9, 4).tolist()
    [0, 2, 4, 5]
    """
    last = length - side
    return np.unique(np.append(np.arange(0, last, max(1, side // 2)), last))


def weights(side: int) -> np.ndarray:
    """Weights of a tile's pixels along an axis: overlapping halves sum to 1 where a side is even."""
    return np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2


def _total(length: int, side: int) -> np.ndarray:
    """Sum of the weights of all tiles along an axis."""
    total, weight = np.zeros(length), weights(side)
    for start in starts(length, side).tolist():
        total[start : start + side] += weight
    return total


def _pixels(schema: ImageSchema, image: Any) -> np.ndarray:
    array = schema.as_array(image) if schema.channels is not None else image
    array = pixels_of(array) if hasattr(array, "getbands") else np.asarray(array)
    return array[:, :, None] if array.ndim == 2 else array
