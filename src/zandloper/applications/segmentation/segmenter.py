"""The estimator for semantic segmentation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from zandloper.applications.segmentation import segmenter_file
from zandloper.applications.segmentation.mask_alignment import mask_offset
from zandloper.applications.segmentation.masks import (
    Classes,
    check_pairs,
    iou_by_class,
    label_fields,
    read_masks,
    total_confusion,
)
from zandloper.applications.segmentation.model import SegmentationModel
from zandloper.applications.segmentation.network import Plan
from zandloper.applications.segmentation.parameters import check_parameters, prediction_options
from zandloper.applications.segmentation.prediction import entropy
from zandloper.applications.segmentation.training import PATCH, FitOptions, train_network, weights_of
from zandloper.data.signals import Fields, read_fields
from zandloper.errors import DataError
from zandloper.fitting.fit import interactive
from zandloper.fitting.validation import seed_of
from zandloper.training import defaults

if TYPE_CHECKING:  # loaded where it is asked for
    from matplotlib.figure import Figure

    from zandloper.applications.segmentation.report import SegmenterDescription
    from zandloper.report import Report


class Segmenter(BaseEstimator):
    """Semantic segmentation: a U-Net that classifies every pixel of images of any size.

    It trains on augmented patches of images with masks, and predicts in overlapping tiles without seams. The loss is
    cross-entropy plus Dice, in which rare classes count as much as frequent ones.

    Parameters
    ----------
    hidden : tuple of int
        Channels of the U-Net's levels, the finest first, at which two by two pixels are one; each further level halves
        the image.
    skips : bool
        True: the decoder receives the features of each level of the encoder (the U-Net). False: the bottleneck alone.
    patch : int
        The side of training patches in pixels.
    augment : bool
        True: patches are flipped, turned, deformed and scaled, and their brightness and contrast changed. False if
        orientation or gray values identify classes. With True, displaced masks, as hand-drawn ones are by fractions of
        a pixel, are aligned with the images before training, and predictions are moved back (see
        `zandloper.applications.segmentation.mask_alignment`).
    n_augmentations : 1, 2, 4 or 8
        The number of flipped and turned copies of an image that the network predicts; the mean of their probabilities
        is the result. 1: the image as it is. 8: all flips and quarter turns, better, at eight times the work. With
        `augment=False` always 1.
    class_weight : None, "balanced" or dict
        Weights of the classes in the cross-entropy: equal, inversely proportional to their frequency, or by class. In
        Dice, classes count equally. With None, class scores are tuned after training to the largest mean intersection
        over union, on validation images or, without such, on some training images.
    ignore : int or None
        The value of unknown pixels in masks, which are left out everywhere.
    validation : None or float
        Share of the images that only validate. None: a twentieth, from 20 images on.
    max_epochs : int or None
        Passes over the pixels. None: until `max_minutes` have passed, or without it up to 3,000 steps.
    max_minutes : float or None
        Time limit for all of `fit`; the learning rate falls with the time.
    device : str
    random_state : int, RandomState or None
        A run that `max_epochs` ends is reproduced exactly by the same number. In a run that `max_minutes` ends, the
        patches of each step are the same, but learning rates follow the clock.
    verbose : "auto" or bool

    Attributes
    ----------
    module_ : nn.Module
    classes_ : ndarray
        The values in masks, in rising order.
    mask_offset_ : (float, float)
        Pixels by which masks are displaced down and right; 0 if that is not significant.
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
        """Train on images with masks.

        Parameters
        ----------
        X : array, list of images or path
            (n, height, width) or (n, height, width, channels), a list of images of any size, or a folder; integers or
            floats in [0, 1].
        y : array, list of masks or path
            An integer for every pixel.
        unlabeled : images, optional
            Further images without masks: the encoder is first trained to reconstruct masked parts of all images, which
            helps if masks are few.

        Returns
        -------
        self

        Raises
        ------
        DataError, ParameterError
            Images or masks cannot be used; the message names what was given, what is needed and the remedy.
        """
        started, caller = time.monotonic(), type(self).__name__
        check_parameters(self)
        if y is None:
            raise DataError(f"{caller} requires y to be passed, but the target y is None: pass fit(images, masks)")
        images, masks = read_fields(X, "image", caller), read_masks(y, caller)
        check_pairs(images, masks, caller)
        more = [] if unlabeled is None else read_fields(unlabeled, "image", f"{caller}'s unlabeled").items
        channels = {len(item.values) for item in (*images.items, *more)}
        if len(channels) > 1:
            raise DataError(f"{caller} got images of {sorted(channels)} channels: convert them to one kind")
        classes = Classes.learn(masks, None if self.ignore is None else int(self.ignore), caller)
        fields = label_fields(classes, masks, caller)
        weights = weights_of(self.class_weight, classes, fields)
        seed = seed_of(self.random_state, caller)
        offset = mask_offset(images.items, fields, len(classes)) if self.augment else (0.0, 0.0)
        hidden = tuple(int(h) for h in self.hidden)
        plan = Plan(channels.pop(), len(classes), hidden, bool(self.skips), weights, offset=offset)
        options = FitOptions(
            self.max_epochs,
            self.max_minutes,
            defaults.device(self.device, caller),
            seed,
            interactive() if self.verbose == "auto" else bool(self.verbose),
            bool(self.augment),
            int(self.patch),
            self.validation,
        )
        self.module_, run = train_network(plan, images.items, fields, more, options, started)
        self.model_ = SegmentationModel(self.module_, plan, classes)
        self.classes_, self.mask_offset_ = classes.values, plan.offset
        self.history_, self.n_epochs_, self.stopped_by_ = run.history, run.epoch, run.stopped_by
        self.fit_seconds_ = time.monotonic() - started
        return self

    def predict(self, X: Any) -> Any:
        """Predict masks of images of any size, (height, width) each, in the values and dtype of the training masks."""
        return self._each(X, lambda p: self.model_.classes.decode(p.argmax(-1)))

    def predict_proba(self, X: Any) -> Any:
        """The probability of every class at every pixel, (height, width, classes) for each image, float32."""
        return self._each(X, lambda p: p)

    def uncertainty(self, X: Any) -> Any:
        """The uncertainty of every pixel, (height, width) for each image: 0 certain, 1 all classes equally probable.

        It is the entropy of the probabilities divided by the largest possible one.
        """
        return self._each(X, entropy)

    def score(self, X: Any, y: Any) -> float:
        """The mean over the classes of intersection over union, over all pixels of all images together."""
        return float(np.nanmean(list(self.iou(X, y).values())))

    def iou(self, X: Any, y: Any) -> dict[Any, float]:
        """Intersection over union of each class by its number, over all pixels of all images together.

        NaN for a class in neither the masks nor the predictions.
        """
        return dict(zip(self.classes_.tolist(), iou_by_class(self.confusion(X, y)).tolist()))

    def confusion(self, X: Any, y: Any) -> np.ndarray:
        """The confusion matrix in pixels, true classes in rows, predicted ones in columns, in order of `classes_`."""
        images = self._read(X)
        masks = self.model_.read_masks(images, y, type(self).__name__)
        predicted = (p.argmax(-1) for p in self._probabilities(images))
        return total_confusion(predicted, masks, len(self.model_.classes))

    def plot(self, X: Any, y: Any = None, n: int = 3) -> Figure:
        """Plot n images with their masks, if given, predictions and uncertainty."""
        from zandloper.applications.segmentation.report import segmenter_figure

        return segmenter_figure(self, X, y, n)

    def describe(self) -> SegmenterDescription:
        """Describe the network, the classes and the training; the result prints as a text."""
        from zandloper.applications.segmentation.report import describe_segmenter

        check_is_fitted(self)
        return describe_segmenter(self)

    def report(self, X: Any, y: Any = None) -> Report:
        """An HTML page with predictions, metrics of each class if masks are given, training and settings.

        It works offline: `report(X, y).save("report.html")`.
        """
        from zandloper.applications.segmentation.report import segmenter_report

        check_is_fitted(self)
        return segmenter_report(self, X, y)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the segmenter as a folder of JSON and safetensors, completely or not at all; `zl.load` reads it.

        Raises
        ------
        FileError
            The path exists (an earlier model is replaced with `overwrite=True`), the disk is full ...
        """
        check_is_fitted(self)
        segmenter_file.save(self, path, overwrite)

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """Restore a segmenter from the recipe and the weights of a folder."""
        segmenter: Self = segmenter_file.segmenter_of(cls, path, recipe, tensors)
        return segmenter

    # ------------------------------------------------------------------------------------------------------------------

    def _read(self, X: Any) -> Fields:
        check_is_fitted(self)
        return self.model_.read(X, type(self).__name__)

    def _probabilities(self, images: Fields) -> Iterator[np.ndarray]:
        return self.model_.probabilities(images, *prediction_options(self))

    def _each(self, X: Any, function: Callable[[np.ndarray], np.ndarray]) -> Any:
        """Apply a function to the probabilities of each image; the results are one, a list or an array, as X is."""
        images = self._read(X)
        out = [function(p) for p in self._probabilities(images)]
        if images.shape == "one":
            return out[0]
        return np.stack(out) if images.shape == "array" else out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags
