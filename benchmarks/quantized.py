"""Images in symbols: how much of the book is used, and the test error beside a plain type of equal bits.

usage: python benchmarks/quantized.py FOLDER [--symbols 16] [--name MNIST]

FOLDER has MNIST's four idx files. The quantized type tells an image in so many symbols out of 256, eight bits each. The
plain type has as many latents, each rounded to eight bits afterwards (256 equal steps between the smallest and the
largest training value), and, as a reference, a quarter as many in float32, which are as many bits without rounding.
Errors are mean squares over the test images' pixels in [0, 1]; everything else is a default.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
from figures import figure

import zandloper as zl

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--symbols", type=int, default=16)
parser.add_argument("--name", default="MNIST")
args = parser.parse_args()


def read(name: str) -> np.ndarray:
    with gzip.open(args.folder / f"{name}-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)


def error(images: np.ndarray) -> float:
    return float(np.square((images.astype(float) - T) / 255).mean())


X, T = read("train"), read("t10k")
bits = 8 * args.symbols
settings = {"modality": "image", "random_state": 0}

plain = zl.Autoencoder(latent_dim=args.symbols, **settings).fit(X)
train, test = plain.transform(X), plain.transform(T)
low, high = train.min(0), train.max(0)
steps = np.round((test.clip(low, high) - low) / (high - low) * 255)
rounded = error(plain.inverse_transform(low + steps / 255 * (high - low)))
few = max(1, args.symbols // 4)
wide = error(zl.Autoencoder(latent_dim=few, **settings).fit(X).predict(T))
print(
    f"{bits} bits an image: plain, {args.symbols} latents of 8 bits {rounded:.5f} ({error(plain.predict(T)):.5f} before"
)
print(f"rounding); plain, {few} latents of 32 bits {wide:.5f}")

for method in ("vq", "fsq"):
    model = zl.QuantizedAutoencoder(latent_dim=args.symbols, method=method, **settings).fit(X)
    usage, got = model.code_usage(T), error(model.predict(T))
    print(f"{method}: error {got:.5f}, {usage}")
    name = f"{args.name}, {method}, {args.symbols} symbols"
    figure(f"{name}: share of the {len(usage.counts)} codes in use", usage.used, "the whole book", ">= 0.90")
    figure(f"{name}: perplexity", usage.perplexity, f"{len(usage.counts)} codes", schema=".1f")
    figure(f"{name}: test error / plain's of equal bits", got / rounded, f"{args.symbols} latents of 8 bits")
    figure(f"{name}: test error / plain's in float32", got / wide, f"{few} latents of 32 bits")
