"""A long stream in bounded memory: the peak of a process that compresses a table and gives it back, part by part.

usage: python benchmarks/compress_stream.py [--gigabytes 1]
The table is drawn part by part, and never as a whole in memory; what comes back is compared with what went in.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from figures import figure

import zandloper as zl

parser = argparse.ArgumentParser()
parser.add_argument("--gigabytes", type=float, default=1.0)
args = parser.parse_args()
COLUMNS, PART, BOUND = 20, 50_000, 0.01
parts = max(2, int(args.gigabytes * 1e9 / 4 / COLUMNS / PART))
mixing = np.random.default_rng(1).normal(size=(5, COLUMNS)).astype(np.float32)


def part(i):
    rng = np.random.default_rng(i)
    x = np.tanh(rng.normal(size=(PART, 5)).astype(np.float32)) @ mixing
    return x + 0.05 * rng.normal(size=x.shape).astype(np.float32)


peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # noqa: E731 (kilobytes on Linux)
model = zl.Compressor(max_error=BOUND, random_state=0).fit(part(10**6))
fitted = peak()
with tempfile.TemporaryDirectory() as folder:
    path, start = Path(folder) / "x.zl", time.perf_counter()
    found = model.compress_file(map(part, range(parts)), path)
    packed, start = time.perf_counter() - start, time.perf_counter()
    held, number, worst = np.zeros((0, COLUMNS), np.float32), 0, 0.0
    for block in model.decompress_blocks(path):
        held = np.concatenate([held, block])
        while len(held) >= PART:
            off = np.abs(held[:PART].astype(float) - part(number))
            worst, held, number = max(worst, float(off.max())), held[PART:], number + 1
    back = time.perf_counter() - start
assert number == parts and worst <= BOUND, (number, worst)
size = parts * PART * COLUMNS * 4 / 1e9
print(f"{size:.2f} GB to {found.size / 1e9:.3f} GB in {packed:.0f} s, back in {back:.0f} s; largest error {worst:.6f}")
figure(f"stream of {size:.1f} GB: GB of memory added to those after fit", peak() - fitted, f"{fitted:.2f} GB", "< 0.5")
