"""Saving and loading of segmenters: parameters, network settings, classes and weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from zandloper import __version__
from zandloper.applications.segmentation.masks import Classes
from zandloper.applications.segmentation.model import SegmentationModel
from zandloper.applications.segmentation.network import Plan
from zandloper.errors import FileError
from zandloper.io.model_folder import write_folder
from zandloper.persistence.estimators import parameters_of, with_parameters


def save(segmenter: Any, path: str | Path, overwrite: bool) -> None:
    """Write a fitted segmenter."""
    classes, parameters = segmenter.model_.classes, parameters_of(segmenter)
    weight = segmenter.class_weight
    if isinstance(weight, dict):  # JSON has only texts as names
        parameters["class_weight"] = [[int(k), float(v)] for k, v in weight.items()]
        parameters["parameters_not_saved"].remove("class_weight")
    recipe = {
        **parameters,
        "plan": dataclasses.asdict(segmenter.model_.plan),
        "classes": {"values": classes.values.tolist(), "ignore": classes.ignore, "dtype": classes.dtype},
        "learned": {
            "n_epochs": segmenter.n_epochs_,
            "stopped_by": segmenter.stopped_by_,
            "seconds": round(segmenter.fit_seconds_, 2),
            "history": [{k: None if v != v else v for k, v in entry.items()} for entry in segmenter.history_],
        },
    }
    write_folder(path, recipe, dict(segmenter.module_.state_dict()), overwrite)


def segmenter_of(kind: type, path: str | Path, recipe: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
    """Restore a fitted segmenter from a recipe and weights; errors name `path`."""
    try:
        own = {"class_weight": dict(map(tuple, recipe["class_weight"]))} if "class_weight" in recipe else {}
        segmenter = with_parameters(kind, recipe, **own)
        plan: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in recipe["plan"].items()}
        made = Plan(**plan)
        classes, learned = recipe["classes"], recipe["learned"]
        values = np.array(classes["values"], bool if classes["dtype"] == "bool" else classes["dtype"])
        segmenter.classes_, segmenter.mask_offset_ = values, made.offset
        segmenter.n_epochs_, segmenter.stopped_by_ = learned["n_epochs"], learned["stopped_by"]
        segmenter.fit_seconds_ = learned["seconds"]
        segmenter.history_ = [{k: float("nan") if v is None else v for k, v in e.items()} for e in learned["history"]]
        module = made.build()
        module.load_state_dict(tensors)
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise FileError(f"{path} does not fit this zandloper ({__version__}): {error}") from error
    segmenter.module_ = module.eval()
    segmenter.model_ = SegmentationModel(module, made, Classes(values, classes["ignore"], classes["dtype"]))
    return segmenter
