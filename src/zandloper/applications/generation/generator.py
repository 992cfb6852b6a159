"""Generator of new data: samples of an autoencoder's prior, decoded, optionally under conditions."""

from __future__ import annotations

import inspect
import numbers
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from zandloper.applications.generation.conditions import split_condition
from zandloper.applications.generation.continuation import continue_windows
from zandloper.applications.generation.evaluation import audio, images, series
from zandloper.applications.generation.evaluation.tables import evaluate
from zandloper.applications.generation.generator_file import generator_of, save_generator
from zandloper.applications.generation.template import check_autoencoder, template_of
from zandloper.autoencoders.variational import VariationalAutoencoder
from zandloper.errors import ParameterError, UnsupportedError, bad_parameter
from zandloper.fitting.validation import seed_of
from zandloper.io.images import images_at
from zandloper.modality import modality

EVALUATIONS: dict[str, Any] = {"image_schema": images, "series_schema": series, "audio_schema": audio}
UNSUPPORTED = {  # arguments of `sample` that a type may lack: the error, and a type that has them
    "like": ("makes no variations of items", "VariationalAutoencoder"),
    "given": ("fixes no columns", "MaskedAutoencoder"),
}


class Generator(BaseEstimator):
    """Generator of samples that resemble the training data, optionally under conditions or as variations of items.

    Parameters
    ----------
    autoencoder : autoencoder with `sample`, FrozenEstimator of a fitted one, or None
        Model to sample from; it is cloned. None: a default for the data (see `default_model.py`).
    prior : "auto", a name or an object of zandloper.model.priors
        Distribution that codes are drawn from; where given, it overrides the autoencoder's.
    modality : "auto", "table", "image", "series", "audio" or an object of zl.modality
        Kind of data.
    max_epochs, max_minutes : numbers, optional
        Where given, they override the autoencoder's.
    random_state : int, RandomState or None

    Attributes
    ----------
    autoencoder_ : autoencoder
        The fitted one.
    n_features_in_ : int

    Examples
    --------
    >>> import zandloper as zl
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> generator = zl.Generator(max_epochs=5, random_state=0).fit(X, condition=y)
    >>> generator.sample(3, condition=[0, 2], random_state=0).shape
    (6, 4)
    """

    def __init__(
        self,
        autoencoder: Any = None,
        prior: Any = "auto",
        modality: Any = "auto",
        max_epochs: Any = None,
        max_minutes: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.autoencoder = autoencoder
        self.prior = prior
        self.modality = modality
        self.max_epochs = max_epochs
        self.max_minutes = max_minutes
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, condition: Any = None) -> Self:
        """Fit the autoencoder and its prior; y is ignored.

        Parameters
        ----------
        X : array, frame, list of images, series or path
        y : ignored
        condition : labels, array, frame or list of texts, optional
            One row per sample, which `sample(condition=...)` accepts later: see `fitting/conditioning.py`.
        """
        check_autoencoder(self)
        if isinstance(X, str | Path) and modality(self.modality, X, "Generator").name == "image":
            X = images_at(Path(X))
        frozen = getattr(self.autoencoder, "estimator", None)
        if frozen is not None:
            check_is_fitted(frozen)
            self.autoencoder_ = frozen
        else:
            self.autoencoder_ = template_of(self, X, condition).fit(X, condition=condition)
        self._training_data = X  # to find copies; `save` leaves it out
        self.n_features_in_ = self.autoencoder_.n_features_in_
        names = getattr(self.autoencoder_, "feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return self

    def sample(
        self, n: int = 1, condition: Any = None, like: Any = None, random_state: Any = None, **drawing: Any
    ) -> Any:
        """Draw new data in the form of the training data.

        Parameters
        ----------
        n : int
            Number of samples; with a condition, for each of its rows, which are adjacent; with `like`, the number of
            variations of each item. 0 returns an empty result in the form of the data.
        condition : labels, array or frame, optional
            Of the kind that `fit` was given. A frame whose columns are columns of the training data fixes those.
        like : data, optional
            Items to vary.
        random_state : int, RandomState or None
            The same number gives the same samples; None: different ones each time.
        **drawing : numbers
            guidance, the strength of a condition; of a quantized model also temperature, top_k, top_p: see
            `zandloper.model.priors.autoregressive.SamplingConfig`.
        """
        check_is_fitted(self)
        if isinstance(n, bool) or not isinstance(n, numbers.Integral) or n < 0:
            raise bad_parameter("sample", "n", "an integer >= 0", n)
        given: dict[str, Any] = {"condition": condition, "like": like}
        given = {name: value for name, value in given.items() if value is not None}
        schema, seed = self.autoencoder_.model_.output, seed_of(random_state, type(self).__name__)
        if condition is not None:
            given |= split_condition(self.autoencoder_.model_, given.pop("condition"))
        accepted, kind = inspect.signature(self.autoencoder_.sample).parameters, type(self.autoencoder_).__name__
        for name, (lacks, other) in UNSUPPORTED.items():
            if name in given and name not in accepted:
                raise UnsupportedError(f"{kind} {lacks}: take {other}")
        foreign = sorted(set(drawing) - set(accepted))
        if foreign:
            raise UnsupportedError(
                f"{foreign} are settings for sampling tokens, and {kind} has none: take QuantizedAutoencoder"
            )
        if n == 0:
            return schema.give(np.empty((0, *schema.target_shape)))
        return self.autoencoder_.sample(int(n), random_state=seed, **given, **drawing)

    def evaluate(
        self,
        real: Any,
        train: Any = None,
        target: Any = None,
        labels: Any = None,
        random_state: Any = 0,
        classifier_data: tuple[Any, Any] | None = None,
    ) -> Any:
        """Compare samples with real data that trained nothing; the result prints as a table.

        Tables: `evaluation/tables.py`. Images: Fréchet distance, precision and recall in the features of a classifier
        that is trained on half of `real`. Series: discriminative and predictive scores of recurrent networks. Sounds: a
        classifier of spectrograms, and spectral distances. All with the same figures of real data against real ones.

        Parameters
        ----------
        real : data
            Real data that were not passed to `fit`.
        train : frame or array, optional
            Of tables, the training rows, to find copies. None: those of the last `fit`, which are not saved.
        target : column name, optional
            Of tables, the column that a model trained on drawn rows predicts in real ones. None: the last column with
            classes, or else the last.
        labels : array (n,), optional
            Classes of real images or sounds, which train the classifier; without them it is trained on clusters. With
            such classes as the generator's condition, each is drawn as often as it occurs, and the share that the
            classifier recognizes is reported.
        random_state : int, RandomState or None
        classifier_data : (data, labels), optional
            Of images and sounds, training data of the classifier instead of half of `real`, with classes of `labels`;
            they may be those that trained the generator.

        Returns
        -------
        TableMetrics, or SampleMetrics
            Prints as a table; `report().save("report.html")` puts it on a page.
        """
        check_is_fitted(self)
        seed = seed_of(random_state, type(self).__name__)
        evaluation = EVALUATIONS.get(self.autoencoder_.model_.output.name)
        if classifier_data is not None and evaluation not in (images, audio):
            raise ParameterError("classifier_data= of evaluate is for images and sounds, which a classifier compares")
        if evaluation is not None:
            if train is not None or target is not None:
                raise ParameterError("train= and target= of evaluate are for tables: pass labels= instead, or nothing")
            more = {} if classifier_data is None else {"classifier_data": classifier_data}
            return evaluation.evaluate(self, real, labels, seed, **more)
        train = getattr(self, "_training_data", None) if train is None else train
        return evaluate(self, real, train, target, seed)

    def report(self, real: Any, labels: Any = None) -> Any:
        """Report the result of `evaluate` on a page that needs no network: `report(real).save("report.html")`."""
        return self.evaluate(real, labels=labels).report()

    def continue_series(self, X: Any, steps: int, n: int = 1, random_state: Any = None) -> Any:
        """Draw n continuations of given series.

        Parameters
        ----------
        X : array (time, channels), frame, or list of those
            At least half a window long; their last steps count.
        steps : int
            Number of new steps.
        n : int
            Number of continuations of each series; they are adjacent.
        random_state : int, RandomState or None

        Returns
        -------
        array (series x n, steps, channels), or list of frames
            The new steps alone, without time stamps.

        Raises
        ------
        UnsupportedError
            The generator did not learn series, or its model is no `VariationalAutoencoder`.

        Notes
        -----
        The posterior sampling of codes is described in `zandloper.applications.generation.continuation`.
        """
        check_is_fitted(self)
        for name, value in (("steps", steps), ("n", n)):
            if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
                raise bad_parameter("continue_series", name, "a positive integer", value)
        if not isinstance(self.autoencoder_, VariationalAutoencoder):
            kind = type(self.autoencoder_).__name__
            raise UnsupportedError(f"{kind} continues no series: take VariationalAutoencoder")
        rng = torch.Generator().manual_seed(seed_of(random_state, type(self).__name__) % 2**31)
        return continue_windows(self.autoencoder_, X, int(steps), int(n), rng)

    def contact_sheet(self, samples: Any) -> Any:
        """Draw samples as one matplotlib figure, of images, sounds and series."""
        check_is_fitted(self)
        schema = self.autoencoder_.model_.output
        if schema.name not in EVALUATIONS:
            raise UnsupportedError(f"a contact sheet shows images, sounds or series, and these are {schema.in_words()}")
        from zandloper.applications.generation.contact_sheet import contact_sheet

        return contact_sheet(schema, samples)

    def interpolate(self, first: Any, second: Any, steps: int = 8) -> Any:
        """Interpolate between two items (data of one sample each) in the latent space, both ends included."""
        check_is_fitted(self)
        if not hasattr(type(self.autoencoder_), "interpolate"):
            kind = type(self.autoencoder_).__name__
            raise UnsupportedError(f"{kind} has no interpolation between two items: take a variational type")
        return self.autoencoder_.interpolate(first, second, steps)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the generator as a folder of JSON and safetensors, whole or not at all; `zl.load` reads it.

        Raises
        ------
        FileError
            Something exists there already (an earlier model is replaced with `overwrite=True`), the disk is full ...
        """
        check_is_fitted(self)
        save_generator(self, path, overwrite)

    def describe(self) -> Any:
        """Describe the fitted autoencoder; prints well."""
        check_is_fitted(self)
        return self.autoencoder_.describe()

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """Generator out of the recipe and the weights of a folder."""
        generator: Self = generator_of(cls, types, path, recipe, tensors, parts)
        return generator

    # ------------------------------------------------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags
