"""zandloper: autoencoders for tables, images, sounds, series and texts.

Names load what they need when they are first used, so that `import zandloper` and the command line's help are quick.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AnomalyDetector": "zandloper.applications.detection.detector",
    "Autoencoder": "zandloper.autoencoders.autoencoder",
    "Compressor": "zandloper.applications.compression.compressor",
    "compare_with_pca": "zandloper.applications.studies.compare_with_pca",
    "compare_latent_dims": "zandloper.applications.studies.compare_latent_dims",
    "curves_table": "zandloper.applications.studies.curves_table",
    "Denoiser": "zandloper.applications.denoising.denoiser",
    "DenoisingAutoencoder": "zandloper.autoencoders.denoising",
    "Generator": "zandloper.applications.generation.generator",
    "MaskedAutoencoder": "zandloper.autoencoders.masked",
    "QuantizedAutoencoder": "zandloper.autoencoders.quantized",
    "Segmenter": "zandloper.applications.segmentation.segmenter",
    "SparseAutoencoder": "zandloper.autoencoders.sparse",
    "VariationalAutoencoder": "zandloper.autoencoders.variational",
    "load": "zandloper.persistence.load",
}
_MODULES = ("errors", "modality", "noise")

__all__ = ["__version__", *_HOMES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"zandloper.{name}")
    else:
        raise AttributeError(f"module 'zandloper' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
