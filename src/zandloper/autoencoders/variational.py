"""The variational type: codes are distributions, so that new data can be drawn."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

import zandloper.model.priors
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.autoencoders.elbo import ELBO_DRAWS, balanced_noise, elbo, log_likelihood, noise, posterior
from zandloper.data.windows import RawRows
from zandloper.errors import DataError, UnsupportedError, bad_parameter
from zandloper.fitting.dataset import by_row
from zandloper.fitting.fit_prior import fit_prior
from zandloper.inspection.variational_plots import VariationalPictures
from zandloper.model.batch import Batch
from zandloper.model.bottlenecks.variational import Variational, kl_divergence
from zandloper.spec import Spec, discover

ACTIVE_VARIANCE = 0.01  # Burda et al. 2016, section 5.2: a latent is active when its mean varies more than this
PRIOR_ROWS = 20_000  # codes that the prior is fitted to
GUIDANCE = 2.0  # how strongly conditions are followed
PRIOR_SHARE = 0.3  # of the minutes, where the prior is trained too
LONGER, LONGEST = 400_000, 200  # rows in all, and passes at most, of a model that is to draw well
PRIOR_EPOCHS, PRIOR_SEEN = 300, 3_000_000  # passes of a prior that is trained by the loop, and codes in all, at most


@dataclass(frozen=True)
class LatentUsage:
    """What the latents of a variational model carry: `kl` (latents,) in nats on average, `variance` of their means."""

    kl: np.ndarray
    variance: np.ndarray

    @property
    def active(self) -> np.ndarray:
        """Numbers of the latents that are in use."""
        return np.flatnonzero(self.variance > ACTIVE_VARIANCE)

    def __str__(self) -> str:
        return f"{len(self.active)} of {len(self.kl)} latents in use, {self.kl.sum():.2f} nats per sample"


@dataclass(eq=False, repr=False, kw_only=True)
class VariationalAutoencoder(VariationalPictures, BaseAutoencoder):
    """An autoencoder that learns a distribution: it scores how likely data are, and draws new ones.

    Takes the parameters of `Autoencoder` (but `bottleneck`), and:

    Parameters
    ----------
    loss : "auto", "gaussian", "bce", "discretized", "mixed", "mse", "mae"
        A likelihood in nats. "auto": Gaussian with learned variance for numbers and pixels, Bernoulli for zeros and
        ones, each column's own for mixed tables.
    beta : float
        Weight of the KL divergence; 1 is the evidence lower bound.
    warmup : float
        Share of the training over which that weight rises from 0.
    free_bits : float
        Nats per latent that cost nothing while training: against collapse.
    importance_samples : int
        Points drawn per sample while training; more than one trains the importance-weighted bound.
    prior : "auto", "normal", "mixture", "score" or an object of zandloper.model.priors
        What `sample` draws codes from, fitted after training. "auto": the mixture, which follows the real codes; with a
        condition the score model, which is conditioned on it.

    Examples
    --------
    >>> import zandloper as zl
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> model = zl.VariationalAutoencoder(latent_dim=2, random_state=0).fit(X)
    >>> model.sample(3, random_state=0).shape
    (3, 4)

    References
    ----------
    Kingma and Welling 2014, "Auto-encoding variational Bayes". Burda, Grosse and Salakhutdinov 2016, "Importance
    weighted autoencoders". Higgins et al. 2017, "beta-VAE".
    """

    loss: Any = "auto"
    target: str = "input"
    target_modality: Any = "auto"
    linear_path: Any = "auto"
    corrupt: nn.Module | None = None
    beta: float = 1.0
    warmup: float = 0.1
    free_bits: float = 0.0
    importance_samples: int = 1
    prior: Any = "auto"

    score_meaning = "the mean evidence lower bound in nats: higher is better"

    def _bottleneck_spec(self) -> Any:
        caller = type(self).__name__
        for name, low, high in (("beta", 0, np.inf), ("warmup", 0, 1), ("free_bits", 0, np.inf)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not low <= value <= high:
                raise bad_parameter(caller, name, f"a number from {low} to {high}", value)
        draws = self.importance_samples
        if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < 1:
            raise bad_parameter(caller, "importance_samples", "an integer >= 1", draws)
        return Variational(float(self.beta), float(self.warmup), float(self.free_bits), int(draws))

    def _compare_spec(self, schema: Any) -> Spec:
        spec = schema.loss(self.loss)
        if self.loss != "auto" or spec.name != "mse":
            return spec
        likelihood = schema.loss("gaussian")
        # Pixels at the rim hardly vary: with variances of their own, one stroke there outweighs all images together.
        return replace(likelihood, shared=True) if schema.name == "image_schema" else likelihood

    def _prior_spec(self, condition: Any = None) -> Spec:
        conditional = condition is not None
        priors = {name: part for name, part in discover(zandloper.model.priors).items() if not part.of_symbols}
        usable = {name: part for name, part in priors.items() if part.conditional or not conditional}
        name = getattr(self.prior, "name", self.prior)
        if name == "auto":
            name = "score" if conditional else "mixture"
        if not isinstance(name, str) or name not in usable:
            wanted = f"'auto', one of {sorted(usable)} or one's object" + (" with a condition" if conditional else "")
            raise bad_parameter(type(self).__name__, "prior", wanted, self.prior)
        return self.prior if isinstance(self.prior, Spec) else usable[name]()

    def _draws_well(self) -> bool:
        """Whether the prior is one that is trained: the model is for drawing then, and worth a longer training."""
        name = getattr(self.prior, "name", self.prior)
        return name == "score" or (name == "auto" and getattr(self, "_conditional", False))

    def _default_epochs(self, rows: int, work: int = 0) -> int:
        usual = super()._default_epochs(rows, work)
        return max(2 * usual, min(LONGEST, LONGER // rows)) if self._draws_well() else usual

    def _minutes(self) -> float | None:
        trained = self._draws_well()
        return None if self.max_minutes is None else self.max_minutes * (1 - PRIOR_SHARE * trained)

    def fit(self, X: Any, y: Any = None, *, init_from: BaseAutoencoder | None = None, condition: Any = None) -> Self:
        """Train on data, then fit the prior to their codes. As `Autoencoder.fit`."""
        started = time.monotonic()
        self._conditional = condition is not None
        super().fit(X, y, init_from=init_from, condition=condition)
        raw = self.model_.read(X)
        conditions = self.model_.read_condition(by_row(self.model_.schema, condition, raw))
        rng = torch.Generator().manual_seed(20140401)
        kept = torch.randperm(len(raw), generator=rng)[:PRIOR_ROWS]
        raw, conditions = raw[kept], None if conditions is None else conditions[kept]
        mean, spread = self._posterior(raw, conditions)
        if not (mean.var(0) > ACTIVE_VARIANCE).any():
            warnings.warn(
                f"{type(self).__name__} collapsed: no latent is in use, samples will all look alike. Lower `beta`, "
                "raise `warmup`, or set `free_bits` to about 0.1",
                RuntimeWarning,
                stacklevel=2,
            )
        codes = mean + spread * torch.randn(mean.shape, generator=rng)
        left = None if self.max_minutes is None else max(1e-3, self.max_minutes - (time.monotonic() - started) / 60)
        fit_prior(
            self.module_,
            codes,
            conditions,
            rng,
            max_epochs=max(1, min(PRIOR_EPOCHS, PRIOR_SEEN // len(codes), 10 * (self.n_epochs_ or 1))),
            max_minutes=left,
            seed=self.random_state if isinstance(self.random_state, int) else 0,
            uncertainty=spread.mean(0),
        )
        return self

    def elbo(self, X: Any, y: Any = None) -> np.ndarray:
        """The evidence lower bound of each sample in nats, (n,): a lower bound of its log-likelihood.

        Deterministic: all rows share sixteen fixed noise vectors.
        """
        draws = balanced_noise(ELBO_DRAWS, self._n_latents())
        return self._nats(lambda batch: elbo(self.module_, batch, draws), X, y)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean evidence lower bound in nats: higher is better."""
        return float(self.elbo(X, y).mean())

    def log_likelihood(self, X: Any, y: Any = None, n_samples: int = 1000) -> np.ndarray:
        """The log-likelihood of each sample in nats, (n,), estimated by importance sampling in bounded memory.

        Raises
        ------
        UnsupportedError
            The loss is no likelihood of these data: the cross-entropy of gray values, the absolute error.
        """
        check_is_fitted(self)
        loss = self.model_.blueprint.compare.name
        if loss in ("mae", "custom"):
            raise UnsupportedError(f"loss={loss!r} is no likelihood: fit with loss='gaussian' or 'auto'")
        raw = self.model_.read(X)
        if loss == "bce":
            target = self.module_.scaled(Batch(raw[:4096])).target if y is None else torch.as_tensor(y)
            assert target is not None
            if not bool(torch.isin(target, torch.tensor([0.0, 1.0])).all()):
                raise UnsupportedError(
                    "the cross-entropy of values between 0 and 1 is no likelihood: binarize the data, or fit with "
                    "loss='gaussian' or 'discretized'"
                )
        draws = noise(n_samples, self._n_latents())
        return self._nats(lambda batch: log_likelihood(self.module_, batch, draws), X, y)

    def sample(
        self,
        n: int = 1,
        like: Any = None,
        random_state: Any = None,
        condition: Any = None,
        guidance: float | None = None,
    ) -> Any:
        """New data in the form of the training data.

        Parameters
        ----------
        n : int
            How many; with `like`, how many variations of each item; with `condition`, how many for each of its rows.
        like : data, optional
            Items to vary: codes are drawn around theirs instead of from the prior. Variations of one item lie together.
        random_state : int or None
            The same number gives the same samples.
        condition : labels, array or frame, optional
            What is known of the new data, of the kind that `fit` was given; with `like`, of each item. Samples of one
            row lie together.
        guidance : float, optional
            How strongly the score prior follows a condition: 1 draws as the data are, more draws what is typical of the
            condition, with less variety. None: GUIDANCE.
        """
        check_is_fitted(self)
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise bad_parameter("sample", "n", "a positive integer", n)
        seed = int(np.random.default_rng(random_state).integers(2**31))
        rng = torch.Generator().manual_seed(seed)
        conditions = self.model_.read_condition(condition, int(n))
        if like is None:
            count = int(n) if conditions is None else len(conditions)
            return self._given(self._codes(count, conditions, rng, guidance), conditions)
        items = self.model_.read(like)
        if conditions is not None and len(conditions) != len(items) * int(n):
            raise DataError(
                f"like has {len(items)} items and condition {len(conditions) // int(n)} rows: they must be as many"
            )
        known = None if conditions is None else conditions[:: int(n)]
        mean, spread = (t.repeat_interleave(int(n), 0) for t in self._posterior(items, known))
        return self._given(mean + spread * torch.randn(mean.shape, generator=rng), conditions)

    def _given(self, codes: Tensor, condition: Tensor | None) -> Any:
        """Decoded codes in the form of the training data."""
        return self.model_.give(self.model_.decode(codes, condition))

    def _codes(self, n: int, conditions: Any, rng: torch.Generator, guidance: float | None) -> Tensor:
        """Draw codes from the prior, given raw conditions."""
        prior: Any = self.module_.prior
        if conditions is None or not prior.spec.conditional:
            return prior.sample(n, rng, self.model_.prior_context(n, conditions))
        strength = GUIDANCE if guidance is None else guidance
        return prior.sample(
            n, rng, self.model_.prior_context(n, conditions), self.model_.prior_context(n, None), strength
        )

    def interpolate(self, first: Any, second: Any, steps: int = 8) -> Any:
        """Morphs between two items (data of one sample each): decoded points on the line between their codes."""
        a, b = self.transform(first), self.transform(second)
        if len(a) != 1 or len(b) != 1:
            raise DataError(
                f"interpolate wants one sample on each side, got {len(a)} and {len(b)}: slice with X[i : i + 1]"
            )
        share = np.linspace(0, 1, steps)[:, None]
        return self.inverse_transform(a * (1 - share) + b * share)

    def latent_usage(self, X: Any) -> LatentUsage:
        """Which latents carry anything: the KL divergence of each in nats, and how much its mean varies."""
        mean, spread = self._posterior(self.model_.read(X))
        return LatentUsage(kl_divergence(mean, 2 * spread.log()).mean(0).numpy(), mean.var(0).numpy())

    def _posterior(self, raw: RawRows, condition: Any = None) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of the codes of raw rows."""
        both = lambda batch: torch.cat(posterior(self.module_, batch)[:2], dim=1)  # noqa: E731
        mean, log_variance = self.model_.map_batches(both, raw, condition=condition).chunk(2, dim=1)
        return mean, torch.exp(0.5 * log_variance)

    def _nats(self, function: Any, X: Any, y: Any) -> np.ndarray:
        raw, target = self.model_.read(X), self.model_.read_target(y)
        return self.model_.map_batches(lambda batch: function(batch)[:, None], raw, target)[:, 0].double().numpy()

    def _n_latents(self) -> int:
        check_is_fitted(self)
        return self._n_features_out
