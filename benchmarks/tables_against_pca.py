"""Many tables: the test error of `Autoencoder()` with its defaults against PCA with as many components.

usage: python benchmarks/tables_against_pca.py FOLDER_OF_NPZ [--rows 10000] [--seeds 1] [parameter=value ...]

Each file holds X. Rows are split 80 / 20; both methods get columns standardized on the training rows. Prints one line a
table and the geometric mean of the ratios (below 1: better than PCA).
"""

import argparse
import ast
import glob
import os
import time
import warnings

import numpy as np
from figures import figure
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

import zandloper as zl

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--rows", type=int, default=10_000)
parser.add_argument("--seeds", type=int, default=1)
parser.add_argument("parameters", nargs="*", help="of Autoencoder, as name=value")
args = parser.parse_args()
given = {}
for pair in args.parameters:
    name, value = pair.split("=", 1)
    given[name] = ast.literal_eval(value) if value[:1] in "-0123456789(TFN" else value

ratios, seconds = [], 0.0
for path in sorted(glob.glob(os.path.join(args.folder, "*.npz"))):
    X = np.load(path, allow_pickle=False)["X"].astype(float)
    X = X[np.random.default_rng(0).permutation(len(X))[: args.rows]]
    cut = len(X) * 4 // 5
    scale = StandardScaler().fit(X[:cut])
    A, B = scale.transform(X[:cut]), scale.transform(X[cut:])
    for seed in range(args.seeds):
        begin = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = zl.Autoencoder(loss="mse", random_state=seed, **given).fit(A)
        took = time.perf_counter() - begin
        pca = PCA(min(model.latent_shape_[0], *A.shape)).fit(A)
        error = ((model.predict(B) - B) ** 2).mean()
        reference = ((pca.inverse_transform(pca.transform(B)) - B) ** 2).mean()
        ratios.append((error + 1e-12) / (reference + 1e-12))
        seconds += took
        print(
            f"{os.path.basename(path):26s} {A.shape[0]:5d} x {A.shape[1]:<4d} latents {model.latent_shape_[0]:3d} "
            f"error {error:.4f} PCA {reference:.4f} ratio {ratios[-1]:.3f} "
            f"{model.n_epochs_:3d} epochs {took:5.1f} s {model.stopped_by_}{' WARNED' * len(caught)}",
            flush=True,
        )
print(f"{len(ratios)} fits, {seconds:.0f} s")
if not given:
    mean = float(np.exp(np.mean(np.log(ratios))))
    figure(f"{len(ratios)} tables: error / PCA's, geometric mean", mean, f"largest {max(ratios):.3f}", "< 1")
