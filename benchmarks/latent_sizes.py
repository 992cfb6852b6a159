"""Test error over latent sizes for PCA, the shallow and the deep autoencoder, on two sets of images and two tables.

usage: python benchmarks/latent_sizes.py DATA_FOLDER [--rows 10000] [--sizes 1 2 4 8 16 32 64] [--only NAME ...]

Images train on the first `--rows` training images and are measured on all 10,000 test images; of a table a fifth of the
rows (at most `--rows` in all) is held out. Shallow is `hidden=()`: bottleneck and nothing else; deep is the default.
All settings are defaults, one seed. Prints a table for each set and writes results/latent_sizes.csv, .md and .png.
`--draw` measures nothing and draws what the CSV file holds.
"""

import argparse
import csv
import gzip
import math
import time
import warnings
from pathlib import Path

import numpy as np
from figures import RESULTS, figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

import zandloper as zl
from zandloper.plotting.style import COLORS, INK, new_figure, plain

NETS = {"shallow": {"hidden": ()}, "deep": {}}
STYLE = {"PCA": (COLORS[3], "s"), "shallow": (COLORS[1], "^"), "deep": (COLORS[0], "o")}
EXACT = 1e-9  # an error below is rounding

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--rows", type=int, default=10_000)
parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
parser.add_argument("--only", nargs="+", help="of mnist, fashion-mnist, 24_mnist, 30_satellite")
parser.add_argument("--draw", action="store_true")
args = parser.parse_args()


def images(folder: str) -> dict:
    def read(part: str) -> np.ndarray:
        with gzip.open(args.folder / folder / f"{part}-images-idx3-ubyte.gz") as file:
            return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)

    return {"X": read("train")[: args.rows], "X_test": read("t10k")}


def table(name: str) -> dict:
    X = np.load(args.folder / "adbench" / f"{name}.npz", allow_pickle=False)["X"].astype(float)
    return {"X": X[np.random.default_rng(0).permutation(len(X))[: args.rows]]}


SETS = {
    "mnist": ("MNIST", images),
    "fashion-mnist": ("Fashion-MNIST", images),
    "24_mnist": ("adbench 24_mnist (100 columns)", table),
    "30_satellite": ("adbench 30_satellite (36 columns)", table),
}


def measured(name: str) -> list[dict]:
    """One row a size: error of PCA, shallow, deep."""
    title, read = SETS[name]
    data, errors = read(name), {}
    for net, settings in NETS.items():
        begin = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = zl.compare_with_pca(
                **data, latent_dims=args.sizes, autoencoder=zl.Autoencoder(**settings), random_state=0
            )
        errors |= {"PCA": found.pca, net: found.autoencoder}
        warned = f", WARNED: {caught[0].message}" if caught else ""
        print(f"{title}, {net}: {found.remark}; {time.perf_counter() - begin:.0f} s{warned}", flush=True)
    return [
        {"data": title, "latent_dim": size, **{m: errors[m][i] for m in STYLE}}
        for i, size in enumerate(found.latent_dims)
    ]


def ratio(row: dict, net: str) -> str:
    return f"{row[net] / row['PCA']:.3f}" if row["PCA"] > EXACT else "–"


def markdown(rows: list[dict]) -> str:
    lines = ["| data | latents | PCA | shallow | deep | shallow / PCA | deep / PCA |", "|---|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        errors = " | ".join(f"{row[m]:.5f}" for m in STYLE)
        lines.append(
            f"| {row['data']} | {row['latent_dim']} | {errors} | {ratio(row, 'shallow')} | {ratio(row, 'deep')} |"
        )
    return "\n".join(lines) + "\n"


def picture(rows: list[dict]):
    """A panel for each set."""
    titles = list(dict.fromkeys(row["data"] for row in rows))
    columns = min(2, len(titles))
    figure = new_figure(5.2 * columns, 3.9 * math.ceil(len(titles) / columns))
    for ax, title in zip(figure.subplots(math.ceil(len(titles) / columns), columns, squeeze=False).flat, titles):
        plain(ax)
        mine = [row for row in rows if row["data"] == title]
        for method, (color, marker) in STYLE.items():
            shown = [(r["latent_dim"], r[method]) for r in mine if r[method] > EXACT]
            wide = {"linewidth": 4, "markersize": 9} if method == "PCA" else {"linewidth": 2}  # seen below its equals
            ax.plot(*zip(*shown), color=color, marker=marker, label=method, **wide)
        ax.set_xscale("log", base=2)
        ax.set_xticks(args.sizes, [str(k) for k in args.sizes])
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.tick_params(which="minor", length=0)
        ax.set_title(title, fontsize=11, color=INK, loc="left")
        ax.set_xlabel("size of the latent space", color=INK)
        ax.set_ylabel("mean squared error, test rows", color=INK)
        ax.legend(frameon=False)
    return figure


if args.draw:
    with open(RESULTS / "latent_sizes.csv", newline="", encoding="utf-8") as file:
        known = [{k: v if k == "data" else float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    picture(known).savefig(RESULTS / "latent_sizes.png")
    raise SystemExit

rows: list[dict] = []
for name in args.only or SETS:
    rows += measured(name)
    print(markdown([row for row in rows if row["data"] == SETS[name][0]]), flush=True)
    RESULTS.mkdir(exist_ok=True)  # after each set, so that an evening cut short leaves something
    with open(RESULTS / "latent_sizes.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (RESULTS / "latent_sizes.md").write_text(markdown(rows), encoding="utf-8")
    picture(rows).savefig(RESULTS / "latent_sizes.png")
    known = [row for row in rows if row["data"] == SETS[name][0] and row["PCA"] > EXACT]
    for net in NETS:
        ratios = [row[net] / row["PCA"] for row in known]
        sizes = f"latents {known[0]['latent_dim']} to {known[-1]['latent_dim']}"
        figure(f"{SETS[name][0]}, {net}, {sizes}: highest test error / PCA's", max(ratios), "PCA, same rows")
        figure(f"{SETS[name][0]}, {net}, {sizes}: lowest test error / PCA's", min(ratios), "PCA, same rows")
