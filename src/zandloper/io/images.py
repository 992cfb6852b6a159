"""Images on disk: files, TIFF stacks and folders. What comes in keeps its depth; what goes out is PNG."""

from __future__ import annotations

import os
import shutil
import uuid
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zandloper.errors import FileError
from zandloper.io.atomic import atomic, natural

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")


class Images(list[np.ndarray]):
    """Images as read from disk, with the names of the files that they came from.

    Parameters
    ----------
    images : sequence of ndarray
        Each (height, width) or (height, width, channels).
    names : sequence of str
        A file name for each, relative to the folder that was read.
    """

    def __init__(self, images: Sequence[np.ndarray], names: Sequence[str]) -> None:
        super().__init__(images)
        self.names = list(names)

    def sizes(self) -> dict[str, str]:
        """Every height x width that occurs, with the name of the first image that has it."""
        return self._first(f"{image.shape[0]} x {image.shape[1]}" for image in self)

    def kinds(self) -> dict[str, str]:
        """Every number of channels that occurs, in words, with the name of the first image that has it."""
        words = {1: "gray", 3: "colored", 4: "colored with opacity"}
        channels = (image.shape[2] if image.ndim == 3 else 1 for image in self)
        return self._first(words.get(number, f"{number} channels") for number in channels)

    def _first(self, labels: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for label, name in zip(labels, self.names):
            found.setdefault(label, name)
        return found


def read(path: Path) -> Images:
    """The image in a file, or all pages of a TIFF stack."""
    return Images(*zip(*_decode(path, path.name), strict=True))


def read_folder(folder: Path) -> Images:
    """All images in a folder and below it, in natural order of their names: 2 before 10."""
    inside = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file()]
    found = [p for p in inside if p.suffix.lower() in ENDINGS and not any(part.startswith(".") for part in p.parts)]
    if not found:
        held = f"holds {len(inside)} files and no image" if inside else "is empty"
        raise FileError(
            f"folder {folder} {held}: give a folder of images ({', '.join(ENDINGS)}), or a file with a "
            "table or an array"
        )
    found.sort(key=natural)
    pairs = [pair for name in found for pair in _decode(folder / name, name.as_posix())]
    return Images(*zip(*pairs, strict=True))


def _decode(path: Path, name: str) -> list[tuple[np.ndarray, str]]:
    """The image in a file with its name, or all pages of a TIFF stack."""
    from PIL import Image, ImageOps, ImageSequence

    try:
        with Image.open(path) as image:
            pages = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            if pages > 1:
                stem = Path(name)
                return [
                    (pixels_of(page), str(stem.with_name(f"{stem.stem}_{i:04d}{stem.suffix}")))
                    for i, page in enumerate(ImageSequence.Iterator(image))
                ]
            # Pillow keeps 8 of the 16 bits of colored PNG files; the header is the only place that tells.
            if image.format == "PNG" and image.mode.startswith(("RGB", "LA")) and path.read_bytes()[24:25] == b"\x10":
                warnings.warn(f"{path} has 16 bits a color, of which 8 are read", stacklevel=4)
            return [(pixels_of(ImageOps.exif_transpose(image)), name)]
    except FileError:
        raise
    except Exception as error:  # damaged files make decoders raise nearly anything
        if isinstance(error, OSError) and error.errno:
            raise
        reason = "its content is none of the known kinds" if "cannot identify" in str(error) else str(error).rstrip(".")
        raise FileError(f"image {path} cannot be read ({reason}): replace or remove it") from error


def images_at(path: Path) -> Images:
    """The images in a file or a folder."""
    if not path.exists():
        raise FileError(f"there is nothing at {path}: give an image file or a folder of images")
    return read_folder(path) if path.is_dir() else read(path)


def pixels_of(image: Any) -> np.ndarray:
    """A Pillow image as an array: palettes become colors, truth values gray, 16 bits stay."""
    if image.mode in ("P", "PA", "LA", "La", "RGBa"):
        clear = image.mode != "P" or "transparency" in image.info
        image = image.convert("RGBA" if clear else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif not image.mode.startswith(("L", "RGB", "I", "F")) or image.mode in ("LAB", "RGBX"):
        image = image.convert("RGB")
    array = np.array(image)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def write(file: BinaryIO, data: Any, path: Path) -> None:
    """One image as PNG."""
    _write_png(file, _only_image(data, path), path)


def write_folder(folder: Path, data: Any, names: Sequence[str] | None) -> None:
    """All images into a new folder beside, then all of them to their place."""
    if not isinstance(data, list) and np.ndim(data) not in (3, 4):
        raise FileError(
            f"{folder} has no ending, which means a folder of images, and the data are no images: give it "
            "an ending, such as .csv or .npy"
        )
    digits = len(str(len(data) - 1))
    given = list(names or getattr(data, "names", None) or (f"{i:0{digits}d}.png" for i in range(len(data))))
    targets = [Path(name).with_suffix(".png") for name in given]
    if len(set(targets)) < len(targets):
        targets = [Path(f"{name}.png") for name in given]
    temporary = folder.with_name(f".{uuid.uuid4().hex[:12]}.tmp")
    try:
        for image, target in zip(data, targets, strict=True):
            with atomic(temporary / target) as file:
                _write_png(file, np.asarray(image), folder / target)
        if folder.exists():
            for target in targets:
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                os.replace(temporary / target, folder / target)
        else:
            os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _only_image(data: Any, path: Path) -> np.ndarray:
    if isinstance(data, list) or np.ndim(data) == 4:
        if len(data) != 1:
            raise FileError(f"{path} holds one image, and there are {len(data)}: give a folder (a path without ending)")
        data = data[0]
    array = np.asarray(data)
    if array.ndim == 3 and array.shape[2] > 4 and len(array) == 1:
        array = array[0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] > 4):
        raise FileError(
            f"{path} holds one image, and the data are an array of shape {array.shape}: write to .npy, or "
            "images to a folder (a path without ending)"
        )
    return array


def _write_png(file: BinaryIO, image: np.ndarray, path: Path) -> None:
    from PIL import Image

    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.dtype.kind == "f":
        if image.size and (np.nanmin(image) < -0.5 or np.nanmax(image) > 1.5):
            warnings.warn(f"{path}: values outside [0, 1] are clipped; .npy keeps them", stacklevel=5)
        image = (np.nan_to_num(np.clip(image, 0, 1)) * 255).round().astype(np.uint8)
    elif image.dtype == bool:
        image = image.astype(np.uint8) * 255
    if not (image.dtype == np.uint8 or (image.dtype == np.uint16 and image.ndim == 2)):
        raise FileError(
            f"{path}: images of {image.dtype} and shape {image.shape} do not fit into PNG, which holds "
            "uint8, gray uint16, and floats in [0, 1]: write to .npy"
        )
    Image.fromarray(image).save(file, format="PNG")
