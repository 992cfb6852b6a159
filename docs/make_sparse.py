"""What the units of four sparse types learn of handwritten digits, and how busy they are: draws docs/images/sparse.png.

usage: python docs/make_sparse.py DATA [--rows 10000] [--epochs 20]

DATA is the folder of data sets (mnist). All have 256 units and no hidden layers, so that every unit is one picture that
the decoder adds. Prints a line for each method: test error, active units per row, dead units.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
from PIL import Image

import zandloper as zl
from zandloper.plotting.style import COLORS, INK, new_figure, plain

PICTURE = Path(__file__).parent / "images" / "sparse.png"
METHODS = {
    "top-k, k = 16": {"method": "topk", "sparsity": 16},
    "L1, cost 0.3": {"method": "l1", "sparsity": 0.3},
    "KL, rate 0.05": {"method": "kl", "sparsity": 0.05},
    "dropout, share 0.5": {"method": "dropout", "dropout": 0.5},
}
SIDE = 7  # units shown are SIDE x SIDE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=20)
    args = parser.parse_args()

    def images(part: str) -> np.ndarray:
        with gzip.open(args.data / "mnist" / f"{part}-images-idx3-ubyte.gz") as file:
            return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)

    X, T = images("train")[: args.rows], images("t10k")
    figure = new_figure(3.1 * len(METHODS), 4.9)
    grids, histograms = figure.subplots(2, len(METHODS), gridspec_kw={"height_ratios": (3, 1.3)})
    for top, bottom, (name, settings) in zip(grids, histograms, METHODS.items()):
        model = zl.SparseAutoencoder(256, hidden=(), **settings, max_epochs=args.epochs, random_state=0).fit(X)
        activity, error = model.activity(T), model.reconstruction_error(T).mean()
        print(f"{name}: test error {error:.4f}, {activity}", flush=True)
        top.imshow(tiled(model.features(T, SIDE**2)[0][..., 0]), cmap="RdBu_r", vmin=-1, vmax=1)
        top.set_axis_off()
        top.set_title(f"{name}\nerror {error:.4f}, {activity.mean:.0f} active of 256", fontsize=10, color=INK)
        plain(bottom)
        bottom.hist(activity.rate, bins=np.linspace(0, 1, 21), color=COLORS[0])
        bottom.set(ylim=(0, 256), xlabel="share of rows on which a unit is active")
        bottom.text(0.98, 0.9, f"{len(activity.dead)} dead", transform=bottom.transAxes, ha="right", color=INK)
    histograms[0].set_ylabel("units")
    figure.savefig(PICTURE, dpi=110)
    small_file(PICTURE)
    print(f"written  {PICTURE.relative_to(Path(__file__).parents[1])}")


def small_file(path: Path) -> None:
    """256 colors are enough, and a third of the bytes."""
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


def tiled(pictures: np.ndarray) -> np.ndarray:
    """Pictures (SIDE * SIDE, h, w), each brought to -1 to 1, side by side in one, white lines between."""
    _, h, w = pictures.shape
    tiles = np.zeros((SIDE, h + 2, SIDE, w + 2))
    loud = np.abs(pictures).max((1, 2), keepdims=True)
    tiles[:, :h, :, :w] = (pictures / np.maximum(loud, 1e-12)).reshape(SIDE, SIDE, h, w).transpose(0, 2, 1, 3)
    return tiles.reshape(SIDE * (h + 2), SIDE * (w + 2))


if __name__ == "__main__":
    main()
