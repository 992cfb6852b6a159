"""Generated images judged by a classifier that learned on real ones, beside pythae's VAE of the same time.

usage: python benchmarks/generate_images.py FOLDER [--minutes 10] [--images 60000] [--seed 0] [--no-peer]

FOLDER holds idx files (MNIST, Fashion-MNIST). Two generators: free, for the Fréchet distance beside the peer's, and by
class, for what is recognized and the variety inside a class. The judge learns on the training images, and says of
half of the test images, beside the other half, what stands under "real".
"""

import argparse
import gzip
import logging
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from figures import figure

import zandloper as zl
from zandloper.applications.generation.evaluation.classifier import compare_by_classifier

os.environ.setdefault("WANDB_MODE", "disabled")
parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--minutes", type=float, default=10)
parser.add_argument("--images", type=int, default=60_000)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--no-peer", action="store_true")
args = parser.parse_args()
name = args.folder.name


def read(file: str, offset: int, *shape: int) -> np.ndarray:
    with gzip.open(args.folder / f"{file}-ubyte.gz") as opened:
        return np.frombuffer(opened.read(), np.uint8, offset=offset).reshape(-1, *shape)


def theirs(X: np.ndarray, minutes: float, n: int) -> np.ndarray:
    """Samples of pythae's VAE with its mixture sampler, trained epoch by epoch until the time is over."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.samplers import GaussianMixtureSampler, GaussianMixtureSamplerConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.disable(logging.CRITICAL)
    images = torch.tensor(X[:, None] / 255.0, dtype=torch.float32)
    model, begin = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=16, reconstruction_loss="bce")), time.perf_counter()
    epochs = 1
    while time.perf_counter() - begin < 60 * minutes:
        settings = BaseTrainerConfig(tempfile.mkdtemp(), num_epochs=epochs, learning_rate=1e-3, no_cuda=True)
        BaseTrainer(model, BaseDataset(images, torch.zeros(len(images))), None, settings).train()
    sampler = GaussianMixtureSampler(model, GaussianMixtureSamplerConfig(n_components=10))
    sampler.fit(images)
    return sampler.sample(num_samples=n, return_gen=True).numpy()


X, y = read("train-images-idx3", 16, 28, 28)[: args.images], read("train-labels-idx1", 8)[: args.images]
T, t = read("t10k-images-idx3", 16, 28, 28), read("t10k-labels-idx1", 8)

free = zl.Generator(max_minutes=args.minutes, random_state=args.seed).fit(X)
print(free.describe())
verdict = free.evaluate(T, labels=t, classifier_data=(X, y))
print(f"free\n{verdict}")
if args.no_peer:
    figure(f"{name}: Frechet distance", verdict["frechet"], f"real {verdict.real['frechet']:.2f}")
else:
    order = np.random.default_rng(0).permutation(len(T))  # as `evaluate` has them: the same classifier
    seen = T[order, None] / np.float32(255)
    training_set = (X[:, None] / np.float32(255), y)
    peer, _ = compare_by_classifier(seen, theirs(X, args.minutes, len(T)), t[order], None, 0, training_set=training_set)
    print("pythae", {k: round(v, 4) for k, v in peer.items()})
    remark = f"ours {verdict['frechet']:.2f}, pythae {peer['frechet']:.2f}, real {verdict.real['frechet']:.2f}"
    figure(f"{name}: Frechet distance / pythae's", verdict["frechet"] / peer["frechet"], remark, "< 1")
figure(f"{name}: samples of another class than they should be", verdict["class balance"], "share")

told = zl.Generator(max_minutes=args.minutes, random_state=args.seed).fit(X, condition=y)
verdict = told.evaluate(T, labels=t, classifier_data=(X, y))
print(f"by class\n{verdict}")
real = verdict.real
figure(f"{name}: class recognized", verdict["recognized"], f"real {real['recognized']:.3f}", ">= 0.97")
figure(f"{name}: variety / real variety", verdict["variety"] / real["variety"], "inside a class", ">= 0.8")
