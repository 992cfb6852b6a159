"""Coding of one block of data: latents, residual, missing values, and exceptions.

    values -> latents -> quantized, coded -> decoder -> prediction -> quantized residual, coded

The bound is checked on every value as it will be decompressed; values beyond it are stored as exceptions. The integers
of a block have a separate checksum, so that a machine that decodes different integers raises an error.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from zandloper.applications.compression.context_fitting import fit_context_model
from zandloper.applications.compression.context_model import FINE, ContextModel
from zandloper.applications.compression.entropy_coding import RangeDecoder, RangeEncoder
from zandloper.applications.compression.file_format import pack_parts, unpack_parts
from zandloper.applications.compression.latent_codec import LatentCodec, predict
from zandloper.applications.compression.layout import DataBlock, Layout
from zandloper.applications.compression.quantization import UniformQuantizer, pack_items, unpack_items
from zandloper.errors import FileError

COARSEST, FINEST = 2, -4  # octaves of that step, at quality 0 and 1
TRIED = 256  # steps of each sequence of a series that are coded to compare precisions
FINENESS = (2.0, 1.0, 0.5, 0.25)  # steps of latents that are tried, as shares of the decoder's own error


@dataclass
class PartSizes:
    """Bytes of the parts of a block."""

    latents: int
    correction: int
    rest: int

    def __add__(self, other: PartSizes) -> PartSizes:
        return PartSizes(self.latents + other.latents, self.correction + other.correction, self.rest + other.rest)


@dataclass
class BlockCodec:
    """The fitted codec of blocks.

    Parameters
    ----------
    layout : Layout
    quantizer : UniformQuantizer
    latent_codec : LatentCodec
    latents : Context or None
        Model of the latents' integers; None: latents are not used, since they cost more than they save.
    correction : Context or None
        Model of the residual's integers; None: there is no bound and no residual.
    rest : ndarray of int, (channels,)
        Prediction without latents, in eighths of a step.
    """

    layout: Layout
    quantizer: UniformQuantizer
    latent_codec: LatentCodec
    latents: ContextModel | None
    correction: ContextModel | None
    rest: np.ndarray

    def encode(self, block: DataBlock) -> tuple[bytes, PartSizes]:
        """Encode a block; return the payload and the sizes of its parts."""
        values, exists = self.layout.values(block)
        present = ~np.isnan(values) & exists
        sequences = values.shape[2]
        gaps = b"" if (present == exists).all() else zlib.compress(np.packbits(~present[:, exists]).tobytes(), 9)
        latents, codes = self._write_latents(values, sequences)
        prediction, edge = self._predict(codes, values.shape)
        known, correction, missed = np.where(present, values, np.nan), b"", np.zeros(0, np.int64)
        if self.correction is None:
            steps = prediction
        else:
            steps, writer = self.quantizer.steps(known), RangeEncoder()
            missed = self.quantizer.missed(known, self.quantizer.values(steps))
            self.correction.code(writer, _steps_first(prediction), _steps_first(present), _steps_first(steps))
            correction = writer.bytes()
        crc = zlib.crc32(_bytes(steps[present]), zlib.crc32(_bytes(codes)))
        parts = [
            self._head(block, crc),
            latents,
            gaps,
            correction,
            pack_items(edge, prediction.reshape(-1)[edge]),
            pack_items(missed, values.reshape(-1)[missed]),
            self.layout.times(block),
        ]
        sizes = PartSizes(len(latents), len(correction), sum(map(len, parts)) - len(latents) - len(correction))
        return pack_parts(parts), sizes

    def decode(self, payload: bytes) -> DataBlock:
        """Decode a payload."""
        head, latents, gaps, correction, edge, missed, times = unpack_parts(payload)
        crc, *numbers = struct.unpack(f"<I{(len(head) - 4) // 8}q", head)
        steps, sequences, exists = self.layout.shape(numbers)
        present = np.repeat(exists[None], self.layout.channels, axis=0)
        if gaps:
            bits = np.unpackbits(np.frombuffer(zlib.decompress(gaps), np.uint8))
            present[:, exists] = ~bits[: present[:, exists].size].reshape(self.layout.channels, -1).astype(bool)
        codes = self._read_latents(latents, sequences, steps)
        whole, _ = self._predict(codes, present.shape)
        at, known = unpack_items(edge)
        whole.reshape(-1)[at] = known
        if self.correction is not None:
            whole = _steps_first(
                self.correction.code(RangeDecoder(correction), _steps_first(whole), _steps_first(present), None)
            ).astype(float)
        if zlib.crc32(_bytes(whole[present]), zlib.crc32(_bytes(codes))) != crc:
            raise FileError(
                "a block decodes to other numbers than were written: this machine's arithmetic differs from that of "
                "the machine that wrote it by more than the format allows for; decompress it there"
            )
        made = self.quantizer.values(whole)
        at, known = unpack_items(missed)
        made.reshape(-1)[at] = known
        made[~present] = np.nan
        return self.layout.rebuild(made, numbers, times)

    def _predict(self, codes: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Predictions (channels, steps, sequences) in eighths of a step, and the indices of those close to an edge.

        Without a residual, they are whole steps: the decompressed values.
        """
        if self.latents is None:
            return np.broadcast_to(self.rest[:, None, None], shape).astype(np.float64), np.zeros(0, np.int64)
        return predict(
            self.latent_codec,
            self.layout.of_codes(codes),
            self.quantizer,
            self.layout,
            shape[2],
            FINE if self.correction else 1,
        )

    def _write_latents(self, values: np.ndarray, sequences: int) -> tuple[bytes, np.ndarray]:
        if self.latents is None:
            return b"", np.zeros(0)
        codes = self.layout.codes(self.latent_codec.encode(self.layout.samples(values)), sequences)
        writer = RangeEncoder()
        self.latents.code(writer, np.zeros(codes.shape), np.ones(codes.shape, bool), codes)
        return writer.bytes(), codes

    def _read_latents(self, data: bytes, sequences: int, steps: int) -> np.ndarray:
        if self.latents is None:
            return np.zeros(0)
        many = steps // self.layout.window if self.layout.width == 0 else 1
        shape = (many, self.latent_codec.latents, sequences)
        return self.latents.code(RangeDecoder(data), np.zeros(shape), np.ones(shape, bool), None).astype(np.float64)

    def _head(self, block: DataBlock, crc: int) -> bytes:
        numbers = self.layout.numbers(block)
        return struct.pack(f"<I{len(numbers)}q", crc, *numbers)


def fit_block_codec(
    model: Any,
    layout: Layout,
    quantizer: UniformQuantizer,
    block: DataBlock,
    total: int,
    quality: float | None,
    seed: int,
) -> BlockCodec:
    """Fit a codec to a sample block, for `total` values in all.

    Several precisions of the latents, and no latents, are compared by the bits of latents and residual together. A
    `quality` sets the precision instead, without a residual.
    """
    values, exists = layout.values(block)
    present, sequences = ~np.isnan(values) & exists, values.shape[2]
    code = LatentCodec(model, None)
    samples = layout.samples(values)
    points = code.points(samples)
    if not code.symbols:
        code.steps = _unit_steps(code, points, samples)
    latent_total = max(1, int(total * points.size / max(1, present.sum())))
    seeds = {"seed": seed, "total": latent_total}
    if quality is not None:
        if code.steps is not None:
            code.steps = code.steps * 2.0 ** (COARSEST - (COARSEST - FINEST) * quality)
        codes = layout.codes(code.encode(samples), sequences)
        latents = _learn_latents(code, codes, layout, **seeds)
        return BlockCodec(layout, quantizer, code, latents, None, np.zeros(layout.channels))
    steps = quantizer.steps(np.where(present, values, np.nan))
    rest = np.array([FINE * np.median(s[t]) if t.any() else 0.0 for s, t in zip(steps, present)])
    rest = np.rint(rest / FINE) * FINE
    shape = (layout.height, layout.width, layout.kinds, total, layout.window if layout.width == 0 else 0, seed)
    here = _spread(present.shape[2], present.sum(), 2**17)
    early = slice(0, TRIED if layout.width == 0 else None)  # the beginning of a series is a fair sample of it
    plain = np.broadcast_to(rest[:, None, None], values.shape).astype(np.float64)

    def cost(prediction: np.ndarray) -> float:
        v, p, t = (_steps_first(a[:, early][..., here]) for a in (steps, prediction, present))
        found = fit_context_model(v, p, t, *shape, net=False)
        return _bits(found, v, p, t) * (present.sum() / max(1, t.sum()))

    best: tuple[float, Any, np.ndarray] = (cost(plain), None, plain)
    unit = code.steps
    for size in FINENESS if unit is not None else (1.0,):
        trial = LatentCodec(model, None if unit is None else unit * size)
        codes = layout.codes(trial.encode(samples), sequences)
        prediction, _ = predict(trial, layout.of_codes(codes), quantizer, layout, sequences)
        bits = cost(prediction) + _entropy(codes)
        if bits < best[0]:
            best = (bits, trial, prediction)
    used: ContextModel | None = None
    if best[1] is not None:
        code = best[1]
        used = _learn_latents(code, layout.codes(code.encode(samples), sequences), layout, **seeds)
    correction = fit_context_model(_steps_first(steps), _steps_first(best[2]), _steps_first(present), *shape)
    return BlockCodec(layout, quantizer, code, used, correction, rest)


def _unit_steps(code: LatentCodec, points: np.ndarray, samples: torch.Tensor) -> np.ndarray:
    """Quantization steps of the latents whose error equals that of the decoder, with equal shares.

    A latent with gain g (root mean square of the output per unit) and step s adds an error of g^2 s^2 / 12.
    """
    few = points[:: max(1, len(points) // 512)][:512]
    error = np.mean((code.params(few) - _targets(code, samples[:: max(1, len(points) // 512)][:512])) ** 2)
    gain = np.maximum(code.sensitivity(few), 1e-12)
    steps = np.sqrt(12 * max(error, 1e-12) / (points.shape[1] * gain))
    return np.minimum(steps, 8 * np.maximum(points.std(0), 1e-6))


def _targets(code: LatentCodec, samples: torch.Tensor) -> np.ndarray:
    """Targets of the decoder's parameters if these have the layout of the data, else zeros."""
    with torch.inference_mode():
        shares = code.module.scaler.shares(samples)[0].double().flatten(1).numpy()
    width = int(np.prod(code.module.compare.params_shape))
    return shares if shares.shape[1] == width else np.zeros((len(samples), width))


def _learn_latents(code: LatentCodec, codes: np.ndarray, layout: Layout, total: int, seed: int) -> ContextModel:
    kinds = ("category" if code.symbols else "number",) * codes.shape[1]
    width = 0 if layout.width == 0 else 1
    present = np.ones(codes.shape, bool)
    return fit_context_model(codes, np.zeros(codes.shape), present, 1, width, kinds, total, seed=seed)


def _entropy(codes: np.ndarray) -> float:
    """Bits of codes (steps, latents, sequences) with one frequency table per latent."""
    bits = 0.0
    for j in range(codes.shape[1]):
        counts = np.unique(codes[:, j], return_counts=True)[1]
        bits -= float((counts * np.log2(counts / counts.sum())).sum())
    return bits


def _bits(context: ContextModel, values: np.ndarray, prediction: np.ndarray, present: np.ndarray) -> float:
    """Bits that a context model takes for values."""
    writer = RangeEncoder()
    context.code(writer, prediction, present, values)
    return 8.0 * len(writer.bytes())


def _spread(sequences: int, values: int, most: int) -> np.ndarray:
    """Indices of evenly spread sequences with about `most` values."""
    count = int(max(1, min(sequences, sequences * most / max(1, values))))
    return np.unique(np.linspace(0, sequences - 1, count).astype(int))


def _steps_first(a: np.ndarray) -> np.ndarray:
    """(channels, steps, sequences) to (steps, channels, sequences), and back."""
    return np.ascontiguousarray(a.swapaxes(0, 1))


def _bytes(whole: np.ndarray) -> bytes:
    return whole.astype("<i4").tobytes()
