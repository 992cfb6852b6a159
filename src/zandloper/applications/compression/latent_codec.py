"""Quantized latents, and predictions of the decoder that are the same on every machine.

Encoder and decoder run in float64 on the CPU. Predictions are rounded to eighths of a step; another machine, or another
number of threads, may differ in the last bits of a float64, about 1e-13 relative. Predictions so close to a rounding
edge that this could matter (a millionth of an eighth) are written into the block, so that nothing depends on them. All
later steps use integers (`context_model`).
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zandloper.applications.compression.context_model import FINE
from zandloper.applications.compression.layout import Layout
from zandloper.applications.compression.quantization import UniformQuantizer
from zandloper.model.batch import Batch, CorruptedInput
from zandloper.model.hourglass import map_fixed_batches
from zandloper.training import defaults

EDGE = 1e-6  # of an eighth: predictions closer to an edge are stored
NOISE = 1e-10  # of a prediction: a thousand times the difference between machines
MOST = 2**20  # codes are smaller than this
HALF_MOST = 6e4  # weights of 16 bits are smaller than this


def in_half_precision(model: Any) -> Any:
    """A copy of a fitted model with weights rounded to 16 bits, if these are not too large."""
    model = copy.deepcopy(model)
    model.module_.to("cpu")
    with torch.no_grad():
        for weight in model.module_.parameters():
            if weight.abs().max() < HALF_MOST:
                weight.copy_(weight.half().float())
    return model


class LatentCodec:
    """Quantization of the latents of a model.

    Parameters
    ----------
    model : fitted autoencoder
    steps : ndarray (latents,) or None
        Step of each latent; None: the codes are symbols of the bottleneck.
    """

    def __init__(self, model: Any, steps: np.ndarray | None) -> None:
        self.model, self.steps = model, steps
        self.module = copy.deepcopy(model.module_).double().eval()
        self.block = defaults.inference_batch_size(model.model_.flops_per_row)

    @property
    def symbols(self) -> bool:
        """True if the bottleneck outputs symbols."""
        return hasattr(self.module.bottleneck, "symbols")

    @property
    def latents(self) -> int:
        """Number of integers of a sample."""
        return int(self.model.latent_shape_[0] if self.symbols else self.model.model_.n_latents)

    def encode(self, samples: Tensor) -> np.ndarray:
        """Encode raw rows to integers (n, latents)."""
        z = self.points(samples)
        return z if self.steps is None else np.rint(z / self.steps).clip(-MOST, MOST)

    def points(self, samples: Tensor) -> np.ndarray:
        """Latents (n, latents) of raw rows without rounding; symbols unchanged."""

        def of(batch: Batch) -> Tensor:
            if self.symbols:  # codebooks are float32
                scaled = self.model.module_.scaled(batch)
                return self.model.module_.bottleneck.symbols(self.model.module_.bottleneck_inputs(scaled.x)[0].value)
            scaled = self.module.scaled(batch)
            return self.module.encode(CorruptedInput(scaled.x.double(), scaled.valid))[0].z.flatten(1)

        return self._blockwise(of, samples).double().numpy()

    def decode(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predictions of codes (n, latents) in raw units (n, ...), and flags of rows with nearly tied categories."""
        return self.decode_points(codes if self.steps is None else codes * self.steps)

    def decode_points(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `decode`, of latents."""
        module = self.module

        def of(batch: Batch) -> Tensor:
            z = batch.x
            if self.symbols:
                z = module.bottleneck.vectors_of(z.long()).double()
            params = module.decode(z.reshape(len(z), *self.model.latent_shape_))
            close = torch.zeros(len(z), 1, dtype=torch.float64)
            for _, start, k in getattr(module.compare, "categories", ()):
                top = params[:, start : start + k].topk(2, dim=1).values
                close = torch.maximum(close, ((top[:, :1] - top[:, 1:]) < 1e-6).double())
            point = module.scaler.restore(module.compare.point(params)).double()
            return torch.cat([point.flatten(1), close], dim=1)

        out = self._blockwise(of, torch.from_numpy(np.ascontiguousarray(z))).numpy()
        return out[:, :-1], out[:, -1] > 0

    def sensitivity(self, z: np.ndarray) -> np.ndarray:
        """Mean squared change of the output per unit of each latent, in model units."""
        base, out = self.params(z), np.empty(z.shape[1])
        size = np.maximum(z.std(0), 1e-6)
        for j in range(z.shape[1]):
            moved = z.copy()
            moved[:, j] += 0.1 * size[j]
            out[j] = np.mean((self.params(moved) - base) ** 2) / (0.1 * size[j]) ** 2
        return out

    def params(self, z: np.ndarray) -> np.ndarray:
        """Output parameters of the decoder for latents."""

        def of(batch: Batch) -> Tensor:
            z = batch.x.reshape(len(batch.x), *self.model.latent_shape_)
            return self.module.decode(z).flatten(1)

        return self._blockwise(of, torch.from_numpy(z)).numpy()

    def _blockwise(self, function: Any, rows: Tensor) -> Tensor:
        before = torch.get_num_threads()
        torch.set_num_threads(defaults.threads(self.model.model_.flops_per_row * self.block))
        try:
            with torch.inference_mode():
                return map_fixed_batches(function, Batch(rows), self.block).clone()
        finally:
            torch.set_num_threads(before)


def predict(
    code: LatentCodec, codes: np.ndarray, quantizer: UniformQuantizer, layout: Layout, sequences: int, fine: int = FINE
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of the decoder in whole parts of a step (eighths), (channels, steps, sequences).

    Returned as well: the flat indices of predictions that another machine might round differently.
    """
    rows, close = code.decode(codes)
    parts = quantizer.predicted(layout.predicted(rows, sequences), fine) + 0.5
    whole = np.floor(parts)
    margin = EDGE + NOISE * np.abs(parts)
    edge = (parts - whole < margin) | (parts - whole > 1 - margin)
    if close.any():
        edge |= layout.predicted(np.repeat(close[:, None], rows.shape[1], axis=1).astype(float), sequences) > 0
    return whole, np.flatnonzero(edge)
