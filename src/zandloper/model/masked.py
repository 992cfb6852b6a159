"""An hourglass that is told which values are missing, and learns to tell them from the others.

While training, its corruption hides some of the values that are there, before the scale: a hidden category is missing
as a whole, as it will be in reality. Errors count most where values were hidden; where they were not, the model is to
remember them as well, since that is what its code is made from.
"""

from __future__ import annotations

import torch
from torch import Tensor

from zandloper.model.batch import Batch, BottleneckOutput, CorruptedInput, EncoderOutput, LossOutput
from zandloper.model.hourglass import Hourglass

SEEN = 0.1  # what errors weigh where values were seen


class MaskedHourglass(Hourglass):
    """As `Hourglass`; the encoder gets the weights of its inputs beside them, (n, 2 channels, ...)."""

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """Error and cost of a raw batch of which some values are hidden."""
        raw = batch.x
        there = ~raw.isnan() if raw.is_floating_point() else torch.ones_like(raw, dtype=torch.bool)
        left = self.corrupt(Batch(torch.zeros_like(raw, dtype=torch.float32), there.float()), rng).valid
        hidden = there & (left == 0)
        values = raw if raw.is_floating_point() else raw.double()
        x, valid = self.scaler.encode(torch.where(hidden, torch.nan, values))
        target, _ = self.scaler.target(raw)
        weight = torch.where(hidden, 1.0, SEEN) * there
        told = self.embed_condition(len(raw), raw, batch.condition, rng if self.training else None)
        whole = Batch(x, valid, target, weight, told)
        code, skips = self.encode(CorruptedInput(x, valid), told, rng, progress)
        return self.loss_from_code(whole, code, skips)

    def encode(
        self,
        seen: CorruptedInput,
        condition: Tensor | None = None,
        rng: torch.Generator | None = None,
        progress: float = 1.0,
    ) -> tuple[BottleneckOutput, tuple]:
        """The code of what is there."""
        x = self.centered(seen.x)
        if seen.valid is not None:  # what is missing is the mean, whatever the units
            x = torch.where(seen.valid > 0, x, 0.0)
        neck = self.encoder_output(x, condition, seen.valid)
        offset = None if self.linear is None else self.linear.encode(x)
        return self.bottleneck(neck.value, offset, rng, progress), neck.skips

    def encoder_output(self, x: Tensor, context: Tensor | None, valid: Tensor | None = None) -> EncoderOutput:
        """What the encoder makes of centered inputs and of which of them are there."""
        told = torch.ones_like(x) if valid is None else valid
        neck: EncoderOutput = self.encoder(torch.cat([x, told.to(x.dtype)], dim=1), context)
        return neck
