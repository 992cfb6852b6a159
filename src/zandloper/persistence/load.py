"""`load`: whatever `save` wrote, an autoencoder of any type or an application. What there is, is found by discovery."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator
from torch import nn

from zandloper.io.model_folder import read_folder
from zandloper.persistence.estimators import type_of

HERE = Path(__file__).parents[1]


def load(path: str | Path, parts: dict[str, nn.Module] | None = None) -> Any:
    """Read a model that `save` wrote. No code from the file is run.

    Parameters
    ----------
    path : path of the folder
        Or the name of a model that comes with the package: "photo-denoiser".
    parts : dict of nn.Module
        The user's own modules by slot (encoder, decoder, loss, corrupt, bottleneck), where the model has any.

    Returns
    -------
    The fitted estimator, of the type that was saved.

    Raises
    ------
    FileError
        There is no model, or it is damaged, cut off, foreign or of a newer format.
    """
    shipped = HERE / "pretrained" / str(path)
    if not Path(path).exists() and shipped.parent == HERE / "pretrained" and shipped.is_dir():
        path = shipped
    recipe, tensors = read_folder(path)
    types = loadable()
    kind: Any = type_of(path, recipe, types)
    return kind._from_file(path, recipe, tensors, parts or {}, types)


def loadable() -> dict[str, type]:
    """All types that a folder may hold, by name: estimators that know how to come from a file, the user's own too."""
    for file in sorted((*HERE.glob("autoencoders/[!_]*.py"), *HERE.glob("applications/*/[!_]*.py"))):
        if "def _from_file(" not in file.read_text(encoding="utf-8") and file.parent.name != "autoencoders":
            continue  # plots and reports of applications are not needed to load one
        importlib.import_module(".".join(("zandloper", *file.relative_to(HERE).with_suffix("").parts)))
    return {kind.__name__: kind for kind in _subclasses(BaseEstimator) if hasattr(kind, "_from_file")}


def _subclasses(kind: type) -> list[type]:
    direct: list[type] = kind.__subclasses__()
    return [found for sub in direct for found in (sub, *_subclasses(sub))]
