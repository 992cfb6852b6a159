"""A fitted segmentation model: the network, its settings and the classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zandloper.applications.segmentation.masks import Classes, check_pairs, label_fields, read_masks
from zandloper.applications.segmentation.network import Plan, SpatialHourglass
from zandloper.applications.segmentation.prediction import probabilities
from zandloper.data.signals import Field, Fields, read_fields
from zandloper.errors import DataError


@dataclass(frozen=True)
class SegmentationModel:
    """All that predictions need.

    Parameters
    ----------
    module : SpatialHourglass
    plan : Plan
    classes : Classes
    """

    module: SpatialHourglass
    plan: Plan
    classes: Classes

    def read(self, X: Any, caller: str) -> Fields:
        """Read images with the number of channels of the training images."""
        images = read_fields(X, "image", caller)
        wrong = sorted(images.channels - {self.plan.channels})
        if wrong:
            raise DataError(
                f"{caller} was fitted on images of {self.plan.channels} channels and got one of {wrong[0]}: convert it"
            )
        return images

    def read_masks(self, images: Fields, y: Any, caller: str) -> list[Field]:
        """Read the masks of images as fields of class indices."""
        masks = read_masks(y, caller)
        check_pairs(images, masks, caller)
        return label_fields(self.classes, masks, caller)

    def probabilities(self, images: Fields, n_augmentations: int, device: str) -> Iterator[np.ndarray]:
        """Yield the class probabilities of one image at a time, (height, width, classes)."""
        return (probabilities(self.module, item, n_augmentations, device) for item in images.items)
