"""The lecture's three functions over many random states: the autoencoder's test error as a share of PCA's.

usage: python benchmarks/curves.py [--seeds 10]

Once with the settings of `zl.curves_table`, once with the plain defaults of `zl.Autoencoder`. Wanted: at most 0.2 on
the curves; on the line no worse, where up to two standard errors of the difference may be chance.
"""

import argparse

from figures import figure

import zandloper as zl

parser = argparse.ArgumentParser()
parser.add_argument("--seeds", type=int, default=10)
args = parser.parse_args()

for words, autoencoder in {"curves_table": None, "plain defaults": zl.Autoencoder()}.items():
    found = [zl.curves_table(autoencoder=autoencoder, random_state=seed) for seed in range(args.seeds)]
    for i, formula in enumerate(found[0].columns["function"]):
        ratios = [table.columns["ratio"][i] for table in found]
        excess = [table.curves[i].excess for table in found]
        errors = " ".join(f"{table.columns['autoencoder'][i]:.4f}" for table in found)
        print(f"{words}, {formula}: {' '.join(f'{r:.3f}' for r in ratios)}; errors {errors}")
        print(f"  standard errors above PCA: {' '.join(f'{e:.1f}' for e in excess)}")
        wanted = "no worse" if i == 0 else "<= 0.2"
        figure(f"{formula}, {words}: highest test error / PCA's of {args.seeds} seeds", max(ratios), "PCA", wanted)
