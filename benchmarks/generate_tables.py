"""Synthetic tables beside TVAE and a Gaussian copula: useful, faithful, no copies; a second table; a rare class.

usage: python benchmarks/generate_tables.py adult.csv [--peer tvae|copula] [--epochs N] [--only adult|second|rare]
needs: pip install sdmetrics (and ctgan, copulas for the peers)
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from figures import figure
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import f1_score, recall_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import OrdinalEncoder

warnings.filterwarnings("ignore")
parser = argparse.ArgumentParser()
parser.add_argument("csv")
parser.add_argument("--peer", choices=["tvae", "copula"])
parser.add_argument("--epochs", type=int, help="of the peer: 300; of ours: its own choice")
parser.add_argument("--rows", type=int)
parser.add_argument("--only", choices=["adult", "second", "rare"])
args = parser.parse_args()
who = args.peer or "ours"


class Copula:
    """Each column's own distribution, and a Gaussian for what joins them; levels as numbers between their ranks."""

    def fit(self, rows, discrete):
        self.rows, self.discrete = rows, discrete
        codes = pd.DataFrame({c: self._numbers(c) for c in rows})
        ranks = codes.rank(method="average") / (len(rows) + 1)
        from scipy.stats import norm

        self.norm, self.corr = norm, np.corrcoef(norm.ppf(ranks.to_numpy()).T)
        return self

    def _numbers(self, c):
        return self.rows[c].astype("category").cat.codes if c in self.discrete else self.rows[c]

    def sample(self, n):
        z = np.random.default_rng(0).multivariate_normal(np.zeros(len(self.corr)), self.corr, n)
        u = self.norm.cdf(z)
        made = {}
        for i, c in enumerate(self.rows):
            values = np.sort(self._numbers(c).to_numpy())
            value = values[(u[:, i] * len(values)).astype(int).clip(0, len(values) - 1)]
            made[c] = self.rows[c].astype("category").cat.categories[value] if c in self.discrete else value
        return pd.DataFrame(made)


def fitted(train, discrete):
    """The generator and the seconds that it took."""
    begin = time.perf_counter()
    if args.peer == "tvae":
        from ctgan import TVAE

        model = TVAE(epochs=args.epochs or 300)
        model.fit(train, discrete)
    elif args.peer == "copula":
        model = Copula().fit(train, discrete)
    else:
        import zandloper as zl

        model = zl.Generator(max_epochs=args.epochs, random_state=0).fit(train.reset_index(drop=True))
    return model, time.perf_counter() - begin


def measured(name, data, target, positive):
    """One table: F1 of the target in real test rows, SDMetrics quality, AUC of real against drawn, distances."""
    from sdmetrics.reports.single_table import QualityReport

    discrete = [c for c in data if not pd.api.types.is_numeric_dtype(data[c])]
    numbers = [c for c in data if c not in discrete]
    train = data.sample(frac=0.8, random_state=0)
    test = data.drop(train.index)
    train = train[: args.rows]
    model, seconds = fitted(train, discrete)
    begin = time.perf_counter()
    drawn = model.sample(len(train))
    drew = time.perf_counter() - begin
    report = QualityReport()
    kinds = {c: {"sdtype": "categorical" if c in discrete else "numerical"} for c in data}
    report.generate(train, drawn, {"columns": kinds}, verbose=False)
    given = [c for c in discrete if c != target]
    code = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(data[given])

    def features(rows):
        return np.hstack([code.transform(rows[given]), rows[numbers].to_numpy(float)])

    scale = np.r_[np.full(len(given), 0.3), 1 / data[numbers].std().to_numpy()]

    def useful(rows):
        return f1_score(
            test[target],
            HistGradientBoostingClassifier(random_state=0).fit(features(rows), rows[target]).predict(features(test)),
            pos_label=positive,
        )

    index = NearestNeighbors(n_neighbors=1).fit(features(train) * scale)

    def near(rows):
        return float(np.median(index.kneighbors(features(rows) * scale)[0]))

    n = min(len(test), len(drawn))
    both, kind = np.vstack([features(test[:n]), features(drawn[:n])]), np.repeat([0, 1], n)
    order = np.random.default_rng(0).permutation(2 * n)
    a, b = order[:n], order[n:]
    apart = HistGradientBoostingClassifier(random_state=0).fit(both[a], kind[a]).predict_proba(both[b])[:, 1]
    figure(f"{name}: F1 learned from drawn rows, {who}", useful(drawn), f"real rows {useful(train):.3f}", ">= 0.68")
    figure(f"{name}: SDMetrics quality, {who}", report.get_score(), "1", ">= 0.95")
    figure(f"{name}: AUC of real against drawn, {who}", roc_auc_score(kind[b], apart), "0.5")
    ratio = near(drawn.sample(min(2000, len(drawn)), random_state=0)) / near(test[:2000])
    figure(f"{name}: distance to the closest training row, {who}", ratio, "unseen real rows 1", ">= 0.9")
    figure(f"{name}: seconds to fit, {who}", seconds, f"{len(drawn):,} rows drawn in {drew:.1f} s", "", ".1f")


def second_table(n=8_000, seed=0):
    """A mixed table with peaks, a spike, whole numbers, gaps in the labels, and relations that bend."""
    rng = np.random.default_rng(seed)
    region = rng.choice(["north", "south", "east", "west"], n, p=[0.5, 0.3, 0.15, 0.05])
    base = pd.Series(region).map({"north": 2.0, "south": 8.0, "east": 5.0, "west": 12.0}).to_numpy()
    load = base + rng.normal(size=n) * (0.5 + 0.1 * base)
    hour = rng.integers(0, 24, n)
    heat = np.round(20 + 8 * np.sin(hour / 24 * 2 * np.pi) + rng.normal(size=n), 1)
    sold = np.where(rng.random(n) < 0.6, 0, rng.poisson(np.exp(load / 6)))
    fault = rng.random(n) < 1 / (1 + np.exp(-(load - 8 + 0.3 * (heat - 20))))
    return pd.DataFrame(
        {
            "region": region,
            "hour": hour,
            "load": load,
            "heat": heat,
            "sold": sold,
            "fault": np.where(fault, "yes", "no"),
        }
    )


def rare_class(data, target, positive, share=0.01):
    """A class thinned out to a share, and drawn up to half: recall on real test rows, before and after."""
    import zandloper as zl

    rare = data[data[target] == positive]
    usual = data[data[target] != positive]
    train = pd.concat([usual[: len(usual) * 4 // 5], rare[: round(len(usual) * 4 / 5 * share / (1 - share))]])
    train = train.sample(frac=1.0, random_state=0).reset_index(drop=True)[: args.rows]
    test = pd.concat([usual[len(usual) * 4 // 5 :], rare[len(rare) * 4 // 5 :]])
    generator = zl.Generator(max_epochs=args.epochs, random_state=0).fit(train)
    kinds = train[target].value_counts()
    more = generator.sample(int(kinds.max() - kinds[positive]), condition={target: [positive]}, random_state=0)
    given = [c for c in data if c != target]
    text = [c for c in given if not pd.api.types.is_numeric_dtype(data[c])]
    code = OrdinalEncoder().fit(data[text])

    def features(rows):
        return np.hstack([code.transform(rows[text]), rows[[c for c in given if c not in text]]])

    for name, rows in (("before", train), ("after", pd.concat([train, more]))):
        model = HistGradientBoostingClassifier(random_state=0).fit(features(rows), rows[target])
        recall = recall_score(test[target], model.predict(features(test)), pos_label=positive)
        figure(f"adult, a class of 1 %: recall {name} drawing it up to half", recall, "a classifier on real test rows")


adult = pd.read_csv(args.csv, skipinitialspace=True)
if args.only in (None, "adult"):
    measured("adult", adult, "income", ">50K")
if args.only in (None, "second"):
    measured("second table", second_table(), "fault", "yes")
if args.only in (None, "rare") and not args.peer:
    rare_class(adult, "income", ">50K")
