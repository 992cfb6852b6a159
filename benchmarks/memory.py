"""Memory: the peak resident size of a process that fits a large float32 table, beside the table's own size.

usage: python benchmarks/memory.py [--gigabytes 1] [--columns 100]
The table is drawn block by block, so that making it costs no second copy. One epoch: later ones need no more.
"""

import argparse
import resource
import time

import numpy as np
from figures import figure

import zandloper as zl

parser = argparse.ArgumentParser()
parser.add_argument("--gigabytes", type=float, default=1.0)
parser.add_argument("--columns", type=int, default=100)
args = parser.parse_args()

peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # noqa: E731 (kilobytes on Linux)
zl.Autoencoder(max_epochs=1).fit(np.random.default_rng(0).normal(size=(100, 4)))  # the libraries are in memory now
before = peak()
rows = int(args.gigabytes * 1e9 / 4 / args.columns)
rng, mixing = np.random.default_rng(0), np.random.default_rng(1).normal(size=(10, args.columns)).astype(np.float32)
X = np.empty((rows, args.columns), np.float32)
for start in range(0, rows, 50_000):
    part = X[start : start + 50_000]
    part[:] = np.tanh(rng.normal(size=(len(part), 10)).astype(np.float32)) @ mixing
made = peak()
begin = time.perf_counter()
model = zl.Autoencoder(latent_dim=10, max_epochs=1, random_state=0).fit(X)
fitted = peak()
print(
    f"table {X.nbytes / 1e9:.2f} GB, libraries {before / 1e9:.2f} GB, peak of the process {fitted / 1e9:.2f} GB: "
    f"{fitted / X.nbytes:.2f} times the table ({(fitted - made) / X.nbytes:.2f} times added by fit), "
    f"{time.perf_counter() - begin:.0f} s for one epoch of {rows:,} rows"
)
figure(f"memory to fit a table of {X.nbytes / 1e9:g} GB: GB in all", fitted / 1e9, f"libraries {before / 1e9:.2f}")
