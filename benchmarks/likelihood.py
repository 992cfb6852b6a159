"""The log-likelihood of binarized MNIST in nats, and how training came there.

usage: python benchmarks/likelihood.py FOLDER [--importance 1 8] [--epochs 52 8] [--lr 0.002 0.001] [--copies 8] ...

FOLDER has MNIST's four idx files. Each pixel of the test images is 1 with the probability that its gray value says,
drawn once with seed 0 (Salakhutdinov and Murray 2008). The training images are drawn several times with other seeds,
and an epoch sees each of them in so many drawings. Training goes in stages: first with one importance sample an image,
which is fast, then on from there with several. The last 1,000 training images choose the best epoch. Scores take
1,000 importance samples an image (Burda et al. 2016, eq. 8). A run that is stopped goes on from --checkpoint.

Published, drawn anew every epoch: one-layer variational autoencoder -86.76, importance weighted with 50 samples -84.78
(Burda, Grosse and Salakhutdinov 2016, table 1).
"""

import argparse
import gzip
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from figures import figure

import zandloper as zl

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--copies", type=int, default=8)
parser.add_argument("--samples", type=int, default=1000)
parser.add_argument("--hidden", type=int, nargs="+", default=[512, 512])
parser.add_argument("--latents", type=int, default=40)
parser.add_argument("--encoder", default="dense")
parser.add_argument(
    "--importance", type=int, nargs="+", default=[1, 8], help="samples while training, a number a stage"
)
parser.add_argument("--epochs", type=int, nargs="+", default=[52, 8])
parser.add_argument("--lr", type=float, nargs="+", default=[0.002, 0.001])
parser.add_argument("--checkpoint", type=Path)
args = parser.parse_args()


def read(name: str) -> np.ndarray:
    with gzip.open(args.folder / f"{name}-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)


def drawn(images: np.ndarray, seed: int) -> np.ndarray:
    """Black and white, white with the probability that the gray value says."""
    chance = np.random.default_rng(seed).random(images.shape, dtype=np.float32) * 255
    return np.where(chance < images, np.uint8(255), np.uint8(0))


gray, T = read("train"), drawn(read("t10k"), 0)
X = np.concatenate([drawn(gray[:-1000], seed) for seed in range(1, args.copies + 1)])
held = drawn(gray[-1000:], 0)
settings = {"latent_dim": args.latents, "hidden": tuple(args.hidden), "encoder": args.encoder, "loss": "bce"}
print(f"{settings}; {args.copies} drawings an epoch")
print("importance samples, minutes, passes over the images, bound in nats on held-out images:")
model, minutes, passes = None, 0.0, 0
for stage, (draws, epochs, lr) in enumerate(zip(args.importance, args.epochs, args.lr)):
    with tempfile.TemporaryDirectory() as scratch:
        folder = (args.checkpoint or Path(scratch)) / str(stage)
        model = zl.VariationalAutoencoder(
            **settings,
            modality="image",
            validation=held,
            importance_samples=draws,
            warmup=0.1 if stage == 0 else 0.0,
            max_epochs=epochs,
            patience=epochs,
            lr=lr,
            checkpoint=folder,
            random_state=stage,
        ).fit(X, init_from=model)
        history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    shown = {round(i) for i in np.geomspace(1, len(history), 12)}
    for i, entry in enumerate(history, 1):
        if i in shown:
            when, seen = minutes + entry["seconds"] / 60, passes + entry["epoch"] * args.copies
            print(f"  {draws:3d} {when:7.1f} {seen:6d} {-entry['validation'] * T[0].size:9.2f}", flush=True)
    minutes, passes = minutes + history[-1]["seconds"] / 60, passes + model.n_epochs_ * args.copies
begin = time.perf_counter()
bound, likelihood = model.elbo(T), model.log_likelihood(T, n_samples=args.samples)
error = likelihood.std() / len(T) ** 0.5
print(f"test images: bound {bound.mean():.2f}, log-likelihood {likelihood.mean():.2f} (standard error {error:.2f}),")
print(f"scored in {time.perf_counter() - begin:.0f} s; {model.latent_usage(T)}")
figure(
    f"binarized MNIST, log-likelihood in nats, {args.samples} samples",
    likelihood.mean(),
    f"{minutes:.0f} minutes of training, bound {bound.mean():.2f}; VAE -86.76, IWAE-50 -84.78",
    ">= -86.8",
    schema=".2f",
)
