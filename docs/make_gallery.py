"""The gallery: one picture a type, each by a function of its own name, written to docs/images/gallery_NAME.png.

usage: python docs/make_gallery.py [NAME ...] [--epochs 12] [--rows 20000]

Handwritten digits: MNIST from $ZANDLOPER_DATA/mnist, or without that folder scikit-learn's small ones. The models train
on the first rows, and the pictures show test images. More epochs and rows (--epochs 40 --rows 60000) make better ones.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from report_size import mnist

import zandloper as zl
from zandloper.plotting.panels import grid_figure, tiles

IMAGES = Path(__file__).parent / "images"
WIDTH = 800 / 150  # inches at 150 dots each
ACROSS = 12


def sparse(X, test, settings):
    """What the busiest neurons draw."""
    model = zl.SparseAutoencoder(latent_dim=256, hidden=(), sparsity=12, **settings).fit(X)
    print(model.activity(test))
    return model.plot_features(test, n=3 * ACROSS, across=ACROSS)


def denoising(X, test, settings):
    """Noise that was never seen on images that were never seen, and what is left of it."""
    noise = zl.noise.Gaussian(0.4)
    model = zl.DenoisingAutoencoder(latent_dim=64, noise=noise, **settings).fit(X)
    noisy = noise.apply(test, random_state=1)
    print(model.denoising_gain(test))
    return rows({"clean": test, "noisy": noisy, "denoised": model.predict(noisy)})


def variational(X, test, settings):
    """Digits that nobody wrote, and a way from one to another."""
    model = zl.VariationalAutoencoder(latent_dim=16, loss="bce", **settings).fit(X)
    print(model.latent_usage(test))
    new, interpolate = model.sample(2 * ACROSS, random_state=0), model.interpolate(test[4:5], test[5:6], steps=ACROSS)
    return rows({"samples": new[:ACROSS], "more": new[ACROSS:], "interpolation": interpolate})


def quantized(X, test, settings):
    """Digits encoded in 16 symbols, and digits sampled symbol by symbol."""
    model = zl.QuantizedAutoencoder(latent_dim=16, **settings).fit(X)
    print(model.code_usage(test))
    return rows({"data": test, "16 symbols": model.predict(test), "samples": model.sample(ACROSS, random_state=0)})


def rows(named):
    """A row of images a name."""
    shown = np.concatenate([tiles(images_of[:ACROSS]) for images_of in named.values()])
    return grid_figure(shown, list(named), across=ACROSS)


def digits(count):
    """Training and test images, uint8 (n, height, width)."""
    if (Path(os.environ.get("ZANDLOPER_DATA", "")) / "mnist").is_dir():
        X = mnist(70_000)[0]
        return X[: min(count, 60_000)], X[60_000:60_500]
    small = (load_digits().images * (255 / 16)).round().astype(np.uint8)
    return small[:1_500], small[1_500:]


GALLERY = {f.__name__: f for f in (sparse, denoising, variational, quantized)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(GALLERY))
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rows", type=int, default=20_000)
    args = parser.parse_args()
    if unknown := set(args.names) - set(GALLERY):
        parser.error(f"no picture is called {', '.join(sorted(unknown))}: there are {', '.join(GALLERY)}")
    train, test = digits(args.rows)
    for name in args.names or GALLERY:
        began = time.monotonic()
        figure = GALLERY[name](train, test, {"max_epochs": args.epochs, "random_state": 0})
        figure.set_size_inches(figure.get_size_inches() * WIDTH / figure.get_size_inches()[0])
        figure.savefig(IMAGES / f"gallery_{name}.png", pil_kwargs={"optimize": True})
        print(f"written  docs/images/gallery_{name}.png after {time.monotonic() - began:.0f} s", flush=True)
