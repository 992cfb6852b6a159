"""The estimator for compression: with a bound on the error of every value, or at a chosen rate."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from zandloper.applications.compression.block_codec import fit_block_codec
from zandloper.applications.compression.bounds import error_bounds, ranges, sample_block
from zandloper.applications.compression.compressor_file import compressor_of, hash_of, save_compressor
from zandloper.applications.compression.entropy_coding import coder_library
from zandloper.applications.compression.latent_codec import in_half_precision
from zandloper.applications.compression.layout import DataBlock
from zandloper.applications.compression.parameters import check_parameters
from zandloper.applications.compression.predictor import check_predictor, trained_predictor
from zandloper.applications.compression.quantization import UniformQuantizer
from zandloper.applications.compression.rate_distortion import (
    Compressed,
    CompressorDescription,
    RateError,
    describe_compressor,
    rate_error,
)
from zandloper.applications.compression.series_layout import layout_of
from zandloper.applications.compression.streaming import (
    OpenedData,
    check_rows,
    decoded_blocks,
    open_reader,
    write_data,
    write_stream,
)
from zandloper.errors import FileError
from zandloper.fitting.validation import seed_of
from zandloper.io import atomic
from zandloper.io.atomic import check_place, in_one_sentence
from zandloper.io.chunks import chunks_of_file


class Compressor(BaseEstimator):
    """Compression of tables, images and series with a trained autoencoder.

    The latents of each sample are quantized and entropy-coded. The residual of the decoder's prediction is coded by a
    context model of the prediction and of the previous values. With a bound, every decompressed value differs from the
    original by at most the bound; categories, booleans and times are exact. Only the model that compressed data can
    decompress them.

    Parameters
    ----------
    autoencoder : autoencoder, FrozenEstimator of a fitted one, or None
        The predictor, which is cloned. None: a default one whose size is in proportion to the data. A frozen one is
        copied, and `fit` learns the coding alone.
    max_error : float or None
        Bound on the error of every value. 0: lossless. None: 1% of each column's range, unless `quality` is given.
    relative : bool
        True: `max_error` is a share of each column's range in the training data; of images, of the range of all pixels.
    quality : float or None
        Precision of the latents, from 0 to 1. There is then no residual and no bound: the fewest bytes, at the error of
        the decoder.
    modality : "auto", "table", "image", "series" or an object of zl.modality
        Modality of the data.
    max_epochs, max_minutes : numbers, optional
        If given, they override those of the autoencoder.
    random_state : int, RandomState or None

    Attributes
    ----------
    autoencoder_ : fitted autoencoder
        A copy with 16-bit weights.
    model_hash_ : str
        Stored in every compressed file; other models refuse it.
    expected_ : dict
        Bits per value of latents and of the residual, on training rows.
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> import zandloper as zl
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> model = zl.Compressor(max_error=0.05, max_epochs=20, random_state=0).fit(X)
    >>> data = model.compress(X)
    >>> back = model.decompress(data)
    >>> bool(np.abs(back - X).max() <= 0.05), len(data) < X.nbytes / 4
    (True, True)
    """

    def __init__(
        self,
        autoencoder: Any = None,
        max_error: float | None = None,
        relative: bool = False,
        quality: float | None = None,
        modality: Any = "auto",
        max_epochs: Any = None,
        max_minutes: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.autoencoder = autoencoder
        self.max_error = max_error
        self.relative = relative
        self.quality = quality
        self.modality = modality
        self.max_epochs = max_epochs
        self.max_minutes = max_minutes
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the autoencoder and the entropy coding.

        Parameters
        ----------
        X : array, frame, images, series or path
        y : ignored
        """
        check_parameters(self)
        coder_library()
        caller, seed = type(self).__name__, seed_of(self.random_state, type(self).__name__)
        model = in_half_precision(trained_predictor(self, X, caller, seed))
        check_predictor(model, caller)
        if isinstance(X, str | Path) and model.model_.schema.name == "image_schema":
            X = model.model_.schema.readable(model.model_.schema.read(X, caller))
        layout = layout_of(model.model_.schema, X, caller)
        raw = layout.read(X, caller)
        low, high, total = ranges(layout, raw)
        block = sample_block(layout, raw, seed)
        values = layout.values(block)[0].reshape(layout.channels, -1)
        quality = None if self.quality is None else float(self.quality)
        quantizer = UniformQuantizer.learn(values, error_bounds(self, layout, low, high), layout.dtypes)
        self.codec_ = fit_block_codec(model, layout, quantizer, block, total, quality, seed)
        self.autoencoder_, self.n_features_in_ = model, model.n_features_in_
        names = getattr(model, "feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names
        sizes, count = self.codec_.encode(block)[1], max(1, int((~np.isnan(values)).sum()))
        self.expected_ = {"latents": 8 * sizes.latents / count, "correction": 8 * sizes.correction / count}
        self.model_hash_ = hash_of(self.codec_)
        return self

    def compress(self, X: Any) -> bytes:
        """Compress data to bytes: a header, independent blocks, an index.

        Raises
        ------
        DataError
            The data differ from the training data in columns or shape, or have unknown categories.
        """
        check_is_fitted(self, "codec_")
        file = io.BytesIO()
        write_data(self.codec_, self.model_hash_, file, X, type(self).__name__)
        return file.getvalue()

    def decompress(self, data: Any, rows: tuple[int, int] | None = None, damaged: str = "error") -> Any:
        """Decompress data, in the format of the original.

        Parameters
        ----------
        data : bytes, or the path of a file
        rows : (first, last + 1), optional
            Range of rows, images or time steps of one series; other blocks are not read.
        damaged : {"error", "skip"}
            Treatment of blocks with a wrong checksum: an error, or skip them with a warning.

        Raises
        ------
        FileError
            The data are of another model, damaged, or no compressed data.

        Warns
        -----
        UserWarning
            The data are truncated: the complete blocks are returned, and the warning names the loss.
        """
        check_is_fitted(self, "codec_")
        with OpenedData(data) as (file, name):
            reading = open_reader(self.model_hash_, file, name, damaged)
            blocks: list[DataBlock] = []
            first = 0
            if rows is not None:
                check_rows(rows, reading)
            for number, block in decoded_blocks(self.codec_, reading, damaged, rows):
                if not blocks and rows is not None:
                    first = rows[0] - sum(n for _, n in reading.index[:number])
                blocks.append(block)
            if not blocks:
                raise FileError(f"{name} holds no whole block: nothing can be given back")
            out = self.codec_.layout.give(blocks, reading.about["layout"])
        return out if rows is None else out[first : first + rows[1] - rows[0]]

    def decompress_blocks(self, data: Any, damaged: str = "error") -> Iterator[Any]:
        """Yield decompressed data block by block, in the format of the original, with one block in memory at a time.

        Blocks hold about a million values. Of several series, each block yields those that it contains.
        """
        check_is_fitted(self, "codec_")
        with OpenedData(data) as (file, name):
            reading = open_reader(self.model_hash_, file, name, damaged)
            for _, block in decoded_blocks(self.codec_, reading, damaged, None):
                yield self.codec_.layout.give([block], reading.about["layout"])

    def compress_file(self, source: Any, path: str | Path, overwrite: bool = False) -> Compressed:
        """Compress data larger than memory to a file, completely or not at all.

        Parameters
        ----------
        source : path, or iterable of data
            A file (NPY, CSV and Parquet are read part by part), or parts of the data in order: rows of one table,
            images, or the next time steps of one series.
        path : path of the file to write
        overwrite : bool

        Returns
        -------
        Compressed
            The sizes; errors are not measured.
        """
        check_is_fitted(self, "codec_")
        check_place(path, overwrite)
        parts = chunks_of_file(source) if isinstance(source, str | Path) else source
        with in_one_sentence(Path(path), "written"), atomic(Path(path)) as file:
            return write_stream(self.codec_, self.model_hash_, file, parts, type(self).__name__)

    def measure(self, X: Any) -> Compressed:
        """Measure the compression of X: bytes of each part, bits per value, largest and root mean square error."""
        check_is_fitted(self, "codec_")
        file = io.BytesIO()
        sizes, values, raw = write_data(self.codec_, self.model_hash_, file, X, type(self).__name__)
        back = self.codec_.layout.read(self.decompress(file.getvalue()), type(self).__name__)
        layout, worst, squares, count = self.codec_.layout, 0.0, 0.0, 0
        for before, after in zip(layout.blocks(layout.read(X, type(self).__name__)), layout.blocks(back)):
            off = np.abs(layout.values(before)[0] - layout.values(after)[0])
            worst, squares = max(worst, float(np.nanmax(off, initial=0))), squares + float(np.nansum(off**2))
            count += int((~np.isnan(off)).sum())
        return Compressed(len(file.getvalue()), raw, values, sizes, worst, math.sqrt(squares / max(1, count)))

    def rate_error(self, X: Any, qualities: Any = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)) -> RateError:
        """Bits per value and error without a bound, over `quality`, compared with PCA with the same coding.

        The coding of both is learned from one half of X and measured on the other; the autoencoder is not refitted.

        Parameters
        ----------
        X : data
        qualities : sequence of float, from 0 to 1
        """
        check_is_fitted(self, "codec_")
        return rate_error(self, X, qualities)

    def describe(self) -> CompressorDescription:
        """Describe the autoencoder, the bounds and the expected rate; the result prints as a text."""
        check_is_fitted(self, "codec_")
        return describe_compressor(self)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the compressor as a folder of JSON and safetensors, completely or not at all; `zl.load` reads it."""
        check_is_fitted(self, "codec_")
        save_compressor(self, path, overwrite)

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """Restore a compressor from the recipe and the weights of a folder."""
        found: Self = compressor_of(cls, types, path, recipe, tensors, parts)
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags
