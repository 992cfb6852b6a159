"""Denoising of grey images beside BM3D: levels, camera noise, learning from noisy data alone, the wrong noise.

usage: python benchmarks/denoise_images.py TRAIN_FOLDER TEST_FOLDER [--minutes 15] [--model photo-denoiser] [--only ...]

Parts: `levels` (a trained model at noise of 15, 25, 50 of 255 and camera noise), `alone` (the same minutes from clean
data and from noisy data alone), `wrong` (a model for noise of 10 of 255, given noise of 25, and what the audit says).
BM3D (Dabov et al. 2007, its package `bm3d`) runs where it is installed; for camera noise it is given the level at
middle grey.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

import zandloper as zl
from zandloper.files.images import images_at

PARTS = ("levels", "alone", "wrong")


def psnr(made: np.ndarray, clean: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((np.clip(made, 0, 1) - clean) ** 2)))


def noisy_of(images: list[np.ndarray], noise: zl.noise.Noise) -> list[np.ndarray]:
    return [noise.apply(x[None], "image", k)[0] for k, x in enumerate(images)]


def mean_psnr(model: zl.Denoiser, noisy: list[np.ndarray], clean: list[np.ndarray]) -> tuple[float, float]:
    start = time.perf_counter()
    made = model.transform(noisy)
    return float(np.mean([psnr(a, b) for a, b in zip(made, clean)])), time.perf_counter() - start


def peer(noisy: list[np.ndarray], clean: list[np.ndarray], sigma: float) -> str:
    try:
        from bm3d import bm3d
    except ImportError:
        return "not installed"
    start = time.perf_counter()
    reached = np.mean([psnr(bm3d(y.astype(float), sigma), x) for y, x in zip(noisy, clean)])
    return f"{reached:.2f} dB in {time.perf_counter() - start:.0f} s"


def main() -> None:
    ask = argparse.ArgumentParser()
    ask.add_argument("train", type=Path)
    ask.add_argument("test", type=Path)
    ask.add_argument("--minutes", type=float, default=15)
    ask.add_argument("--model", default="photo-denoiser")
    ask.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    a = ask.parse_args()
    train = list(images_at(a.train))
    tests = [(x / 255).astype(np.float32) for x in images_at(a.test)]
    gauss = {sigma: zl.noise.Gaussian(sigma / 255) for sigma in (10, 15, 25, 50)}
    settings = {"modality": "image", "max_minutes": a.minutes, "random_state": 0}

    if "levels" in a.only:
        model = zl.load(a.model)
        cases = [(f"Gaussian, {s} of 255", gauss[s], s / 255) for s in (15, 25, 50)]
        for peak, sigma in ((60.0, 0.02), (20.0, 0.05)):
            level = float(np.sqrt(0.5 / peak + sigma**2))
            cases.append((f"camera, {peak:.0f} photons", zl.noise.PoissonGaussian(peak, sigma), level))
        for name, noise, level in cases:
            noisy = noisy_of(tests, noise)
            before = np.mean([psnr(y, x) for y, x in zip(noisy, tests)])
            reached, seconds = mean_psnr(model, noisy, tests)
            beside = peer(noisy, tests, level)
            print(f"{name}: noisy {before:.2f}, ours {reached:.2f} dB in {seconds:.0f} s, BM3D {beside}", flush=True)

    noisy = noisy_of(tests, gauss[25])
    right = None
    if "alone" in a.only or "wrong" in a.only:
        right, _ = mean_psnr(zl.Denoiser(noise=gauss[25], **settings).fit(train), noisy, tests)
        print(f"from clean data: {right:.2f} dB", flush=True)
    if "alone" in a.only:
        alone = zl.Denoiser(**settings).fit(noisy_of([(x / 255).astype(np.float32) for x in train], gauss[25]))
        reached, _ = mean_psnr(alone, noisy, tests)
        lesson = alone.restorer_.lesson.name
        print(f"from noisy data alone ({alone.noise_!r} found, {lesson}): {reached:.2f} dB", flush=True)
    if "wrong" in a.only:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            wrong = zl.Denoiser(noise=gauss[10], **settings).fit(
                train, noisy=[np.rint(y.clip(0, 1) * 255).astype(np.uint8) for y in noisy]
            )
        reached, _ = mean_psnr(wrong, noisy, tests)
        print(f"trained for 10 of 255, given 25: {reached:.2f} dB, {right - reached:.2f} lost", flush=True)
        print(wrong.audit_, flush=True)


if __name__ == "__main__":
    main()
