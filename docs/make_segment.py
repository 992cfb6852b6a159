"""The picture of docs/segment.md: image, mask, prediction and uncertainty of scenes that were not trained on.

usage: python docs/make_segment.py [--minutes 2]

Electron microscopy from $ZANDLOPER_DATA/membrane (20 images train), or without that folder scenes drawn here.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from PIL import Image

import zandloper as zl
from zandloper import io

parser = argparse.ArgumentParser()
parser.add_argument("--minutes", type=float, default=2)
args = parser.parse_args()


def drawn(n, rng):
    """Bright discs among noise, and their masks."""
    y, x = np.mgrid[:192, :192]
    masks = np.zeros((n, 192, 192), np.uint8)
    for mask in masks:
        for _ in range(8):
            top, left, radius = rng.uniform([10, 10, 6], [180, 180, 20])
            mask[(y - top) ** 2 + (x - left) ** 2 < radius**2] = 1
    images = 80 + 60 * masks + rng.normal(0, 40, masks.shape)
    return np.clip(images, 0, 255).astype(np.uint8), masks


folder = Path(os.environ.get("ZANDLOPER_DATA", "")) / "membrane"
if folder.is_dir():
    X = list(io.read(folder / "image"))
    y = [(mask < 128).astype(np.uint8) for mask in io.read(folder / "label")]
    X, y = [[i if i.ndim == 2 else i[..., 0] for i in many] for many in (X, y)]
else:
    X, y = map(list, drawn(24, np.random.default_rng(0)))
model = zl.Segmenter(max_minutes=args.minutes, random_state=0).fit(X[:20], y[:20])
print(model.describe(), model.iou(X[20:], y[20:]))
crop = [slice(0, 256)] * 2
figure = model.plot([X[20][*crop]], [y[20][*crop]])
file = Path(__file__).parent / "images" / "segment.png"
figure.savefig(file, dpi=110)
picture = Image.open(file).convert("P", palette=1, colors=128)
picture.save(file, optimize=True)
print(file, file.stat().st_size)
