"""Wrong noise against right noise: models trained on several noises, all tested on the same real-looking one.

usage: python benchmarks/wrong_noise.py DATA [--rows 12000] [--epochs 15] [--only digits patches sounds columns]

DATA is the folder of data sets (mnist, bsd, fsdd, adbench). Each model is the same `DenoisingAutoencoder`; only the
noise that it trains on differs. Prints PSNR (or for sounds SI-SDR) on test items that trained nothing, and what
`zl.noise.audit` says of each noise before any training, given noisy test items and clean training items that are no
pairs. The ledger gets what the best wrong noise and no noise at all lose against the right one.
"""

import argparse
import gzip
import time
import warnings
from pathlib import Path

import numpy as np
from figures import figure
from PIL import Image
from scipy.io import wavfile

import zandloper as zl

parser = argparse.ArgumentParser()
parser.add_argument("data", type=Path)
parser.add_argument("--rows", type=int, default=12_000)
parser.add_argument("--epochs", type=int, default=15)
parser.add_argument("--only", nargs="+", default=["digits", "patches", "sounds", "columns"])
args = parser.parse_args()


def digits():
    """MNIST, photographed in little light: Poisson-Gaussian noise. The wrong ones are as strong, or common choices."""

    def read(part):
        with gzip.open(args.data / "mnist" / f"{part}-images-idx3-ubyte.gz") as file:
            return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)

    noises = {
        "right: Poisson-Gaussian": zl.noise.PoissonGaussian(6, 0.1),
        "Gaussian, as strong on average": zl.noise.Gaussian(0.17),
        "Gaussian, half as strong": zl.noise.Gaussian(0.085),
        "salt and pepper, as strong": zl.noise.SaltAndPepper(0.06),
        "none": zl.noise.Gaussian(0.0),
    }
    return read("train")[: args.rows], read("t10k")[:2000], noises, "image", 64


def patches():
    """Natural 12 x 12 patches with grain: noise of neighboring pixels hangs together."""

    def cut(paths, step):
        found = []
        for path in paths:
            image = np.asarray(Image.open(path).convert("L"))
            found += [image[i : i + 12, j : j + 12] for i in range(0, 168, step) for j in range(0, 168, step)]
        return np.stack(found)

    paths = sorted((args.data / "bsd" / "train400").glob("*.png"))
    rows = cut(paths[:200], 12)
    rows = rows[np.random.default_rng(0).permutation(len(rows))[: args.rows]]
    grain = (1.0, 0.6, 0.2, 0.05, 0.0, 0.0)
    noises = {
        "right: colored grain": zl.noise.Colored(grain, level=0.12),
        "Gaussian, as strong": zl.noise.Gaussian(0.12),
        "Poisson, as strong on average": zl.noise.Poisson(32),
        "none": zl.noise.Gaussian(0.0),
    }
    return rows, cut(paths[-20:], 14), noises, "image", 48


def sounds():
    """Spoken digits, windows of 64 samples as rows of a table, in pink noise at 0 dB."""
    windows = {"train": [], "test": []}
    for path in sorted((args.data / "fsdd").glob("*.wav")):
        sound = wavfile.read(path)[1].astype(np.float64) / 32768
        cut = sound[: len(sound) // 64 * 64].reshape(-1, 64)
        part = "test" if int(path.stem.split("_")[2]) < 8 else "train"
        windows[part].append(cut[cut.std(1) > 0.01] if len(cut) else cut)
    train, test = (np.concatenate(windows[part]) for part in ("train", "test"))
    train = train[np.random.default_rng(0).permutation(len(train))[: args.rows]]
    noises = {
        "right: pink, 0 dB": zl.noise.Colored("pink", snr=0.0),
        "white, 0 dB": zl.noise.Colored("white", snr=0.0),
        "hum, 0 dB": zl.noise.MainsHum(snr=0.0),
        "pink, 15 dB": zl.noise.Colored("pink", snr=15.0),
        "none": zl.noise.Gaussian(0.0),
    }
    return train, test[:6000], noises, "table", 24


def columns():
    """A table of satellite measurements whose readings spike now and then."""
    X = np.load(args.data / "adbench" / "30_satellite.npz")["X"].astype(float)
    X = X[np.random.default_rng(0).permutation(len(X))]
    noises = {
        "right: spikes": zl.noise.Impulses(0.05, (2.0, 8.0)),
        "Gaussian, as strong": zl.noise.Gaussian(1.18),
        "Gaussian, weak": zl.noise.Gaussian(0.1),
        "masking": zl.noise.Masking(0.05),
        "none": zl.noise.Gaussian(0.0),
    }
    cut = len(X) * 4 // 5
    return X[:cut][: args.rows], X[cut:], noises, "table", 12


def si_sdr(clean, found):
    """Le Roux et al. 2019, "SDR - half-baked or well done?", eq. 5, over all windows of a speaker's voice as one."""
    clean, found = clean.ravel() - clean.mean(), found.ravel() - found.mean()
    target = (found @ clean) / (clean @ clean) * clean
    return 10 * np.log10((target @ target) / ((found - target) @ (found - target)))


def psnr(clean, found, top):
    return 10 * np.log10(top**2 / np.mean((np.asarray(found, float) - np.asarray(clean, float)) ** 2))


for make in (digits, patches, sounds, columns):
    if make.__name__ not in args.only:
        continue
    train, test, noises, modality, latents = make()
    kind, name = ("SI-SDR", make.__name__) if make is sounds else ("PSNR", make.__name__)
    if modality == "image":
        measure = lambda clean, found: psnr(clean, found, 255)  # noqa: E731
    elif make is sounds:
        measure = si_sdr
    else:  # in deviations of the training rows, whose span is about four
        spread = train.std(0) + 1e-12
        measure = lambda clean, found: psnr(clean / spread, found / spread, 4)  # noqa: E731,B023
    right = next(iter(noises.values()))
    scaled = zl.noise.reading.read(train, modality).again(test)  # the noise in the units that the model trains in
    noisy = scaled.give(scaled.with_noise(right, 1))
    print(f"\n{name}: {len(train)} clean {modality} rows train, {len(test)} noisy ones test; {make.__doc__}")
    print(f"{'noisy as it is':34s} {kind} {measure(test, noisy):6.2f} dB")
    found = {}
    for words, noise in noises.items():
        begin = time.perf_counter()
        audit = zl.noise.audit(noise, noisy, train, modality, paired=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = zl.DenoisingAutoencoder(
                latents, noise=noise, modality=modality, loss="mse", max_epochs=args.epochs, random_state=0
            ).fit(train)
        found[words] = measure(test, model.predict(noisy))
        took = time.perf_counter() - begin
        verdict = "realistic" if audit.realistic else ", ".join(c.name for c in audit.checks if not c.passed)
        print(f"{words:34s} {kind} {found[words]:6.2f} dB   {took:4.0f} s   audit: {verdict}", flush=True)
    best, *others = found.values()
    figure(
        f"{name}: {kind} lost by the best wrong noise, dB",
        best - max(others[:-1]),
        f"right noise {best:.2f} dB",
        "> 0",
        ".2f",
    )
    figure(
        f"{name}: {kind} lost by training without noise, dB",
        best - others[-1],
        f"right noise {best:.2f} dB",
        "> 0",
        ".2f",
    )
