"""Denoising of gray images beside BM3D: levels, camera noise, learning from noisy data alone, the wrong noise.

usage: python benchmarks/denoise_images.py TRAIN_FOLDER TEST_FOLDER [--minutes 15] [--model photo-denoiser] [--only ...]

Parts: `levels` (a trained model at noise of 15, 25, 50 of 255 and camera noise), `fixed` (one trained at 25 alone, at
the other levels), `alone` (the same minutes from clean data and from noisy data alone), `wrong` (a model for noise of
10 of 255, given noise of 25, and what the audit says), `narrow` (the same minutes with all through a bottleneck),
`large` (memory and time for 4000 x 6000 pixels, and what tiles leave along their borders), `further` (a net for camera
noise, as long from nothing and from the model in the package on).
BM3D (Dabov et al. 2007, its package `bm3d`) runs where it is installed; for camera noise it is given the level at
middle gray.
"""

import argparse
import resource
import time
import warnings
from pathlib import Path

import numpy as np
from figures import figure

import zandloper as zl
from zandloper.data.tiling import Steps
from zandloper.io.images import images_at

PARTS = ("levels", "fixed", "alone", "wrong", "narrow", "large", "further")


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


def large(model: zl.Denoiser) -> None:
    """Memory added by an image of 4000 x 6000 pixels, and how far tiles disagree with an image in one piece."""
    rng = np.random.default_rng(0)
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # noqa: E731 (GB; kilobytes on Linux)
    image = np.repeat(np.repeat(rng.integers(0, 256, (250, 375), np.uint8), 16, 0), 16, 1)
    image = np.clip(image + rng.integers(-25, 26, image.shape, np.int16), 0, 255).astype(np.uint8)
    before, start = peak(), time.perf_counter()
    model.transform(image)
    remark = f"GB for the whole process, {before:.2f} before; {time.perf_counter() - start:.0f} s"
    figure("4000 x 6000 pixels denoised: peak of memory", peak(), remark, "< 2", schema=".2f")

    from zandloper.applications.denoising import signals

    part = (image[:1200, :1200] / np.float32(255)).astype(np.float32)
    tiled, tile = model.transform(part), signals.TILE
    signals.TILE = 1200
    wrong, near = np.abs(tiled - model.transform(part)) * 255, np.zeros(part.shape, bool)
    steps = Steps(1200, tile, signals.OVERLAP, model.network_.net.spec.stride, rim=False)
    for k in range(1, steps.count):
        middle = steps.starts[k] + steps.overlap // 2  # of what two tiles share
        line = slice(middle - 8, middle + 8)
        near[line], near[:, line] = True, True
    signals.TILE = tile
    remark = f"of 255; elsewhere {wrong[~near].mean():.5f}"
    figure("denoised in tiles: off along their borders", float(wrong[near].mean()), remark, schema=".5f")


def narrow(train: list[np.ndarray], tests: list[np.ndarray], minutes: float, noise: zl.noise.Noise) -> None:
    """Denoising autoencoders of patches of 32 pixels, through bottlenecks of several widths, and nothing but them."""
    rng, size = np.random.default_rng(0), 32

    def cut(x: np.ndarray, n: int) -> np.ndarray:
        places = zip(*(rng.integers(0, side - size, n) for side in x.shape[:2]))
        return np.stack([x[r : r + size, c : c + size] for r, c in places])

    patches = np.concatenate([cut(x, 60) for x in train])
    held = np.concatenate([cut(x, 40) for x in tests])
    noisy = noise.apply(held, "image", 0)
    print(f"patches of {size} pixels: noisy {psnr(noisy, held):.2f} dB")
    said = []
    for latents in (16, 64, 256, 1024):
        model = zl.DenoisingAutoencoder(latents, noise=noise, modality="image", max_minutes=minutes, random_state=0)
        said.append(f"{latents} latents {psnr(model.fit(patches).predict(noisy), held):.2f}")
        print(said[-1], flush=True)
    wide = zl.Denoiser(noise=noise, modality="image", max_minutes=minutes, random_state=0).fit(patches)
    reached = psnr(wide.transform(noisy), held)
    figure("patches of 32 pixels: dB with skips, beside a bottleneck", reached, ", ".join(said), schema=".2f")


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
            reached, seconds = mean_psnr(model.set_params(n_augmentations=8, patch_matching=True), noisy, tests)
            fast, soon = mean_psnr(model.set_params(n_augmentations=1, patch_matching=False), noisy, tests)
            beside = peer(noisy, tests, level)
            remark = f"dB in {seconds:.0f} s; fast {fast:.2f} in {soon:.0f} s; noisy {before:.2f}, BM3D {beside}"
            bound = ">= 30.4" if noise == gauss[25] else ""
            figure(f"{a.test.name}, {name}: the model in the package", reached, remark, bound, schema=".2f")
    if "further" in a.only:
        camera = zl.noise.PoissonGaussian(20.0, 0.05)
        noisy, reached = noisy_of(tests, camera), {}
        fast = zl.load(a.model).set_params(n_augmentations=1, patch_matching=False)
        for name, first in (("nothing", None), ("the model in the package", fast)):
            model = zl.Denoiser(noise=camera, hidden=(48, 64, 96), **settings).fit(train, init_from=first)
            reached[name], _ = mean_psnr(model, noisy, tests)
        remark = (
            f"dB; from nothing {reached['nothing']:.2f}, without more training {mean_psnr(first, noisy, tests)[0]:.2f}"
        )
        named = f"{a.test.name}, camera, 20 photons: {a.minutes:g} minutes from the model in the package on"
        figure(named, reached["the model in the package"], remark, "above both", schema=".2f")
    if "large" in a.only:
        large(zl.load(a.model))
    if "narrow" in a.only:
        narrow([x / np.float32(255) for x in train], tests, a.minutes / 5, gauss[25])

    noisy = noisy_of(tests, gauss[25])
    if {"alone", "wrong", "fixed"} & set(a.only):
        model = zl.Denoiser(noise=gauss[25], **settings).fit(train)
        right, _ = mean_psnr(model, noisy, tests)
        figure(f"{a.test.name}, 25 of 255: from clean data, {a.minutes:g} minutes", right, "dB", schema=".2f")
    if "fixed" in a.only:
        for sigma in (15, 50):
            reached, _ = mean_psnr(model, noisy_of(tests, gauss[sigma]), tests)
            figure(f"{a.test.name}, {sigma} of 255: trained at 25 alone", reached, "dB", schema=".2f")
    if "alone" in a.only:
        alone = zl.Denoiser(**settings).fit(noisy_of([(x / 255).astype(np.float32) for x in train], gauss[25]))
        reached, _ = mean_psnr(alone, noisy, tests)
        objective = alone.network_.objective.name
        remark = f"dB; from clean data {right:.2f}; {alone.noise_!r} found, {objective}"
        figure(f"{a.test.name}, 25 of 255: from noisy data alone", reached, remark, "at most 1.2 less", schema=".2f")
    if "wrong" in a.only:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            wrong = zl.Denoiser(noise=gauss[10], **settings).fit(
                train, noisy=[np.rint(y.clip(0, 1) * 255).astype(np.uint8) for y in noisy]
            )
        reached, _ = mean_psnr(wrong, noisy, tests)
        remark = f"dB; the right noise {right:.2f}, audit: {'fits' if wrong.audit_.realistic else 'does not fit'}"
        figure(f"{a.test.name}, 25 of 255: trained for noise of 10", reached, remark, schema=".2f")
        print(wrong.audit_, flush=True)


if __name__ == "__main__":
    main()
