"""Training patches of images with masks, and their augmentation.

`PatchSource` flips and turns single patches. Here whole batches are deformed, rotated and scaled by one resampling,
masks to their nearest pixel, and brightness, contrast and noise of the images are changed. The seed, the epoch and the
step determine all of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from zandloper.data.signals import Field
from zandloper.model.batch import Batch
from zandloper.training.patch_source import PatchSource
from zandloper.training.sources import mixed_seed


@dataclass(frozen=True)
class Augmentation:
    """Strengths of the augmentation of training patches; zeros leave patches as they are.

    Parameters
    ----------
    deformed_share : float
        Share of the patches that are deformed, rotated by any angle and scaled.
    displacement : float
        Mean displacement of a pixel by the deformation, in pixels; its waves are about a quarter of a patch long.
    scale : float
        Largest change of size: 0.2 is 1 / 1.2 to 1.2 times.
    light : float
        Largest change of brightness and contrast, in standard deviations of the image.
    noise : float
        Largest standard deviation of added noise, in standard deviations of the image.
    """

    deformed_share: float = 0.3
    displacement: float = 6.0
    scale: float = 0.2
    light: float = 0.2
    noise: float = 0.1


class SegmentationPatches(PatchSource):
    """Random patches of images with their masks, changed batch by batch; `blocks` gives all there is, unchanged.

    Parameters
    ----------
    items, masks : list of Field
    size : tuple of int
        (height, width) of a patch.
    batch_size, seed : int
    changes : Changes or None
    spread : float
        Standard deviation of the pixels, the unit of `augmentation`.
    offset : (float, float)
        Pixels by which masks are displaced down and right. Each mask is moved back by whole pixels, rounded up or down
        at random, so that the mean is right.
    """

    def __init__(
        self,
        items: list[Field],
        masks: list[Field] | None,
        size: tuple[int, int],
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None,
        spread: float = 1.0,
        offset: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        super().__init__(items, masks, size, batch_size, seed, augment=augmentation is not None)
        self.augmentation, self.spread, self.offset = augmentation, spread, offset

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step `first` on."""
        for step, batch in enumerate(super().epoch(epoch, first), first):
            if self.augmentation is None:
                yield batch
                continue
            rng = torch.Generator().manual_seed(mixed_seed(self._seed, epoch, step, 1))
            yield augmented(batch, self.augmentation, self.spread, rng)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield patches that cover every pixel; they overlap where the size of an image is no multiple of theirs."""
        corners: list[tuple[int, tuple[int, ...], int]] = [
            (i, (top, left), 0)
            for i, item in enumerate(self.items)
            for top, left in itertools.product(*(_tile_starts(have, want) for have, want in zip(item.size, self.size)))
        ]
        self.rows = len(corners)
        for start in range(0, len(corners), batch_size):
            yield self._batch_of(corners[start : start + batch_size])

    def _target(self, i: int, corner: tuple[int, ...], symmetry: int) -> Tensor:
        if self.targets is None or not any(self.offset):
            return super()._target(i, corner, symmetry)
        # The seed contains the drawn numbers: validation patches are the same each time.
        drawn = np.random.default_rng(mixed_seed(self._seed, i, *corner, symmetry)).random(2)
        mask, far = self.targets[i], np.floor(self.offset + drawn).astype(int)
        rows, columns = (
            (_mirrored_indices(p, want, have) + f).clip(0, have - 1)
            for p, want, have, f in zip(corner, self.size, mask.size, far)
        )
        return torch.from_numpy(mask.values[:, rows[:, None], columns].astype(np.float32))


def _mirrored_indices(corner: int, want: int, have: int) -> np.ndarray:
    """Indices of a patch along an axis, mirrored beyond the end of an item that is too short, as in `PatchSource`."""
    inside = np.arange(corner, min(corner + want, have))
    return np.pad(inside, (0, want - len(inside)), mode="symmetric")


def _tile_starts(length: int, side: int) -> list[int]:
    """First indices of patches that cover an axis."""
    count = -(-length // side)
    return [round(i * max(0, length - side) / max(1, count - 1)) for i in range(count)]


def augmented(batch: Batch, augmentation: Augmentation, spread: float, rng: torch.Generator) -> Batch:
    """Augment a batch of patches, (n, channels, height, width), with their masks, (n, 1, height, width)."""
    x, target = batch.x, batch.target
    n, _, h, w = x.shape
    deformed = torch.rand(n, generator=rng) < augmentation.deformed_share
    if deformed.any():
        grid = _sampling_grid(n, h, w, augmentation, rng)[deformed]
        x = x.clone()
        x[deformed] = F.grid_sample(x[deformed], grid, "bilinear", "reflection", align_corners=False)
        if target is not None:
            target = target.clone()
            target[deformed] = F.grid_sample(target[deformed], grid, "nearest", "reflection", align_corners=False)

    def draw() -> Tensor:
        return 2 * torch.rand(n, 1, 1, 1, generator=rng) - 1

    # Contrast around the mean of each patch, then brightness, then noise.
    mean = x.mean((2, 3), keepdim=True)
    x = mean + (x - mean) * (augmentation.light * draw()).exp() + augmentation.light * spread * draw()
    x = x + torch.randn(x.shape, generator=rng) * (augmentation.noise * spread * draw().clamp(min=0))
    return Batch(x, target=target)


def _sampling_grid(n: int, h: int, w: int, augmentation: Augmentation, rng: torch.Generator) -> Tensor:
    """Sampling positions of the pixels of deformed patches, (n, h, w, 2), in units of half the patch."""
    angle = 2 * math.pi * torch.rand(n, generator=rng)
    size = ((2 * torch.rand(n, generator=rng) - 1) * math.log1p(augmentation.scale)).exp()
    cos, sin, zero = angle.cos() * size, angle.sin() * size, torch.zeros(n)
    matrix = torch.stack([cos, -sin * h / w, zero, sin * w / h, cos, zero], 1).reshape(n, 2, 3)
    grid = F.affine_grid(matrix, [n, 1, h, w], align_corners=False)
    waves = torch.randn(n, 2, 6, 6, generator=rng) * augmentation.displacement * torch.rand(n, 1, 1, 1, generator=rng)
    waves = F.interpolate(waves, (h, w), mode="bicubic", align_corners=True)
    return grid + waves.permute(0, 2, 3, 1) * torch.tensor([2 / w, 2 / h])


def mean_and_spread(items: list[Field], most: int = 64) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, from parts of at most `most` items."""
    chosen = np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))
    parts = [items[i].part(tuple(slice(0, 1024) for _ in items[i].size)).ravel() for i in chosen]
    pixels = np.concatenate(parts).astype(np.float64)
    return float(pixels.mean()), float(pixels.std()) or 1.0
