"""The estimators: one base with scikit-learn's manners, one thin subclass a type."""

from __future__ import annotations

import time
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from torch import nn

from zandloper.errors import DataError, UnsupportedError
from zandloper.fitting.fit import fit_hourglass
from zandloper.fitting.fitted_model import FittedModel
from zandloper.fitting.input_columns import InputColumns
from zandloper.inspection.description import Description, describe
from zandloper.modality import Modality, modality
from zandloper.model.bottlenecks.plain import Plain
from zandloper.model.corruptions.identity import Identity
from zandloper.model.custom import Custom
from zandloper.model.hourglass import Hourglass
from zandloper.persistence.estimators import estimator_of, save_estimator
from zandloper.spec import Spec
from zandloper.training import defaults

if TYPE_CHECKING:  # drawing is loaded where it is asked for
    from zandloper.inspection.latents import LatentReport
    from zandloper.report import Report


@dataclass(eq=False, repr=False)
class BaseAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """The part that all types of autoencoder share. A type chooses the corruption and the bottleneck of its slots.

    The fields are the parameters that every type has, documented at `Autoencoder`. A type adds fields, or changes their
    defaults; scikit-learn reads the constructor that follows from them.
    """

    latent_dim: int | float | None = None
    _: KW_ONLY
    hidden: Any = "auto"
    activation: str = "silu"
    encoder: Any = "auto"
    decoder: Any = "auto"
    modality: Any = "auto"
    validation: Any = "auto"
    max_epochs: Any = "auto"
    max_minutes: float | None = None
    patience: Any = "auto"
    batch_size: Any = "auto"
    lr: Any = "auto"
    optimizer: Any = "adam"
    weight_decay: float = 0.0
    device: str = "auto"
    precision: str = "auto"
    checkpoint: Any = None
    random_state: Any = None
    verbose: Any = "auto"

    # What a type without such a parameter does.
    loss = "auto"
    target = "input"
    target_modality = "auto"
    linear_path = False
    corrupt = cast("nn.Module | None", None)
    bottleneck = cast("nn.Module | None", None)

    model_: FittedModel = field(init=False)
    score_meaning = "1: exact, 0: as good as a constant"  # what `score` gives, in words

    def _corrupt_spec(self, schema: Any) -> Spec:
        return Identity() if self.corrupt is None else Custom()

    def _bottleneck_spec(self) -> Any:
        return Plain() if self.bottleneck is None else Custom()

    def _prior_spec(self, condition: Any = None) -> Spec | None:
        """Return the prior that new codes are drawn from, given the schema of the condition, if any."""
        return None

    def _minutes(self) -> float | None:
        """How much of `max_minutes` the autoencoder itself may take, where more is trained after it."""
        return self.max_minutes

    def _paced(self) -> bool:
        """Whether the rate falls with the clock: where minutes may end a run whose epochs do not go by them."""
        return self._minutes() is not None

    def _reader(self, X: Any, caller: str) -> Modality:
        """What X is read by."""
        return modality(self.modality, X, caller)

    def _loaded(self) -> None:
        """What a type puts in order after its parameters, blueprint and weights came from a file."""

    def _compare_spec(self, schema: Any) -> Spec:
        return schema.loss(self.loss)

    def _chapter(self, X: Any, y: Any = None) -> Any:
        """What a type has to say about itself and data, as a `Chapter`; None: nothing of its own."""

    def _default_latents(self, features: int) -> int | None:
        """How many latents for `latent_dim=None`; None: as many as PCA needs for 90 % of the variance."""
        return None

    def _default_epochs(self, rows: int, work: int = 0) -> int:
        """How many passes over so many rows, of so many operations each, for `max_epochs="auto"`."""
        return defaults.epochs(rows)

    def fit(self, X: Any, y: Any = None, *, init_from: BaseAutoencoder | None = None, condition: Any = None) -> Self:
        """Train on data.

        Parameters
        ----------
        X : array, frame, list of images or path
            The samples. What they are read as is `modality`'s to say.
        y : array, frame or images, optional
            Ignored, unless the constructor says `target="y"`.
        init_from : fitted estimator, optional
            Start from its weights and scales (fine-tuning). The data must have its form and the nets its shapes.
        condition : labels, array or frame, optional
            What is known of each sample, for encoder, decoder and prior: see `zandloper.fitting.conditioning`.

        Returns
        -------
        self

        Raises
        ------
        DataError, ParameterError
            The data or a parameter cannot be used; the sentence says what was got, what is wanted and what to do.
        TrainingError
            Training diverged again and again.
        """
        started = time.monotonic()
        fitted = fit_hourglass(self, X, y, init_from, started, condition)
        self.model_ = fitted.model
        columns = self.model_.columns or InputColumns(self.model_.schema.n_features)
        columns.store(self)
        run = fitted.run
        self.history_, self.n_epochs_, self.stopped_by_ = run.history, run.epoch, run.stopped_by
        self.fit_seconds_ = run.seconds
        return self

    @property
    def module_(self) -> Hourglass:
        """The trained hourglass."""
        return self.model_.module

    @property
    def latent_shape_(self) -> tuple[int, ...]:
        """Shape of a sample's code."""
        return self.model_.latent_shape

    @property
    def _n_features_out(self) -> int:
        """Columns of what `transform` returns; scikit-learn names them."""
        return self.model_.n_latents

    def transform(self, X: Any) -> np.ndarray:
        """The latent space: samples as (n, prod(latent_shape_)), in float64 for float64 input, else float32.

        Of series, the samples are windows that cover them, one every `score_stride` steps (see `zl.modality.Series`).
        """
        raw = self.model_.read(X)
        z = self.model_.encode(raw).numpy()
        return z.astype(np.float64) if raw.dtype in (torch.float64, torch.int64) else z

    def inverse_transform(self, Z: Any) -> Any:
        """What latents (n, prod(latent_shape_)) decode to, in the form of the data: a frame, images, an array."""
        check_is_fitted(self)
        blueprint = self.model_.blueprint
        if blueprint.noise_conditional and not blueprint.masked:
            raise UnsupportedError(
                f"latents of {type(self).__name__}(noise_conditional=True) alone decode to nothing, "
                "since its input bypasses them: fit with noise_conditional=False"
            )
        z = np.asarray(Z, dtype=np.float32)
        if z.ndim != 2 or z.shape[1] != self._n_features_out:
            raise DataError(
                f"latents must have shape (n, {self._n_features_out}), got {z.shape}: pass what `transform` returns"
            )
        if len(z) == 0 or not np.isfinite(z).all():
            what = "NaN or infinity" if len(z) else "0 sample(s)"
            raise DataError(f"latents of {type(self).__name__} hold {what}: pass at least one row of finite numbers")
        return self.model_.give(self.model_.decode(torch.from_numpy(np.array(z))), like=Z)

    def predict(self, X: Any) -> Any:
        """The reconstruction of X in its own form; with `target="y"`, the predicted target.

        Of series, each time step is the mean of what the windows that cover it say, missing steps included.
        """
        raw = self.model_.read(X)
        return self.model_.rebuild(self.model_.reconstruct(raw), X, raw)

    def reconstruction_error(self, X: Any, y: Any = None, per_feature: bool = False) -> Any:
        """The error in the loss's own units (squared standard deviations for numbers, nats for categories).

        Parameters
        ----------
        X : data
        y : target, with `target="y"`
        per_feature : bool
            Per column or pixel, (n, features), missing values with error 0; else its mean over what is there, (n,). Of
            series, the samples are time steps and the features channels.

        Returns
        -------
        ndarray of float64; of a list of series a list
        """
        raw, target = self.model_.read_pair(X, y)
        error, weight = self.model_.error_map(raw, target)
        like, rows = (X, raw) if target is None else (y, target)
        return self.model_.output.errors(error, weight, per_feature, like, rows)

    def score(self, X: Any, y: Any = None) -> float:
        """1 - error / error of the best constant prediction: 1 is perfect, 0 no better than the training mean."""
        raw, target = self.model_.read_pair(X, y)
        error, weight = (v.double().sum() for v in self.model_.error_map(raw, target))
        baseline = self.model_.error_map(raw, target, baseline=True)[0].double().sum()
        if baseline == 0:
            return 1.0 if error <= 1e-12 * weight else 0.0
        return float(1 - error / baseline)

    def describe(self) -> Description:
        """Which of the four shapes this is, its layers, parameters and compression ratio; prints well."""
        check_is_fitted(self)
        return describe(self)

    def plot_architecture(self) -> Any:
        """The hourglass as it was built: the size, kind and parameters of every layer, and the linear path beside.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from zandloper.inspection.architecture import architecture
        from zandloper.inspection.architecture_plot import hourglass_figure

        check_is_fitted(self)
        return hourglass_figure(architecture(self), str(self.describe()).partition("\n")[0])

    def latent_report(self, X: Any, y: Any = None) -> LatentReport:
        """What each latent carries, what it listens to, what it moves, and which are dead, from a sample of X.

        Prints as a table; `frame` has a row a latent, `plot()` draws it, and the numbers are arrays.

        Parameters
        ----------
        X : data
        y : target, with `target="y"`
        """
        from zandloper.inspection.latents import latent_report

        return latent_report(self, X, y)

    def report(self, X: Any, y: Any = None, labels: Any = None, extra: Any = ()) -> Report:
        """All about the model and these data on one page, which needs no network: `report(X).save("report.html")`.

        The hourglass, loss curves, originals beside reconstructions, a map of the latent space to walk over, what the
        latents do, PCA beside it, where the error sits, the worst items, and all settings.

        Parameters
        ----------
        X : data
        y : target, with `target="y"`
        labels : array of n classes or numbers, optional
            Colors and names on the map; nothing is measured with them.
        extra : sequence of studies or sections
            More to put on the page, such as what `zl.compare_with_pca` gives.
        """
        from zandloper.report import make_report

        return make_report(self, X, y, labels, extra)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the model as a folder of JSON and safetensors, whole or not at all.

        Raises
        ------
        FileError
            Something stands there already (an earlier model is replaced with `overwrite=True`), the disk is full ...
        """
        check_is_fitted(self)
        save_estimator(self, path, overwrite)

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """What `save` wrote, out of a folder's recipe and weights; `types` are those of models inside models."""
        estimator: Self = estimator_of(path, cls, recipe, tensors, parts)
        estimator._loaded()
        return estimator

    def _repr_html_inner(self) -> str:
        return self._card() + super()._repr_html_inner()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        shown = super()._repr_mimebundle_(**kwargs)
        return {kind: self._card() + text if kind == "text/html" else text for kind, text in shown.items()}

    def _card(self) -> str:
        """Once fitted, what the model is, above scikit-learn's own picture of its parameters."""
        if not hasattr(self, "model_"):
            return ""
        from zandloper.report import card

        return card(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = self.target == "y"
        return tags

    def __getattr__(self, name: str) -> Any:
        if name == "sample":
            raise UnsupportedError(
                f"{type(self).__name__} has no prior to sample from: take a variational or quantized type"
            )
        if name in ("model_", "module_", "latent_shape_"):
            raise NotFittedError(f"This {type(self).__name__} instance is not fitted yet. Call 'fit' before using it")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
