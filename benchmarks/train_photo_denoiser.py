"""Train the denoiser for photographs that comes with the package, and say what it reaches.

Gray images, Gaussian noise of 5 to 55 of 255, a U-Net without biases. Training data: the 400 images of 180 x 180 pixels
of the Berkeley segmentation data set that Chen and Pock 2017 and Zhang et al. 2017 trained on (BSDS500, Arbelaez,
Maire, Fowlkes and Malik 2011; free for non-commercial research and education).

The weights in the package went through it four times: on one core for 110 minutes, then, with `--start
photo-denoiser`, for 98 minutes more, with `--seed 1` for 100, and with `--seed 3` for 30 on two cores, in which all
images trained, none validated, and patches had 96 pixels instead of 64, seven a step (which is no better). The weights
of estimates from similar patches, to which the script gives a quarter of its minutes, 15 at most, had twelve minutes
of two cores.

usage: python benchmarks/train_photo_denoiser.py TRAIN_FOLDER TEST_FOLDER [--minutes 110] [--hidden 48 64 96]
       ... [--out FOLDER] [--device auto] [--start MODEL] [--seed 0]
"""

import argparse
import time
from pathlib import Path

import numpy as np

import zandloper as zl
from zandloper.io.images import images_at

HERE = Path(__file__).parents[1] / "src" / "zandloper" / "models" / "photo-denoiser"


def main() -> None:
    ask = argparse.ArgumentParser()
    ask.add_argument("train", type=Path)
    ask.add_argument("test", type=Path)
    ask.add_argument("--minutes", type=float, default=110)
    ask.add_argument("--hidden", type=int, nargs="+", default=[48, 64, 96])
    ask.add_argument("--out", type=Path, default=HERE)
    ask.add_argument("--device", default="auto")
    ask.add_argument("--start", help="a model to go on from")
    ask.add_argument("--seed", type=int, default=0, help="another one sees other patches and other noise")
    a = ask.parse_args()
    noise = zl.noise.Gaussian((5 / 255, 55 / 255))
    settings = {"hidden": tuple(a.hidden), "max_minutes": a.minutes, "device": a.device, "random_state": a.seed}
    settings |= {
        "n_augmentations": "auto",
        "patch_matching": "auto",
    }  # all for images of up to a megapixel, one pass for larger ones
    model = zl.Denoiser(noise=noise, modality="image", **settings).fit(
        list(images_at(a.train)), init_from=None if a.start is None else zl.load(a.start)
    )
    model.network_.half()  # on disk alone: half the bytes, and errors far below those of the net
    model.save(a.out, overwrite=True)
    model = zl.load(a.out)
    size = sum(f.stat().st_size for f in a.out.iterdir()) / 2**20
    print(f"{model.fit_seconds_:.0f} s, {model.n_epochs_} epochs, {size:.2f} MiB in {a.out}", flush=True)
    tests = [image / 255.0 for image in images_at(a.test)]
    for n_augmentations, patch_matching in ((1, False), (8, False), (8, True)):
        model.set_params(n_augmentations=n_augmentations, patch_matching=patch_matching)
        for sigma in (15, 25, 50):
            rng, reached, start = np.random.default_rng(0), [], time.perf_counter()
            for x in tests:
                y = (x + rng.normal(0, sigma / 255, x.shape)).astype(np.float32)
                reached.append(-10 * np.log10(np.mean((np.clip(model.transform(y), 0, 1) - x) ** 2)))
            how = f"{n_augmentations} pass(es), {'with' if patch_matching else 'without'} similar patches"
            print(f"sigma {sigma}: {np.mean(reached):.2f} dB, {how}, {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
