"""The quantized type: a code is a row of symbols out of a book."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

import zandloper.model.bottlenecks
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.errors import DataError, bad_parameter
from zandloper.fitting.dataset import by_row
from zandloper.fitting.fit_prior import fit_prior
from zandloper.inspection.quantized_plots import QuantizedPictures
from zandloper.modality.text import TextSchema
from zandloper.model.batch import Batch
from zandloper.model.bottlenecks.fsq import FSQBottleneck
from zandloper.model.bottlenecks.vq import VQBottleneck
from zandloper.model.priors.autoregressive import Autoregressive, SamplingConfig
from zandloper.spec import Spec, discover

METHODS = ("vq", "fsq")
PRIOR_ROWS = 600_000  # symbols' rows that the prior sees in all, at most
PRIOR_SHARE = 0.8  # of the minutes
PLACES = 49  # of a grid, about
GUIDANCE, TEMPERATURE, TOP_P = 1.75, 0.7, 0.9  # how strongly texts are followed, and how symbols are drawn for them
MOST_EPOCHS = 100  # of the prior, where minutes end it
NOMINAL = 1e11  # operations a second that a plan counts on


@dataclass(frozen=True)
class CodeUsage:
    """How the book is used: `counts` (codes,), how often each symbol was chosen."""

    counts: np.ndarray

    @property
    def used(self) -> float:
        """The share of the symbols that were chosen at all."""
        return float((self.counts > 0).mean())

    @property
    def perplexity(self) -> float:
        """The number of symbols that, equally often used, would be as hard to guess: exp of the entropy in nats."""
        p = self.counts[self.counts > 0] / self.counts.sum()
        return float(np.exp(-(p * np.log(p)).sum()))

    def __str__(self) -> str:
        return f"{self.used:.0%} of {len(self.counts)} symbols in use, perplexity {self.perplexity:.1f}"


@dataclass(eq=False, repr=False, kw_only=True)
class QuantizedAutoencoder(QuantizedPictures, BaseAutoencoder):
    """An autoencoder whose code is a row of symbols: small to keep, and a language to draw new samples in.

    Takes the parameters of `Autoencoder` (but `bottleneck` and `linear_path`), and:

    Parameters
    ----------
    latent_dim : int or None
        Number of symbols per sample. None: 16, or as many as it has values; with `encoder="spatial"` about 49,
        one for each place, and four for the whole.
    method : "vq" or "fsq"
        A learned book of vectors, or rounding to a few levels.
    codes : int
        How many symbols there are (vq).
    code_dim : int
        Length of a symbol's vector (vq).
    levels : tuple of int
        Levels of each value of a symbol (fsq); their product is the number of symbols.
    prior : "auto" or a zandloper.model.priors.autoregressive.Autoregressive
        The transformer that `sample` draws symbols from, trained after the autoencoder: of what size. "auto": a small
        one, or with texts as a condition one of the size that they need.

    Examples
    --------
    >>> import zandloper as zl
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data
    >>> model = zl.QuantizedAutoencoder(latent_dim=8, codes=32, max_epochs=3, random_state=0).fit(X)
    >>> model.encode_symbols(X[:2]).shape
    (2, 8)
    """

    loss: Any = "auto"
    target: str = "input"
    target_modality: Any = "auto"
    corrupt: nn.Module | None = None
    method: str = "vq"
    codes: int = 256
    code_dim: int = 8
    levels: tuple[int, ...] = (8, 6, 5)
    prior: Any = "auto"

    def _bottleneck_spec(self) -> Any:
        caller = type(self).__name__
        if self.method not in METHODS:
            raise bad_parameter(caller, "method", f"one of {list(METHODS)}", self.method)
        part = discover(zandloper.model.bottlenecks)[self.method]
        whole = lambda v, low: isinstance(v, int | np.integer) and not isinstance(v, bool) and v >= low  # noqa: E731
        if self.method == "fsq":
            if (
                not isinstance(self.levels, tuple | list)
                or not self.levels
                or not all(whole(v, 2) for v in self.levels)
            ):
                raise bad_parameter(caller, "levels", "a tuple of integers >= 2", self.levels)
            return part(tuple(int(v) for v in self.levels))
        for name, low in (("codes", 2), ("code_dim", 1)):
            if not whole(getattr(self, name), low):
                raise bad_parameter(caller, name, f"an integer >= {low}", getattr(self, name))
        return part(int(self.codes), int(self.code_dim))

    def _prior_spec(self, condition: Any = None) -> Spec:
        spec = self._bottleneck_spec()
        number = spec.codes if self.method == "vq" else int(np.prod(spec.levels))
        prompt = condition.in_shape if isinstance(condition, TextSchema) else ()
        if isinstance(self.prior, Autoregressive):
            return replace(self.prior, vocabulary=number, prompt=prompt)
        if self.prior != "auto":
            wanted = "'auto' or a zandloper.model.priors.autoregressive.Autoregressive"
            raise bad_parameter(type(self).__name__, "prior", wanted, self.prior)
        size = {"width": 128, "layers": 4} if prompt else {}
        return Autoregressive(**size, vocabulary=number, prompt=prompt)

    def _default_epochs(self, rows: int, work: int = 0) -> int:
        usual, minutes = super()._default_epochs(rows, work), self._minutes()
        return (
            usual
            if minutes is None or not work
            else int(max(1, min(2 * usual, minutes * 60 * NOMINAL / (3 * work * rows))))
        )

    def _minutes(self) -> float | None:
        return None if self.max_minutes is None else self.max_minutes * (1 - PRIOR_SHARE)

    def _paced(self) -> bool:
        return False  # the default epochs go by the minutes

    def _default_latents(self, features: int) -> int | None:
        return min(PLACES if self.encoder == "spatial" else 16, features)

    def fit(self, X: Any, y: Any = None, *, init_from: BaseAutoencoder | None = None, condition: Any = None) -> Self:
        """Train on data, then the prior over their symbols. As `Autoencoder.fit`."""
        started = time.monotonic()
        super().fit(X, y, init_from=init_from, condition=condition)
        model = self.model_
        raw = model.read(X)
        conditions = model.read_condition(by_row(model.schema, condition, raw))
        symbols = model.map_batches(self._symbols, raw, condition=conditions).int()
        seed = int(self.random_state) if isinstance(self.random_state, int | np.integer) else 0
        rng = torch.Generator().manual_seed(seed)
        left = None if self.max_minutes is None else max(1e-9, self.max_minutes - (time.monotonic() - started) / 60)
        epochs = self._prior_epochs(len(symbols))
        self.prior_history_ = fit_prior(
            self.module_,
            symbols,
            conditions,
            rng,
            max_epochs=epochs,
            max_minutes=left,
            precision=self.precision,
            seed=seed,
        )
        return self

    def _prior_epochs(self, rows: int) -> int:
        """Passes over the symbols: as many as the autoencoder made; with texts as conditions, as many as fit
        into the minutes, whose pace the learning rate keeps."""
        most = max(1, min(30, PRIOR_ROWS // rows))
        prior: Any = self.module_.prior
        if not prior.spec.prompt:
            return min(self.n_epochs_ or 1, most)
        if self.max_epochs != "auto":
            return int(self.max_epochs)
        if self.max_minutes is None:
            return most
        return MOST_EPOCHS

    def encode_symbols(self, X: Any) -> np.ndarray:
        """The symbols of each sample, (n, latent_dim) integers from 0 on."""
        raw = self.model_.read(X)
        return self.model_.map_batches(self._symbols, raw).numpy()

    def decode_symbols(self, symbols: Any) -> Any:
        """What symbols (n, latent_dim) stand for, in the form of the data."""
        check_is_fitted(self)
        symbols, bottleneck = np.asarray(symbols), self._quantizer
        good = symbols.ndim == 2 and symbols.shape[1] == self.latent_shape_[0] and symbols.dtype.kind in "iu"
        if not good or symbols.min(initial=0) < 0 or symbols.max(initial=0) >= bottleneck.vocabulary:
            raise DataError(
                f"symbols must be integers below {bottleneck.vocabulary} of shape (n, {self.latent_shape_[0]}), "
                f"got {symbols.dtype} of shape {symbols.shape}: pass what encode_symbols returns"
            )
        return self._said(torch.from_numpy(symbols.astype(np.int64)), None)

    def code_usage(self, X: Any) -> CodeUsage:
        """How often each symbol is chosen for these data."""
        return CodeUsage(np.bincount(self.encode_symbols(X).ravel(), minlength=self._quantizer.vocabulary))

    def sample(
        self,
        n: int = 1,
        random_state: Any = None,
        condition: Any = None,
        guidance: float | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> Any:
        """New data in the form of the training data: symbols are drawn from the prior, then decoded.

        With a condition of the kind that `fit` was given, n for each of its rows. How symbols are drawn, see
        `zandloper.model.priors.autoregressive.SamplingConfig`; by default guidance is 1.75, temperature 0.7 and top_p
        0.9 for texts, and for everything else symbols are drawn from the prior's distribution.
        """
        check_is_fitted(self)
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise bad_parameter("sample", "n", "a positive integer", n)
        prior: Any = self.module_.prior
        rng = torch.Generator().manual_seed(int(np.random.default_rng(random_state).integers(2**31)))
        conditions = self.model_.read_condition(condition, int(n))
        count = int(n) if conditions is None else len(conditions)
        by_text = bool(prior.spec.prompt) and conditions is not None
        if guidance is None:
            guidance = GUIDANCE if by_text else 1.0
        if top_p is None and top_k is None and by_text:
            top_p = TOP_P
        if temperature is None:
            temperature = TEMPERATURE if by_text else 1.0
        how = SamplingConfig(temperature, top_k, top_p, guidance)
        return self._said(
            prior.sample(count, rng, self.model_.prior_context(count, conditions), how).long(), conditions
        )

    @property
    def _quantizer(self) -> VQBottleneck | FSQBottleneck:
        return cast("VQBottleneck | FSQBottleneck", self.module_.bottleneck)

    def _said(self, symbols: Tensor, condition: Any) -> Any:
        """Decode symbols (n, latent_dim), given raw conditions."""
        with torch.inference_mode():
            codes = self._quantizer.vectors_of(symbols)
        return self.model_.give(self.model_.decode(codes.reshape(len(symbols), -1).cpu(), condition))

    def _symbols(self, batch: Batch) -> Tensor:
        batch = self.module_.scaled(batch)
        return self._quantizer.symbols(self.module_.bottleneck_inputs(batch.x, batch.condition)[0].value)
