"""The picture of docs/denoise.md: a photograph before, with noise, and as the shipped model gives it back.

usage: python docs/make_denoise.py IMAGE
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import zandloper as zl


def main() -> None:
    clean = np.asarray(Image.open(sys.argv[1]).convert("L"))[:256, :256]
    noisy = zl.noise.Gaussian(25 / 255).apply(clean[None], random_state=0)[0]
    made = zl.load("photo-denoiser").transform(noisy)
    side = np.concatenate([x[48:208, 48:208] for x in (noisy, made, clean)], axis=1)
    out = Path(__file__).parent / "images" / "denoise.png"
    Image.fromarray(side).resize((side.shape[1] * 2, side.shape[0] * 2), Image.Resampling.NEAREST).quantize(64).save(
        out, optimize=True
    )


if __name__ == "__main__":
    main()
