"""The pictures of docs/denoise.md: a photograph with noise, as the shipped model gives it back, and as it was.

usage: python docs/make_denoise.py IMAGE TEXTURE

Of TEXTURE, Barbara of Set12 (09.png), the trousers are shown, also as the net alone gives it back.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import zandloper as zl

STRIPES = slice(330, 450), slice(350, 470)  # rows, columns
IMAGES = Path(__file__).parent / "images"


def side_by_side(name: str, *parts: np.ndarray) -> None:
    """Squares side by side, twice as large."""
    side = np.concatenate(parts, axis=1)
    large = Image.fromarray(side).resize((side.shape[1] * 2, side.shape[0] * 2), Image.Resampling.NEAREST)
    large.quantize(64).save(IMAGES / name, optimize=True)


def main() -> None:
    model, noise = zl.load("photo-denoiser"), zl.noise.Gaussian(25 / 255)
    clean = np.asarray(Image.open(sys.argv[1]).convert("L"))[:256, :256]
    noisy = noise.apply(clean[None], random_state=0)[0]
    side_by_side("denoise.png", *(x[48:208, 48:208] for x in (noisy, model.transform(noisy), clean)))
    clean = np.asarray(Image.open(sys.argv[2]).convert("L"))
    noisy = noise.apply(clean[None], random_state=0)[0]
    best = model.transform(noisy)
    alone = model.set_params(patch_matching=False, n_augmentations=1).transform(noisy)
    side_by_side("denoise_similar.png", *(x[STRIPES] for x in (noisy, alone, best, clean)))


if __name__ == "__main__":
    main()
