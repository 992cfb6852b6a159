"""An hourglass that receives a mask of the missing values, and learns to impute them.

While training, its corruption hides some of the values that are there, before the scale: a hidden category is missing
as a whole, as it will be in reality. Errors count most where values were hidden; where they were not, the model is to
remember them as well, since that is what its code is made from.
"""

from __future__ import annotations

import torch
from torch import Tensor

from zandloper.model.batch import Batch, BottleneckOutput, CorruptedInput, EncoderOutput, LossOutput
from zandloper.model.hourglass import Hourglass

OBSERVED_WEIGHT = 0.1  # loss weight of values that were not hidden


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
        weight = torch.where(hidden, 1.0, OBSERVED_WEIGHT) * there
        context = self.embed_condition(len(raw), raw, batch.condition, rng if self.training else None)
        whole = Batch(x, valid, target, weight, context)
        code, skips = self.encode(CorruptedInput(x, valid), context, rng, progress)
        return self.loss_from_code(whole, code, skips)

    def encode(
        self,
        corrupted: CorruptedInput,
        condition: Tensor | None = None,
        rng: torch.Generator | None = None,
        progress: float = 1.0,
    ) -> tuple[BottleneckOutput, tuple[Tensor, ...]]:
        """The code of what is there."""
        x = self.centered(corrupted.x)
        if corrupted.valid is not None:  # what is missing is the mean, whatever the units
            x = torch.where(corrupted.valid > 0, x, 0.0)
        encoded = self.encoder_output(x, condition, corrupted.valid)
        offset = None if self.linear is None else self.linear.encode(x)
        return self.bottleneck(encoded.value, offset, rng, progress), encoded.skips

    def encoder_output(self, x: Tensor, context: Tensor | None, valid: Tensor | None = None) -> EncoderOutput:
        """What the encoder makes of centered inputs and of which of them are there."""
        mask = torch.ones_like(x) if valid is None else valid
        encoded: EncoderOutput = self.encoder(torch.cat([x, mask.to(x.dtype)], dim=1), context)
        return encoded
