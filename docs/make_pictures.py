"""The pictures of the documentation, each by a function of its own name.

usage: python docs/make_pictures.py [NAME ...]      (all without a name; each is written to docs/images/NAME.png)

Data come with scikit-learn; the seeds are fixed, so that the same version draws the same picture.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn import datasets

import zandloper as zl

IMAGES = Path(__file__).parent / "images"
SIZES = [1, 2, 4, 8, 16, 32, 64]


def digits() -> np.ndarray:
    """1,797 handwritten digits, uint8 (n, 8, 8)."""
    return (datasets.load_digits().images * (255 / 16)).round().astype(np.uint8)


def curves():
    """The lecture's table."""
    return show(zl.curves_table(random_state=0))


def compare_digits():
    """PCA beside the autoencoder, over latent sizes."""
    return show(zl.compare_with_pca(digits(), [1, 2, 4, 8, 16, 32], random_state=0))


def bottleneck_reconstruction():
    """Training and validation error of reconstruction over latent sizes, of few rows."""
    return show(zl.compare_latent_dims(digits()[:400], None, SIZES[:-1], seeds=5, random_state=0))


def bottleneck_diabetes():
    """A supervised target on 332 training rows, with nothing but the bottleneck against overfitting."""
    X, y = datasets.load_diabetes(return_X_y=True)
    given = zl.Autoencoder(hidden=(32,), validation=0, lr=0.003)
    return show(zl.compare_latent_dims(X, y, SIZES, autoencoder=given, seeds=5, random_state=0))


def show(found):
    """Print the numbers that the picture shows."""
    print(found, flush=True)
    return found.plot()


PICTURES = {f.__name__: f for f in (curves, compare_digits, bottleneck_reconstruction, bottleneck_diabetes)}

if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(PICTURES)
    if unknown:
        sys.exit(f"no picture is called {', '.join(sorted(unknown))}: there are {', '.join(PICTURES)}")
    IMAGES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]().savefig(IMAGES / f"{name}.png")
        print(f"written  docs/images/{name}.png", flush=True)
