"""Patches of images with masks, each batch changed at once as the world might have: turned, bent, lit otherwise.

Turns and flips come from `patches`. Here whole batches are bent, turned by any angle and scaled by one sampling in
torch, the mask by its nearest pixel, and brightness, contrast and grain of the image are changed. Everything follows
from the seed, the epoch and the step.
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
class Changes:
    """How far training patches are changed; zeros leave them.

    Parameters
    ----------
    share : float
        Of the patches that are bent, turned by any angle and scaled.
    bend : float
        Pixels that a place moves by, on average, in waves of about a quarter of a patch.
    scale : float
        The largest change of size: 0.2 is 1 / 1.2 to 1.2 times.
    light : float
        How far brightness and contrast change, in standard deviations of the image.
    grain : float
        The largest deviation of added noise, in standard deviations of the image.
    """

    share: float = 0.3
    bend: float = 6.0
    scale: float = 0.2
    light: float = 0.2
    grain: float = 0.1


class MaskedPatches(PatchSource):
    """Random patches of images with their masks, changed batch by batch; `blocks` gives all there is, unchanged.

    Parameters
    ----------
    items, masks : list of Field
    size : tuple of int
        (height, width) of a patch.
    batch_size, seed : int
    changes : Changes or None
    spread : float
        Standard deviation of the pixels, which `changes` measures by.
    offset : (float, float)
        How many pixels masks lie below and right of what images show. Each patch has its mask moved back by whole
        pixels, one more or one less at random, so that on average the rest is right too.
    """

    def __init__(
        self,
        items: list[Field],
        masks: list[Field] | None,
        size: tuple[int, int],
        batch_size: int,
        seed: int,
        changes: Changes | None,
        spread: float = 1.0,
        offset: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        super().__init__(items, masks, size, batch_size, seed, augment=changes is not None)
        self.changes, self.spread, self.offset = changes, spread, offset

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step `first` on."""
        for step, batch in enumerate(super().epoch(epoch, first), first):
            if self.changes is None:
                yield batch
                continue
            rng = torch.Generator().manual_seed(mixed_seed(self._seed, epoch, step, 1))
            yield changed(batch, self.changes, self.spread, rng)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Every pixel, in patches that lie side by side and at the far rim overlap."""
        places: list[tuple[int, tuple[int, ...], int]] = [
            (i, (top, left), 0)
            for i, item in enumerate(self.items)
            for top, left in itertools.product(*(_beside(have, want) for have, want in zip(item.size, self.size)))
        ]
        self.rows = len(places)
        for start in range(0, len(places), batch_size):
            yield self._batch_of(places[start : start + batch_size])

    def _target(self, i: int, place: tuple[int, ...], way: int) -> Tensor:
        if self.targets is None or not any(self.offset):
            return super()._target(i, place, way)
        # Drawn from what was drawn already: what validates is the same each time.
        drawn = np.random.default_rng(mixed_seed(self._seed, i, *place, way)).random(2)
        mask, far = self.targets[i], np.floor(self.offset + drawn).astype(int)
        rows, columns = (
            (_read_at(p, want, have) + f).clip(0, have - 1)
            for p, want, have, f in zip(place, self.size, mask.size, far)
        )
        return torch.from_numpy(mask.values[:, rows[:, None], columns].astype(np.float32))


def _read_at(place: int, want: int, have: int) -> np.ndarray:
    """Where along an axis a patch is read from; beyond a short item's end its mirror image, as `PatchSource` has it."""
    inside = np.arange(place, min(place + want, have))
    return np.pad(inside, (0, want - len(inside)), mode="symmetric")


def _beside(length: int, side: int) -> list[int]:
    """Where patches begin that cover an axis."""
    count = -(-length // side)
    return [round(i * max(0, length - side) / max(1, count - 1)) for i in range(count)]


def changed(batch: Batch, changes: Changes, spread: float, rng: torch.Generator) -> Batch:
    """A batch of patches, (n, channels, height, width), and its masks, (n, 1, height, width), as it might have been."""
    x, target = batch.x, batch.target
    n, _, h, w = x.shape
    bent = torch.rand(n, generator=rng) < changes.share
    if bent.any():
        grid = _places(n, h, w, changes, rng)[bent]
        x = x.clone()
        x[bent] = F.grid_sample(x[bent], grid, "bilinear", "reflection", align_corners=False)
        if target is not None:
            target = target.clone()
            target[bent] = F.grid_sample(target[bent], grid, "nearest", "reflection", align_corners=False)
    # Contrast around the patch's own mean, then brightness, then grain.
    draw = lambda: 2 * torch.rand(n, 1, 1, 1, generator=rng) - 1  # noqa: E731
    mean = x.mean((2, 3), keepdim=True)
    x = mean + (x - mean) * (changes.light * draw()).exp() + changes.light * spread * draw()
    x = x + torch.randn(x.shape, generator=rng) * (changes.grain * spread * draw().clamp(min=0))
    return Batch(x, target=target)


def _places(n: int, h: int, w: int, changes: Changes, rng: torch.Generator) -> Tensor:
    """Where each pixel of a changed patch comes from, (n, h, w, 2), in units of half the patch."""
    angle = 2 * math.pi * torch.rand(n, generator=rng)
    size = ((2 * torch.rand(n, generator=rng) - 1) * math.log1p(changes.scale)).exp()
    cos, sin, zero = angle.cos() * size, angle.sin() * size, torch.zeros(n)
    matrix = torch.stack([cos, -sin * h / w, zero, sin * w / h, cos, zero], 1).reshape(n, 2, 3)
    grid = F.affine_grid(matrix, [n, 1, h, w], align_corners=False)
    waves = torch.randn(n, 2, 6, 6, generator=rng) * changes.bend * torch.rand(n, 1, 1, 1, generator=rng)
    waves = F.interpolate(waves, (h, w), mode="bicubic", align_corners=True)
    return grid + waves.permute(0, 2, 3, 1) * torch.tensor([2 / w, 2 / h])


def mean_and_spread(items: list[Field], most: int = 64) -> tuple[float, float]:
    """Of all pixels together, from parts of at most so many items."""
    chosen = np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))
    parts = [items[i].part(tuple(slice(0, 1024) for _ in items[i].size)).ravel() for i in chosen]
    pixels = np.concatenate(parts).astype(np.float64)
    return float(pixels.mean()), float(pixels.std()) or 1.0
