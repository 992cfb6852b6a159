"""Masking: a share of what is there is hidden: columns of tables, patches of images, stretches of series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zandloper.errors import bad_parameter
from zandloper.model.batch import Batch, CorruptedInput
from zandloper.model.corruptions import Noise, Strength, draw, generator, space, uniform


@dataclass(frozen=True)
class Masking(Noise):
    """Hide values, as if they were missing: they become `fill` and weigh nothing in what is seen.

    In a table each value is hidden by itself. In images whole squares are, through all channels; in series stretches of
    time. The squares lie on a grid that starts elsewhere in each sample.

    Parameters
    ----------
    share : float or (float, float)
        How much is hidden, on average.
    patch : int
        Side of the squares, or length of the stretches; 1 hides single pixels or steps.
    fill : float or "mean"
        What stands in the place of what is hidden, in model units; "mean": the mean of the sample. In a standardized
        table 0 is the column's mean, which is how missing values look there.

    References
    ----------
    Vincent, Larochelle, Bengio and Manzagol 2008, "Extracting and composing robust features with denoising
    autoencoders", ICML, section 2.3 (masking); He et al. 2022, "Masked autoencoders are scalable vision learners",
    CVPR (patches).
    """

    name: ClassVar[str] = "masking"
    share: Strength = 0.25
    patch: int = 1
    fill: Any = 0.0

    def __post_init__(self) -> None:
        self._strength("share", 0, 1)
        self._whole("patch", 1, 65_536)
        if self.fill != "mean":
            if isinstance(self.fill, str):
                raise bad_parameter("Masking", "fill", "a number or 'mean'", self.fill)
            self._number("fill", -1e9, 1e9)

    def build(self) -> MaskingCorruption:
        """The module."""
        return MaskingCorruption(self)


class MaskingCorruption(nn.Module):
    """Hides; the level is the share, and what is hidden weighs 0."""

    def __init__(self, spec: Masking) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, batch: Batch, rng: torch.Generator | None = None) -> CorruptedInput:
        """What is left, its weights, and the share that was to be hidden (n, 1)."""
        x, rng = batch.x, generator(rng, batch.x.device)
        share = draw(self.spec.share, x, rng)
        hidden = _cells(x, self.spec.patch, rng) < share
        weight = torch.ones_like(x) if batch.valid is None else batch.valid
        left = torch.where(hidden, 0.0, weight)
        fill: Tensor | float = self.spec.fill
        if self.spec.fill == "mean":
            axes = space(x)
            fill = (x * weight).sum(axes, keepdim=True) / weight.sum(axes, keepdim=True).clamp(min=1e-12)
        return CorruptedInput(torch.where(hidden & (weight > 0), fill, x), left, share.flatten(1))


def _cells(x: Tensor, patch: int, rng: torch.Generator) -> Tensor:
    """Even numbers, one for each cell of a grid, spread over the cell: broadcasts to x's shape."""
    axes = space(x) if x.dim() > 2 else ()
    if patch == 1 or not axes:
        shape = x.shape if not axes else (len(x), 1, *x.shape[2:])
        return uniform(shape, x, rng)
    sizes = [x.shape[axis] for axis in axes]
    cells = uniform((len(x), *(-(-size // patch) + 1 for size in sizes)), x, rng)
    index: list[Tensor] = [torch.arange(len(x), device=x.device).reshape(-1, *(1 for _ in axes))]
    for i, size in enumerate(sizes):
        start = torch.randint(patch, (len(x), 1), generator=rng, device=x.device)
        along = (torch.arange(size, device=x.device) + start) // patch
        index.append(along.reshape(len(x), *(size if j == i else 1 for j in range(len(axes)))))
    return cells[tuple(index)][:, None]
