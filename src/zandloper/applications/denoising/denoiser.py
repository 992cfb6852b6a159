"""Takes noise away: from images and sounds of any size, from series, from tables, whose gaps it fills."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from zandloper.applications.denoising import denoiser_file
from zandloper.applications.denoising.signals import fit_fields, restore_fields, task_of
from zandloper.applications.denoising.tabular import fit_rows, restore_rows, spread_of_rows
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.data.frames import dims_of, is_frame
from zandloper.data.signals import read_fields
from zandloper.errors import DataError, bad_parameter
from zandloper.fitting.fit import interactive
from zandloper.fitting.validation import check_budget, seed_of
from zandloper.modality import infer
from zandloper.noise.units import as_noise
from zandloper.training import defaults
from zandloper.training.patch_source import check_augmentations

if TYPE_CHECKING:  # loaded where it is asked for
    from matplotlib.figure import Figure

    from zandloper.applications.denoising.report import DenoiserDescription
    from zandloper.report import Report

LESSONS = ("auto", "clean", "pairs", "noisy")
FIELDS = ("image", "audio")


class Denoiser(TransformerMixin, BaseEstimator):
    """Takes noise out of images, sounds, series and tables, and fills what is missing in the latter two.

    `fit` learns from clean data, to which noise is added, from pairs, or from noisy data alone; `transform` gives back
    data of any size in their own form and dtype.

    Parameters
    ----------
    autoencoder : autoencoder or None
        What to denoise with; it is cloned. None: for images and sounds a U-Net that says what to take off, for series
        and tables a `DenoisingAutoencoder`. Images that go through an autoencoder are of one size.
    noise : "auto", a noise of zl.noise, or a list of them
        What is in the data. "auto": what is found in the noisy data that `fit` gets; where it gets none, Gaussian noise
        of many strengths in images, pink noise in sounds, and missing values in series and tables.
    learn_from : "auto", "clean", "pairs" or "noisy"
        What `fit` gets: clean data, pairs of noisy and clean data, or noisy data alone. "auto": pairs where there are
        two; else clean data where a noise is named, and in series and tables; else noisy data.
    modality : "auto", "image", "audio", "series", "table" or an object of zl.modality
        What the data are read as.
    n_augmentations : 1, 2, 4, 8 or "auto"
        For images, the number of flipped and turned copies that the network denoises; their mean is the result. 1: the
        image as it is. 8: all flips and quarter turns, better by about a tenth of a dB, at eight times the work.
        "auto": 8 for images of up to a megapixel, else 1.
    patch_matching : bool or "auto"
        For images, whether patches that look alike are compared as well: much better where texture recurs, as in the
        stripes of a cloth, and a little elsewhere. `fit` takes a quarter of its minutes to learn where they are
        to be believed. `transform` takes two to three times as long as with `average=8`, which that includes; set to
        False later, it does without. "auto": for images of up to a megapixel.
    hidden : "auto" or tuple of int
        Channels of the levels of the net for images and sounds.
    max_epochs : int or None
        At most that many passes over the data. None: the autoencoder's, or for images and sounds as many as
        `max_minutes` has room for; without that 300 to 4,000 steps in all.
    max_minutes : float or None
        At most that many minutes for all of `fit`. Learning slows down towards their end.
    device : str
        "auto", "cpu", "cuda" ...
    random_state : int, RandomState or None
    verbose : "auto" or bool
        A progress bar on long work.

    Attributes
    ----------
    noise_ : Noise or None
        What was added or found.
    audit_ : Audit or None
        How that compares with the noise in the data that `fit` got, where there is noise in them.
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
    denoising" (the net learns what to take off). For the lessons see `zandloper.applications.denoising.objectives`.
    """

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
        """Learn to take noise away.

        Parameters
        ----------
        X : array, frame, list of images or sounds, or path
            Clean data, or noisy data, as `learn_from` says.
        y : data, optional
            With noisy X, the same items without noise. With tables, y of one dimension is labels and ignored.
        noisy : data, optional
            With clean X, other items with real noise: with `noise="auto"` theirs is what is added, else it is compared
            with the noise that is.
        init_from : fitted Denoiser, optional
            Start from what it learned, such as `zl.load("photo-denoiser")`. Nets for images and sounds take smaller
            steps then, and `hidden` is theirs.

        Returns
        -------
        self

        Warns
        -----
        UserWarning
            The noise that was named does not look like the noise in the data.
        """
        started, caller = time.monotonic(), type(self).__name__
        self._check()
        noise = None if isinstance(self.noise, str) else as_noise(self.noise, caller)
        kind = self._kind(X)
        learn_from = self.learn_from
        # What pipelines pass as y are labels, which are no clean rows.
        if learn_from != "pairs" and kind == "table" and y is not None and not (is_frame(y) or dims_of(y) == 2):
            y = None
        if learn_from == "auto":
            named = noise is not None or noisy is not None or kind not in FIELDS
            learn_from = "pairs" if y is not None else "clean" if named else "noisy"
        if (learn_from == "pairs") != (y is not None):
            raise DataError(
                f"{caller} learns from pairs and got no clean data: pass fit(noisy, clean)"
                if y is None
                else f'{caller} got two sets of data and learn_from="{learn_from}": pass one, or learn_from="pairs"'
            )
        if noisy is not None and learn_from != "clean":
            raise DataError(f"`noisy` of {caller}.fit goes with clean data: pass fit(clean, noisy=...)")
        seed = seed_of(self.random_state, caller)
        whole = kind in FIELDS and self.autoencoder is None
        first = None if init_from is None else self._start(init_from, kind, whole)
        if self.patch_matching and not (whole and kind == "image"):
            raise DataError(
                f"{caller} compares similar patches of images alone, without an autoencoder, and got {kind} data"
                f"{'' if self.autoencoder is None else ' and an autoencoder'}: leave out patch_matching=True"
            )
        if whole:
            restorer: Any
            task = task_of(kind, X, y, noisy, learn_from, noise, caller)
            restorer, run = fit_fields(
                task,
                None if isinstance(self.hidden, str) else tuple(self.hidden),
                getattr(self.modality, "sample_rate", None),
                bool(self.patch_matching),
                self.max_epochs,
                self.max_minutes,
                defaults.device(self.device, caller),
                seed,
                interactive() if self.verbose == "auto" else bool(self.verbose),
                started,
                first,
                caller,
            )
            self.restorer_, self.autoencoder_, self.noise_, self.audit_ = restorer, None, task.noise, task.audit
            self.history_, self.n_epochs_, self.stopped_by_ = run.history, run.epoch, run.stopped_by
        else:
            self.restorer_ = None
            self.autoencoder_, self.noise_, self.audit_ = fit_rows(self, X, y, noisy, learn_from, noise, seed, first)
            model = self.autoencoder_
            self.history_, self.n_epochs_, self.stopped_by_ = model.history_, model.n_epochs_, model.stopped_by_
            self.n_features_in_ = model.n_features_in_
        self.learned_from_, self.modality_ = learn_from, kind
        self.fit_seconds_ = time.monotonic() - started
        return self

    def transform(self, X: Any) -> Any:
        """Data without their noise, in their own form and dtype; of series and tables without gaps.

        Parameters
        ----------
        X : data
            Of the kind that `fit` got, images and sounds of any size; one item, a list, or an array of all.

        Returns
        -------
        As X. Where the noise is missing values alone, values that are there stay as they are.
        """
        check_is_fitted(self, "modality_")
        if self.autoencoder_ is not None:
            return restore_rows(self.autoencoder_, X, self.noise_)
        self._check_effort()
        caller = type(self).__name__
        fields = read_fields(X, self.modality_, caller)
        return fields.give(
            restore_fields(self.restorer_.net, fields, self.n_augmentations, self.patch_matching, caller)
        )

    def error_bars(self, X: Any, draws: int = 50, random_state: Any = 0) -> Any:
        """How far each value that `transform` gives may be off: a standard deviation, in the form of the data.

        Codes are drawn from what the model takes them to be, and the spread of what they decode to is joined with what
        the model says that its decoder cannot know. Of values that `transform` leaves as they are it is 0.

        Parameters
        ----------
        X : data
        draws : int
        random_state : int, RandomState or None

        Raises
        ------
        UnsupportedError
            The model is not variational, or the data are no numbers.
        """
        check_is_fitted(self, "modality_")
        return spread_of_rows(self.autoencoder_, X, self.noise_, draws, seed_of(random_state, type(self).__name__))

    def plot(self, X: Any, y: Any = None, n: int = 4) -> Figure:
        """Images, or spectrograms of sounds, before and after side by side, n of them; with y clean ones beside.

        Raises
        ------
        UnsupportedError
            Series and tables are shown by `report`.
        """
        from zandloper.applications.denoising.report import denoiser_figure

        check_is_fitted(self, "modality_")
        return denoiser_figure(self, X, y, n)

    def describe(self) -> DenoiserDescription:
        """Its data, noise, nets and training; prints well."""
        from zandloper.applications.denoising.report import describe_denoiser

        check_is_fitted(self, "modality_")
        return describe_denoiser(self)

    def report(self, X: Any, y: Any = None) -> Report:
        """Data before and after, figures where clean data are given, the noise's audit and training on one page.

        It needs no network: `report(noisy, clean).save("report.html")`.

        Parameters
        ----------
        X : data
            With noise or gaps.
        y : data, optional
            The same without: PSNR of images, SI-SDR of sounds, errors of each column then stand on the page.
        """
        from zandloper.applications.denoising.report import denoiser_report

        check_is_fitted(self, "modality_")
        return denoiser_report(self, X, y)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the denoiser as a folder of JSON and safetensors, whole or not at all; `zl.load` gives it back.

        Raises
        ------
        FileError
            Something stands there already (an earlier model is replaced with `overwrite=True`), the disk is full ...
        """
        check_is_fitted(self, "modality_")
        denoiser_file.save(self, path, overwrite)

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """What `save` wrote, out of a folder's recipe and weights."""
        denoiser: Self = denoiser_file.denoiser_of(cls, path, recipe, tensors, parts, types)
        return denoiser

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _kind(self, X: Any) -> str:
        """The name of the data's modality."""
        name = getattr(self.modality, "name", self.modality)
        return infer(X, type(self).__name__) if name == "auto" else str(name)

    def _start(self, init_from: Any, kind: str, whole: bool) -> Any:
        """The net or the autoencoder of a fitted denoiser to start from."""
        caller = type(self).__name__
        if not isinstance(init_from, Denoiser):
            raise bad_parameter(f"{caller}.fit", "init_from", "None or a fitted Denoiser", init_from)
        check_is_fitted(init_from, "modality_")
        if init_from.modality_ != kind:
            raise DataError(
                f"{caller} got {kind} data and an init_from that learned {init_from.modality_} data: both must be of "
                "one kind; modality= says how data are read"
            )
        if (init_from.autoencoder_ is None) != whole:
            raise DataError(
                f"{caller} and its init_from denoise in different ways, one with an autoencoder and one without: give "
                "both the same `autoencoder`"
            )
        return init_from.restorer_.net if whole else init_from.autoencoder_

    def _check_effort(self) -> None:
        caller = type(self).__name__
        check_augmentations(self.n_augmentations, caller, "auto")
        if not (isinstance(self.patch_matching, bool) or self.patch_matching == "auto"):
            raise bad_parameter(caller, "patch_matching", "True, False or 'auto'", self.patch_matching)

    def _check(self) -> None:
        caller = type(self).__name__
        if self.learn_from not in LESSONS:
            raise bad_parameter(caller, "learn_from", f"one of {list(LESSONS)}", self.learn_from)
        if isinstance(self.noise, str) and self.noise != "auto":
            raise bad_parameter(caller, "noise", "'auto', a noise of zl.noise, or a list of them", self.noise)
        self._check_effort()
        if self.autoencoder is not None and not isinstance(self.autoencoder, BaseAutoencoder):
            raise bad_parameter(caller, "autoencoder", "None or an autoencoder of zandloper", self.autoencoder)
        name = getattr(self.modality, "name", self.modality)
        kinds = ("auto", *FIELDS, "series", "table")
        if name not in kinds:
            raise bad_parameter(caller, "modality", f"one of {list(kinds)} or an object of zl.modality", self.modality)
        hidden = isinstance(self.hidden, tuple | list) and len(self.hidden) > 0
        if self.hidden != "auto" and not (hidden and all(isinstance(h, int) and h > 0 for h in self.hidden)):
            raise bad_parameter(caller, "hidden", "'auto' or a tuple of positive integers", self.hidden)
        check_budget(self, caller)
