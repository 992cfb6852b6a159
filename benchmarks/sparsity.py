"""Four ways to be sparse, by numbers: top-k, L1, KL rate and dropout beside the plain type.

usage: python benchmarks/sparsity.py DATA [--rows 10000] [--epochs 30] [--only NAME ...] [--draw]

DATA is the folder of data sets (mnist, adbench; $ZANDLOPER_DATA). Each set is told by the plain type in 8, 16 and 32
latents, all of which speak on every row by definition, and by the sparse type in 256, with each method at several
strengths. Measured on rows that trained nothing: the error, the active units per row, the dead units, how often units
speak, and for images how often ten neighbors in the latent space name the digit. MNIST trains on the first `--rows`
images and is measured on 10,000; of the table a fifth is held out. One seed. Two questions are answered: at no more
than the plain type's error, how few units are active; and with no more active units than it has latents, what is the
error?

Writes results/sparsity.csv, .md and .png. `--draw` measures nothing and writes the latter two from the CSV file. With
the defaults about 15 minutes of one thread.
"""

import argparse
import csv
import gzip
import time
from pathlib import Path

import numpy as np
from figures import RESULTS, figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from sklearn.neighbors import KNeighborsClassifier

import zandloper as zl
from zandloper.plotting.style import COLORS, INK, new_figure, plain

WIDE, NARROW = 256, (8, 16, 32)
STRENGTHS = {
    "topk": [{"sparsity": k} for k in (4, 8, 16, 32, 64)],
    "l1": [{"sparsity": cost} for cost in (1.0, 0.3, 0.1, 0.03, 0.01)],
    "kl": [{"sparsity": rate} for rate in (0.02, 0.05, 0.1)],
    "dropout": [{"dropout": share} for share in (0.2, 0.5, 0.8)],
}
STYLE = dict(zip(("plain", "topk", "l1", "kl", "dropout"), zip(COLORS, "os^Dv")))

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("data", type=Path)
parser.add_argument("--rows", type=int, default=10_000)
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--only", nargs="+", help="of mnist, mnist-shallow, 30_satellite; the others' rows are kept")
parser.add_argument("--draw", action="store_true")
args = parser.parse_args()


def mnist() -> tuple:
    """Images and labels: train, test."""

    def read(name: str, offset: int) -> np.ndarray:
        with gzip.open(args.data / "mnist" / f"{name}-ubyte.gz") as file:
            return np.frombuffer(file.read(), np.uint8, offset=offset)

    X, T = (read(f"{part}-images-idx3", 16).reshape(-1, 28, 28) for part in ("train", "t10k"))
    y, yt = (read(f"{part}-labels-idx1", 8) for part in ("train", "t10k"))
    return X[: args.rows], y[: args.rows], T, yt


def table(name: str) -> tuple:
    """A table without labels that say anything about its rows: train, test."""
    X = np.load(args.data / "adbench" / f"{name}.npz", allow_pickle=False)["X"].astype(np.float32)
    X = X[np.random.default_rng(0).permutation(len(X))[: args.rows]]
    return X[len(X) // 5 :], None, X[: len(X) // 5], None


SETS = {
    "mnist": ("MNIST, deep", mnist, {}),
    "mnist-shallow": ("MNIST, shallow", mnist, {"hidden": ()}),
    "30_satellite": ("adbench 30_satellite (36 columns), deep", lambda: table("30_satellite"), {}),
}


def measured(name: str) -> list[dict]:
    """One row a model."""
    title, read, net = SETS[name]
    X, y, T, yt = read()
    shared = {**net, "max_epochs": args.epochs, "loss": "mse", "random_state": 0}
    models = [("plain", k, zl.Autoencoder(k, **shared)) for k in NARROW]
    for method, strengths in STRENGTHS.items():
        for strength in strengths:
            model = zl.SparseAutoencoder(WIDE, method=method, **strength, **shared)
            models.append((method, next(iter(strength.values())), model))
    rows = []
    for method, strength, model in models:
        begin = time.process_time()
        model.fit(X)
        row = {"data": title, "method": method, "strength": strength, "error": model.reconstruction_error(T).mean()}
        if method == "plain":
            row |= {"active": strength, "dead": 0, "units": strength, **dict.fromkeys(("low", "middle", "high"), 1.0)}
        else:
            found = model.activity(T)
            low, middle, high = np.quantile(found.rate, (0.1, 0.5, 0.9))
            row |= {"active": found.mean, "dead": len(found.dead), "units": WIDE}
            row |= {"low": low, "middle": middle, "high": high}
        row["told"] = "" if y is None else _told(model, X, y, T, yt)
        rows.append(row)
        print(f"{_line(row)}  {time.process_time() - begin:.0f} s", flush=True)
    return rows


def _told(model, X, y, T, yt) -> float:
    """How often ten neighbors among 5,000 training rows name the digit."""
    return KNeighborsClassifier(10).fit(model.transform(X[:5000]), y[:5000]).score(model.transform(T), yt)


def answers(rows: list[dict]) -> list[dict]:
    """For every size of the plain type and every method: fewest units at its error, least error at its units."""
    found = []
    for base in (row for row in rows if row["method"] == "plain"):
        for method in STRENGTHS:
            mine = [row for row in rows if row["method"] == method]
            active = [row["active"] for row in mine if row["error"] <= base["error"]]
            error = [row["error"] for row in mine if row["active"] <= base["active"]]
            found.append(
                {
                    "data": base["data"],
                    "latents": base["active"],
                    "method": method,
                    "active": min(active, default=np.nan),
                    "ratio": min(error, default=np.nan) / base["error"],
                }
            )
    return found


def _line(row: dict) -> str:
    cells = [row["data"], row["method"], f"{row['strength']:g}", f"{row['error']:.5f}", f"{row['active']:.1f}"]
    cells += [f"{row['dead']:.0f} of {row['units']:.0f}"]
    cells += [f"{row['low']:.1%} / {row['middle']:.1%} / {row['high']:.1%}"]
    cells += [f"{float(row['told']):.1%}" if row["told"] != "" else "–"]
    return f"| {' | '.join(cells)} |"


def markdown(rows: list[dict]) -> str:
    trained = sorted({f"at most {r['rows']:.0f} rows and {r['epochs']:.0f} epochs" for r in rows})
    lines = [
        "# Four ways to be sparse",
        "",
        f"Written by `benchmarks/sparsity.py`: {' and '.join(trained)}. "
        f"The sparse types have {WIDE} units. A unit is active above 0 (KL rate: above 0.1). The strength is for plain "
        "the number of latents, for top-k the number that may speak, for L1 the cost, for KL rate the target rate, for "
        "dropout the share dropped.",
        "",
        "## At equal error, and with equally many units",
        "",
        "Fewest active units per row among the runs whose test error is not above the plain type's, and the least "
        "test error, as a multiple of the plain type's, among those with no more active units than it has latents; "
        "–: there is none.",
        "",
        "| data | plain latents | " + " | ".join(f"{m}: units" for m in STRENGTHS) + " | "
        + " | ".join(f"{m}: error" for m in STRENGTHS) + " |",
        "|---|--:|" + "--:|" * 2 * len(STRENGTHS),
    ]  # fmt: skip
    for title in dict.fromkeys(row["data"] for row in rows):
        mine = answers([row for row in rows if row["data"] == title])
        for k in NARROW:
            line = [a for a in mine if a["latents"] == k]
            units = [f"{a['active']:.1f}" if a["active"] == a["active"] else "–" for a in line]
            errors = [f"{a['ratio']:.2f}" if a["ratio"] == a["ratio"] else "–" for a in line]
            lines.append(f"| {title} | {k} | {' | '.join(units + errors)} |")
    lines += [
        "",
        "## All runs",
        "",
        "| data | method | strength | test error | active units per row | dead | share of the rows on which a unit is "
        "active: 10 % / half / 90 % of the units are below | neighbors name the digit |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
        *map(_line, rows),
    ]
    return "\n".join(lines) + "\n"


def picture(rows: list[dict]):
    """The error over the active units per row, a panel for each set."""
    titles = list(dict.fromkeys(row["data"] for row in rows))
    drawn = new_figure(4.6 * len(titles), 4.0)
    for ax, title in zip(drawn.subplots(1, len(titles), squeeze=False).flat, titles):
        plain(ax)
        for method, (color, marker) in STYLE.items():
            points = sorted((r["active"], r["error"]) for r in rows if (r["data"], r["method"]) == (title, method))
            ax.plot(*zip(*points), color=color, marker=marker, label=method, linewidth=1.8)
        ax.set(xscale="log", yscale="log", xlabel="active units per row")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
        ax.tick_params(which="minor", length=0)
        ax.set_title(title, fontsize=11, color=INK, loc="left")
        ax.set_ylabel("mean squared error, test rows", color=INK)
        ax.legend(frameon=False, fontsize=9)
    return drawn


def write(rows: list[dict]) -> None:
    (RESULTS / "sparsity.md").write_text(markdown(rows), encoding="utf-8")
    picture(rows).savefig(RESULTS / "sparsity.png")


def known() -> list[dict]:
    """What the CSV file holds."""
    if not (RESULTS / "sparsity.csv").exists():
        return []
    with open(RESULTS / "sparsity.csv", newline="", encoding="utf-8") as file:
        words = ("data", "method", "told")
        return [{k: v if k in words else float(v) for k, v in row.items()} for row in csv.DictReader(file)]


if args.draw:
    write(known())
    raise SystemExit

chosen = [SETS[name][0] for name in args.only or SETS]
rows = [row for row in known() if row["data"] not in chosen and row["data"] in (title for title, *_ in SETS.values())]
for name in args.only or SETS:
    rows += [{**row, "rows": args.rows, "epochs": args.epochs} for row in measured(name)]
    RESULTS.mkdir(exist_ok=True)  # after each set, so that an evening cut short leaves something
    with open(RESULTS / "sparsity.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    write(rows)
    title = SETS[name][0]
    for answer in answers([row for row in rows if row["data"] == title]):
        if answer["latents"] == NARROW[-1]:
            against = f"plain, {answer['latents']} latents"
            units, ratio = answer["active"], answer["ratio"]  # not a number where no run came that far
            if units == units:
                figure(f"{title}, {answer['method']}: fewest active units at plain's error", units, against)
            if ratio == ratio:
                figure(f"{title}, {answer['method']}: error / plain's with no more active units", ratio, against)
