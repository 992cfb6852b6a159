"""Data that only the decoder can read: small, and within a bound that holds for every value."""

from __future__ import annotations

import io
import math
import numbers
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from zandloper.applications.compression.block_codec import Sizes, learn_block_code
from zandloper.applications.compression.compressor_file import compressor_of, hash_of, save_compressor
from zandloper.applications.compression.entropy_coding import coder_library
from zandloper.applications.compression.file_format import Reading, Writing
from zandloper.applications.compression.latent_codec import halved
from zandloper.applications.compression.layout import Block, Layout
from zandloper.applications.compression.quantization import UniformQuantizer
from zandloper.applications.compression.rate_distortion import (
    Compressed,
    CompressorDescription,
    RateError,
    describe_compressor,
    rate_error,
)
from zandloper.applications.compression.series_layout import layout_of
from zandloper.autoencoders.autoencoder import Autoencoder
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.errors import DataError, FileError, UnsupportedError, bad_parameter
from zandloper.fitting.validation import seed_of
from zandloper.io import atomic
from zandloper.io.atomic import check_place, in_one_sentence
from zandloper.io.chunks import chunks_of_file
from zandloper.modality import modality

USUAL = 0.01  # of a column's range: the bound where nothing is said
LEARNED = 2**20  # values that the coding learns from
VALUES_A_WEIGHT = 256  # of the data, for one weight of the default model: it shall not weigh more than it saves
BEST_FLOATS = 2.0**-16  # of a column's range: how finely floats are given back where there is no bound


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
        self._check()
        coder_library()
        caller, seed = type(self).__name__, seed_of(self.random_state, type(self).__name__)
        model = halved(self._trained(X, caller, seed))
        _check_model(model, caller)
        if isinstance(X, str | Path) and model.model_.schema.name == "image_schema":
            X = model.model_.schema.readable(model.model_.schema.read(X, caller))
        layout = layout_of(model.model_.schema, X, caller)
        raw = layout.read(X, caller)
        low, high, total = _ranges(layout, raw)
        block = _sample(layout, raw, seed)
        values = layout.values(block)[0].reshape(layout.channels, -1)
        grid = UniformQuantizer.learn(values, self._bounds(layout, low, high), layout.dtypes)
        self._code = learn_block_code(model, layout, grid, block, total, self._quality(), seed)
        self.autoencoder_, self.n_features_in_ = model, model.n_features_in_
        names = getattr(model, "feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names
        sizes, count = self._code.encode(block)[1], max(1, int((~np.isnan(values)).sum()))
        self.expected_ = {"latents": 8 * sizes.latents / count, "correction": 8 * sizes.correction / count}
        self.model_hash_ = hash_of(self._code)
        return self

    def compress(self, X: Any) -> bytes:
        """Data as bytes: a header, blocks that stand for themselves, an index.

        Raises
        ------
        DataError
            The data are not of the form that was learned, or hold categories that were never seen.
        """
        file = io.BytesIO()
        self._write(file, X)
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
        check_is_fitted(self, "_code")
        with _opened(data) as (file, name):
            reading = self._reading(file, name, damaged)
            blocks: list[Block] = []
            first = 0
            if rows is not None:
                first = _check_rows(rows, reading)
            for number, block in self._decoded(reading, damaged, rows):
                if not blocks and rows is not None:
                    first = rows[0] - sum(n for _, n in reading.index[:number])
                blocks.append(block)
            if not blocks:
                raise FileError(f"{name} holds no whole block: nothing can be given back")
            out = self._code.layout.give(blocks, reading.about["layout"])
        return out if rows is None else out[first : first + rows[1] - rows[0]]

    def decompress_blocks(self, data: Any, damaged: str = "error") -> Iterator[Any]:
        """The same block by block, each in the data's own form: as much memory as a block takes, however long the data.

        Blocks hold about a million values. Of several series, each block gives those that are in it.
        """
        check_is_fitted(self, "_code")
        with _opened(data) as (file, name):
            reading = self._reading(file, name, damaged)
            for _, block in self._decoded(reading, damaged, None):
                yield self._code.layout.give([block], reading.about["layout"])

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
        check_is_fitted(self, "_code")
        check_place(path, overwrite)
        parts = chunks_of_file(source) if isinstance(source, str | Path) else source
        with in_one_sentence(Path(path), "written"), atomic(Path(path)) as file:
            return self._stream(file, parts)

    def measure(self, X: Any) -> Compressed:
        """What compressing X takes and costs: bytes of each part, bits a value, the largest and the usual error."""
        file = io.BytesIO()
        sizes, values, raw = self._write(file, X)
        back = self._code.layout.read(self.decompress(file.getvalue()), type(self).__name__)
        layout, worst, squares, count = self._code.layout, 0.0, 0.0, 0
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
        check_is_fitted(self, "_code")
        return rate_error(self, X, qualities)

    def describe(self) -> CompressorDescription:
        """The autoencoder, how finely its latents are kept, and what coding takes; prints well."""
        check_is_fitted(self, "_code")
        return describe_compressor(self)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the compressor as a folder of JSON and safetensors, whole or not at all; `zl.load` gives it back."""
        check_is_fitted(self, "_code")
        save_compressor(self, path, overwrite)

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """What `save` wrote, out of a folder's recipe and weights."""
        found: Self = compressor_of(cls, types, path, recipe, tensors, parts)
        return found

    # ------------------------------------------------------------------------------------------------------------------

    @property
    def _schema(self) -> Any:
        return self.autoencoder_.model_.schema

    def _write(self, file: BinaryIO, X: Any) -> tuple[Sizes, int, float]:
        """Data into a file: sizes of the parts, number of values, and bytes of the data in their own types."""
        check_is_fitted(self, "_code")
        layout = self._code.layout
        raw = layout.read(X, type(self).__name__)
        rows = sum(block.rows for block in raw) if isinstance(raw, list) else len(raw)
        total, values = Sizes(0, 0, 0), 0
        writing = Writing(file, {"model": self.model_hash_, "rows": rows, "layout": layout.about(X)})
        for block in layout.blocks(raw):
            payload, sizes = self._code.encode(block)
            writing.block(block.rows, payload)
            total = total + sizes
            values += block.rows * layout.channels * (layout.height * layout.width or 1)
        writing.close()
        return total, values, values * layout.itemsize

    def _stream(self, file: BinaryIO, parts: Iterable[Any]) -> Compressed:
        layout, caller = self._code.layout, type(self).__name__
        writing, total, values, about = None, Sizes(0, 0, 0), 0, None
        for raw, part in layout.joined((layout.read(part, caller), part) for part in parts):
            if writing is None:
                about = layout.about(part)
                writing = Writing(file, {"model": self.model_hash_, "rows": None, "layout": about})
            elif layout.about(part) != about or (about and about["kind"] != "one"):
                raise DataError("the parts of a stream must be of one kind: rows of a table, images, or one series")
            for block in layout.blocks(raw):
                payload, sizes = self._code.encode(block)
                writing.block(block.rows, payload)
                total, values = (
                    total + sizes,
                    values + block.rows * layout.channels * (layout.height * layout.width or 1),
                )
        if writing is None:
            raise DataError("there are no data to compress: the stream has no parts")
        writing.close()
        return Compressed(writing.size, values * layout.itemsize, values, total, None, None)

    def _reading(self, file: BinaryIO, name: str, damaged: str) -> Reading:
        if damaged not in ("error", "skip"):
            raise bad_parameter("decompress", "damaged", "'error' or 'skip'", damaged)
        reading = Reading(file, name)
        if reading.about.get("model") != self.model_hash_:
            raise FileError(
                f"{name} was written by another model ({str(reading.about.get('model'))[:8]}, and this is "
                f"{self.model_hash_[:8]}): load the one that wrote it"
            )
        if reading.lost:
            warnings.warn(reading.lost, UserWarning, stacklevel=3)
        return reading

    def _decoded(self, reading: Reading, damaged: str, rows: tuple[int, int] | None) -> Iterator[tuple[int, Block]]:
        start = 0
        for number, (_, count) in enumerate(reading.index):
            wanted = rows is None or (start < rows[1] and rows[0] < start + count)
            start += count
            if not wanted:
                continue
            try:
                yield number, self._code.decode(reading.block(number))
            except FileError as error:
                if damaged == "error" or rows is not None:
                    raise
                lost = f"{error}: its {count:,} {self._code.layout.unit} are left out"
                warnings.warn(lost, UserWarning, stacklevel=3)

    def _check(self) -> None:
        caller = type(self).__name__
        for name, most in (("max_error", math.inf), ("quality", 1.0)):
            value = getattr(self, name)
            good = isinstance(value, numbers.Real) and not isinstance(value, bool) and 0 <= float(value) <= most
            if value is not None and not (good and math.isfinite(float(value))):
                wanted = (
                    "a finite number from 0 on, or None" if name == "max_error" else "a number from 0 to 1, or None"
                )
                raise bad_parameter(caller, name, wanted, value)
        if self.max_error is not None and self.quality is not None:
            raise bad_parameter(caller, "quality", "None where max_error is given: it sets no bound", self.quality)
        if not isinstance(self.relative, bool | np.bool_):
            raise bad_parameter(caller, "relative", "True or False", self.relative)
        inner: Any = getattr(self.autoencoder, "estimator", self.autoencoder)
        if inner is not None and not isinstance(inner, BaseAutoencoder):
            wanted = "None, an autoencoder of zandloper, or a FrozenEstimator of a fitted one"
            raise bad_parameter(caller, "autoencoder", wanted, self.autoencoder)
        if inner is not None and inner.target != "input":
            raise bad_parameter(caller, "autoencoder", 'one that gives back its input (target="input")', inner.target)

    def _quality(self) -> float | None:
        return None if self.quality is None else float(self.quality)

    def _bounds(self, layout: Layout, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """The largest error of each channel, (channels,)."""
        span = high - low
        if layout.image:
            span = np.full(len(span), high.max() - low.min())
        if self.quality is not None:
            bounds = np.where([np.dtype(d).kind in "iu" for d in layout.dtypes], 0.0, BEST_FLOATS * span)
        elif self.max_error is None:
            bounds = USUAL * span
        else:
            bounds = float(self.max_error) * span if self.relative else np.full(len(span), float(self.max_error))
        return np.where(layout.exact, 0.0, bounds)

    def _trained(self, X: Any, caller: str, seed: int) -> Any:
        """The autoencoder, fitted."""
        if hasattr(self.autoencoder, "estimator"):
            check_is_fitted(self.autoencoder.estimator)
            return self.autoencoder.estimator
        inner = self.autoencoder
        given = isinstance(self.modality, str) and self.modality == "auto" and inner is not None
        reader = modality(inner.modality if given else self.modality, X, caller)
        if inner is None:
            schema, raw = reader.learn(X, caller)
            values = raw.store.numel() if hasattr(raw, "store") else math.prod(raw.shape)
            inner = _small(schema, values, self.quality is not None)
        model = clone(inner).set_params(modality=reader, random_state=seed)
        for name in ("max_epochs", "max_minutes"):
            if getattr(self, name) is not None:
                model.set_params(**{name: getattr(self, name)})
        return model.fit(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags


def _small(schema: Any, values: int, unbound: bool) -> Autoencoder:
    """A model that is worth its weights: with few data hardly more than linear."""
    size = math.prod(schema.in_shape)
    weights = values / (VALUES_A_WEIGHT // (16 if unbound else 1))
    latents = int(min(32, max(1, size // 4), max(1, weights / (8 * size))))
    hidden = int(min(256, (weights - 4 * size * latents) / (2 * (size + latents))))
    return Autoencoder(latent_dim=latents, hidden=(hidden,) if hidden >= 8 else (), encoder="dense")


def _check_model(model: Any, caller: str) -> None:
    module, blueprint = model.module_, model.model_.blueprint
    if blueprint.noise_conditional:
        raise UnsupportedError(f"{caller} needs a model whose latents say all: fit with noise_conditional=False")
    if blueprint.compare.name in ("cross_entropy", "custom"):
        raise UnsupportedError(f"{caller} knows no values for loss={blueprint.compare.name!r}: take loss='auto'")
    if getattr(module, "draws_globally", False):
        raise UnsupportedError(f"{caller} cannot vouch for modules of your own on other machines: leave out own parts")


def _ranges(layout: Layout, raw: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """The smallest and the largest value of each channel, and how many values there are."""
    low, high = np.full(layout.channels, np.inf), np.full(layout.channels, -np.inf)
    count = 0
    for block in layout.blocks(raw):
        values = layout.values(block)[0].reshape(layout.channels, -1)
        there = ~np.isnan(values)
        low = np.minimum(low, np.where(there, values, np.inf).min(1))
        high = np.maximum(high, np.where(there, values, -np.inf).max(1))
        count += int(there.sum())
    empty = low > high
    return np.where(empty, 0, low), np.where(empty, 0, high), count


def _sample(layout: Layout, raw: Any, seed: int) -> Block:
    """A block of rows, or of stretches of series, from all over the data."""
    rng = np.random.default_rng(seed)
    if not isinstance(raw, list):
        n = min(len(raw), max(256, LEARNED // max(1, math.prod(raw.shape[1:]))))
        return Block(raw[np.sort(rng.permutation(len(raw))[:n])])
    span = layout.span  # type: ignore[attr-defined]
    pieces = [one.raw[0][at : at + span] for one in raw for at in range(0, max(1, len(one.raw[0])), span)]
    n = min(len(pieces), max(8, LEARNED // (span * layout.channels)))
    chosen = np.sort(rng.permutation(len(pieces))[:n])
    return Block([pieces[i] for i in chosen], tuple(range(n)))


def _check_rows(rows: Any, reading: Reading) -> int:
    good = isinstance(rows, tuple | list) and len(rows) == 2 and all(isinstance(r, int | np.integer) for r in rows)
    if not good or not 0 <= rows[0] < rows[1] <= reading.rows:
        raise bad_parameter("decompress", "rows", f"(first, last + 1) within 0 and {reading.rows}", rows)
    if reading.about["layout"].get("kind", "one") != "one":
        raise UnsupportedError("rows= is for tables, images and one series; several series: use decompress_blocks")
    return 0


class _opened:
    """Bytes or a path as a file to read from, and its name."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __enter__(self) -> tuple[BinaryIO, str]:
        if isinstance(self.data, bytes | bytearray | memoryview):
            self.file: BinaryIO = io.BytesIO(self.data)
            return self.file, "the compressed data"
        if not isinstance(self.data, str | Path):
            raise bad_parameter("decompress", "data", "bytes or the path of a file", type(self.data).__name__)
        with in_one_sentence(Path(self.data), "read"):
            if not Path(self.data).is_file():
                raise FileError(f"{self.data} does not exist, or is no file: check the name")
            self.file = open(self.data, "rb")
        return self.file, str(self.data)

    def __exit__(self, *error: Any) -> None:
        self.file.close()
