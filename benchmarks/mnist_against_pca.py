"""Images: the test error of `Autoencoder` against PCA's, and what a search for neighbors makes of the latents.

usage: python benchmarks/mnist_against_pca.py FOLDER [--dims 2 32] [--minutes 5] [--name MNIST]

FOLDER has MNIST's four idx files (or those of another set in its form). Fits on all training images, with the defaults
and at most that many minutes; errors are mean squares over the test images' pixels in [0, 1].
"""

import argparse
import gzip
import time
from pathlib import Path

import numpy as np
from figures import figure
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

import zandloper as zl

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--dims", type=int, nargs="+", default=[2, 32])
parser.add_argument("--minutes", type=float, default=5)
parser.add_argument("--name", default="MNIST")
args = parser.parse_args()


def read(name: str, offset: int) -> np.ndarray:
    with gzip.open(args.folder / f"{name}-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=offset)


X, T = (read(f"{part}-images-idx3", 16).reshape(-1, 28, 28) for part in ("train", "t10k"))
y, yt = (read(f"{part}-labels-idx1", 8) for part in ("train", "t10k"))
flat, test = X.reshape(len(X), -1) / 255.0, T.reshape(len(T), -1) / 255.0
for k in args.dims:
    begin = time.perf_counter()
    model = zl.Autoencoder(latent_dim=k, modality="image", max_minutes=args.minutes, random_state=0).fit(X)
    took = time.perf_counter() - begin
    error = ((model.predict(T).reshape(len(T), -1) / 255.0 - test) ** 2).mean()
    pca = PCA(k, random_state=0).fit(flat)
    reference = ((pca.inverse_transform(pca.transform(test)) - test) ** 2).mean()
    nearest = KNeighborsClassifier(10).fit(model.transform(X[:20_000]), y[:20_000])
    rival = KNeighborsClassifier(10).fit(pca.transform(flat[:20_000]), y[:20_000])
    right, theirs = nearest.score(model.transform(T), yt), rival.score(pca.transform(test), yt)
    print(f"{args.name}, {k} latents: error {error:.5f}, PCA {reference:.5f}; {model.n_epochs_} epochs in {took:.0f} s")
    wanted = (
        {2: ("<= 0.72", ">= 0.80"), 32: ("<= 0.35", ">= 0.96")}.get(k, ("", "")) if args.name == "MNIST" else ("", "")
    )
    figure(f"{args.name}, {k} latents: test error / PCA's", error / reference, f"PCA {reference:.5f}", wanted[0])
    figure(f"{args.name}, {k} latents: kNN accuracy", right, f"PCA {theirs:.3f}", wanted[1])
