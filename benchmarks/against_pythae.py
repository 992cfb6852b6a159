"""Beside pythae's default VAE (784-512-16): time until its negative ELBO after some epochs is reached.

usage: python benchmarks/against_pythae.py MNIST_FOLDER [--epochs 5] [--seed 0]

The error is the negative ELBO in nats an image (Bernoulli on gray values, as the peer has it) on the test images. The
peer's rate is 0.001 and its batches are 100 rows. Ours has the same layers and its own defaults, and as many epochs as
it takes to be no worse; each number of epochs is a run of its own, with its own schedule.
"""

import argparse
import gzip
import logging
import os
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from figures import figure

import zandloper as zl

warnings.filterwarnings("ignore")
os.environ.setdefault("WANDB_MODE", "disabled")
parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()


def read(name: str) -> np.ndarray:
    with gzip.open(args.folder / f"{name}-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)


def theirs(X: np.ndarray, T: np.ndarray) -> tuple[float, float]:
    """Seconds to fit, and the test images' negative ELBO."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.disable(logging.CRITICAL)
    images, test = (torch.tensor(v[:, None] / 255.0, dtype=torch.float32) for v in (X, T))
    model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=16, reconstruction_loss="bce"))
    settings = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        num_epochs=args.epochs,
        learning_rate=1e-3,
        per_device_train_batch_size=100,
        per_device_eval_batch_size=100,
        no_cuda=True,
        seed=args.seed,
    )
    begin = time.perf_counter()
    BaseTrainer(model, BaseDataset(images, torch.zeros(len(images))), None, settings).train()
    took = time.perf_counter() - begin
    with torch.no_grad():
        return took, float(np.mean([float(model({"data": part}).loss) for part in test.split(100)]))


X, T = read("train"), read("t10k")
seconds, error = theirs(X, T)
for epochs in range(1, args.epochs + 1):
    model = zl.VariationalAutoencoder(
        latent_dim=16,
        hidden=(512,),
        encoder="dense",
        loss="bce",
        modality="image",
        validation=0,
        max_epochs=epochs,
        random_state=args.seed,
    )
    begin = time.perf_counter()
    model.fit(X)
    took, got = time.perf_counter() - begin, -model.score(T)
    print(f"{epochs} epochs: {took:.1f} s, {got:.2f} nats; pythae: {args.epochs}, {seconds:.1f} s, {error:.2f} nats")
    if got <= error:
        break
figure("MNIST: times as fast to pythae's ELBO", seconds / took, f"pythae, {error:.2f} nats", ">= 4", schema=".1f")
figure("MNIST: negative ELBO / pythae's", got / error, f"{epochs} epochs, theirs {args.epochs}", "<= 1")
