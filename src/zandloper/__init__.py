"""zandloper: autoencoders for tables, images, sounds, series and texts.

Names load the modules that they need at their first use, so that `import zandloper` and the command line's help are
fast. `zl.losses`, `zl.networks`, `zl.bottlenecks` and `zl.priors` hold the parts of the model, `zl.modality` the ways
to read data, `zl.noise` the noises and `zl.errors` the errors.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers and editors; at run time the two tables below
    from zandloper import errors, modality, noise
    from zandloper.applications.compression.compressor import Compressor
    from zandloper.applications.denoising.denoiser import Denoiser
    from zandloper.applications.detection.detector import AnomalyDetector
    from zandloper.applications.generation.generator import Generator
    from zandloper.applications.segmentation.segmenter import Segmenter
    from zandloper.applications.studies.compare_latent_dims import compare_latent_dims
    from zandloper.applications.studies.compare_with_pca import compare_with_pca
    from zandloper.applications.studies.curves_table import curves_table
    from zandloper.autoencoders.autoencoder import Autoencoder
    from zandloper.autoencoders.denoising import DenoisingAutoencoder
    from zandloper.autoencoders.masked import MaskedAutoencoder
    from zandloper.autoencoders.quantized import QuantizedAutoencoder
    from zandloper.autoencoders.sparse import SparseAutoencoder
    from zandloper.autoencoders.variational import VariationalAutoencoder
    from zandloper.model import bottlenecks, losses, networks, priors
    from zandloper.persistence.load import load

__version__ = "0.1.0"

__all__ = [
    "AnomalyDetector",
    "Autoencoder",
    "Compressor",
    "Denoiser",
    "DenoisingAutoencoder",
    "Generator",
    "MaskedAutoencoder",
    "QuantizedAutoencoder",
    "Segmenter",
    "SparseAutoencoder",
    "VariationalAutoencoder",
    "__version__",
    "bottlenecks",
    "compare_latent_dims",
    "compare_with_pca",
    "curves_table",
    "errors",
    "load",
    "losses",
    "modality",
    "networks",
    "noise",
    "priors",
]

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
_MODULES = {
    "bottlenecks": "zandloper.model.bottlenecks",
    "errors": "zandloper.errors",
    "losses": "zandloper.model.losses",
    "modality": "zandloper.modality",
    "networks": "zandloper.model.networks",
    "noise": "zandloper.noise",
    "priors": "zandloper.model.priors",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'zandloper' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
