"""Inputs of the models of format version 1, and the outputs that are compared.

`make_version_1.py` called this module once, with the code that wrote the folders; `test_version_1.py` calls it with
present code. Inputs are made of whole numbers and exact divisions, so that they are the same numbers everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import torch
from torch import nn

import zandloper as zl

ROWS = 16
RATE = 8_000  # samples a second of the sounds


def scattered(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers from 0 to below 1 that follow no pattern; multiples of 1/65,536."""
    at = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(1 + 100_003 * seed)
    for factor in (2_654_435_761, 2_246_822_519):
        at = (at * np.uint64(factor)) % np.uint64(2**32)
        at = at ^ (at >> np.uint64(15))
    return ((at >> np.uint64(8)) % np.uint64(65_536)).astype(np.float64).reshape(shape) / 65_536


def wave(steps: int, period: int) -> np.ndarray:
    """A triangle wave from -1 to 1."""
    return 4 * np.abs((np.arange(steps) % period) / period - 0.5) - 1


# --------------------------------------------------------------------------------------------------------------- tables


def table() -> np.ndarray:
    """Four columns of numbers that two explain."""
    a, b = scattered(2, ROWS)
    return np.stack([a, 10 * b, a * b - 3, 100 * (a - b)], axis=1) + scattered(ROWS, 4, seed=1) / 32


def table_with_gaps() -> np.ndarray:
    """The same, a tenth of it missing."""
    X = table()
    X[scattered(ROWS, 4, seed=2) < 0.1] = np.nan
    return X


def few_numbers() -> np.ndarray:
    """Two columns, for targets and conditions."""
    return table()[:, :2]


def truths() -> np.ndarray:
    """Four columns of zeros and ones."""
    return (scattered(ROWS, 4, seed=3) < 0.4).astype(np.float32)


def class_numbers() -> np.ndarray:
    """Three columns of classes, 0 to 2."""
    return (3 * scattered(ROWS, 3, seed=4)).astype(np.int64)


def labels() -> np.ndarray:
    """One class a row, three different ones."""
    return np.array(["one", "two", "three"])[np.arange(ROWS) % 3]


def frame() -> pd.DataFrame:
    """Columns of all types, with gaps."""
    i, a = np.arange(ROWS), scattered(ROWS, seed=5)
    words = np.array(["red", "green", "blue"], dtype=object)[i * 7 % 11 % 3]
    return pd.DataFrame(
        {
            "size": np.where(i % 9 == 4, np.nan, 3 * a - 1),
            "count": i * 5 % 13,
            "word": np.where(i % 10 == 3, None, words),
            "grade": pd.Categorical(np.array(["low", "mid", "high"])[i % 3], ["low", "mid", "high"], ordered=True),
            "yes": a < 0.3,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(i * 3 % 28, "D"),
        }
    )


def polars_frame() -> pl.DataFrame:
    """The same in polars, with a time of a zone."""
    whole = pl.from_pandas(frame())
    hours = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 1, 15), "1h", eager=True, time_zone="UTC")
    return whole.with_columns(hour=hours)


def arrow_frame() -> Any:
    """Numbers and words in pyarrow."""
    return pl.from_pandas(frame()[["size", "count", "word"]]).to_arrow()


def condition_frame() -> pd.DataFrame:
    """What is known of each row: a number and a class."""
    return pd.DataFrame({"much": scattered(ROWS, seed=6), "which": labels()})


# --------------------------------------------------------------------------------------------------------------- images


def squares(height: int, width: int, n: int = ROWS) -> np.ndarray:
    """One bright square an image, on a dim ground, as uint8."""
    top, left = (scattered(n, seed=seed) * (side - 4) for seed, side in ((7, height), (8, width)))
    y, x = np.mgrid[:height, :width]
    top, left = (corner.astype(int)[:, None, None] for corner in (top, left))
    inside = (y >= top) & (y < top + 4) & (x >= left) & (x < left + 4)
    return (40 + 150 * inside + 32 * scattered(n, height, width, seed=9)).astype(np.uint8)


def images() -> np.ndarray:
    """Grey images of whole numbers."""
    return squares(8, 8)


def float_images() -> np.ndarray:
    """Grey images of floats between 0 and 1."""
    return (squares(8, 8) / np.float32(256)).astype(np.float32)


def binary_images() -> np.ndarray:
    """Images of zeros and ones."""
    return (squares(8, 8) > 128).astype(np.float32)


def colours() -> list[np.ndarray]:
    """Images in colour, of two sizes."""
    grey = squares(9, 8, 12)
    return [np.stack([image, 255 - image, image // 2], -1)[: 8 + k % 2] for k, image in enumerate(grey)]


def large_images() -> np.ndarray:
    """A few larger images of floats, for denoisers."""
    return (squares(20, 16, 4) / np.float32(256)).astype(np.float32)


def noisy_images() -> np.ndarray:
    """The larger images with noise."""
    X = large_images()
    noise = scattered(12, *X.shape, seed=10).sum(0) - 6
    return (X + noise / 16).astype(np.float32)


def speckled_images() -> np.ndarray:
    """The larger images with black and white pixels strewn in."""
    X, u = large_images(), scattered(4, 20, 16, seed=11)
    return np.where(u < 0.06, 0, np.where(u > 0.94, 1, X)).astype(np.float32)


def scenes() -> np.ndarray:
    """Images to segment."""
    return squares(20, 16, 4)


def masks() -> np.ndarray:
    """A class for every pixel of `scenes`, and a few pixels that nobody knows."""
    mask = np.where(scenes() > 128, 7, 2).astype(np.int16)
    mask[:, 0, :3] = 255
    return mask


def more_scenes() -> np.ndarray:
    """Images without masks."""
    return squares(20, 20, 3)


def drawings() -> np.ndarray:
    """A square of one colour on another in each image; `captions` say which."""
    images = np.empty((ROWS, 8, 8, 3), np.uint8)
    for k, image in enumerate(images):
        image[:] = (220, 40, 40) if k % 2 else (50, 80, 220)
        image[2:6, 4 * (k // 2 % 2) : 4 * (k // 2 % 2) + 4] = (40, 170, 60)
    return images


def captions() -> list[str]:
    """A caption for each of `drawings`."""
    ground, side = ("blue", "red"), ("left", "right")
    ways = ("green on {}, {}", "{1} green on {0}", "on {} green, {}")
    return [ways[k // 4 % 3].format(ground[k % 2], side[k // 2 % 2]) for k in range(ROWS)]


# ---------------------------------------------------------------------------------------------------- series and sounds


def series() -> np.ndarray:
    """80 steps of two channels."""
    return np.stack([wave(80, 12), wave(80, 16) + np.arange(80) / 40], 1) + scattered(80, 2, seed=12) / 8


def series_with_gaps() -> np.ndarray:
    """The same, with steps missing."""
    X = series()
    X[30:34, 0] = X[67:69, 1] = np.nan
    return X


def several_series() -> list[np.ndarray]:
    """Two series of different length."""
    return [series()[:50], series()[30:]]


def windows() -> np.ndarray:
    """One short series a row, (rows, time, channels)."""
    return np.stack([wave(12, 4 + k % 5)[:, None] * (1 + k % 3) for k in range(ROWS)]) + scattered(ROWS, 12, 1) / 8


def series_frame() -> pd.DataFrame:
    """A series with time stamps."""
    return pd.DataFrame(
        series(), columns=["load", "heat"], index=pd.date_range("2024-01-01", periods=80, freq="h", name="time")
    )


def sounds() -> list[np.ndarray]:
    """Four sounds of different length."""
    made = []
    for k in range(4):
        steps = 340 + 20 * k
        made.append((wave(steps, 20 + 3 * k) / 2 + scattered(steps, seed=13 + k) / 64).astype(np.float32))
    return made


def longer_sounds() -> list[np.ndarray]:
    """Two longer sounds, for denoisers."""
    return [(wave(1_000, 25 + 5 * k) / 2 + scattered(1_000, seed=20 + k) / 64).astype(np.float32) for k in range(2)]


# ---------------------------------------------------------------------------------------------------------------- texts


def texts() -> list[str]:
    """Commands in few words."""
    do, what, when = ("open", "close", "paint"), ("door", "window", "box"), ("now", "later")
    return [f"{do[k % 3]} the {what[k // 3 % 3]} {when[k % 2]}" for k in range(ROWS)]


# ------------------------------------------------------------------------------------------------------------ own parts


class Head(nn.Module):
    """A bottleneck with a shape and a cost."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 4)

    def forward(self, neck: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The code, and what it costs."""
        z = self.layer(neck).reshape(-1, 2, 2)
        return z, 0.01 * z.flatten(1).abs().sum(1)


def net(*sizes: int) -> nn.Module:
    """Two layers."""
    return nn.Sequential(nn.Linear(*sizes[:2]), nn.BatchNorm1d(sizes[1]), nn.Tanh(), nn.Linear(*sizes[1:]))


def own_parts() -> dict[str, nn.Module]:
    """A module of one's own in every slot."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {
            "encoder": net(4, 6, 5),
            "decoder": nn.Sequential(nn.Flatten(), net(4, 6, 4)),
            "loss": nn.SmoothL1Loss(reduction="none"),
            "corrupt": nn.Dropout(0.1),
            "bottleneck": Head(),
        }


# -------------------------------------------------------------------------------------------------------------- outputs


def outputs(model: Any, X: Any, y: Any = None, condition: Any = None, compressed: Any = None) -> dict[str, np.ndarray]:
    """All that a model makes of its inputs, as arrays by name."""
    if isinstance(model, zl.Compressor):
        made = {"decompress": model.decompress(compressed.tobytes())}
    elif isinstance(model, zl.Segmenter):
        made = {name: getattr(model, name)(X) for name in ("predict", "predict_proba")}
        made["offset"] = np.array(model.mask_offset_)
    elif isinstance(model, zl.AnomalyDetector):
        made = {name: getattr(model, name)(X) for name in ("anomaly_score", "p_values", "predict")}
        why = model.explain(X)
        made |= {"explain.error": why.error, "explain.expected": why.expected, "threshold": np.array(model.offset_)}
    elif isinstance(model, zl.Denoiser):
        made = {"transform": model.transform(X)} | noise_of(model)
        if model.patch_matching:
            made["transform.similar"] = made.pop("transform")
            given = model.get_params()
            made["transform"] = model.set_params(patch_matching=False, n_augmentations=1).transform(X)
            model.set_params(**given)
        if isinstance(fitted_autoencoder(model), zl.VariationalAutoencoder):
            made["error_bars"] = model.error_bars(X, draws=5, random_state=0)
    elif isinstance(model, zl.Generator):
        made = samples_of(model, X, condition)
    else:
        made = autoencoder_outputs(model, X, y, condition)
    arrays = {key: array for name, value in made.items() for key, array in arrays_of(name, value)}
    if getattr(getattr(model, "modality", None), "representation", "") == "spectrogram" and not isinstance(
        model, zl.Denoiser
    ):
        whole = ("predict", "inverse_transform", "sample")
        drawn = {key: arrays.pop(key) for key in list(arrays) if key.startswith(whole)}
        arrays |= {f"{key}/length": np.array(sound.size) for key, sound in drawn.items()}
        arrays |= {f"{key}/loudness": loudness(sound) for key, sound in drawn.items()}
    return arrays


def loudness(sound: np.ndarray) -> np.ndarray:
    """The amplitude of a sound in four bands of frequencies.

    Phases are searched for, and on another processor others may be found, which sound alike: the waveform differs.
    """
    spectrum = np.abs(np.fft.rfft(sound.reshape(-1).astype(np.float64))) / sound.size
    return np.array([np.sqrt(np.sum(band**2)) for band in np.array_split(spectrum, 4)])


def autoencoder_outputs(model: Any, X: Any, y: Any, condition: Any) -> dict[str, Any]:
    """What an autoencoder makes of data."""
    codes = model.transform(X)
    made = {"transform": codes, "predict": model.predict(X), "error": model.reconstruction_error(X, y)}
    if not (isinstance(model, zl.DenoisingAutoencoder) and model.noise_conditional):
        made["inverse_transform"] = model.inverse_transform(codes[:3])
    if isinstance(model, zl.VariationalAutoencoder):
        made["elbo"] = model.elbo(X, y)
    if isinstance(model, zl.QuantizedAutoencoder):
        made["encode_symbols"] = model.encode_symbols(X)
        made["decode_symbols"] = model.decode_symbols(made["encode_symbols"][:3])
    if isinstance(model, zl.DenoisingAutoencoder):
        made |= noise_of(model)
    if hasattr(type(model), "sample"):
        made["sample"] = model.sample(4, random_state=0)
        if condition is not None:
            made["sample.condition"] = model.sample(2, condition=condition[:3], random_state=0)
    return made


def samples_of(model: Any, X: Any, condition: Any) -> dict[str, Any]:
    """What a generator draws."""
    inner = fitted_autoencoder(model)
    made = {"transform": inner.transform(X), "sample": model.sample(2, random_state=0)}
    if condition is not None:
        made["sample.condition"] = model.sample(3, condition=condition[:6], random_state=0)
    if isinstance(inner, zl.MaskedAutoencoder) and condition is None:
        made["sample.given"] = model.sample(2, condition={"word": ["red", "blue"]}, random_state=0)
    if isinstance(inner, zl.VariationalAutoencoder):
        made["sample.like"] = model.sample(2, like=X[:2] if isinstance(X, list) else X[:12], random_state=0)
        if getattr(model.modality, "name", "") == "series":
            made["continue_series"] = model.continue_series(X, 9, n=2, random_state=0)
    return made


def fitted_autoencoder(model: Any) -> Any:
    """Return the autoencoder that an application fitted; None for denoisers without one."""
    return vars(model).get("autoencoder_", vars(model).get("model_"))


def noise_of(model: Any) -> dict[str, Any]:
    """The recordings of noise that a model keeps."""
    noise = model.noise_
    return {"recordings": noise.samples.values} if hasattr(noise, "samples") else {}


def arrays_of(name: str, value: Any) -> Iterator[tuple[str, np.ndarray]]:
    """An output as arrays that hold numbers or texts, by name: frames column by column, lists item by item."""
    value = nw.from_native(value, eager_only=True, pass_through=True)
    if isinstance(value, nw.DataFrame):
        for column in value.columns:
            yield f"{name}/{column}", array_of(value.get_column(column).to_list())
    elif isinstance(value, list) and not isinstance(value[0], str):
        for i, item in enumerate(value):
            yield from arrays_of(f"{name}/{i}", item)
    else:
        array = np.asarray(value)
        yield name, array_of(array.tolist()) if array.dtype.kind == "O" else array


def array_of(values: list[Any]) -> np.ndarray:
    """A column as numbers, or else as texts; what is missing is NaN or the empty text."""
    missing = [v is None or v != v for v in values]
    if all(isinstance(v, bool | int | float) or gap for v, gap in zip(values, missing)):
        return np.array([np.nan if gap else v for v, gap in zip(values, missing)])
    return np.array(["" if gap else str(v) for v, gap in zip(values, missing)])
