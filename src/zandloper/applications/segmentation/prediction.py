"""Class probabilities of images of any size, from overlapping tiles and flipped and turned copies."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from zandloper.applications.segmentation.mask_alignment import shifted
from zandloper.applications.segmentation.network import SpatialHourglass
from zandloper.data.signals import Field
from zandloper.data.tiling import tiled
from zandloper.training.patch_source import AUGMENTATIONS, map_symmetries

TILE, OVERLAP, AROUND = 768, 96, 12  # pixels, and how many of the coarsest level an overlap is wide, at least


def probabilities(module: SpatialHourglass, item: Field, n_augmentations: int, device: str) -> np.ndarray:
    """The probability of every class at every pixel of an image, (height, width, classes), float32.

    `n_augmentations` is 1, 2, 4 or 8: the number of flipped and turned copies whose probabilities are averaged.
    """
    module.to(device).eval()
    image = np.moveaxis(item.values, 0, -1)

    def function(tiles: Tensor) -> Tensor:
        x = tiles.movedim(-1, 1).to(device).float() / item.unit
        predicted = map_symmetries(
            lambda part: module(part).softmax(-1).movedim(-1, 1), x, AUGMENTATIONS[n_augmentations]
        )
        return predicted.mean(0).movedim(1, -1)

    return shifted(tiled(function, image, TILE, overlap_for(module), module.stride), module.offset)


def overlap_for(module: SpatialHourglass) -> int:
    """Overlap of tiles in pixels; deeper networks have larger receptive fields."""
    return max(OVERLAP, AROUND * module.stride)


def entropy(p: np.ndarray) -> np.ndarray:
    """Entropy of probabilities (..., classes) divided by the largest possible one: from 0 to 1."""
    return -(p * np.log(np.clip(p, 1e-12, None))).sum(-1) / np.log(p.shape[-1])
