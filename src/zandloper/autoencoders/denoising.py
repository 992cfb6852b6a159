"""The denoising type: noise is added to what goes in, and what comes out shall be clean."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import nn

from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.errors import bad_parameter
from zandloper.inspection.denoising_plots import DenoisingPictures
from zandloper.model.corruptions import Noise
from zandloper.model.corruptions.chain import Chain
from zandloper.model.corruptions.gaussian import Gaussian
from zandloper.model.corruptions.identity import Identity
from zandloper.model.corruptions.masking import Masking
from zandloper.model.corruptions.quantization import Quantization
from zandloper.model.corruptions.salt_and_pepper import SaltAndPepper
from zandloper.noise.audit import Audit, compare
from zandloper.noise.estimate import fit as fit_noise
from zandloper.noise.estimate import profile_of
from zandloper.noise.units import as_noise, to_model_units
from zandloper.spec import Spec


@dataclass(eq=False, repr=False, kw_only=True)
class DenoisingAutoencoder(DenoisingPictures, BaseAutoencoder):
    """An autoencoder that learns to undo noise: it sees samples with noise added, and is to give back the clean ones.

    `predict` takes noisy data and gives back what the model takes them to be without noise. It removes the noise that
    it was given: where that is unlike the real one, it will not work well. So `fit(X, noisy=...)` takes a sample of
    real noisy data, and either learns the noise from it or warns where the noise differs.

    Takes the parameters of `Autoencoder` (but `corrupt`), and:

    Parameters
    ----------
    noise : "auto", a noise of zl.noise, or a list of them
        What is added while training, in the order of the list. "auto": what is found in `noisy`, where `fit` gets it;
        else Gaussian noise of many strengths, up to 0.2 in images and 0.5 in columns of numbers; for images of zeros
        and ones up to a fifth of salt and pepper; in tables with other columns a quarter of the values is hidden. With
        `target="y"` "auto" adds nothing: X has its own noise, and y is clean. To integer images noise is added as it
        would be stored: rounded, and cut off at black and white.
    noise_conditional : bool
        Whether the nets are conditioned on the noise level. Input then bypasses the bottleneck, in the share that
        suits the level, and `predict` takes data to be at the lowest level. For numbers, squared errors and Gaussian
        noise. With `zl.noise.Masking` or `BlockMasking` the nets receive which values are missing, and learn those; for
        tables of any columns and series, with any error. Of series, what is there passes by the bottleneck then, and
        the nets add to a linear answer to what is missing (see `zandloper.model.series_imputation`).

    Attributes
    ----------
    noise_ : Noise or None
        What was added.
    audit_ : Audit or None
        How that compares with the noise in `noisy`.

    Examples
    --------
    >>> import zandloper as zl
    >>> from sklearn.datasets import load_digits
    >>> X = (load_digits().images / 16).astype("float32")
    >>> model = zl.DenoisingAutoencoder(32, noise=zl.noise.Gaussian(0.3), modality="image", random_state=0)
    >>> noisy = zl.noise.Gaussian(0.3).apply(X, modality="image", random_state=1)
    >>> clean = model.fit(X).predict(noisy)
    >>> bool(((clean - X) ** 2).mean() < 0.5 * ((noisy - X) ** 2).mean())
    True

    References
    ----------
    Vincent, Larochelle, Bengio and Manzagol 2008, "Extracting and composing robust features with denoising
    autoencoders", ICML.
    """

    loss: Any = "auto"
    target: str = "input"
    target_modality: Any = "auto"
    linear_path: Any = "auto"
    bottleneck: nn.Module | None = None
    noise: Any = "auto"
    noise_conditional: bool = False

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        noisy: Any = None,
        init_from: BaseAutoencoder | None = None,
        condition: Any = None,
    ) -> Self:
        """Train on clean data, to which noise is added anew in every pass.

        Parameters
        ----------
        X : array, frame, list of images or path
            Clean samples; with `target="y"` noisy ones.
        y : data, optional
            Ignored, unless the constructor says `target="y"`: then the clean samples.
        noisy : data, optional
            Real noisy samples of the same kind, not of the same items. With `noise="auto"` their noise is what the
            model learns to remove; else it is compared with the noise that is added.
        init_from : fitted estimator, optional
            Start from its weights and scales.
        condition : labels, array or frame, optional
            What is known of each sample: the networks are conditioned on it.

        Returns
        -------
        self

        Warns
        -----
        UserWarning
            The noise that is added does not look like the noise in `noisy`.
        """
        self._chosen, audit = self._choose(X, noisy)
        super().fit(X, y, init_from=init_from, condition=condition)
        self.audit_ = audit
        return self

    @property
    def noise_(self) -> Noise | None:
        """What was added while training."""
        check_is_fitted(self)
        spec = self.model_.blueprint.corrupt
        return spec.filled(cast(nn.Module, self.module_.corrupt)) if isinstance(spec, Noise) else None

    def _choose(self, X: Any, noisy: Any) -> tuple[Noise | None, Audit | None]:
        """The noise to add, None where the form of the data decides, and how it compares with the real one."""
        caller, auto = type(self).__name__, isinstance(self.noise, str) and self.noise == "auto"
        if isinstance(self.noise, str) and not auto:
            raise bad_parameter(caller, "noise", "'auto', a noise of zl.noise, or a list of them", self.noise)
        noise = None if auto else as_noise(self.noise, caller)
        if noisy is None:
            return noise, None
        base = to_model_units(X, self.modality, caller)
        there = base.read_like(noisy)
        if noise is None:
            noise = fit_noise(profile_of(there, None), there.kind, noisy_units=False)
        audit = compare(noise, there, base)
        if not audit.realistic:
            more = "" if auto else f" In them there is {audit.suggestion!r}: noise='auto' trains on that."
            warnings.warn(f"{audit.verdict}{more} audit_ has the numbers.", UserWarning, stacklevel=3)
        return noise, audit

    def _corrupt_spec(self, schema: Any) -> Spec:
        dtype = np.dtype(getattr(schema, "dtype", "float32"))
        images = len(schema.in_shape) == 3
        noise: Spec | None = self._chosen
        if noise is None:
            if self.target == "y":
                return Identity()
            if images:
                noise = SaltAndPepper((0.0, 0.2)) if dtype.kind == "b" else Gaussian((0.0, 0.2))
            else:
                plain = getattr(schema, "scaling", "standard") == "standard" and getattr(schema, "numeric", True)
                noise = Gaussian((0.0, 0.5)) if plain else Masking(0.25)
        if images and dtype.kind in "ub" and not self.noise_conditional:
            parts = noise.noises if isinstance(noise, Chain) else (noise,)
            if not isinstance(parts[-1], Quantization):
                return Chain((*parts, Quantization(1 if dtype.kind == "b" else 8 * dtype.itemsize)))
        return noise

    def _loaded(self) -> None:
        """Recordings are kept beside the weights: give them back to the noise that the constructor got."""
        self.audit_, noise, given = None, self.noise_, self.noise
        if noise is None or isinstance(given, str):
            return
        parts = noise.noises if isinstance(noise, Chain) else (noise,)
        if isinstance(given, Chain):
            self.noise = Chain(parts[: len(given.noises)])
        else:
            self.noise = parts[: len(given)] if isinstance(given, tuple) else parts[0]
