"""The four shapes on the same digits: draws docs/images/shapes.png and prints the table of docs/shapes.md.

usage: python docs/make_shapes.py [--seeds 3] [--epochs N]

Trains on 1,347 of scikit-learn's digits and measures on the other 450: the test error and PCA's with as many
components, how much noise passes (white noise of deviation 0.25 is added to the test images; 100 %: all of it comes out
again), and how often the five nearest training digits in the latent space say which digit it is. Means over the seeds.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

import zandloper as zl
from zandloper.inspection.architecture import architecture
from zandloper.inspection.architecture_plot import draw_hourglass
from zandloper.plotting.style import INK, new_figure

PICTURE = Path(__file__).parent / "images" / "shapes.png"
FEW, MANY, NOISE = 8, 128, 0.25
SHAPES = {
    "shallow undercomplete": {"latent_dim": FEW, "hidden": ()},
    "shallow overcomplete": {"latent_dim": MANY, "hidden": ()},
    "deep undercomplete": {"latent_dim": FEW, "hidden": (128, 64)},
    "deep overcomplete": {"latent_dim": MANY, "hidden": (128, 64)},
}
SPARSE = {"sparse, deep overcomplete": {"latent_dim": MANY, "hidden": (128, 64)}}  # in the table only


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    args = parser.parse_args()
    figure = new_figure(8.4, 7.4)
    grid = figure.subplots(2, 2, gridspec_kw={"height_ratios": (3, 7)})
    print("| shape | layers | parameters | test error | PCA's | noise that passes | kNN accuracy |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for ax, (name, settings) in zip([*grid.ravel(), None], (SHAPES | SPARSE).items(), strict=True):
        kind = zl.SparseAutoencoder if name in SPARSE else zl.Autoencoder
        runs = [reach(kind, settings | {"max_epochs": args.epochs or "auto"}, seed) for seed in range(args.seeds)]
        model = runs[0][0]
        error, pca, noise, knn = np.mean([run[1:] for run in runs], axis=0)
        found = model.describe()
        assert name.endswith(found.shape)
        layers = " → ".join(found.layers)
        print(
            f"| {name} | {layers} | {found.parameters:,} | {error:.4f} | {pca:.4f} | {noise:.0%} | {knn:.1%} |",
            flush=True,
        )
        if ax is None:
            continue
        draw_hourglass(ax, architecture(model), labels=False, widest=MANY)
        ax.set_title(f"{name}\ntest error {error:.4f} (PCA {pca:.4f})", fontsize=11, color=INK)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=110, pil_kwargs={"optimize": True})
    print(f"written  {PICTURE.relative_to(Path(__file__).parents[1])}")


def reach(kind: type, settings: dict, seed: int) -> tuple:
    """The model, its test error, PCA's, the share of noise that passes, and the accuracy of neighbors."""
    bunch = load_digits()
    parts = train_test_split(bunch.data / 16, bunch.target, test_size=450, stratify=bunch.target, random_state=seed)
    train, test, train_labels, test_labels = parts
    images = [rows.reshape(-1, 8, 8).astype(np.float32) for rows in (train, test)]
    model = kind(**settings, modality="image", random_state=seed).fit(images[0])
    noise = np.random.default_rng(seed).normal(0, NOISE, images[1].shape).astype(np.float32)
    clean, noisy = model.predict(images[1]), model.predict(images[1] + noise)
    passed = float(((noisy - clean) * noise).mean() / (noise**2).mean())  # the slope of what comes out on what went in
    pca = PCA(min(settings["latent_dim"], train.shape[1]), random_state=seed).fit(train)
    rebuilt = pca.inverse_transform(pca.transform(test))
    neighbors = KNeighborsClassifier(5).fit(model.transform(images[0]), train_labels)
    knn = neighbors.score(model.transform(images[1]), test_labels)
    return model, ((clean - images[1]) ** 2).mean(), ((rebuilt - test) ** 2).mean(), passed, knn


if __name__ == "__main__":
    main()
