"""How fast the detector answers: rows a second beside PyOD's AutoEncoder, single rows, and a stream in chunks.

usage: python benchmarks/detector_speed.py [FILE.npz] [--rows 20000] [--runs 5] [--chunk 1000]
needs: pip install 'zandloper[bench]'

FILE is an ADBench set (by default `adbench/32_shuttle.npz` in ZANDLOPER_DATA), split into normal rows to train on and
a test set; the test set is repeated until there are enough rows. Detectors alternate in one process and medians are
compared, once with as many threads as torch takes by itself and once with one; all else runs in one. A stream goes
through what `zandloper run MODEL -` runs: CSV in, answers with reasons out as CSV.
"""

import argparse
import os
import statistics
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from adbench_sets import split
from figures import figure
from sklearn.metrics import roc_auc_score

import zandloper as zl
from zandloper.detections import answer_stream

warnings.simplefilter("ignore")
from pyod.models.auto_encoder import AutoEncoder  # noqa: E402

default = Path(os.environ.get("ZANDLOPER_DATA", ".")) / "adbench" / "32_shuttle.npz"
parser = argparse.ArgumentParser()
parser.add_argument("file", type=Path, nargs="?", default=default)
parser.add_argument("--rows", type=int, default=20_000)
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--single", type=int, default=1_000)
parser.add_argument("--chunk", type=int, default=1_000)
parser.add_argument("--max-epochs", type=int, help="shorter training: speeds stay, AUROC does not")
args = parser.parse_args()
cores = torch.get_num_threads()

train, test, odd = split(args.file, "normals")
many = np.resize(test, (args.rows, test.shape[1]))
ours = {
    "default": zl.AnomalyDetector(random_state=0, max_epochs=args.max_epochs),
    "fast": zl.AnomalyDetector(random_state=0, fast=True, max_epochs=args.max_epochs),
}
peer = AutoEncoder(verbose=0, random_state=0)
for model in (*ours.values(), peer):
    model.fit(train)
auroc = {name: 100 * roc_auc_score(odd, model.anomaly_score(test)) for name, model in ours.items()}
auroc["PyOD"] = 100 * roc_auc_score(odd, peer.decision_function(test))
scoring = {**{name: model.anomaly_score for name, model in ours.items()}, "PyOD": peer.decision_function}


def timed(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


of = args.file.stem
for threads in sorted({cores, 1}, reverse=True):
    torch.set_num_threads(threads)
    times = {name: [] for name in scoring}
    for _ in range(args.runs):
        for name, score in scoring.items():
            times[name].append(timed(lambda: score(many)))  # noqa: B023
    rate = {name: args.rows / statistics.median(found) for name, found in times.items()}
    for name in scoring:
        print(f"{threads} thread(s), {name}: {rate[name]:,.0f} rows a second, AUROC {auroc[name]:.2f}")
    for name, wanted in (("default", ">= 1"), ("fast", ">= 5")):
        said = f"PyOD's AutoEncoder, {rate['PyOD']:,.0f} rows a second"
        here = f"times as fast to score, {threads} thread{'s' if threads > 1 else ''}"
        figure(f"{of}, {name}: {here}", rate[name] / rate["PyOD"], said, wanted, ".2f")
for name in ours:
    figure(f"{of}, {name}: AUROC", auroc[name], f"PyOD's AutoEncoder {auroc['PyOD']:.1f}", "", ".1f")


def stream(model, chunk, count):
    """Seconds that each chunk of rows takes to be answered, one after the other, as `run MODEL -` does it."""
    came, to_model = os.pipe()
    answered, header = threading.Semaphore(0), ",".join(f"c{i}" for i in range(many.shape[1])) + "\n"
    took = []

    def send():
        os.write(to_model, header.encode())
        for k in range(count):
            rows = many[np.arange(k * chunk, (k + 1) * chunk) % len(many)]
            text = "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist()).encode()
            wanted.append(chunk)
            begin = time.perf_counter()
            while text:
                text = text[os.write(to_model, text) :]
            answered.acquire()
            took.append(time.perf_counter() - begin)
        os.close(to_model)

    wanted = []
    left = [0]

    def write(said):
        left[0] += said.count(b"\n")
        if left[0] >= wanted[-1] + (len(took) == 0):  # the first answer has a header
            left[0] = 0
            answered.release()

    thread = threading.Thread(target=send)
    thread.start()
    answer_stream(model, came, write)
    thread.join()
    os.close(came)
    return took[1:]


for name, model in ours.items():
    single = [1e3 * timed(lambda: model.anomaly_score(test[i : i + 1])) for i in np.arange(args.single) % len(test)]  # noqa: B023
    p50, p99 = np.percentile(single[10:], [50, 99])
    figure(f"{of}, {name}: milliseconds to score one row, p99", p99, f"p50 {p50:.2f}", "< 5", ".2f")
    p50, p99 = 1e3 * np.percentile(stream(model, 1, args.single)[10:], [50, 99])
    figure(f"{of}, {name}: milliseconds to answer one row of a stream, p99", p99, f"p50 {p50:.2f}", "< 5", ".2f")
    took = stream(model, args.chunk, max(6, args.rows // args.chunk))
    wanted = ">= 10,000"
    figure(
        f"{of}, {name}: rows a second of a stream",
        args.chunk / statistics.median(took),
        f"chunks of {args.chunk:,}",
        wanted,
        ",.0f",
    )
