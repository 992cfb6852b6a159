"""Where a training step's time goes, and how far the loop is from the machine's matrix-product rate.

usage: python benchmarks/inner_loop.py [--steps 200]

For a small net (100-64-32) and a large one (784-512-256-32), in float32 and bfloat16, with one thread and all: rows a
second, the operations that takes (three times the forward pass), that rate beside the rate of one large product of
the same type, and the shares of gathering, forward, backward and optimizer.
"""

import argparse
import time

import numpy as np
import torch

import zandloper as zl
from zandloper.fitting.blueprint import flops_per_row
from zandloper.model.batch import Batch
from zandloper.training.optimizers import OPTIMIZERS

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=200)
args = parser.parse_args()


def product_rate(dtype: torch.dtype) -> float:
    """Operations a second of a 2,048 x 2,048 product."""
    a, b = torch.randn(2048, 2048).to(dtype), torch.randn(2048, 2048).to(dtype)
    best = 0.0
    for _ in range(6):
        begin = time.perf_counter()
        a @ b
        best = max(best, 2 * 2048**3 / (time.perf_counter() - begin))
    return best


def measure(columns: int, hidden: tuple[int, ...], batch: int, dtype: torch.dtype, peak: float, threads: int) -> None:
    X = np.random.default_rng(0).normal(size=(20_000, columns)).astype(np.float32)
    module = zl.Autoencoder(hidden=hidden, latent_dim=32, max_epochs=1, random_state=0).fit(X).module_.train()
    work = 3 * (flops_per_row(module) + 4 * columns * 32)  # the linear path is two products more
    torch.set_num_threads(threads)
    optimizer, raw = OPTIMIZERS["adam"](module.parameters(), beta2=0.99, lr=1e-3), torch.from_numpy(X)
    shares, rng = np.zeros(4), np.random.default_rng(0)
    for step in range(args.steps + 10):
        rows = torch.from_numpy(rng.integers(0, len(X), batch))
        t0 = time.perf_counter()
        x = Batch(raw.index_select(0, rows))
        t1 = time.perf_counter()
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss = module.loss(x).total
        t2 = time.perf_counter()
        for parameter in module.parameters():
            parameter.grad = None
        loss.backward()
        t3 = time.perf_counter()
        optimizer.step()
        if step >= 10:
            shares += np.diff([t0, t1, t2, t3, time.perf_counter()])
    rate = batch * args.steps / shares.sum()
    parts = ", ".join(
        f"{n} {s:.0%}" for n, s in zip(("gather", "forward", "backward", "optimizer"), shares / shares.sum())
    )
    name = "-".join(map(str, (columns, *hidden, 32)))
    print(
        f"{name:15s} {str(dtype)[6:]:8s} {threads} thread{'s' if threads > 1 else ' '} batch {batch:4d}: "
        f"{rate:9,.0f} rows/s, "
        f"{work * rate / 1e9:4.0f} of {peak / 1e9:4.0f} GFLOP/s ({work * rate / peak:.0%}); {parts}",
        flush=True,
    )


most = torch.get_num_threads()
for threads in sorted({1, most}):
    for dtype in (torch.float32, torch.bfloat16):
        torch.set_num_threads(threads)
        peak = product_rate(dtype)
        for batch in (256, 1024):
            measure(100, (64,), batch, dtype, peak, threads)
        measure(784, (512, 256), 512, dtype, peak, threads)
