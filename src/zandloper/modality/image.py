"""Images: arrays (n, height, width) or (n, height, width, channels), lists of arrays or PIL images, folders of files.

Integer pixels are divided by the largest number that their dtype holds; floats are taken as they are.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image as PIL
from torch import Tensor

from zandloper.errors import DataError, DataTypeError, bad_parameter
from zandloper.io.images import images_at, pixels_of
from zandloper.modality import Modality, Scaler, Schema
from zandloper.model.losses.bce import BCE
from zandloper.model.losses.discretized import Discretized
from zandloper.model.losses.gaussian import GaussianNLL
from zandloper.model.losses.mae import MAE
from zandloper.model.losses.mse import MSE
from zandloper.spec import Spec


@dataclass(frozen=True)
class Image(Modality):
    """Images of one size.

    Parameters
    ----------
    size : tuple of int or None
        (height, width) to which lists and folders of images are resized; None wants them all of one size.
    channels : int or None
        1 for gray, 3 for color, 4 with opacity: what images from files and PIL are turned into; None keeps them.

    Examples
    --------
    >>> import numpy as np
    >>> import zandloper as zl
    >>> form, raw = zl.modality.Image().learn(np.zeros((5, 9, 7), np.uint8), "me")
    >>> form.in_shape, raw.shape
    ((1, 9, 7), (5, 9, 7, 1))
    """

    name: ClassVar[str] = "image"
    size: tuple[int, int] | None = None
    channels: int | None = None

    def learn(self, X: Any, caller: str, loss: str = "auto", target: bool = False) -> tuple[Schema, np.ndarray]:
        """The form of images, and their pixels (n, height, width, channels)."""
        self._check()
        kind = "list" if isinstance(X, list | tuple | str | Path) else "array"
        blank = ImageSchema(kind, (0, 0, 0), False, "uint8", self.size, self.channels, pil=_is_pil(X))
        array = blank.gather(X, caller)
        gray = array.ndim == 3
        pixels = array[..., None] if gray else array
        if 0 in pixels.shape:
            raise DataError(f"{caller} got images of shape {array.shape}: there are no pixels in them")
        schema = dataclasses.replace(blank, shape=tuple(pixels.shape[1:]), gray=gray, dtype=str(array.dtype))
        if pixels.shape[-1] > 64 and min(pixels.shape[1:3]) <= 4:
            raise DataError(
                f"images of shape {array.shape} have {pixels.shape[-1]} channels: the channels go last, "
                "(n, height, width, channels); move them with np.moveaxis(X, 1, -1)"
            )
        return schema, _torchable(pixels)

    def _check(self) -> None:
        if self.channels not in (None, 1, 3, 4):
            raise bad_parameter("Image", "channels", "1, 3, 4 or None", self.channels)
        pair = isinstance(self.size, tuple | list) and len(self.size) == 2
        if self.size is not None and not (pair and all(isinstance(v, int | np.integer) and v > 0 for v in self.size)):
            raise bad_parameter("Image", "size", "(height, width) in pixels or None", self.size)


@dataclass(frozen=True)
class ImageSchema(Schema):
    """What the images look like: where they came from, (height, width, channels), and their pixels' dtype."""

    name: ClassVar[str] = "image_schema"
    kind: str
    shape: tuple[int, ...]
    gray: bool
    dtype: str
    size: tuple[int, int] | None = None
    channels: int | None = None
    pil: bool = False

    @property
    def in_shape(self) -> tuple[int, ...]:
        """(channels, height, width), as torch has it."""
        return (self.shape[2], *self.shape[:2])

    def feature_names(self) -> list[str]:
        """pixel_row_column, and the channel where there are several."""
        c, h, w = self.in_shape
        ends = [""] if c == 1 else [f"_{k}" for k in range(c)]
        return [f"pixel_{i}_{j}{end}" for end in ends for i in range(h) for j in range(w)]

    def in_words(self) -> str:
        """Size, channels and dtype."""
        c, h, w = self.in_shape
        return f"images of {h} x {w} pixels, {c} channel{'s' if c > 1 else ''}, {self.dtype}"

    def loss(self, given: str) -> Spec:
        """MSE within the bounds of the pixels; BCE for truth values."""
        integer = np.dtype(self.dtype).kind in "ub"
        bounds = (0.0, 1.0) if integer else (None, None)
        chosen = ("bce" if self.dtype == "bool" else "mse") if given == "auto" else given
        choices: dict[str, Any] = {
            "gaussian": lambda: GaussianNLL(shared=True),
            "discretized": self._steps,
            "mse": lambda: MSE(*bounds),
            "mae": lambda: MAE(*bounds),
            "bce": BCE,
            "cross_entropy": self._classes,
        }
        if chosen not in choices:
            raise bad_parameter("the model", "loss", f"'auto', one of {sorted(choices)} or an nn.Module", given)
        return choices[chosen]()

    def _steps(self) -> Spec:
        if np.dtype(self.dtype).kind != "u":
            raise DataError(f"loss='discretized' needs integer pixels, got {self.dtype}: take loss='gaussian'")
        return Discretized(int(np.iinfo(self.dtype).max))

    def _classes(self) -> Spec:
        raise DataError(
            "loss='cross_entropy' for images needs masks of class numbers, which the Segmenter reads; "
            "pixels are measured with loss='mse', 'mae' or 'bce'"
        )

    def read(self, X: Any, caller: str) -> np.ndarray:
        """Pixels, (n, height, width, channels)."""
        array = self.gather(X, caller)
        pixels = array[..., None] if array.ndim == 3 else array
        if tuple(pixels.shape[1:]) != self.shape:
            raise DataError(
                f"{caller} was fitted on images of {_say(self.shape)} and got images of "
                f"{_say(pixels.shape[1:])}: resize them, or fit a new model"
            )
        if array.dtype != np.dtype(self.dtype):
            raise DataError(
                f"{caller} was fitted on images of dtype {self.dtype} and got {array.dtype}: integer pixels are "
                f"divided by their dtype's maximum and floats are not, so convert first"
            )
        return _torchable(pixels)

    def gather(self, X: Any, caller: str) -> np.ndarray:
        """Images of any source as one array of their own dtype."""
        if isinstance(X, str | Path):
            X = images_at(Path(X))
        if isinstance(X, list | tuple):
            X = self._stack(X, caller)
        if hasattr(X, "columns"):
            raise DataTypeError(f"{caller} wants images and got a frame: pass arrays, lists or a folder of images")
        array = np.asarray(X)
        if self.size is not None and array.ndim in (3, 4) and array.shape[1:3] != tuple(self.size):
            array = self._stack(list(array), caller)
        if array.dtype.kind not in "fub" and array.dtype.kind != "i":
            raise DataTypeError(f"{caller} got images of dtype {array.dtype}: wanted are numbers")
        if array.dtype.kind == "i":
            raise DataTypeError(
                f"{caller} got images of dtype {array.dtype}, whose range is unknown: "
                "convert to uint8 or uint16, or to floats in [0, 1]"
            )
        if array.ndim not in (3, 4):
            raise DataError(
                f"{caller} got images as an array of shape {array.shape}: wanted are (n, height, width) "
                "or (n, height, width, channels)"
            )
        if len(array) == 0:
            raise DataError(
                f"Found array with 0 sample(s) (shape={array.shape}) while a minimum of 2 is required by {caller}"
            )
        if array.dtype.kind == "f":
            array = array.astype(np.float32) if array.dtype == np.float16 else array
            if not np.isfinite(array.sum(dtype=np.float64)) and not np.isfinite(array).all():
                n = int((~np.isfinite(array)).sum())
                raise DataError(f"Input X contains NaN or infinity ({n} pixels): images need finite numbers everywhere")
        return array

    def _stack(self, images: Any, caller: str) -> np.ndarray:
        if not len(images):
            raise DataError(
                f"Found array with 0 sample(s) while a minimum of 2 is required by {caller}: the list is empty"
            )
        arrays = [self.as_array(image) for image in images]
        shapes = sorted({a.shape for a in arrays})
        if len(shapes) > 1:
            most = max(shapes, key=lambda s: sum(a.shape == s for a in arrays))
            odd = next(i for i, a in enumerate(arrays) if a.shape != most)
            raise DataError(
                f"images of mixed sizes: {_say(most)} and, at position {odd} (from 0), {_say(arrays[odd].shape)}; "
                "pass modality=zl.modality.Image(size=(height, width), channels=3) to resize and convert"
            )
        dtypes = sorted({str(a.dtype) for a in arrays})
        if len(dtypes) > 1:
            raise DataError(f"images of mixed dtypes {dtypes}: convert them to one")
        return np.stack(arrays)

    def as_array(self, image: Any) -> np.ndarray:
        """Array of one image, with the channels of the schema."""
        array = pixels_of(image) if hasattr(image, "getbands") else np.asarray(image)
        if self.channels is None and self.size is None:
            return array
        if array.dtype != np.uint8:
            picture = PIL.fromarray(array.astype(np.float32)) if array.ndim == 2 else None
            if picture is None or self.channels not in (None, 1) or self.size is None:
                raise DataError(
                    f"images of dtype {array.dtype} and shape {array.shape} cannot be resized or converted: "
                    "only uint8 images and gray ones can"
                )
            resized = np.asarray(picture.resize(self.size[::-1], PIL.Resampling.BILINEAR))
            return resized.round().astype(array.dtype) if array.dtype.kind == "u" else resized.astype(array.dtype)
        picture = PIL.fromarray(array)
        if self.channels is not None:
            picture = picture.convert({1: "L", 3: "RGB", 4: "RGBA"}[self.channels])
        if self.size is not None:
            picture = picture.resize(self.size[::-1], PIL.Resampling.LANCZOS)
        return np.asarray(picture)

    def give(self, values: np.ndarray, like: Any = None) -> Any:
        """Raw pixels (n, height, width, channels) as the kind of images that was learned."""
        dtype = np.dtype(self.dtype)
        if dtype.kind == "u":
            values = np.clip(np.round(values), 0, np.iinfo(dtype).max)
        elif dtype.kind == "b":
            values = values > 0.5
        out = values.astype(dtype)
        out = out[..., 0] if self.gray else out
        if self.kind == "array":
            return out
        return [PIL.fromarray(image) for image in out] if self.pil else list(out)

    def scaler(self) -> Scaler:
        """The scale of these pixels."""
        return ImageScaler(self)


class ImageScaler(Scaler):
    """Pixels last-channel integers to first-channel floats and back."""

    def __init__(self, schema: ImageSchema) -> None:
        super().__init__()
        dtype = np.dtype(schema.dtype)
        self.top = float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, height, width, channels) -> (n, channels, height, width), integers in [0, 1]."""
        x = raw.permute(0, 3, 1, 2).float()
        return (x if self.top == 1.0 else x / self.top).contiguous(), None

    def restore(self, point: Tensor) -> Tensor:
        """(n, channels, height, width) -> (n, height, width, channels) in pixels' own units."""
        return point.permute(0, 2, 3, 1) * self.top


def _torchable(pixels: np.ndarray) -> np.ndarray:
    """A writable array of a type that torch gathers: 16 bits unsigned become 32 signed, truth values bytes."""
    for kind, stored in ((np.uint16, np.int32), (np.uint32, np.int64), (np.bool_, np.uint8)):
        if pixels.dtype == kind:
            return pixels.astype(stored)
    usable = (
        pixels.flags.writeable and pixels.flags.c_contiguous and min(pixels.strides) >= 0
    )  # X[::-1][:1] is backwards
    return pixels if usable else np.array(pixels, order="C")


def _say(shape: tuple[int, ...]) -> str:
    channels = f" with {shape[2]} channels" if len(shape) > 2 and shape[2] != 1 else ""
    return f"{shape[0]} x {shape[1]} pixels{channels}" if len(shape) > 1 else f"shape {shape}"


def _is_pil(X: Any) -> bool:
    return isinstance(X, list | tuple) and len(X) > 0 and hasattr(X[0], "getbands")
