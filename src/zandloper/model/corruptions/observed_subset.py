"""Hidden places: what comes before a place is seen, and some of what comes after; the rest is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zandloper.model.batch import Batch, CorruptedInput
from zandloper.model.corruptions import generator
from zandloper.spec import Spec

ALONE, SOME = 0.5, 0.65  # up to here nothing is known beforehand, up to there one place, then a random share of them


@dataclass(frozen=True)
class ObservedSubset(Spec):
    """Settings of the hiding of places.

    Parameters
    ----------
    sizes : tuple of int
        How many symbols each place has. Samples are (n, symbols + places): zeros and ones, then a rank a place.
    """

    name: ClassVar[str] = "observed_subset"
    sizes: tuple[int, ...]

    def build(self) -> ObservedSubsetCorruption:
        """The module."""
        return ObservedSubsetCorruption(self)


class ObservedSubsetCorruption(nn.Module):
    """Hides what drawing from left to right would not know yet, for whatever places may have been given beforehand.

    All that is hidden is asked, and errors weigh so that every row counts alike: the loss of an autoregressive model
    over random orders (Uria, Murray and Larochelle 2014, "A deep and tractable density estimator", eq. 9; Hoogeboom et
    al. 2022, "Autoregressive diffusion models", eq. 3), here over those orders alone that sampling goes through.
    """

    of: Tensor

    def __init__(self, spec: ObservedSubset) -> None:
        super().__init__()
        sizes = torch.tensor(spec.sizes)
        of = torch.cat([torch.repeat_interleave(torch.arange(len(sizes)), sizes), torch.arange(len(sizes))])
        self.register_buffer("of", of, persistent=False)  # which place each value of a sample belongs to
        self.places = len(sizes)

    def hidden(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Samples with the places that are marked in (n, places) hidden."""
        return torch.where(hidden[:, self.of], 0.0, x)

    def forward(self, batch: Batch, rng: torch.Generator | None = None) -> CorruptedInput:
        """What is left of the places, and what the errors of those that are asked weigh."""
        x, rng = batch.x, generator(rng, batch.x.device)
        n, p, device = len(x), self.places, x.device
        at = torch.randint(p, (n, 1), generator=rng, device=device)
        place = torch.arange(p, device=device)
        lot, share, each = (torch.rand(n, k, generator=rng, device=device) for k in (1, 1, p))
        one = place == torch.randint(p, (n, 1), generator=rng, device=device)
        known = torch.where(lot < ALONE, False, torch.where(lot < SOME, one, each < share))
        hidden = ~((place < at) | (known & (place != at)))
        weight = hidden.float() * (p / hidden.sum(1, keepdim=True))
        if batch.target_valid is not None:
            weight = weight * batch.target_valid
        return CorruptedInput(self.hidden(x, hidden), batch.valid, loss_weight=weight)
