"""Images, one class normal: Fashion-MNIST, each class in turn, image AUROC averaged over the classes.

usage: python benchmarks/fashion_one_class.py [FOLDER] [--classes 0,1,2,3,4,5,6,7,8,9] [--rows 6000] [--test 10000]
needs: the extra `bench`

FOLDER has the idx files; by default it is `fashion-mnist` in ZANDLOPER_DATA. Trained on training images of one class,
scored on test images of all. Beside: the mean distance to the 5 nearest on PCA (90 % of the variance), and PyOD's
AutoEncoder with its defaults, on the same pixels in [0, 1].
"""

import argparse
import gzip
import os
import time
import warnings
from pathlib import Path

import numpy as np
from figures import figure
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

import zandloper as zl

warnings.simplefilter("ignore")
from pyod.models.auto_encoder import AutoEncoder  # noqa: E402

default = Path(os.environ.get("ZANDLOPER_DATA", ".")) / "fashion-mnist"
parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path, nargs="?", default=default)
parser.add_argument("--classes", default="0,1,2,3,4,5,6,7,8,9")
parser.add_argument("--rows", type=int, default=6_000)
parser.add_argument("--test", type=int, default=10_000)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()


def idx(part):
    """An idx file, packed or not."""
    path = next(iter(sorted(args.folder.glob(f"{part}*"))))
    data = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


class Ours:
    def fit(self, X):
        self.detector = zl.AnomalyDetector(modality="image", random_state=args.seed).fit(X)

    def score(self, X):
        return self.detector.anomaly_score(X)


class Nearest:
    def fit(self, X):
        flat = X.reshape(len(X), -1) / 255.0
        self.pca = PCA(0.9, svd_solver="full").fit(flat)
        self.nearest = NearestNeighbors(n_neighbors=5).fit(self.pca.transform(flat))

    def score(self, X):
        return self.nearest.kneighbors(self.pca.transform(X.reshape(len(X), -1) / 255.0))[0].mean(1)


class PyOD:
    def fit(self, X):
        self.model = AutoEncoder(verbose=0, random_state=args.seed)
        self.model.fit((X.reshape(len(X), -1) / 255.0).astype(np.float32))

    def score(self, X):
        return self.model.decision_function((X.reshape(len(X), -1) / 255.0).astype(np.float32))


KINDS = {"zandloper": Ours, "kNN on PCA": Nearest, "PyOD's AutoEncoder": PyOD}
train, train_labels = idx("train-images"), idx("train-labels")
test, test_labels = idx("t10k-images")[: args.test], idx("t10k-labels")[: args.test]
auroc, seconds = {name: [] for name in KINDS}, dict.fromkeys(KINDS, 0.0)
classes = [int(c) for c in args.classes.split(",")]
for c in classes:
    normal = train[train_labels == c][: args.rows]
    for name, kind in KINDS.items():
        begin, model = time.perf_counter(), kind()
        model.fit(normal)
        score = model.score(test)
        seconds[name] += time.perf_counter() - begin
        auroc[name].append(100 * roc_auc_score(test_labels != c, score))
    print(f"class {c}: " + ", ".join(f"{name} {found[-1]:.2f}" for name, found in auroc.items()), flush=True)
beside = ", ".join(f"{name} {np.mean(auroc[name]):.2f}" for name in list(KINDS)[1:])
of = f"{len(classes)} classes, {args.rows:,} images each"
figure(f"Fashion-MNIST, one class normal: mean AUROC ({of})", np.mean(auroc["zandloper"]), beside, "above both", ".2f")
beside = ", ".join(f"{name} {seconds[name] / len(classes):.0f}" for name in list(KINDS)[1:])
figure(
    f"Fashion-MNIST, one class normal: seconds a class ({of})", seconds["zandloper"] / len(classes), beside, "", ".0f"
)
