"""Generated windows of series: can a judge tell them from real ones?

usage: python benchmarks/generate_series.py TIMEVAE_FOLDER [--minutes 10] [--sets sine,stock] [--seed 0]

Beside ours: a plain variational autoencoder with a normal prior, and what the judge says of real against real. What the
judge is: `zandloper.applications.generation.evaluation.series.discriminative_score`.
"""

import argparse
from pathlib import Path

import numpy as np
from figures import figure

import zandloper as zl

WANTED = {"sine": 0.10, "stock": 0.15}
parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--minutes", type=float, default=10)
parser.add_argument("--sets", default="sine,stock")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

for name in args.sets.split(","):
    (path,) = args.folder.glob(f"{name}*.npz")
    X = np.load(path)["data"]
    settings = {"modality": "series", "max_minutes": args.minutes, "random_state": args.seed}
    ours = zl.Generator(**settings).fit(X)
    plain = zl.Generator(zl.VariationalAutoencoder(latent_dim=8, prior="normal", linear_path=False), **settings).fit(X)
    print(f"{name}: {X.shape}\n{ours.describe()}")
    found, other = ours.evaluate(X, random_state=args.seed), plain.evaluate(X, random_state=args.seed)
    print(f"ours\n{found}\nplain\n{other}")
    real, wanted = found.real, WANTED.get(name)
    remark = f"real against real {real['discriminative']:.3f}, plain type {other['discriminative']:.3f}"
    figure(f"{name}: discriminative score", found["discriminative"], remark, "" if wanted is None else f"<= {wanted}")
    remark = f"real {real['predictive']:.3f}, plain type {other['predictive']:.3f}"
    figure(f"{name}: predictive score", found["predictive"], remark)
