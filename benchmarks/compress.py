"""Sizes of compressed data beside zstd and zfp at the same largest error, and the time of both ways.

usage: python benchmarks/compress.py DATA [--only NAME] [--images 10000]
DATA holds mnist, ett, adbench and fsdd. zstd (level 19) gets what it does best with: the values rounded to steps of
twice the bound, in the smallest integers that hold them, by rows, by columns, or as differences, whichever is smallest.
zfp gets the values as they are and the bound as its tolerance, each column for itself, images one after the other.
The model of MNIST learns from other images than are compressed; the others from the data themselves, since their size
is counted with the model's folder on disk too.
"""

import argparse
import csv
import gzip
import tempfile
import time
import wave
from pathlib import Path

import numpy as np
import zfpy
import zstandard
from figures import figure

import zandloper as zl

parser = argparse.ArgumentParser()
parser.add_argument("data", type=Path)
parser.add_argument("--only", default="")
parser.add_argument("--images", type=int, default=10_000)
parser.add_argument("--sounds", type=int, default=10_000)
args = parser.parse_args()


def timed(function, *given):
    start = time.perf_counter()
    return function(*given), time.perf_counter() - start


def smallest(whole):
    """Integers in the smallest type."""
    low, high = int(whole.min()), int(whole.max())
    return whole.astype(next(k for k in ("i1", "i2", "i4", "i8") if np.iinfo(k).min <= low and high <= np.iinfo(k).max))


def zstd(whole):
    """The smallest of the layouts of integers (rows, columns), and the seconds of both ways for it."""
    shifted = whole - (whole.max(0) + whole.min(0)) // 2
    layouts = [shifted, shifted.T, np.diff(shifted, axis=0, prepend=0).T]
    packed = [smallest(np.ascontiguousarray(a)).tobytes() for a in layouts]
    found = [timed(zstandard.ZstdCompressor(level=19).compress, p) for p in packed]
    best = min(found, key=lambda f: len(f[0]))
    return len(best[0]), best[1], timed(zstandard.ZstdDecompressor().decompress, best[0])[1]


def zfp(columns, bounds):
    """Bytes and seconds of both ways, each array with its bound."""
    packed, there = timed(
        lambda: [zfpy.compress_numpy(np.ascontiguousarray(c), tolerance=b) for c, b in zip(columns, bounds)]
    )
    return sum(map(len, packed)), there, timed(lambda: [zfpy.decompress_numpy(p) for p in packed])[1]


def folder_size(model):
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "m")
        return sum(f.stat().st_size for f in (Path(folder) / "m").iterdir())


def compare(name, train, X, whole, floats, bounds, settings, off):
    model, fit = timed(zl.Compressor(random_state=0, **settings).fit, train)
    data, there = timed(model.compress, X)
    back, again = timed(model.decompress, data)
    worst, own = off(back), folder_size(model)
    z, f = zstd(whole), zfp(floats, bounds)
    best = min(z[0], f[0])
    print(f"{name}: largest error {worst:.4g} of the bound; {model.measure(X)}")
    print(
        f"  ours {len(data):,} bytes, {there:.2f} s and {again:.2f} s back, fitted in {fit:.0f} s, model {own:,} bytes"
    )
    print(
        f"  zstd {z[0]:,} bytes, {z[1]:.2f} s and {z[2]:.3f} s back; zfp {f[0]:,} bytes, {f[1]:.2f} s and {f[2]:.3f} s"
    )
    assert worst <= 1
    figure(f"{name}: bytes / the best of zstd's and zfp's", len(data) / best, f"{best:,} bytes", "< 1")
    figure(f"{name}: the same with the model's own", (len(data) + own) / best, f"{best:,} bytes", "< 1")


def mnist():
    def read(part):
        with gzip.open(args.data / "mnist" / f"{part}-images-idx3-ubyte.gz") as file:
            return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)

    train, X = read("train")[:20_000], read("t10k")[: args.images]
    for bound in (0, 4):
        whole = np.rint(X.reshape(len(X), -1) / (2 * bound + 1)).astype(int)
        off = lambda back: np.abs(back.astype(int) - X).max() / max(bound, 0.5)  # noqa: B023, E731
        floats = [X.astype(np.float32)]
        compare(f"MNIST within {bound}", train, X, whole, floats, [max(bound, 0.49)], {"max_error": bound}, off)


def columns_of(name, X, modality):
    for share in (0.001, 0.01):
        bound = share * np.ptp(X, axis=0)
        whole = np.rint(X / (2 * bound)).astype(int)
        off = lambda back: (np.abs(back - X) / bound).max()  # noqa: B023, E731
        settings = {"max_error": share, "relative": True, "modality": modality}
        compare(f"{name} within {share:g} of each range", X, X, whole, list(X.T), bound, settings, off)


def etth1():
    with open(args.data / "ett" / "ETTh1.csv") as file:
        X = np.array([[float(v) for v in row[1:]] for row in list(csv.reader(file))[1:]])
    columns_of("ETTh1", X, "series")


def table():
    columns_of("magic.gamma", np.load(args.data / "adbench" / "22_magic.gamma.npz")["X"].astype(np.float64), "table")


def fsdd():
    sounds = []
    for path in sorted((args.data / "fsdd").glob("*.wav"))[: args.sounds]:
        with wave.open(str(path)) as file:
            sounds.append(np.frombuffer(file.readframes(file.getnframes()), np.int16))
    joined = np.concatenate(sounds)
    for bound in (0, 10, 100):
        whole = np.rint(joined / (2 * bound + 1)).astype(int)[:, None]
        off = lambda back: np.abs(np.concatenate(back).astype(int) - joined).max() / max(bound, 0.5)  # noqa: B023, E731
        settings = {"max_error": bound, "modality": "series"}
        floats = [joined.astype(np.float32)]
        compare(f"FSDD within {bound}", sounds, sounds, whole, floats, [max(bound, 0.49)], settings, off)


for run in (etth1, table, mnist, fsdd):
    if args.only in ("", run.__name__):
        run()
