"""How fast the detector answers: rows a second beside PyOD's AutoEncoder, single rows, and a stream in chunks.

usage: python benchmarks/detector_speed.py [FILE.npz] [--rows 20000] [--runs 5] [--chunk 1000]
needs: the extra `bench`

FILE is an ADBench set (by default `adbench/32_shuttle.npz` in ZANDLOPER_DATA), split into normal rows to train on and
a test set; the test set is repeated until there are enough rows. Detectors alternate in one process and medians are
compared, once with as many threads as torch takes by itself and once with one; all else runs in one. A stream goes
through `zandloper run MODEL -` in a process of its own: CSV in, answers with reasons out as CSV.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from subprocess import PIPE

import numpy as np
import torch
from adbench_sets import split
from figures import figure
from sklearn.metrics import roc_auc_score

import zandloper as zl

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
    """Seconds that each chunk of rows takes to be answered by `zandloper run MODEL -`, one after the other."""
    header = ",".join(f"c{i}" for i in range(many.shape[1])) + "\n"
    run = [sys.executable, "-m", "zandloper", "run"]
    one = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        with subprocess.Popen([*run, f"{folder}/model", "-"], env=one, stdin=PIPE, stdout=PIPE, bufsize=0) as child:
            answers, took = io.BufferedReader(child.stdout), []
            child.stdin.write(header.encode())
            for k in range(count):
                rows = many[np.arange(k * chunk, (k + 1) * chunk) % len(many)]
                text = "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist()).encode()
                # Of what does not fit into a pipe, answers come before all is sent.
                sender = None if chunk == 1 else threading.Thread(target=send, args=(child.stdin, text))
                begin = time.perf_counter()
                send(child.stdin, text) if sender is None else sender.start()
                for _ in range(chunk + (k == 0)):  # the first answer has a header
                    assert answers.readline(), "the command has ended"
                took.append(time.perf_counter() - begin)
                if sender is not None:
                    sender.join()
            child.stdin.close()
        assert child.returncode == 0
    return took[1:]


def send(pipe, text):
    """All bytes into a pipe."""
    while text:
        text = text[pipe.write(text) :]


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
