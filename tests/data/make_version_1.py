"""Made with commit 960210c, format version 1: the folders in `version_1`, one of each kind of model.

It cannot be run with later code: it wrote once what later code must be able to read. Each kind is a folder that `save`
wrote, and an archive with the inputs (arrays, or the name of the function in `version_1_inputs.py` that makes them) and
the outputs of the model in memory.

    python make_version_1.py [KIND ...]
"""

from __future__ import annotations

import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import version_1_inputs as inputs
import zandloper.application.anomaly_detector
import zandloper.denoising.similar
from sklearn.frozen import FrozenEstimator
from zandloper.modality.symbols import SymbolTable
from zandloper.prior.autoregressive import Autoregressive
from zandloper.prior.mixture import Mixture
from zandloper.prior.score import Score

import zandloper as zl
from zandloper import noise
from zandloper.modality import Audio, Image, Series, Text
from zandloper.modality.table import Table

HERE = Path(__file__).parent / "version_1"

FEW: dict[str, Any] = {"max_epochs": 1, "random_state": 0}
NET: dict[str, Any] = {"latent_dim": 2, "hidden": (4,), **FEW}
SCORE = Score(width=8, layers=1, steps=4, components=3)
SYMBOLS = Autoregressive(width=8, layers=1, heads=2)
WINDOW = Series(window=12, stride=4)
SOUND = Audio(sample_rate=inputs.RATE, bands=8)
TOLD = noise.Gaussian((0.05, 1.0), "log")

KINDS: dict[str, tuple[Any, dict[str, str]]] = {}
"""Each kind: a model, and the functions in `version_1_inputs.py` whose values `fit` gets."""


def kind(name: str, model: Any, X: str, **more: str) -> None:
    """Note a kind."""
    KINDS[name] = model, {"X": X, **more}


def autoencoders() -> None:
    """The plain type, of all modalities, nets and errors."""
    kind("autoencoder_table", zl.Autoencoder(**NET), "table")
    kind("autoencoder_table_gaps", zl.Autoencoder(**NET, loss="mae", modality=Table()), "table_with_gaps")
    kind("autoencoder_table_truths", zl.Autoencoder(**NET, loss="bce"), "truths")
    kind("autoencoder_table_classes", zl.Autoencoder(**NET, loss="categorical"), "class_numbers")
    kind("autoencoder_frame", zl.Autoencoder(**NET), "frame")
    kind("autoencoder_frame_polars", zl.Autoencoder(**NET), "polars_frame")
    kind("autoencoder_frame_arrow", zl.Autoencoder(**NET), "arrow_frame")
    kind("autoencoder_linear", zl.Autoencoder(0.9, (), **FEW), "table")
    kind("autoencoder_images_dense", zl.Autoencoder(**NET), "images")
    kind("autoencoder_images_conv2d", zl.Autoencoder(**NET, encoder="conv2d"), "images")
    kind("autoencoder_images_residual", zl.Autoencoder(**NET, encoder="residual", linear_path=False), "images")
    unet = {**NET, "hidden": (2, 4), "modality": Image(size=(8, 8), channels=3)}
    kind("autoencoder_images_unet2d", zl.Autoencoder(**unet, encoder="unet2d", linear_path=False), "colours")
    kind("autoencoder_series_dense", zl.Autoencoder(**NET, modality=WINDOW), "series")
    kind("autoencoder_series_conv1d", zl.Autoencoder(**NET, encoder="conv1d", modality=WINDOW), "several_series")
    quantile = Series(window=12, stride=4, scaling="quantile")
    kind("autoencoder_series_frame", zl.Autoencoder(**NET, modality=quantile), "series_frame")
    kind("autoencoder_audio", zl.Autoencoder(**NET, linear_path=False, modality=SOUND), "sounds")
    waveform = Audio(sample_rate=inputs.RATE, seconds=0.02, form="waveform")
    kind("autoencoder_audio_waveform", zl.Autoencoder(**NET, linear_path=False, modality=waveform), "sounds")
    kind("autoencoder_text", zl.Autoencoder(**NET), "texts")
    subwords = Text(tokens="subwords", vocabulary=40, window=10)
    kind("autoencoder_text_subwords", zl.Autoencoder(**NET, modality=subwords), "texts")
    kind("autoencoder_text_characters", zl.Autoencoder(**NET, modality=Text(tokens="characters", window=8)), "texts")
    kind("autoencoder_own_parts", zl.Autoencoder(**inputs.own_parts(), **FEW), "table", parts="own_parts")
    target = {**NET, "target": "y"}
    kind("autoencoder_target_table", zl.Autoencoder(**target), "table", y="few_numbers")
    kind("autoencoder_target_labels", zl.Autoencoder(**target), "table", y="labels")
    kind("autoencoder_target_images", zl.Autoencoder(**target, target_modality="image"), "frame", y="float_images")
    one = Series(window=12, stride=12)
    kind("autoencoder_target_series", zl.Autoencoder(**target, target_modality=one), "table", y="windows")
    kind("autoencoder_target_text", zl.Autoencoder(**target, target_modality="text"), "images", y="texts")
    kind("autoencoder_condition", zl.Autoencoder(**NET), "table", condition="labels")


def types() -> None:
    """The sparse, the denoising and the masked type."""
    for method in ("topk", "l1", "kl", "dropout"):
        own = {**NET, "latent_dim": 8, "method": method}
        kind(f"sparse_{method}", zl.SparseAutoencoder(**own), "table")
    kind("sparse_images", zl.SparseAutoencoder(8, (4,), sparsity=2, dropout=0.1, **FEW), "images")

    def denoising(name: str, X: str, **own: Any) -> None:
        kind(f"denoising_{name}", zl.DenoisingAutoencoder(**{**NET, **own}), X)

    denoising("table", "table")
    denoising("frame", "frame")
    denoising("images", "images")
    denoising(
        "images_attention", "float_images", modality="image", encoder="attention", noise=noise.Masking(0.5, 2, "mean")
    )
    denoising("images_binary", "binary_images", modality="image")
    camera = [noise.Blur(0.5), noise.PoissonGaussian(40, 0.05), noise.SaltAndPepper(0.02), noise.Quantisation(8)]
    denoising("images_chain", "float_images", modality="image", noise=camera)
    denoising(
        "images_recorded", "float_images", modality="image", noise=noise.Recorded(inputs.squares(6, 9, 2), level=0.1)
    )
    denoising("images_poisson", "float_images", modality="image", noise=noise.Poisson((20.0, 60.0)))
    sensor = [noise.Spikes(0.02), noise.Speckle(0.1), noise.Coloured((1, 0.5, 0.1), snr=10.0), noise.Dropouts(0.1)]
    denoising("series_chain", "series", noise=sensor, modality=WINDOW)
    hum = noise.Hum(50, sample_rate=600.0, harmonics=2, level=0.2)
    denoising("series_hum", "series", noise=hum, modality=WINDOW)
    recordings = [inputs.scattered(50, 2, seed=30), inputs.scattered(30, 2, seed=31)]
    denoising("series_recorded", "series", noise=noise.Recorded(recordings, snr=(5.0, 10.0)), modality=WINDOW)
    denoising("table_told", "table", noise=TOLD, told=True, linear_path=False)
    denoising("frame_told_missing", "frame", noise=noise.Masking(0.3), told=True)
    denoising("series_told_missing", "series_with_gaps", noise=noise.Dropouts(0.2), told=True, modality=WINDOW)

    masked = {**NET, "latent_dim": 4}
    kind("masked_frame", zl.MaskedAutoencoder(**masked), "frame")
    kind("masked_table", zl.MaskedAutoencoder(**masked, encoder="dense", modality=SymbolTable()), "table_with_gaps")
    kind("masked_condition", zl.MaskedAutoencoder(**masked, modality=Table()), "table", condition="labels")


def generative_types() -> None:
    """The variational and the quantised type."""

    def variational(name: str, X: str, condition: str | None = None, **own: Any) -> None:
        given = {} if condition is None else {"condition": condition}
        kind(f"variational_{name}", zl.VariationalAutoencoder(**{**NET, **own}), X, **given)

    variational("normal", "table", prior="normal", beta=0.5, warmup=0.2, free_bits=0.1, importance_samples=3)
    variational("mixture", "table")
    variational("mixture_object", "table", prior=Mixture())
    variational("score", "table", prior=SCORE)
    variational("condition", "table", condition="condition_frame", prior=SCORE)
    variational("frame", "frame", prior="normal")
    variational("images_bce", "float_images", modality="image", loss="bce")
    variational("images_discretised", "images", loss="discretised")
    variational("images_condition", "images", condition="labels", prior=SCORE, encoder="conv2d")
    variational("series", "series", modality=WINDOW)

    symbols = {**NET, "latent_dim": 3, "codes": 8, "code_dim": 2, "prior": SYMBOLS}
    fsq = {**NET, "latent_dim": 3, "method": "fsq", "levels": (4, 3), "prior": SYMBOLS}
    kind("quantized_vq", zl.QuantizedAutoencoder(**symbols), "table")
    kind("quantized_fsq", zl.QuantizedAutoencoder(**fsq), "table")
    kind("quantized_frame", zl.QuantizedAutoencoder(**symbols), "frame")
    kind("quantized_condition", zl.QuantizedAutoencoder(**symbols), "table", condition="labels")
    kind("quantized_series", zl.QuantizedAutoencoder(**fsq, modality=WINDOW), "series")
    grid = {**symbols, "latent_dim": 4, "encoder": "grid"}
    kind("quantized_grid_summaries", zl.QuantizedAutoencoder(**{**grid, "hidden": (4, 4), "latent_dim": 6}), "images")


def shrink_defaults() -> None:
    """Have smaller nets where a size cannot be given: only sizes differ, a folder has the same parts."""
    whole = zandloper.application.anomaly_detector.default_model

    def smaller(*given: Any) -> Any:
        """The default model of a detector."""
        return whole(*given).set_params(latent_dim=4, hidden=(8,), max_epochs=1)

    zandloper.application.anomaly_detector.default_model = smaller
    zandloper.denoising.similar.Similar = partial(zandloper.denoising.similar.Similar, width=8)  # type: ignore


def detectors() -> None:
    """Detectors of all modalities that they take: sounds are none of those."""
    rate = {"false_alarm_rate": 0.1, "random_state": 0}
    kind("detector_table", zl.AnomalyDetector(**rate, trim=0.1), "table")
    kind("detector_table_gaps", zl.AnomalyDetector(**rate, neighbours=0), "table_with_gaps")
    kind("detector_fast", zl.AnomalyDetector(**rate, fast=True), "table")
    kind("detector_frame", zl.AnomalyDetector(**rate), "frame")
    kind("detector_images", zl.AnomalyDetector(**rate, fast=True, modality="image"), "float_images")
    kind("detector_series", zl.AnomalyDetector(**rate, modality="series"), "series")
    kind("detector_series_frame", zl.AnomalyDetector(**rate, modality="series", fast=True), "series_frame")
    small = zl.DenoisingAutoencoder(**NET)
    kind("detector_series_windows", zl.AnomalyDetector(small, **rate, modality=WINDOW), "series")
    frozen = FrozenEstimator(zl.Autoencoder(**NET).fit(inputs.table()))
    kind("detector_frozen", zl.AnomalyDetector(frozen, **rate), "table")
    told = FrozenEstimator(zl.DenoisingAutoencoder(**NET, noise=TOLD, told=True).fit(inputs.table()))
    kind("detector_frozen_told", zl.AnomalyDetector(told, **rate), "table")


def denoisers_and_segmenters() -> None:
    """Denoisers of all lessons and modalities, and segmenters."""
    quick = {"max_epochs": 1, "random_state": 0}
    levels = {**quick, "hidden": (2, 4), "modality": "image"}
    gaussian = noise.Gaussian(0.1)
    kind("denoiser_images_clean", zl.Denoiser(noise=gaussian, **levels), "large_images")
    kind("denoiser_images_pairs", zl.Denoiser(**levels), "noisy_images", y="large_images")
    kind("denoiser_images_noisy", zl.Denoiser(**levels), "noisy_images")
    kind("denoiser_images_blind", zl.Denoiser(noise=noise.SaltAndPepper(0.12), learn_from="noisy", **levels),
         "speckled_images")  # fmt: skip
    recorded = noise.Recorded(inputs.squares(10, 12, 2), level=0.1)
    kind("denoiser_images_recorded_alone", zl.Denoiser(noise=recorded, **levels), "large_images")
    kind("denoiser_images_similar", zl.Denoiser(noise=gaussian, similar=True, average="auto", **levels), "large_images")
    kind("denoiser_images_autoencoder", zl.Denoiser(zl.DenoisingAutoencoder(**NET), noise=gaussian, modality="image"),
         "float_images")  # fmt: skip
    sounds = {**quick, "hidden": (2, 4), "modality": Audio(sample_rate=inputs.RATE)}
    pink = noise.Coloured("pink", snr=(0.0, 10.0))
    kind("denoiser_audio", zl.Denoiser(noise=pink, **sounds), "longer_sounds")
    small = zl.DenoisingAutoencoder(**NET, told=True)
    kind("denoiser_series", zl.Denoiser(small, modality=WINDOW), "series_with_gaps")
    kind("denoiser_series_noise", zl.Denoiser(zl.DenoisingAutoencoder(**NET), noise=gaussian, modality=WINDOW),
         "series")  # fmt: skip
    kind("denoiser_table", zl.Denoiser(small), "table_with_gaps")
    kind("denoiser_frame", zl.Denoiser(small), "frame")
    kind("denoiser_table_variational", zl.Denoiser(zl.VariationalAutoencoder(**NET)), "table_with_gaps")

    cells = {"hidden": (2, 4), "patch": 16, "max_epochs": 1, "random_state": 0, "ignore": 255}
    given = {"y": "masks"}
    kind("segmenter", zl.Segmenter(**cells, class_weight={2: 1.0, 7: 3.0}, flips=False), "scenes", **given)
    kind("segmenter_plain", zl.Segmenter(**cells, skips=False, augment=False, class_weight="balanced"), "scenes",
         **given)  # fmt: skip
    kind("segmenter_unlabelled", zl.Segmenter(**cells), "scenes", **given, unlabelled="more_scenes")


def compressors() -> None:
    """Compressors, whose archives hold bytes that must go on being read."""
    bound = {"max_error": 0.05, **FEW}
    net = zl.Autoencoder(**NET)
    kind("compressor_table", zl.Compressor(net, **bound), "table")
    kind("compressor_table_lossless", zl.Compressor(net, max_error=0, **FEW), "class_numbers")
    kind("compressor_table_quality", zl.Compressor(net, quality=0.5, **FEW), "table_with_gaps")
    kind("compressor_frame", zl.Compressor(net, max_error=0.02, relative=True, **FEW), "frame")
    kind("compressor_default", zl.Compressor(**FEW), "table")
    kind("compressor_variational", zl.Compressor(zl.VariationalAutoencoder(**NET), **bound), "table")
    kind("compressor_quantized", zl.Compressor(
        zl.QuantizedAutoencoder(**{**NET, "codes": 8, "code_dim": 2, "prior": SYMBOLS}), **bound), "table")  # fmt: skip
    kind("compressor_frozen", zl.Compressor(FrozenEstimator(zl.Autoencoder(**NET).fit(inputs.table())), **bound),
         "table")  # fmt: skip
    kind("compressor_images", zl.Compressor(net, max_error=2, **FEW), "images")
    kind("compressor_images_lossless", zl.Compressor(net, max_error=0, **FEW), "drawings")
    kind("compressor_series", zl.Compressor(net, **bound, modality=WINDOW), "series")
    kind("compressor_series_several", zl.Compressor(net, **bound, modality=WINDOW), "several_series")
    kind("compressor_series_frame", zl.Compressor(net, **bound, modality=WINDOW), "series_frame")


def generators() -> None:
    """Generators."""
    masked = zl.MaskedAutoencoder(**{**NET, "latent_dim": 4})
    kind("generator_frame", zl.Generator(masked, **FEW), "frame")
    kind("generator_frame_condition", zl.Generator(masked, **FEW), "arrow_frame", condition="labels")
    variational = zl.VariationalAutoencoder(**NET)
    kind("generator_images", zl.Generator(variational, prior=SCORE, modality="image", **FEW), "float_images",
         condition="labels")  # fmt: skip
    grid = {**NET, "latent_dim": 4, "encoder": "grid", "codes": 8, "code_dim": 2, "prior": SYMBOLS}
    captioned = zl.QuantizedAutoencoder(**grid)
    kind("generator_captions", zl.Generator(captioned, modality="image", **FEW), "drawings", condition="captions")
    kind("generator_series", zl.Generator(variational, prior=SCORE, modality=WINDOW, **FEW), "series")
    quantile = Series(window=12, stride=4, scaling="quantile")
    kind("generator_series_frame", zl.Generator(variational, modality=quantile, **FEW), "series_frame")
    kind("generator_audio", zl.Generator(variational, modality=SOUND, **FEW), "sounds")
    frozen = FrozenEstimator(zl.VariationalAutoencoder(**NET, prior="normal").fit(inputs.table()))
    kind("generator_frozen", zl.Generator(frozen), "table")


def make(name: str) -> None:
    """Fit a kind, save it, and keep what it makes of its inputs."""
    model, given = KINDS[name]
    values = {slot: getattr(inputs, source)() for slot, source in given.items()}
    parts = values.pop("parts", None)
    model.fit(**values)
    if isinstance(model, zl.Compressor):
        values["compressed"] = np.frombuffer(model.compress(values["X"]), np.uint8)
    kept = {}
    for slot, value in values.items():
        array = isinstance(value, np.ndarray) and value.dtype.kind != "O"
        kept[f"input/{slot}" if array else f"made/{slot}"] = value if array else np.array(given[slot])
    if parts is not None:
        kept["made/parts"] = np.array(given["parts"])
    values.pop("unlabelled", None)
    model.save(HERE / name, overwrite=True)
    made = inputs.outputs(model, **values)
    np.savez_compressed(HERE / f"{name}.npz", **kept, **{f"output/{key}": array for key, array in made.items()})


if __name__ == "__main__":
    shrink_defaults()
    for add in (autoencoders, types, generative_types, detectors, denoisers_and_segmenters, compressors, generators):
        add()
    HERE.mkdir(exist_ok=True)
    warnings.simplefilter("ignore")
    failed = {}
    for name in sys.argv[1:] or KINDS:
        try:
            make(name)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
        print(name, failed.get(name, "made"), flush=True)
    sys.exit(1 if failed else 0)
