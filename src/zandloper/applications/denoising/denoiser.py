"""The estimator that removes noise from images, sounds, series and tables, and fills missing values."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from zandloper.applications.denoising import denoiser_file, parameters
from zandloper.applications.denoising.signal_training import FitOptions, train_network
from zandloper.applications.denoising.signals import denoise_signals
from zandloper.applications.denoising.tabular import RowData, denoise_rows, error_bars_of_rows, fit_rows
from zandloper.applications.denoising.training_data import TrainingData, prepare_training_data
from zandloper.data.signals import read_fields
from zandloper.fitting.fit import interactive
from zandloper.fitting.validation import seed_of
from zandloper.noise.units import as_noise
from zandloper.training import defaults

if TYPE_CHECKING:  # loaded where it is asked for
    from matplotlib.figure import Figure

    from zandloper.applications.denoising.report import DenoiserDescription
    from zandloper.report import Report


class Denoiser(TransformerMixin, BaseEstimator):
    """Denoising of images, sounds, series and tables; missing values of the latter two are filled.

    `fit` learns from clean data, to which noise is added, from pairs, or from noisy data alone. `transform` returns
    data in the format and dtype of its input.

    Parameters
    ----------
    autoencoder : autoencoder or None
        The model, which is cloned. None: for images and sounds a U-Net that predicts the noise, for series and tables a
        `DenoisingAutoencoder`. With an autoencoder, images must have one size.
    noise : "auto", a noise of zl.noise, or a list of them
        The noise in the data. "auto": the noise estimated from the noisy data passed to `fit`; without such, Gaussian
        noise of many strengths in images, pink noise in sounds, and missing values in series and tables.
    learn_from : "auto", "clean", "pairs" or "noisy"
        The training data: clean data, pairs of noisy and clean data, or noisy data alone. "auto": pairs if `fit` gets
        two sets; else clean data if a noise is named, and for series and tables; else noisy data.
    modality : "auto", "image", "audio", "series", "table" or an object of zl.modality
        Modality of the data.
    n_augmentations : 1, 2, 4, 8 or "auto"
        For images, the number of flipped and turned copies that the network denoises; their mean is the result. 1: the
        image as it is. 8: all flips and quarter turns, better by about a tenth of a dB, at eight times the work.
        "auto": 8 for images of up to a megapixel, else 1.
    patch_matching : bool or "auto"
        For images, also combine estimates from similar patches: much better for recurring texture, such as the stripes
        of a cloth, a little elsewhere. `fit` spends a quarter of its minutes on training their weights. `transform`
        takes two to three times as long as with `n_augmentations=8`, which is included. It may be set to False after
        `fit`. "auto": for images of up to a megapixel.
    hidden : "auto" or tuple of int
        Channels of the levels of the network for images and sounds.
    max_epochs : int or None
        Passes over the data, at most. None: the autoencoder's, or for images and sounds until `max_minutes` have
        passed; without that 300 to 4,000 steps in all.
    max_minutes : float or None
        Time limit for all of `fit`; the learning rate falls with the time.
    device : str
        "auto", "cpu", "cuda" ...
    random_state : int, RandomState or None
    verbose : "auto" or bool
        Show a progress bar on long work.

    Attributes
    ----------
    noise_ : Noise or None
        The noise that was added or estimated.
    audit_ : Audit or None
        The comparison of that noise with the noise in the data, if `fit` got noisy data.
    learned_from_ : "clean", "pairs" or "noisy"
    modality_ : str
    history_ : list of dict
        Per epoch: epoch, train, validation.
    n_epochs_, stopped_by_, fit_seconds_
        As those of `Autoencoder`.

    Examples
    --------
    >>> import numpy as np
    >>> import zandloper as zl
    >>> y, x = np.mgrid[:48, :64] / 10
    >>> clean = np.stack([np.sin(x + k) * np.cos(y) / 3 + 0.5 for k in range(6)])
    >>> noise = zl.noise.Gaussian(0.1)
    >>> noisy = noise.apply(clean, modality="image", random_state=0)
    >>> model = zl.Denoiser(noise=noise, modality="image", hidden=(8, 16), max_epochs=150, random_state=0).fit(clean)
    >>> bool(((model.transform(noisy) - clean) ** 2).mean() < 0.5 * ((noisy - clean) ** 2).mean())
    True

    References
    ----------
    Zhang, Zuo, Chen, Meng and Zhang 2017, "Beyond a Gaussian denoiser: residual learning of deep CNN for image
    denoising" (the network predicts the noise). The training objectives: `zandloper.applications.denoising.objectives`.
    """

    autoencoder_: Any  # for tables, and where one was given; else None
    network_: Any  # for images, sounds and series; else None

    def __init__(
        self,
        autoencoder: Any = None,
        noise: Any = "auto",
        learn_from: str = "auto",
        modality: Any = "auto",
        n_augmentations: int | str = 1,
        patch_matching: bool | str = False,
        hidden: Any = "auto",
        max_epochs: Any = None,
        max_minutes: float | None = None,
        device: str = "auto",
        random_state: Any = None,
        verbose: Any = "auto",
    ) -> None:
        self.autoencoder = autoencoder
        self.noise = noise
        self.learn_from = learn_from
        self.modality = modality
        self.n_augmentations = n_augmentations
        self.patch_matching = patch_matching
        self.hidden = hidden
        self.max_epochs = max_epochs
        self.max_minutes = max_minutes
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, *, noisy: Any = None, init_from: Denoiser | None = None) -> Self:
        """Train the model.

        Parameters
        ----------
        X : array, frame, list of images or sounds, or path
            Clean or noisy data, see `learn_from`.
        y : data, optional
            For noisy X, the same items without noise. For tables, y with one dimension counts as labels and is ignored.
        noisy : data, optional
            For clean X, other items with real noise. With `noise="auto"`, their noise is added to X; else it is
            compared with the named noise.
        init_from : fitted Denoiser, optional
            Start from its weights, such as those of `zl.load("photo-denoiser")`. Networks for images and sounds are
            then trained at a lower rate, and keep their `hidden`.

        Returns
        -------
        self

        Warns
        -----
        UserWarning
            The named noise differs from the noise in the data.
        """
        started, caller = time.monotonic(), type(self).__name__
        parameters.check_parameters(self)
        noise = None if isinstance(self.noise, str) else as_noise(self.noise, caller)
        kind = parameters.modality_name(self, X)
        y = None if parameters.is_labels(self, kind, y) else y
        learn_from = parameters.choose_learn_from(self, kind, noise, y, noisy)
        seed = seed_of(self.random_state, caller)
        whole = kind in parameters.SIGNALS and self.autoencoder is None
        if init_from is not None:
            parameters.check_init_from(self, init_from, kind, whole)
        parameters.check_patch_matching(self, kind)
        if whole:
            data = prepare_training_data(kind, X, y, noisy, learn_from, noise, caller)
            self._fit_signals(data, seed, started, init_from)
        else:
            first = None if init_from is None else init_from.autoencoder_
            rows = RowData(kind, X, y, noisy, learn_from)
            self.autoencoder_, self.noise_, self.audit_ = fit_rows(self, rows, noise, seed, first)
            self.network_, model = None, self.autoencoder_
            self.history_, self.n_epochs_, self.stopped_by_ = model.history_, model.n_epochs_, model.stopped_by_
            self.n_features_in_ = model.n_features_in_
        self.learned_from_, self.modality_ = learn_from, kind
        self.fit_seconds_ = time.monotonic() - started
        return self

    def _fit_signals(self, data: TrainingData, seed: int, started: float, init_from: Denoiser | None) -> None:
        options = FitOptions(
            None if isinstance(self.hidden, str) else tuple(self.hidden),
            getattr(self.modality, "sample_rate", None),
            bool(self.patch_matching),
            self.max_epochs,
            self.max_minutes,
            defaults.device(self.device, type(self).__name__),
            seed,
            interactive() if self.verbose == "auto" else bool(self.verbose),
            started,
            type(self).__name__,
        )
        first = None if init_from is None else init_from.network_.net
        self.network_, run = train_network(data, options, first)
        self.autoencoder_, self.noise_, self.audit_ = None, data.noise, data.audit
        self.history_, self.n_epochs_, self.stopped_by_ = run.history, run.epoch, run.stopped_by

    def transform(self, X: Any) -> Any:
        """Remove the noise from data, and fill the gaps of series and tables.

        Parameters
        ----------
        X : data
            Of the modality of the training data; images and sounds of any size, one item, a list, or an array of all.

        Returns
        -------
        Data in the format and dtype of X. If the noise is missing values alone, observed values are not changed.
        """
        check_is_fitted(self, "modality_")
        if self.autoencoder_ is not None:
            return denoise_rows(self.autoencoder_, X, self.noise_)
        parameters.check_effort(self)
        caller = type(self).__name__
        fields = read_fields(X, self.modality_, caller)
        made = denoise_signals(self.network_.net, fields, self.n_augmentations, self.patch_matching, caller)
        return fields.give(made)

    def error_bars(self, X: Any, draws: int = 50, random_state: Any = 0) -> Any:
        """Standard deviations of the values that `transform` returns, in the format of the data.

        The variance of the decoder's output over samples of the latents is added to the variance of the decoder's
        distribution. Values that `transform` does not change have 0.

        Parameters
        ----------
        X : data
        draws : int
        random_state : int, RandomState or None

        Raises
        ------
        UnsupportedError
            The model is not variational, or the data are not numeric.
        """
        check_is_fitted(self, "modality_")
        return error_bars_of_rows(self.autoencoder_, X, self.noise_, draws, seed_of(random_state, type(self).__name__))

    def plot(self, X: Any, y: Any = None, n: int = 4) -> Figure:
        """Plot n images, or spectrograms of sounds, before and after, and with y the clean ones.

        Raises
        ------
        UnsupportedError
            The data are series or tables, which `report` shows.
        """
        from zandloper.applications.denoising.report import denoiser_figure

        check_is_fitted(self, "modality_")
        return denoiser_figure(self, X, y, n)

    def describe(self) -> DenoiserDescription:
        """Describe data, noise, model and training; the result prints as a text."""
        from zandloper.applications.denoising.report import describe_denoiser

        check_is_fitted(self, "modality_")
        return describe_denoiser(self)

    def report(self, X: Any, y: Any = None) -> Report:
        """An HTML page with data before and after, metrics if clean data are given, the audit and the training.

        It works offline: `report(noisy, clean).save("report.html")`.

        Parameters
        ----------
        X : data
            Data with noise or gaps.
        y : data, optional
            The clean data; then the page has PSNR of images, SI-SDR of sounds, errors of each column.
        """
        from zandloper.applications.denoising.report import denoiser_report

        check_is_fitted(self, "modality_")
        return denoiser_report(self, X, y)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the denoiser as a folder of JSON and safetensors, completely or not at all; `zl.load` reads it.

        Raises
        ------
        FileError
            The path exists (an earlier model is replaced with `overwrite=True`), the disk is full ...
        """
        check_is_fitted(self, "modality_")
        denoiser_file.save(self, path, overwrite)

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """Restore a denoiser from the recipe and the weights of a folder."""
        denoiser: Self = denoiser_file.denoiser_of(cls, path, recipe, tensors, parts, types)
        return denoiser

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
