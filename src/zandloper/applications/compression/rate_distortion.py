"""Sizes and errors of compressed data, the description of a compressor, and rate-distortion curves against PCA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from zandloper.applications.compression.block_codec import PartSizes, fit_block_codec
from zandloper.applications.compression.context_fitting import fit_context_model
from zandloper.applications.compression.entropy_coding import RangeEncoder
from zandloper.applications.compression.layout import DataBlock
from zandloper.errors import DataError
from zandloper.inspection.description import Description, describe
from zandloper.plotting.result_table import Study


@dataclass(frozen=True)
class Compressed:
    """Sizes and errors of compressed data; prints as a text.

    `size` is the number of bytes, `raw` that of the raw data, `values` the number of values; `parts` has the bytes of
    latents, residual and the rest. `max_error` and `rms_error` are None if they were not measured.
    """

    size: int
    raw: float
    values: int
    parts: PartSizes
    max_error: float | None
    rms_error: float | None

    @property
    def bits_per_value(self) -> float:
        """Bits of the whole file per value."""
        return 8 * self.size / max(1, self.values)

    @property
    def ratio(self) -> float:
        """Compression ratio against the raw data."""
        return self.raw / max(1, self.size)

    def __str__(self) -> str:
        rest = self.size - self.parts.latents - self.parts.correction

        def share(part: int) -> str:
            return f"{part:,} bytes ({part / max(1, self.size):.1%})"

        lines = [
            f"{self.size:,} bytes for {self.values:,} values: {self.bits_per_value:.3g} bits a value, "
            f"{self.ratio:.3g} times smaller than {self.raw:,.0f} bytes",
            f"  latents      {share(self.parts.latents)}",
            f"  correction   {share(self.parts.correction)}",
            f"  rest         {share(rest)}: header, index, gaps, times, what fits nowhere else",
        ]
        if self.max_error is not None:
            lines.append(f"  error        at most {self.max_error:.4g}, root of the mean square {self.rms_error:.4g}")
        return "\n".join(lines)


@dataclass(frozen=True)
class CompressorDescription:
    """The result of `Compressor.describe()`: fields, and a text when printed."""

    bounds: tuple[float, ...]
    latents: int
    expected: dict[str, float]
    weights: int
    model: Description

    def __str__(self) -> str:
        low, high = min(self.bounds), max(self.bounds)
        bound = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}, by column"
        lines = [
            f"Compressor: {'errors of at most ' + bound if self.bounded else 'no bound on errors'}",
            f"  latents      {self.latents} a sample"
            if self.latents
            else "  latents      none: with this bound they would cost more than they save",
            f"  expected     {sum(self.expected.values()):.3g} bits a value, of them latents "
            f"{self.expected['latents']:.3g}",
            f"  coding       {self.weights:,} numbers beside the autoencoder",
        ]
        return "\n".join([*lines, *str(self.model).splitlines()])

    @property
    def bounded(self) -> bool:
        """True if errors are bounded."""
        return self.expected["correction"] > 0


def describe_compressor(compressor: Any) -> CompressorDescription:
    """Describe a fitted compressor."""
    codec = compressor.codec_
    contexts = [c for c in (codec.latents, codec.correction) if c is not None]
    weights = sum(v.size for c in contexts for v in vars(c).values() if isinstance(v, np.ndarray))
    return CompressorDescription(
        tuple(codec.quantizer.bound.tolist()),
        0 if codec.latents is None else codec.latent_codec.latents,
        dict(compressor.expected_),
        weights,
        describe(compressor.autoencoder_),
    )


@dataclass(frozen=True, repr=False)
class RateError(Study):
    """Bits per value and errors by quality, of autoencoder and PCA; has `frame` and `plot()`, prints as a table.

    Errors are roots of mean squares in standard deviations of the data's values.
    """

    qualities: tuple[float, ...]
    bits: tuple[float, ...]
    errors: tuple[float, ...]
    pca_bits: tuple[float, ...]
    pca_errors: tuple[float, ...]
    values: int

    @property
    def columns(self) -> dict[str, list[Any]]:
        """quality, bits, error, pca_bits, pca_error."""
        return {
            "quality": list(self.qualities),
            "bits": list(self.bits),
            "error": list(self.errors),
            "pca_bits": list(self.pca_bits),
            "pca_error": list(self.pca_errors),
        }

    @property
    def title(self) -> str:
        """The title of table and plot."""
        return f"Bits a value and error without a bound, {self.values:,} values"

    @property
    def remark(self) -> str:
        """A note on the numbers."""
        return "errors in standard deviations, on samples that taught the coding nothing; sizes without the models"

    def plot(self) -> Any:
        """Plot the error over bits per value.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from zandloper.plotting.result_table import chart
        from zandloper.plotting.style import COLORS, INK

        shown = [*self.errors, *self.pca_errors]
        figure, ax = chart([1, 2], shown, self.title, self.remark)
        ax.plot(self.pca_bits, self.pca_errors, color=COLORS[3], marker="s", linewidth=2, label="PCA, coded alike")
        ax.plot(self.bits, self.errors, color=COLORS[0], marker="o", linewidth=2, label="autoencoder")
        every = [*self.bits, *self.pca_bits]
        ax.set_xscale("log", base=2)
        ax.set_xlim(min(every) / 1.3, max(every) * 1.3)
        ax.xaxis.set_major_locator(_powers())
        ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        ax.set_xlabel("bits a value", color=INK)
        ax.set_ylabel("error", color=INK)
        ax.legend(frameon=False)
        return figure


def _powers() -> Any:
    from matplotlib.ticker import LogLocator

    return LogLocator(base=2)


def rate_error(compressor: Any, X: Any, qualities: Any) -> RateError:
    """Measure the rate-distortion curves of a fitted compressor's autoencoder and of PCA.

    PCA has as many components as possible, all with one quantization step, which is optimal at high rates (reverse
    water-filling, Cover and Thomas 2006, section 10.3.3).
    """
    codec = compressor.codec_
    layout, model = codec.layout, compressor.autoencoder_
    raw = layout.read(X, "rate_error")
    half = [_half(layout, raw, part) for part in (0, 1)]
    values = [layout.values(block)[0] for block in half]
    if any(k == "category" for k in layout.kinds) or any(np.isnan(v).all() for v in values):
        raise DataError("rate_error compares with PCA, which knows numbers only: drop the columns of categories")
    spread = np.maximum(np.nanstd(values[0], axis=(1, 2), keepdims=True), 1e-12)
    if layout.image:
        spread = np.full_like(spread, np.nanstd(values[0]))
    count = int((~np.isnan(values[1])).sum())
    bits, errors = [], []
    for quality in qualities:
        found = fit_block_codec(model, layout, _fine(codec.quantizer, spread), half[0], count, float(quality), 0)
        payload, sizes = found.encode(half[1])
        back = layout.values(found.decode(payload))[0]
        bits.append(8 * (sizes.latents + sizes.rest) / count)
        errors.append(_rms(back, values[1], spread))
    A, B = (_samples(layout, v / spread) for v in values)
    pca = PCA(min(256, *A.shape), random_state=0).fit(A)
    scores = [pca.transform(M) for M in (A, B)]
    pca_bits, pca_errors = [], []
    for step in 2.0 ** np.linspace(2.5, -3, len(list(qualities))):
        step = step * float(np.sqrt(pca.explained_variance_.mean()))
        whole = [np.rint(s / step).T[None] for s in scores]
        keep = np.flatnonzero(np.abs(whole[0]).max((0, 2)) > 0)
        keep = keep if len(keep) else np.arange(1)
        mine = [np.ascontiguousarray(w[:, keep]) for w in whole]
        zero, all_there = np.zeros(mine[0].shape), np.ones(mine[0].shape, bool)
        context = fit_context_model(mine[0], zero, all_there, 1, 1, ("number",) * len(keep), mine[1].size)
        writer = RangeEncoder()
        context.code(writer, np.zeros(mine[1].shape), np.ones(mine[1].shape, bool), mine[1])
        back = mine[1][0].T * step @ pca.components_[keep] + pca.mean_
        pca_bits.append(8 * len(writer.bytes()) / count)
        pca_errors.append(float(np.sqrt(np.mean((back - B) ** 2))))
    curve: Any = {"bits": bits, "errors": errors, "pca_bits": pca_bits, "pca_errors": pca_errors}
    return RateError(tuple(map(float, qualities)), **{k: tuple(v) for k, v in curve.items()}, values=count)


def _fine(quantizer: Any, spread: np.ndarray) -> Any:
    """A quantizer so fine that it adds nothing to the error."""
    from zandloper.applications.compression.quantization import UniformQuantizer

    width = spread.reshape(-1) * 2.0**-12
    whole = quantizer.scale == 1
    step = np.where(whole & (quantizer.step >= 1) & (quantizer.step == np.rint(quantizer.step)), 1.0, width)
    return UniformQuantizer(width, quantizer.offset, step, np.ones_like(quantizer.scale), quantizer.dtypes)


def _half(layout: Any, raw: Any, part: int) -> DataBlock:
    """Every second sample, or the first or second half of one series."""
    if isinstance(raw, list):
        pieces = [one.raw[0] for one in raw]
        if len(pieces) > 1:
            pieces = pieces[part::2]
        else:
            n = len(pieces[0]) // 2
            pieces = [pieces[0][n:] if part else pieces[0][:n]]
        return DataBlock(pieces, tuple(range(len(pieces))))
    return DataBlock(raw[part::2])


def _samples(layout: Any, values: np.ndarray) -> np.ndarray:
    rows = layout.samples(values).double().flatten(1).numpy()
    return np.nan_to_num(rows)


def _rms(back: np.ndarray, values: np.ndarray, spread: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(((back - values) / spread) ** 2)))
