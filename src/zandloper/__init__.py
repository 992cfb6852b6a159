"""zandloper: autoencoders for tables, images, sounds, series and texts.

Names load what they need when they are first used, so that `import zandloper` and the command line's help are quick.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AnomalyDetector": "zandloper.application.anomaly_detector",
    "Autoencoder": "zandloper.autoencoder",
    "Compressor": "zandloper.application.compressor",
    "compare_with_pca": "zandloper.application.compare_with_pca",
    "compare_latent_dims": "zandloper.application.compare_latent_dims",
    "curves_table": "zandloper.application.curves_table",
    "Denoiser": "zandloper.application.denoiser",
    "DenoisingAutoencoder": "zandloper.denoising_autoencoder",
    "Generator": "zandloper.application.generator",
    "MaskedAutoencoder": "zandloper.masked_autoencoder",
    "QuantizedAutoencoder": "zandloper.quantized_autoencoder",
    "Segmenter": "zandloper.application.segmenter",
    "SparseAutoencoder": "zandloper.sparse_autoencoder",
    "VariationalAutoencoder": "zandloper.variational_autoencoder",
    "load": "zandloper.loading",
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
