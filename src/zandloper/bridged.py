"""An hourglass for gaps in series: its nets say how far what is missing lies from a straight line across the gap.

Of a short gap its two ends say most, and no bottleneck should have to carry that. So what is there passes beside it,
and where something is missing the line between the nearest values of the channel does; before its first step the
output is that line. Codes alone decode to nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from zandloper.batch import Code, Seen
from zandloper.masked import MaskedHourglass


class BridgedHourglass(MaskedHourglass):
    """As `MaskedHourglass`, for series (n, channels, steps) that are compared value by value."""

    def encode(
        self, seen: Seen, condition: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> tuple[Code, tuple]:
        """The code of what is there with lines across gaps, and these lines."""
        lines = seen.x if seen.valid is None else bridged(seen.x, seen.valid, float(self.centre))
        neck = self.neck(self.centred(lines), condition, seen.valid)
        return self.bottleneck(neck.value, None, rng, progress), (lines,)

    def decode(self, z: Tensor, skips: tuple = (), condition: Tensor | None = None) -> Tensor:
        """What lines across gaps are to become, from their code."""
        nets = super().decode(z, (), condition) - self.constant
        return nets + skips[0] if skips else nets


def bridged(x: Tensor, valid: Tensor, empty: float = 0.0) -> Tensor:
    """Series (n, channels, steps) with straight lines across what is missing; at their ends the nearest value goes on.

    Channels without any value are `empty`.
    """
    last = x.shape[-1] - 1
    step = torch.arange(x.shape[-1], device=x.device).expand(x.shape)
    there = valid.expand(x.shape) > 0
    before = torch.where(there, step, -1).cummax(-1).values
    after = torch.where(there, step, last + 1).flip(-1).cummin(-1).values.flip(-1)
    left = torch.where(before < 0, after, before).clamp(max=last)
    right = torch.where(after > last, before, after).clamp(min=0)
    share = (step - left) / (right - left).clamp(min=1)
    low, high = x.gather(-1, left), x.gather(-1, right)
    line = torch.where(there, x, low + (high - low) * share.to(x.dtype))
    return torch.where(there.any(-1, keepdim=True), line, empty)
