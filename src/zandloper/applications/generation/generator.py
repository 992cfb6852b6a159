"""New data that look like the old: what an autoencoder's prior draws, decoded, under the user's conditions."""

from __future__ import annotations

import inspect
import math
import numbers
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import narwhals as nw
import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from zandloper.applications.generation.continuation import continued
from zandloper.applications.generation.evaluation import audio, images, series
from zandloper.applications.generation.evaluation.tables import evaluate
from zandloper.applications.generation.generator_file import generator_of, save_generator
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.autoencoders.masked import MaskedAutoencoder
from zandloper.autoencoders.quantized import QuantizedAutoencoder
from zandloper.autoencoders.variational import VariationalAutoencoder
from zandloper.data.frames import is_frame
from zandloper.errors import DataError, ParameterError, UnsupportedError, bad_parameter
from zandloper.fitting.conditioning import are_texts
from zandloper.fitting.validation import seed_of
from zandloper.io.images import images_at
from zandloper.modality import modality

JUDGES: dict[str, Any] = {"image_schema": images, "series_schema": series, "audio_schema": audio}
CANNOT = {  # what a type may not be able to do when sampling, and which one can
    "like": ("makes no variations of items", "VariationalAutoencoder"),
    "given": ("fixes no columns", "MaskedAutoencoder"),
}


class Generator(BaseEstimator):
    """Draws new data of the kind that it was fitted to, freely, under conditions, or around given items.

    Parameters
    ----------
    autoencoder : autoencoder with `sample`, FrozenEstimator of a fitted one, or None
        What to generate with; it is cloned. None: what suits the data.
    prior : "auto", a name or an object of zandloper.model.priors
        What codes are drawn from; where given, it overrides the autoencoder's.
    modality : "auto", "table", "image", "series", "audio" or an object of zl.modality
        What the data are read as.
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
        """Learn what the data look like; y is ignored.

        Parameters
        ----------
        X : array, frame, list of images, series or path
        y : ignored
        condition : labels, array, frame or list of texts, optional
            What is known of each sample and may be asked for later, one row a sample: see `fitting/conditioning.py`.
        """
        self._check()
        if isinstance(X, str | Path) and modality(self.modality, X, "Generator").name == "image":
            X = images_at(Path(X))
        frozen = getattr(self.autoencoder, "estimator", None)
        if frozen is not None:
            check_is_fitted(frozen)
            self.autoencoder_ = frozen
        else:
            self.autoencoder_ = self._template(X, condition).fit(X, condition=condition)
        self._seen = X  # to tell copies from: in memory alone, `save` leaves it out
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
        """New data in the form of the training data.

        Parameters
        ----------
        n : int
            How many; with a condition, how many for each of its rows, which lie together; with `like`, how many
            variations of each item. 0 gives none, in the data's own form.
        condition : labels, array or frame, optional
            Of the kind that `fit` was given. A frame whose columns are columns of the training data fixes those.
        like : data, optional
            Items to vary.
        random_state : int, RandomState or None
            The same number gives the same samples; None: others each time.
        **drawing : numbers
            guidance, how strongly a condition is followed; of a quantized model also temperature, top_k, top_p: see
            `zandloper.model.priors.autoregressive.SamplingConfig`.
        """
        check_is_fitted(self)
        if isinstance(n, bool) or not isinstance(n, numbers.Integral) or n < 0:
            raise bad_parameter("sample", "n", "an integer >= 0", n)
        given: dict[str, Any] = {"condition": condition, "like": like}
        given = {name: value for name, value in given.items() if value is not None}
        schema, seed = self.autoencoder_.model_.output, seed_of(random_state, type(self).__name__)
        if condition is not None:
            given |= self._parted(given.pop("condition"))
        accepted, kind = inspect.signature(self.autoencoder_.sample).parameters, type(self.autoencoder_).__name__
        for name, (cannot, other) in CANNOT.items():
            if name in given and name not in accepted:
                raise UnsupportedError(f"{kind} {cannot}: take {other}")
        foreign = sorted(set(drawing) - set(accepted))
        if foreign:
            raise UnsupportedError(
                f"{foreign} say how symbols are drawn, and {kind} has none: take QuantizedAutoencoder"
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
        judge: tuple[Any, Any] | None = None,
    ) -> Any:
        """How useful, faithful and new what is drawn is, beside real data that trained nothing; prints as a table.

        Tables: `evaluation/tables.py`. Images: Fréchet distance, precision and recall in the features of a classifier
        that learned on half of `real`. Series: discriminative and predictive scores of recurrent nets. Sounds: a
        classifier of spectrograms, and spectral distances. All beside the same figures of real data against real ones.

        Parameters
        ----------
        real : data
            Real data that `fit` did not see.
        train : frame or array, optional
            Of tables, the rows that `fit` saw, to tell copies from. None: those of the last `fit`, which no file keeps.
        target : column name, optional
            Of tables, what a model trained on drawn rows shall foretell in real ones. None: the last column that holds
            classes, or else the last.
        labels : array (n,), optional
            Classes of real images or sounds, which the classifier learns; without them it learns groups that look
            alike. With a generator that was fitted with such classes as its condition, each is asked for as often as it
            occurs, and the share that is recognized is told.
        random_state : int, RandomState or None
        judge : (data, labels), optional
            Of images and sounds, what the classifier learns from instead of half of `real`, classes of `labels`: those
            that trained the generator, if you like.

        Returns
        -------
        Evaluation, or Verdict
            Prints as a table; `report().save("report.html")` puts it on a page.
        """
        check_is_fitted(self)
        seed = seed_of(random_state, type(self).__name__)
        judging = JUDGES.get(self.autoencoder_.model_.output.name)
        if judge is not None and judging not in (images, audio):
            raise ParameterError("judge= of evaluate is for images and sounds, whose judge is a classifier")
        if judging is not None:
            if train is not None or target is not None:
                raise ParameterError("train= and target= of evaluate are for tables: pass labels= instead, or nothing")
            more = {} if judge is None else {"judge": judge}
            return judging.evaluate(self, real, labels, seed, **more)
        train = getattr(self, "_seen", None) if train is None else train
        return evaluate(self, real, train, target, seed)

    def report(self, real: Any, labels: Any = None) -> Any:
        """What `evaluate` finds, with pictures, on a page that needs no network: `report(real).save("report.html")`."""
        return self.evaluate(real, labels=labels).report()

    def continue_series(self, X: Any, steps: int, n: int = 1, random_state: Any = None) -> Any:
        """What may follow given series: n continuations of each, drawn as the windows learned go on.

        Parameters
        ----------
        X : array (time, channels), frame, or list of those
            At least half a window long; their last steps count.
        steps : int
            How many to add.
        n : int
            How many continuations of each series; they lie together.
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
        How codes are drawn that agree with what is known: `zandloper.applications.generation.continuation`.
        """
        check_is_fitted(self)
        for name, value in (("steps", steps), ("n", n)):
            if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
                raise bad_parameter("continue_series", name, "a positive integer", value)
        if not isinstance(self.autoencoder_, VariationalAutoencoder):
            kind = type(self.autoencoder_).__name__
            raise UnsupportedError(f"{kind} continues no series: take VariationalAutoencoder")
        rng = torch.Generator().manual_seed(seed_of(random_state, type(self).__name__) % 2**31)
        return continued(self.autoencoder_, X, int(steps), int(n), rng)

    def contact_sheet(self, samples: Any) -> Any:
        """What `sample` gave as one picture, a matplotlib figure; of images, sounds and series."""
        check_is_fitted(self)
        schema = self.autoencoder_.model_.output
        if schema.name not in JUDGES:
            raise UnsupportedError(f"a contact sheet shows images, sounds or series, and these are {schema.in_words()}")
        from zandloper.applications.generation.contact_sheet import contact_sheet

        return contact_sheet(schema, samples)

    def interpolate(self, first: Any, second: Any, steps: int = 8) -> Any:
        """A way from one item to another (data of one sample each), through the latent space; both ends included."""
        check_is_fitted(self)
        if not hasattr(type(self.autoencoder_), "interpolate"):
            kind = type(self.autoencoder_).__name__
            raise UnsupportedError(f"{kind} has no way between two items: take a variational type")
        return self.autoencoder_.interpolate(first, second, steps)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the generator as a folder of JSON and safetensors, whole or not at all; `zl.load` gives it back.

        Raises
        ------
        FileError
            Something stands there already (an earlier model is replaced with `overwrite=True`), the disk is full ...
        """
        check_is_fitted(self)
        save_generator(self, path, overwrite)

    def describe(self) -> Any:
        """What it generates with; prints well."""
        check_is_fitted(self)
        return self.autoencoder_.describe()

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """What `save` wrote, out of a folder's recipe and weights."""
        generator: Self = generator_of(cls, types, path, recipe, tensors, parts)
        return generator

    # ------------------------------------------------------------------------------------------------------------------

    def _parted(self, condition: Any) -> dict[str, Any]:
        """A condition as columns that are fixed, and what `fit` was given as condition."""
        columns, told = self.autoencoder_.model_.schema.column_names(), self.autoencoder_.model_.blueprint.condition
        names: list[Any] = list(condition) if isinstance(condition, dict) else []
        if is_frame(condition):
            condition = nw.from_native(condition, eager_only=True)
            names = condition.columns
        fixed = [name for name in names if str(name) in columns]
        rest = [name for name in names if name not in fixed]
        part = lambda chosen: (  # noqa: E731
            {name: condition[name] for name in chosen}
            if isinstance(condition, dict)
            else condition.select(chosen).to_native()
        )
        if fixed and rest and told is None:
            raise DataError(f"columns {rest[:5]} of the condition are neither columns of the data nor of a condition")
        if not fixed:
            return {"condition": condition.to_native() if isinstance(condition, nw.DataFrame) else condition}
        return {"given": part(fixed)} | ({"condition": part(rest)} if rest else {})

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags

    def _check(self) -> None:
        caller = type(self).__name__
        inner = getattr(self.autoencoder, "estimator", self.autoencoder)
        if inner is None:
            return
        if not isinstance(inner, BaseAutoencoder) or not callable(getattr(type(inner), "sample", None)):
            wanted = "None, a variational, quantized or masked autoencoder, or a FrozenEstimator of a fitted one"
            raise bad_parameter(caller, "autoencoder", wanted, self.autoencoder)
        if inner.target != "input":
            raise bad_parameter(caller, "autoencoder", 'one that gives back its input (target="input")', inner.target)

    def _template(self, X: Any, condition: Any) -> Any:
        """The autoencoder, not fitted, with what the generator's own parameters override."""
        model = default_for(X, self.modality, condition) if self.autoencoder is None else clone(self.autoencoder)
        given = {"max_epochs": self.max_epochs, "max_minutes": self.max_minutes}
        own = {name: value for name, value in given.items() if value is not None}
        if not (isinstance(self.modality, str) and self.modality == "auto"):
            own["modality"] = self.modality
        if self.autoencoder is None:
            reader: Any = modality(self.modality, X, "Generator")
            if reader.name == "series" and reader.scaling is None:
                own["modality"] = replace(reader, scaling="quantile")
        if not (isinstance(self.prior, str) and self.prior == "auto"):
            if "prior" not in model.get_params(deep=False):
                raise bad_parameter(type(self).__name__, "prior", f"'auto' with {type(model).__name__}", self.prior)
            own["prior"] = self.prior
        seed = seed_of(self.random_state, type(self).__name__)
        return model.set_params(**own, random_state=seed)


LATENTS = 16, 64  # of images, at least and at most
SETTINGS: dict[str, dict[str, Any]] = {  # by modality: more latents than a map needs, and a prior that knows them well
    "image": {"prior": "score"},
    "series": {"latent_dim": 0.9999, "prior": "score", "beta": 0.01},
    "audio": {"latent_dim": 64, "prior": "score"},
}


def default_for(X: Any, choice: Any, condition: Any = None) -> BaseAutoencoder:
    """What suits data and condition, by their modality: the one place that decides."""
    kind = modality(choice, X, "Generator").name
    if kind in ("table", "discrete_table"):
        return MaskedAutoencoder()
    if kind == "image" and are_texts(condition):
        quantized: Any = QuantizedAutoencoder
        return quantized(encoder="spatial", codes=256, code_dim=4)
    own = of_images(X, choice) if kind == "image" else {}
    return VariationalAutoencoder(**SETTINGS.get(kind, {}), **own)


def of_images(X: Any, choice: Any) -> dict[str, Any]:
    """As many latents as half the square root of the values, and cross-entropy for pixels between 0 and 1.

    Under a Gaussian likelihood a code holds twice the nats, of detail that hardly shows, and draws from the prior miss
    more: on digits a Fréchet distance of 20 against 7, with the same net and mixture of Gaussians.
    """
    first = X[:1] if isinstance(X, list | tuple) or np.ndim(X) > 2 else X
    schema, pixels = modality(choice, X, "Generator").learn(first, "Generator")
    latents = int(np.clip(round(math.sqrt(math.prod(schema.in_shape)) / 2), *LATENTS))
    within = pixels.dtype.kind == "u" or all(np.min(image) >= 0 and np.max(image) <= 1 for image in X)
    return {"latent_dim": latents, "loss": "bce" if within else "auto"}
