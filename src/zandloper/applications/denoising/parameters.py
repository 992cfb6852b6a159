"""Checks of the parameters of a denoiser, and of the data and the model that its `fit` receives."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.data.frames import dims_of, is_frame
from zandloper.errors import DataError, bad_parameter
from zandloper.fitting.validation import check_budget
from zandloper.modality import infer
from zandloper.model.corruptions import Noise
from zandloper.training.patch_source import check_augmentations

LEARN_FROM = ("auto", "clean", "pairs", "noisy")
SIGNALS = ("image", "audio")


def check_parameters(denoiser: Any) -> None:
    """Refuse parameters of a wrong type or out of their range."""
    caller, d = type(denoiser).__name__, denoiser
    if d.learn_from not in LEARN_FROM:
        raise bad_parameter(caller, "learn_from", f"one of {list(LEARN_FROM)}", d.learn_from)
    if isinstance(d.noise, str) and d.noise != "auto":
        raise bad_parameter(caller, "noise", "'auto', a noise of zl.noise, or a list of them", d.noise)
    check_effort(d)
    if d.autoencoder is not None and not isinstance(d.autoencoder, BaseAutoencoder):
        raise bad_parameter(caller, "autoencoder", "None or an autoencoder of zandloper", d.autoencoder)
    name = getattr(d.modality, "name", d.modality)
    kinds = ("auto", *SIGNALS, "series", "table")
    if name not in kinds:
        raise bad_parameter(caller, "modality", f"one of {list(kinds)} or an object of zl.modality", d.modality)
    hidden = isinstance(d.hidden, tuple | list) and len(d.hidden) > 0
    if d.hidden != "auto" and not (hidden and all(isinstance(h, int) and h > 0 for h in d.hidden)):
        raise bad_parameter(caller, "hidden", "'auto' or a tuple of positive integers", d.hidden)
    check_budget(d, caller)


def check_effort(denoiser: Any) -> None:
    """Refuse values of the parameters of `transform`, which may be set after `fit`."""
    caller = type(denoiser).__name__
    check_augmentations(denoiser.n_augmentations, caller, "auto")
    if not (isinstance(denoiser.patch_matching, bool) or denoiser.patch_matching == "auto"):
        raise bad_parameter(caller, "patch_matching", "True, False or 'auto'", denoiser.patch_matching)


def modality_name(denoiser: Any, X: Any) -> str:
    """The name of the modality of data."""
    name = getattr(denoiser.modality, "name", denoiser.modality)
    return infer(X, type(denoiser).__name__) if name == "auto" else str(name)


def check_patch_matching(denoiser: Any, kind: str) -> None:
    """Refuse patch matching for other data than images, and with an autoencoder."""
    if denoiser.patch_matching and not (kind == "image" and denoiser.autoencoder is None):
        raise DataError(
            f"{type(denoiser).__name__} compares similar patches of images alone, without an autoencoder, and got "
            f"{kind} data{'' if denoiser.autoencoder is None else ' and an autoencoder'}: leave out patch_matching=True"
        )


def is_labels(denoiser: Any, kind: str, y: Any) -> bool:
    """True if the y of a table is labels, which pipelines pass, and no clean rows."""
    return denoiser.learn_from != "pairs" and kind == "table" and y is not None and not (is_frame(y) or dims_of(y) == 2)


def choose_learn_from(denoiser: Any, kind: str, noise: Noise | None, y: Any, noisy: Any) -> str:
    """The kind of training data, "clean", "pairs" or "noisy"; data that do not fit it are refused."""
    caller, learn_from = type(denoiser).__name__, denoiser.learn_from
    if learn_from == "auto":
        named = noise is not None or noisy is not None or kind not in SIGNALS
        learn_from = "pairs" if y is not None else "clean" if named else "noisy"
    if (learn_from == "pairs") != (y is not None):
        raise DataError(
            f"{caller} learns from pairs and got no clean data: pass fit(noisy, clean)"
            if y is None
            else f'{caller} got two sets of data and learn_from="{learn_from}": pass one, or learn_from="pairs"'
        )
    if noisy is not None and learn_from != "clean":
        raise DataError(f"`noisy` of {caller}.fit goes with clean data: pass fit(clean, noisy=...)")
    return str(learn_from)


def check_init_from(denoiser: Any, init_from: Any, kind: str, whole: bool) -> None:
    """Refuse a model to start from that is of another kind of data or denoises in another way."""
    caller = type(denoiser).__name__
    if not isinstance(init_from, type(denoiser)):
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
