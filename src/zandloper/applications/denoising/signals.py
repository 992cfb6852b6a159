"""Denoising of images and sounds of any size: in tiles and in overlapping parts."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from zandloper.applications.denoising.image_network import DenoisingModule
from zandloper.applications.denoising.patch_matching import PatchMatchingNet
from zandloper.data.signals import Fields
from zandloper.data.tiling import bands
from zandloper.errors import DataError
from zandloper.training.patch_source import AUGMENTATIONS, map_symmetries

TILE, OVERLAP = 512, 64  # pixels
SMALL = 2**20  # values of an image up to which "auto" is the best quality
PART = 2**18  # samples of a long sound that are denoised at once


def denoise_signals(
    net: Any, fields: Fields, n_augmentations: int | str, patch_matching: bool | str, caller: str
) -> list[np.ndarray]:
    """Denoise every item, in its dtype; a network for one channel denoises channels one by one."""
    channels = net.spec.channels
    wrong = sorted(c for c in fields.channels if channels not in (1, c))
    if wrong:
        raise DataError(f"{caller} was fitted on items of {channels} channels and got one of {wrong[0]}: convert it")
    if patch_matching is True and not isinstance(net, PatchMatchingNet):
        raise DataError(
            f"{caller} has patch_matching=True and was fitted without: set patch_matching=False, or fit it again"
        )
    out = []
    for item in fields.items:
        made = item.blank()
        apart = [slice(k, k + 1) for k in range(len(made))] if channels == 1 else [slice(None)]
        for part in apart:
            some = dataclasses.replace(item, values=item.values[part])
            if fields.kind == "image":
                small = made.size <= SMALL
                ways = AUGMENTATIONS[(8 if small else 1) if isinstance(n_augmentations, str) else n_augmentations]
                parts = _image_bands(net, some, ways, small if isinstance(patch_matching, str) else patch_matching)
            else:
                parts = _sound_parts(net, some)
            top = 0
            for band in parts:
                made[part, top : top + band.shape[1]] = some.stored(band)
                top += band.shape[1]
        out.append(made)
    return out


def has_patch_matching(module: DenoisingModule | None) -> bool:
    """True if a denoiser's network includes patch matching."""
    return module is not None and isinstance(module.net, PatchMatchingNet)


def _image_bands(net: Any, item: Any, ways: tuple[int, ...], patch_matching: bool) -> Any:
    """Yield a denoised image from top to bottom, in arrays (channels, rows, width)."""
    stride = net.spec.stride
    if isinstance(net, PatchMatchingNet) and not patch_matching:
        net = net.first

    def function(tiles: torch.Tensor) -> torch.Tensor:
        y = tiles.movedim(-1, 1).float() / item.unit
        made: torch.Tensor = net(y) if isinstance(net, PatchMatchingNet) else map_symmetries(net, y, ways).mean(0)
        return made.movedim(1, -1)

    view = np.moveaxis(item.values, 0, -1)
    for band in bands(function, view, TILE, OVERLAP, stride, rim=False):  # mirrored noise looks like texture
        yield np.moveaxis(band, -1, 0)


@torch.inference_mode()
def _sound_parts(net: Any, item: Any) -> Any:
    """Yield a denoised sound in arrays (1, samples), from parts that overlap by the receptive field."""
    spec, length = net.spec, item.size[0]
    part = max(spec.step, PART // spec.step * spec.step)
    parts = (item.part((slice(at, at + part),)).astype(np.float64) for at in range(0, length, part))
    power = torch.full((1, 1, 1), sum(float(np.square(x).sum()) for x in parts) / length)
    for at in range(0, length, part):
        first, last = max(0, at - spec.reach), min(length, at + part + spec.reach)
        y = torch.from_numpy(item.part((slice(first, last),)))[None]
        yield net(y, power)[0, :, at - first : at - first + part].numpy()
