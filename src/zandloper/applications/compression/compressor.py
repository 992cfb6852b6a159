"""Data that only the decoder can read: small, and within a bound that holds for every value."""

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
    """Keeps data in few bytes that only this model turns back into data.

    Each sample becomes a row of latents, rounded and coded by how likely they are; what the decoder makes of them is
    corrected, and the correction coded by how likely it is, given the prediction and the values before. With a bound,
    every value that comes back is within it of what went in; categories, truth values and times come back as they were.

    Parameters
    ----------
    autoencoder : autoencoder, FrozenEstimator of a fitted one, or None
        What predicts; it is cloned. None: a plain one, small enough for the data that it is fitted on. Of a frozen one
        a copy is kept as it is, and `fit` only learns how to code.
    max_error : float or None
        No value that is given back is further from the value that was given. 0: lossless. None: a hundredth of each
        column's range, unless `quality` is given.
    relative : bool
        Whether `max_error` is a share of each column's range, as it was when `fit` saw it; of images, of the range of
        all pixels.
    quality : float or None
        From 0 to 1: how finely latents are kept. There is no correction then and no bound: the fewest bytes, at the
        error that the decoder makes.
    modality : "auto", "table", "image", "series" or an object of zl.modality
        What the data are read as.
    max_epochs, max_minutes : numbers, optional
        Where given, they override the autoencoder's.
    random_state : int, RandomState or None

    Attributes
    ----------
    autoencoder_ : fitted autoencoder
        A copy with weights of 16 bits.
    model_hash_ : str
        Stands in every file: no other model reads it.
    expected_ : dict
        What coding took on rows that it learned from: bits a value, of latents and of the correction.
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
        """Train the autoencoder, and learn how to code what it says and what it does not.

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
        """Data as bytes: a header, blocks that stand for themselves, an index.

        Raises
        ------
        DataError
            The data are not of the form that was learned, or hold categories that were never seen.
        """
        check_is_fitted(self, "codec_")
        file = io.BytesIO()
        write_data(self.codec_, self.model_hash_, file, X, type(self).__name__)
        return file.getvalue()

    def decompress(self, data: Any, rows: tuple[int, int] | None = None, damaged: str = "error") -> Any:
        """Data out of bytes, in their own form.

        Parameters
        ----------
        data : bytes, or the path of a file
        rows : (first, last + 1), optional
            Only these rows, images or time steps of one series; no other blocks are read.
        damaged : {"error", "skip"}
            What to do about blocks whose checksum is wrong: an error, or leave them out with a warning.

        Raises
        ------
        FileError
            Another model wrote it, or it is damaged, or no compressed data at all.

        Warns
        -----
        UserWarning
            The data are cut off: what is whole is given, and the warning says what is lost.
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
        """The same block by block, each in the data's own form: as much memory as a block takes, however long the data.

        Blocks hold about a million values. Of several series, each block gives those that are in it.
        """
        check_is_fitted(self, "codec_")
        with OpenedData(data) as (file, name):
            reading = open_reader(self.model_hash_, file, name, damaged)
            for _, block in decoded_blocks(self.codec_, reading, damaged, None):
                yield self.codec_.layout.give([block], reading.about["layout"])

    def compress_file(self, source: Any, path: str | Path, overwrite: bool = False) -> Compressed:
        """Compress data that need not fit into memory into a file, whole or not at all.

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
            Its sizes; errors are not measured.
        """
        check_is_fitted(self, "codec_")
        check_place(path, overwrite)
        parts = chunks_of_file(source) if isinstance(source, str | Path) else source
        with in_one_sentence(Path(path), "written"), atomic(Path(path)) as file:
            return write_stream(self.codec_, self.model_hash_, file, parts, type(self).__name__)

    def measure(self, X: Any) -> Compressed:
        """What compressing X takes and costs: bytes of each part, bits a value, the largest and the usual error."""
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
        """Bytes against error without a bound, over `quality`, beside PCA whose components are coded in the same way.

        Half of X teaches the coding of both, the other half is measured; the autoencoder is the fitted one.

        Parameters
        ----------
        X : data
        qualities : sequence of float, from 0 to 1
        """
        check_is_fitted(self, "codec_")
        return rate_error(self, X, qualities)

    def describe(self) -> CompressorDescription:
        """The autoencoder, how finely its latents are kept, and what coding takes; prints well."""
        check_is_fitted(self, "codec_")
        return describe_compressor(self)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the compressor as a folder of JSON and safetensors, whole or not at all; `zl.load` gives it back."""
        check_is_fitted(self, "codec_")
        save_compressor(self, path, overwrite)

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """What `save` wrote, out of a folder's recipe and weights."""
        found: Self = compressor_of(cls, types, path, recipe, tensors, parts)
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags
