"""The pictures of the documentation, each by a function of its own name.

usage: python docs/make_pictures.py [NAME ...]      (all without a name; each is written to docs/images/NAME.png)

Data come with scikit-learn; the seeds are fixed, so that the same version draws the same picture.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn import datasets

import zandloper as zl
from zandloper.plotting import style

IMAGES = Path(__file__).parent / "images"
SIZES = [1, 2, 4, 8, 16, 32, 64]


def digits() -> np.ndarray:
    """1,797 handwritten digits, uint8 (n, 8, 8)."""
    return (datasets.load_digits().images * (255 / 16)).round().astype(np.uint8)


def curves():
    """The lecture's table."""
    return show(zl.curves_table(random_state=0))


def compare_digits():
    """PCA and the autoencoder, over latent sizes."""
    return show(zl.compare_with_pca(digits(), [1, 2, 4, 8, 16, 32], random_state=0))


def bottleneck_reconstruction():
    """Training and validation error of reconstruction over latent sizes, of few rows."""
    return show(zl.compare_latent_dims(digits()[:400], None, SIZES[:-1], seeds=5, random_state=0))


def bottleneck_diabetes():
    """A supervised target on 332 training rows, with nothing but the bottleneck against overfitting."""
    X, y = datasets.load_diabetes(return_X_y=True)
    given = zl.Autoencoder(hidden=(32,), validation=0, lr=0.003)
    return show(zl.compare_latent_dims(X, y, SIZES, autoencoder=given, seeds=5, random_state=0))


def noise():
    """Noisy digits, and what models make of them that trained on the right noise and on wrong ones."""
    X, right = digits(), zl.noise.PoissonGaussian(6, 0.1)
    train, test = X[:1400], X[1400:]
    noisy = right.apply(test, random_state=1)
    trained = {
        "on that noise": right,
        "on Gaussian noise": zl.noise.Gaussian(0.17),
        "on salt and pepper": zl.noise.SaltAndPepper(0.08),
        "without noise": zl.noise.Gaussian(0.0),
    }
    rows = {}
    for words, given in trained.items():
        model = zl.DenoisingAutoencoder(24, noise=given, loss="mse", max_epochs=60, random_state=0).fit(train)
        rows[words] = model.predict(noisy)
        error = ((rows[words] / 255.0 - test / 255.0) ** 2).mean()
        print(f"trained {words}: {-10 * np.log10(error):.2f} dB", flush=True)
    best, *others = rows.items()
    rivals = {"what it saw": noisy, **{f"trained {words}": images for words, images in others}}
    title = "What was seen, and what models make of it: the first one trained on the noise that is there"
    return style.originals_beside_reconstructions(test, best[1], 12, rivals, title)


def noise_audit():
    """The audit of Gaussian noise against the noise of a camera."""
    X = np.repeat(np.repeat(digits()[:200], 4, 1), 4, 2)
    noisy = zl.noise.PoissonGaussian(20, 0.08).apply(X, random_state=0)
    return show(zl.noise.audit(zl.noise.Colored("pink", level=0.18), noisy, X))


def show(found):
    """Print the numbers that the picture shows."""
    print(found, flush=True)
    return found.plot()


DRAWN = (curves, compare_digits, bottleneck_reconstruction, bottleneck_diabetes, noise, noise_audit)
PICTURES = {f.__name__: f for f in DRAWN}

if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(PICTURES)
    if unknown:
        sys.exit(f"no picture is called {', '.join(sorted(unknown))}: there are {', '.join(PICTURES)}")
    IMAGES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]().savefig(IMAGES / f"{name}.png")
        print(f"written  docs/images/{name}.png", flush=True)
