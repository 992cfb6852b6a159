"""Side by side with PyOD's AutoEncoder on the same layers: seconds to fit, error on unseen rows, rows scored a second.

usage: python benchmarks/against_pyod.py FILE.npz [--runs 3]      needs: the extra `bench`

Fits on 80 % of the normal rows, standardized; both alternate in one process and medians are compared. Errors are mean
squares on the other rows.
"""

import argparse
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
from figures import figure
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

import zandloper as zl

warnings.filterwarnings("ignore")
from pyod.models.auto_encoder import AutoEncoder  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("file", type=Path)
parser.add_argument("--runs", type=int, default=3)
args = parser.parse_args()

data = np.load(args.file, allow_pickle=False)
X = data["X"][data["y"].ravel() == 0].astype(np.float32)
X = X[np.random.default_rng(0).permutation(len(X))[:50_000]]
cut = len(X) * 4 // 5
scale = StandardScaler().fit(X[:cut])
A, B = scale.transform(X[:cut]).astype(np.float32), scale.transform(X[cut:]).astype(np.float32)


def timed(work):
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


ours, theirs = [], []
for run in range(args.runs):
    peer = AutoEncoder(verbose=0, random_state=run)
    fit, _ = timed(lambda: peer.fit(A))  # noqa: B023
    score, distance = timed(lambda: peer.decision_function(B))  # noqa: B023
    theirs.append((fit, float(np.mean(distance**2) / A.shape[1]), score))
    model = zl.Autoencoder(hidden=(64,), latent_dim=32, modality="table", random_state=run)
    fit, _ = timed(lambda: model.fit(A))  # noqa: B023
    score, _ = timed(lambda: model.reconstruction_error(B))  # noqa: B023
    ours.append((fit, float(((model.predict(B) - B) ** 2).mean()), score))
us, peer_figures = ([statistics.median(column) for column in zip(*runs)] for runs in (ours, theirs))
pca = PCA(32).fit(A)
reference = float(((pca.inverse_transform(pca.transform(B)) - B) ** 2).mean())
print(
    f"PyOD: fit {peer_figures[0]:.2f} s, error {peer_figures[1]:.4f}; "
    f"ours: fit {us[0]:.2f} s, error {us[1]:.4f}; PCA {reference:.4f}"
)
name = args.file.stem
figure(f"{name}: times as fast to fit", peer_figures[0] / us[0], "PyOD's AutoEncoder", ">= 10", ".1f")
figure(f"{name}: test error / PCA's (32)", us[1] / reference, f"PyOD {peer_figures[1] / reference:.2f}", "<= 0.5")
figure(f"{name}: times as fast to score", peer_figures[2] / us[2], "PyOD's AutoEncoder", ">= 5", ".1f")
