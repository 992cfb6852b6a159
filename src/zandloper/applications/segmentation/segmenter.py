"""A class for every pixel: masks from images."""

from __future__ import annotations

import numbers
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from zandloper.applications.segmentation import segmenter_file
from zandloper.applications.segmentation.mask_alignment import mask_offset
from zandloper.applications.segmentation.masks import Classes, check_pairs, fields_of, overlaps, read_masks, table_of
from zandloper.applications.segmentation.network import Plan
from zandloper.applications.segmentation.prediction import entropy, probabilities
from zandloper.applications.segmentation.training import PATCH, Budget, fit_masks, weights_of
from zandloper.data.signals import Fields, read_fields
from zandloper.errors import DataError, bad_parameter
from zandloper.fitting.fit import interactive
from zandloper.fitting.validation import seed_of
from zandloper.training import defaults
from zandloper.training.patch_source import check_augmentations

if TYPE_CHECKING:  # loaded where it is asked for
    from matplotlib.figure import Figure

    from zandloper.applications.segmentation.report import SegmenterDescription
    from zandloper.report import Report


class Segmenter(BaseEstimator):
    """Gives every pixel of an image its class, from images with masks; two classes or more, images of any size.

    A U-Net trains on patches that are turned, bent and lit otherwise, and predicts by overlapping tiles that leave no
    seam. Its error is cross-entropy plus Dice, which counts rare classes like frequent ones.

    Parameters
    ----------
    hidden : tuple of int
        Channels of the U-Net's levels, the finest first, at which two by two pixels are one; each further level halves
        the image.
    skips : bool
        Whether the decoder gets what each level of the encoder knew (the U-Net), or the bottleneck alone.
    patch : int
        The side of training patches in pixels.
    augment : bool
        Whether patches are turned, bent, scaled and lit otherwise. False where up and down, or gray values, tell.
        With it, masks that lie beside what images show, as hand-drawn ones do by parts of a pixel, are moved onto it
        before training, and predictions back (see `zandloper.applications.segmentation.mask_alignment`).
    n_augmentations : 1, 2, 4 or 8
        The number of flipped and turned copies of an image that the network predicts; the mean of their probabilities
        is the result. 1: the image as it is. 8: all flips and quarter turns, better, at eight times the work. With
        `augment=False` always 1.
    class_weight : None, "balanced" or dict
        What the cross-entropy of each class weighs: alike, as rare as it is, or by class. Dice counts classes alike
        whatever this says. With None, the scores of classes are tipped after training to where the mean intersection
        over union is largest, on images that validate, or without such on some that trained.
    ignore : int or None
        The number in masks that means: nobody knows. Such pixels count nowhere.
    validation : None or float
        The share of the images that only validates. None: a twentieth, from 20 images on.
    max_epochs : int or None
        Passes over the pixels; None: as many as `max_minutes` allows, or without it up to 3,000 steps.
    max_minutes : float or None
        At most so many minutes for all of `fit`; the learning rate falls with them.
    device : str
    random_state : int, RandomState or None
        Ended by epochs, the same number gives the same bits. Ended by minutes, data and changes are still the same at
        each step, but rates follow the clock.
    verbose : "auto" or bool

    Attributes
    ----------
    module_ : nn.Module
    classes_ : ndarray
        The numbers that stand in masks, in rising order.
    mask_offset_ : (float, float)
        How many pixels the masks lie below and right of what the images show; 0 where that is not certain.
    history_ : list of dict
        Per epoch: epoch, train, validation.
    n_epochs_, stopped_by_, fit_seconds_
        As those of `Autoencoder`.

    Examples
    --------
    >>> import numpy as np
    >>> import zandloper as zl
    >>> rng = np.random.default_rng(0)
    >>> masks = np.zeros((6, 48, 40), np.uint8)
    >>> for mask in masks:
    ...     y, x = rng.integers(4, 28, 2)
    ...     mask[y : y + 12, x : x + 12] = 1
    >>> images = np.clip(90 + 70 * masks + rng.normal(0, 30, masks.shape), 0, 255).astype(np.uint8)
    >>> model = zl.Segmenter(hidden=(8, 16), max_epochs=40, random_state=0).fit(images, masks)
    >>> model.predict(images).shape
    (6, 48, 40)
    >>> bool(model.score(images, masks) > 0.8)
    True

    References
    ----------
    Ronneberger, Fischer and Brox 2015, "U-Net: convolutional networks for biomedical image segmentation"; Isensee et
    al. 2021, "nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation".
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (32, 64, 128, 256),
        skips: bool = True,
        patch: int = PATCH,
        augment: bool = True,
        n_augmentations: int = 8,
        class_weight: Any = None,
        ignore: int | None = None,
        validation: float | None = None,
        max_epochs: int | None = None,
        max_minutes: float | None = None,
        device: str = "auto",
        random_state: Any = None,
        verbose: Any = "auto",
    ) -> None:
        self.hidden = hidden
        self.skips = skips
        self.patch = patch
        self.augment = augment
        self.n_augmentations = n_augmentations
        self.class_weight = class_weight
        self.ignore = ignore
        self.validation = validation
        self.max_epochs = max_epochs
        self.max_minutes = max_minutes
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, *, unlabeled: Any = None) -> Self:
        """Learn from images and their masks.

        Parameters
        ----------
        X : array, list of images or path
            (n, height, width) or (n, height, width, channels), a list of images of any size, or a folder; integers or
            floats in [0, 1].
        y : array, list of masks or path
            A whole number for every pixel.
        unlabeled : images, optional
            Further images without masks: the encoder first learns to rebuild hidden parts of all images, which helps
            where masks are few.

        Returns
        -------
        self

        Raises
        ------
        DataError, ParameterError
            Images or masks cannot be used; the sentence says what was got, what is wanted and what to do.
        """
        started, caller = time.monotonic(), type(self).__name__
        self._check()
        if y is None:
            raise DataError(f"{caller} requires y to be passed, but the target y is None: pass fit(images, masks)")
        images, masks = read_fields(X, "image", caller), read_masks(y, caller)
        check_pairs(images, masks, caller)
        more = [] if unlabeled is None else read_fields(unlabeled, "image", f"{caller}'s unlabeled").items
        channels = {len(item.values) for item in (*images.items, *more)}
        if len(channels) > 1:
            raise DataError(f"{caller} got images of {sorted(channels)} channels: convert them to one kind")
        classes = Classes.learn(masks, None if self.ignore is None else int(self.ignore), caller)
        fields = fields_of(classes, masks, caller)
        weights = weights_of(self.class_weight, classes, fields)
        seed = seed_of(self.random_state, caller)
        offset = mask_offset(images.items, fields, len(classes)) if self.augment else (0.0, 0.0)
        hidden = tuple(int(h) for h in self.hidden)
        plan = Plan(channels.pop(), len(classes), hidden, bool(self.skips), weights, offset=offset)
        budget = Budget(
            self.max_epochs,
            self.max_minutes,
            defaults.device(self.device, caller),
            seed,
            interactive() if self.verbose == "auto" else bool(self.verbose),
            bool(self.augment),
            int(self.patch),
            self.validation,
        )
        self.module_, run = fit_masks(plan, images.items, fields, more, budget, started)
        self._plan, self._classes = plan, classes
        self.classes_, self.mask_offset_ = classes.values, plan.offset
        self.history_, self.n_epochs_, self.stopped_by_ = run.history, run.epoch, run.stopped_by
        self.fit_seconds_ = time.monotonic() - started
        return self

    def predict(self, X: Any) -> Any:
        """Masks of images of any size, (height, width) each, with the numbers and the dtype of those that trained."""
        return self._each(X, lambda p: self._classes.mask(p.argmax(-1)))

    def predict_proba(self, X: Any) -> Any:
        """The probability of every class at every pixel, (height, width, classes) for each image, float32."""
        return self._each(X, lambda p: p)

    def uncertainty(self, X: Any) -> Any:
        """How unsure the prediction of every pixel is, (height, width) for each image: 0 sure, 1 a mere guess.

        The entropy of the probabilities over the largest that so many classes can have.
        """
        return self._each(X, entropy)

    def score(self, X: Any, y: Any) -> float:
        """The mean over the classes of intersection over union, over all pixels of all images together."""
        return float(np.nanmean(list(self.iou(X, y).values())))

    def iou(self, X: Any, y: Any) -> dict[Any, float]:
        """Intersection over union of each class by its number, over all pixels of all images together.

        NaN for a class that neither the masks nor the predictions have.
        """
        return dict(zip(self.classes_.tolist(), overlaps(self.confusion(X, y)).tolist()))

    def confusion(self, X: Any, y: Any) -> np.ndarray:
        """How many pixels of each class (row) were given which class (column), in the order of `classes_`."""
        caller, masks = type(self).__name__, read_masks(y, type(self).__name__)
        images = self._read(X)
        check_pairs(images, masks, caller)
        said = (p.argmax(-1) for p in self._probabilities(images))
        return table_of(said, fields_of(self._classes, masks, caller), len(self._classes))

    def plot(self, X: Any, y: Any = None, n: int = 3) -> Figure:
        """Images, their masks where given, predictions and uncertainty side by side, n of them."""
        from zandloper.applications.segmentation.report import segmenter_figure

        return segmenter_figure(self, X, y, n)

    def describe(self) -> SegmenterDescription:
        """Its nets, classes and training; prints well."""
        from zandloper.applications.segmentation.report import describe_segmenter

        check_is_fitted(self)
        return describe_segmenter(self)

    def report(self, X: Any, y: Any = None) -> Report:
        """Pictures of predictions, figures of each class where masks are given, training and settings on one page.

        It needs no network: `report(X, y).save("report.html")`.
        """
        from zandloper.applications.segmentation.report import segmenter_report

        check_is_fitted(self)
        return segmenter_report(self, X, y)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the segmenter as a folder of JSON and safetensors, whole or not at all; `zl.load` gives it back.

        Raises
        ------
        FileError
            Something stands there already (an earlier model is replaced with `overwrite=True`), the disk is full ...
        """
        check_is_fitted(self)
        segmenter_file.save(self, path, overwrite)

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """What `save` wrote, out of a folder's recipe and weights."""
        segmenter: Self = segmenter_file.segmenter_of(cls, path, recipe, tensors)
        return segmenter

    # ------------------------------------------------------------------------------------------------------------------

    def _read(self, X: Any) -> Fields:
        check_is_fitted(self)
        images = read_fields(X, "image", type(self).__name__)
        wrong = sorted(images.channels - {self._plan.channels})
        if wrong:
            raise DataError(
                f"{type(self).__name__} was fitted on images of {self._plan.channels} channels and got one of "
                f"{wrong[0]}: convert it"
            )
        return images

    def _probabilities(self, images: Fields) -> Any:
        """Image by image, so that one is held at a time."""
        check_augmentations(self.n_augmentations, type(self).__name__)  # may have been set after `fit`
        device = defaults.device(self.device, type(self).__name__)
        n_augmentations = self.n_augmentations if self.augment else 1
        return (probabilities(self.module_, item, n_augmentations, device) for item in images.items)

    def _each(self, X: Any, function: Any) -> Any:
        """A function of the probabilities of each image, given back as the images came."""
        images = self._read(X)
        out = [function(p) for p in self._probabilities(images)]
        if images.shape == "one":
            return out[0]
        return np.stack(out) if images.shape == "array" else out

    def _check(self) -> None:
        caller = type(self).__name__

        def whole(value: Any, low: int) -> bool:
            return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= low

        def number(value: Any) -> bool:
            return isinstance(value, numbers.Real) and not isinstance(value, bool) and np.isfinite(float(value))

        check_augmentations(self.n_augmentations, caller)
        layers = isinstance(self.hidden, tuple | list) and len(self.hidden) > 0
        weight = self.class_weight
        checks = (
            ("hidden", "a tuple of positive integers", layers and all(whole(h, 1) for h in self.hidden)),
            ("patch", "an integer >= 8", whole(self.patch, 8)),
            ("ignore", "an integer or None", self.ignore is None or whole(self.ignore, -(2**62))),
            ("class_weight", "None, 'balanced' or a dict", weight in (None, "balanced") or isinstance(weight, dict)),
            ("max_epochs", "None or an integer >= 1", self.max_epochs is None or whole(self.max_epochs, 1)),
            (
                "max_minutes",
                "None or a finite number above 0",
                self.max_minutes is None or (number(self.max_minutes) and self.max_minutes > 0),
            ),
            (
                "validation",
                "None or a share from 0 to below 1",
                self.validation is None or (number(self.validation) and 0 <= self.validation < 1),
            ),
        )
        for name, wanted, good in checks:
            if not good:
                raise bad_parameter(caller, name, wanted, getattr(self, name))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags
