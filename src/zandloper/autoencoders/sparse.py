"""The sparse type: a wide code of which little is active at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.utils.validation import check_is_fitted
from torch import nn

import zandloper.model.bottlenecks
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.errors import UnsupportedError, bad_parameter
from zandloper.inspection.sparse_plots import SparsePictures
from zandloper.plotting.style import activity_histogram
from zandloper.spec import discover

METHODS = ("topk", "l1", "kl", "dropout")
ACTIVE = 1e-6  # a neuron that is above this speaks
ACTIVE_RATE = 0.1  # for activities that are never exactly 0, between 0 and 1


@dataclass(frozen=True)
class Activity:
    """How active the neurons of a code are.

    `per_row` (n,): active neurons of each sample; `rate` (latents,): the share of samples on which each is active;
    `dead`: numbers of neurons that never are; `values`: all activities above zero.
    """

    per_row: np.ndarray
    rate: np.ndarray
    values: np.ndarray

    @property
    def dead(self) -> np.ndarray:
        """Numbers of the neurons that are never active."""
        return np.flatnonzero(self.rate == 0)

    @property
    def mean(self) -> float:
        """Active neurons per sample, on average."""
        return float(self.per_row.mean())

    def __str__(self) -> str:
        n = len(self.rate)
        return (
            f"{self.mean:.1f} of {n} neurons active per sample ({self.mean / n:.1%}), "
            f"{len(self.dead)} dead; the busiest speaks on {self.rate.max():.0%} of the samples"
        )

    def plot(self) -> Figure:
        """Histograms of active neurons per sample and of how often each neuron is active."""
        return activity_histogram(self.per_row, self.rate)


@dataclass(eq=False, repr=False, kw_only=True)
class SparseAutoencoder(SparsePictures, BaseAutoencoder):
    """An autoencoder with a wide code of which only a few neurons are active for each sample.

    Takes the parameters of `Autoencoder` (but `bottleneck` and `linear_path`: codes from PCA are dense), and:

    Parameters
    ----------
    latent_dim : int or None
        None: twice as many neurons as inputs, at most 4,096 (overcomplete).
    method : "topk", "l1", "kl" or "dropout"
        The k most active neurons of each sample speak; every bit of activity costs; every neuron shall be active at a
        given rate; or neurons are dropped at random, which the lectures call a relative.
    sparsity : "auto" or number
        topk: how many may speak, a number or a share (auto: 0.05); l1: the cost of a unit of activity (auto: 0.1);
        kl: the target rate (auto: 0.05).
    dropout : float or "auto"
        Share of the code dropped while training (auto: 0, and 0.5 for `method="dropout"`).

    Examples
    --------
    >>> import zandloper as zl
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data
    >>> model = zl.SparseAutoencoder(latent_dim=128, sparsity=8, max_epochs=3, random_state=0).fit(X)
    >>> bool(model.activity(X).per_row.max() <= 8)
    True
    """

    loss: Any = "auto"
    target: str = "input"
    target_modality: Any = "auto"
    corrupt: nn.Module | None = None
    method: str = "topk"
    sparsity: Any = "auto"
    dropout: Any = "auto"

    def _bottleneck_spec(self) -> Any:
        caller = type(self).__name__
        if self.method not in METHODS:
            raise bad_parameter(caller, "method", f"one of {list(METHODS)}", self.method)
        part = discover(zandloper.model.bottlenecks)[self.method]
        settings: dict[str, Any] = {}
        if self.dropout != "auto":
            if not isinstance(self.dropout, int | float) or not 0 <= self.dropout < 1:
                raise bad_parameter(caller, "dropout", "'auto' or a share from 0 to below 1", self.dropout)
            settings["dropout"] = float(self.dropout)
        if self.sparsity != "auto":
            if self.method == "dropout":
                raise bad_parameter(caller, "sparsity", "'auto' with method='dropout'", self.sparsity)
            high = 1 if self.method == "kl" else np.inf
            number = isinstance(self.sparsity, int | float | np.number) and not isinstance(self.sparsity, bool)
            if not number or not 0 < self.sparsity < high:
                raise bad_parameter(caller, "sparsity", f"'auto' or a number above 0 and below {high}", self.sparsity)
            settings["sparsity"] = float(self.sparsity)
        return part(**settings)

    def _default_latents(self, features: int) -> int | None:
        return min(4096, 2 * features)

    def activity(self, X: Any) -> Activity:
        """Which neurons are active on which samples: those above 0 (with `method="kl"`, above 0.1).

        Returns
        -------
        Activity
            `per_row`, `rate`, `values`, `mean`, `dead`; it prints as a sentence, and `plot()` draws its histograms.
        """
        z = self.transform(X)
        active = z > self._threshold()
        return Activity(active.sum(1), active.mean(0), z[active])

    def features(self, X: Any, n: int = 64) -> tuple[np.ndarray, np.ndarray]:
        """What each neuron adds to a picture when it speaks, of the n busiest neurons (images only).

        Parameters
        ----------
        X : images
            Samples that tell how busy each neuron is and how loud it speaks: each is shown as loud as it is when it is
            louder than nine times out of ten.
        n : int
            How many neurons.

        Returns
        -------
        pictures : ndarray (n, height, width, channels)
            The picture decoded from this neuron alone less the one decoded from silence, in model units (pixels in
            [0, 1]), of either sign.
        neurons : ndarray (n,)
            Which neurons they are, the busiest first. Dead ones come last, as loud as 1.

        Raises
        ------
        UnsupportedError
            The model was fitted on a table.
        """
        check_is_fitted(self)
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise bad_parameter("features", "n", "a positive integer", n)
        if len(self.model_.schema.in_shape) != 3:
            raise UnsupportedError("features are pictures, and this model was fitted on a table: see latent_report")
        z, above = self.transform(X), self._threshold()
        order = np.argsort(-(z > above).mean(0), kind="stable")[:n]
        codes = torch.zeros(len(order) + 1, z.shape[1])  # the last one is silence
        for i, j in enumerate(order):
            spoken = z[:, j][z[:, j] > above]
            codes[i, j] = float(np.quantile(spoken, 0.9)) if len(spoken) else 1.0
        with torch.inference_mode():
            params = self.module_.decode(codes.to(next(self.module_.parameters()).device))
            pictures = self.module_.compare.point(params.float()).permute(0, 2, 3, 1).cpu().numpy()
        return pictures[:-1] - pictures[-1:], order

    def _threshold(self) -> float:
        """Above what a neuron counts as active."""
        return ACTIVE_RATE if self.method == "kl" else ACTIVE
