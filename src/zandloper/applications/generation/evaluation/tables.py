"""How good drawn rows of a table are: useful, faithful, and no copies. Measured beside real rows that trained nothing.

*Useful*: what a classifier that learned from drawn rows makes of real ones, beside one that learned from real rows
(Esteban, Hyland and Rätsch 2017, "Real-valued medical time series generation", section 4.2). *Faithful*: how alike
single columns and pairs of columns are, by the formulas of SDMetrics' quality report; and how well a classifier tells
real rows from drawn ones (Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests"). *No copies*: how near
drawn rows come to the training rows, beside how near unseen real rows come.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from zandloper.errors import DataError, UnsupportedError
from zandloper.plotting.panels import histograms
from zandloper.plotting.result_table import Study
from zandloper.report import Report, page
from zandloper.report.section import of_study

MOST = 20_000  # rows that models learn from and that distances are measured to
QUERIES = 2_000  # rows whose distances are measured
PAIRS = 300  # pairs of columns
BINS = 10  # of a number, beside a category


@dataclass(frozen=True, repr=False)
class Evaluation(Study):
    """What `Generator.evaluate` found: prints as a table; `plot()` draws the columns; `report()` makes a page.

    Attributes
    ----------
    usefulness, usefulness_real : float
        Macro F1 of classes (R2 of numbers) in real rows, learned from drawn rows, and from real ones.
    target : str
        What was foretold.
    detection : float
        Area under the ROC curve of a classifier that tells real from drawn rows: 0.5 is blind.
    shapes, trends, quality : float
        How alike columns and pairs of columns are, and the mean of the two: 1 is equal.
    distance, distance_real : float
        Median distance to the closest training row, of drawn rows and of unseen real ones; NaN without training rows.
    copies, copies_real : float
        Share of rows that are a training row again.
    """

    usefulness: float
    usefulness_real: float
    target: str
    detection: float
    shapes: float
    trends: float
    distance: float
    distance_real: float
    copies: float
    copies_real: float
    rows: tuple[int, int]
    real_rows: np.ndarray
    drawn_rows: np.ndarray
    names: tuple[str, ...]
    bare: tuple[bool, ...]

    @property
    def quality(self) -> float:
        """The mean of shapes and trends, as SDMetrics has it."""
        return (self.shapes + self.trends) / 2

    @property
    def columns(self) -> dict[str, list[Any]]:
        """measure, drawn, real."""
        table = [
            (f"{self.target} foretold in real rows", self.usefulness, self.usefulness_real),
            ("real told from drawn (AUC)", self.detection, 0.5),
            ("column shapes", self.shapes, 1.0),
            ("pair trends", self.trends, 1.0),
            ("distance to the closest training row", self.distance, self.distance_real),
            ("rows that are training rows", self.copies, self.copies_real),
        ]
        return {name: list(values) for name, values in zip(("measure", "drawn", "real"), zip(*table))}

    @property
    def title(self) -> str:
        """What was studied."""
        return f"{self.rows[0]:,} drawn rows beside {self.rows[1]:,} real ones"

    @property
    def remark(self) -> str:
        """What the numbers are."""
        return (
            f"Quality (mean of shapes and trends) {self.quality:.3f}. Drawn rows as near to the training rows as real "
            "ones are no copies; what tells nothing apart has an AUC of 0.5."
        )

    def plot(self) -> Any:
        """How the values of each column are spread, in real rows (filled) and in drawn ones (a line)."""
        return histograms(self.real_rows, self.drawn_rows, list(self.names), list(self.bare))

    def report(self) -> Report:
        """A page with figures and pictures: `report().save("report.html")`."""
        tiles = {"quality": f"{self.quality:.3f}", "AUC": f"{self.detection:.3f}"}
        tiles |= {"foretold": f"{self.usefulness:.3f} of {self.usefulness_real:.3f}"}
        if self.distance == self.distance_real or self.distance_real > 0:
            tiles["distance"] = f"{self.distance:.3g} of {self.distance_real:.3g}"
        return Report(page("Generator", self.title, self.remark, tiles, [of_study(self)]))


def evaluate(generator: Any, real: Any, train: Any, target: Any, seed: int) -> Evaluation:
    """Draw as many rows as are real, and measure them. As `Generator.evaluate`."""
    schema = getattr(generator.autoencoder_.model_.schema, "table", generator.autoencoder_.model_.schema)
    if not hasattr(schema, "columns") or len(schema.in_shape) != 1:
        raise UnsupportedError("evaluate measures rows of tables: these data are none")
    caller = type(generator).__name__
    there = np.asarray(schema.read(real, caller), np.float64)
    if len(there) < 20:
        raise DataError(f"evaluate got {len(there)} real rows: wanted are at least 20")
    rng = np.random.default_rng(seed)
    known = None if train is None else np.asarray(schema.read(train, caller), np.float64)
    wanted = min(MOST, len(there) if known is None else max(len(there), len(known)))
    drawn = np.asarray(schema.read(generator.sample(wanted, random_state=seed), caller), np.float64)
    number = np.array([c.kind in ("number", "time") for c in schema.columns])
    at = _target(schema, target, number)
    cut = _some(there, MOST, rng)
    teacher = known if known is not None else cut[: len(cut) // 2]
    pupils = cut if known is not None else cut[len(cut) // 2 :]
    near = (np.nan, np.nan, np.nan, np.nan)
    if known is not None:
        near = _distances(_some(known, MOST, rng), drawn[:QUERIES], cut[:QUERIES], number)
    return Evaluation(
        _foretold(drawn, pupils, at, number, seed),
        _foretold(_some(teacher, len(drawn), rng), pupils, at, number, seed),
        str(schema.columns[at].name),
        _told_apart(cut, drawn, seed),
        float(np.mean([_shape(there[:, i], drawn[:, i], number[i]) for i in range(len(number))])),
        _trends(there, drawn, number, rng),
        *near,
        (len(drawn), len(there)),
        _some(there, QUERIES, rng),
        drawn[:QUERIES],
        tuple(str(c.name) for c in schema.columns),
        tuple(c.kind in ("category", "time") for c in schema.columns),
    )


def _some(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return rows[rng.permutation(len(rows))[:most]]


def _target(schema: Any, target: Any, number: np.ndarray) -> int:
    names = [c.name for c in schema.columns]
    if target is not None:
        if target not in names:
            raise DataError(f"target={target!r} is no column: there are {names[:20]}")
        return names.index(target)
    classes = np.flatnonzero(~number)
    return int(classes[-1]) if len(classes) else len(names) - 1


def _foretold(learn: np.ndarray, test: np.ndarray, at: int, number: np.ndarray, seed: int) -> float:
    """Macro F1, or R2 of a number, on test rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.metrics import f1_score, r2_score

    learn, test = (rows[~np.isnan(rows[:, at])] for rows in (learn, test))
    if not len(test) or len(learn) < 2 or learn.shape[1] < 2:
        return float("nan")
    split = lambda rows: (np.delete(rows, at, 1), rows[:, at])  # noqa: E731
    (A, a), (B, b) = split(learn), split(test)
    if number[at]:
        return float(r2_score(b, HistGradientBoostingRegressor(random_state=seed).fit(A, a).predict(B)))
    if len(np.unique(a)) < 2:
        return float(f1_score(b, np.full(len(b), a[0]), average="macro"))
    model = HistGradientBoostingClassifier(random_state=seed, early_stopping=False).fit(A, a)
    return float(f1_score(b, model.predict(B), average="macro"))


def _told_apart(real: np.ndarray, drawn: np.ndarray, seed: int) -> float:
    """The area under the ROC curve on the halves that did not train."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    n = min(len(real), len(drawn))
    rows, kind = np.concatenate([real[:n], drawn[:n]]), np.repeat([0, 1], n)
    order = np.random.default_rng(seed).permutation(2 * n)
    a, b = order[:n], order[n:]
    if len(np.unique(kind[a])) < 2 or len(np.unique(kind[b])) < 2:
        return float("nan")
    model = HistGradientBoostingClassifier(random_state=seed, early_stopping=False).fit(rows[a], kind[a])
    return float(roc_auc_score(kind[b], model.predict_proba(rows[b])[:, 1]))


def _shape(real: np.ndarray, drawn: np.ndarray, number: bool) -> float:
    """One minus the largest gap between distribution functions, or between shares of levels in all, halved."""
    if not number:
        return _overlap(real, drawn)
    a, b = np.sort(real[~np.isnan(real)]), np.sort(drawn[~np.isnan(drawn)])
    if not len(a) or not len(b):
        return float(len(a) == len(b))
    both = np.concatenate([a, b])
    gap = np.searchsorted(a, both, "right") / len(a) - np.searchsorted(b, both, "right") / len(b)
    return 1 - float(np.abs(gap).max())


def _overlap(real: np.ndarray, drawn: np.ndarray) -> float:
    values, which = np.unique(np.concatenate([real, drawn]), return_inverse=True)
    a = np.bincount(which[: len(real)], minlength=len(values)) / len(real)
    b = np.bincount(which[len(real) :], minlength=len(values)) / len(drawn)
    return 1 - float(np.abs(a - b).sum()) / 2


def _trends(real: np.ndarray, drawn: np.ndarray, number: np.ndarray, rng: np.random.Generator) -> float:
    """Of pairs of numbers how alike their correlations are, of others how alike the tables of both are."""
    pairs = list(itertools.combinations(range(len(number)), 2))
    if not pairs:
        return 1.0
    if len(pairs) > PAIRS:
        pairs = [pairs[i] for i in sorted(rng.choice(len(pairs), PAIRS, replace=False))]
    coded = [_coded(real[:, i], drawn[:, i], number[i]) for i in range(len(number))]
    found = []
    for i, j in pairs:
        if number[i] and number[j]:
            found.append(1 - abs(_correlation(real[:, [i, j]]) - _correlation(drawn[:, [i, j]])) / 2)
        else:
            wide = max(coded[j][0].max(), coded[j][1].max()) + 1
            found.append(_overlap(*(a * wide + b for a, b in zip(coded[i], coded[j]))))
    return float(np.mean(found))


def _coded(real: np.ndarray, drawn: np.ndarray, number: bool) -> tuple[np.ndarray, np.ndarray]:
    """Levels, or tenths of the real range, as whole numbers from 1 on; 0 is missing."""
    if number and np.isfinite(real).any():
        edges = np.linspace(np.nanmin(real), np.nanmax(real), BINS + 1)[1:-1]
        real, drawn = (np.where(np.isnan(x), np.nan, np.digitize(x, edges)) for x in (real, drawn))
    return np.nan_to_num(real + 1, nan=0.0), np.nan_to_num(drawn + 1, nan=0.0)


def _correlation(rows: np.ndarray) -> float:
    rows = rows[~np.isnan(rows).any(1)]
    if len(rows) < 2 or (rows.std(0) == 0).any():
        return 0.0
    return float(np.corrcoef(rows.T)[0, 1])


def _distances(
    known: np.ndarray, drawn: np.ndarray, real: np.ndarray, number: np.ndarray
) -> tuple[float, float, float, float]:
    """Median distances to the closest known row, numbers in deviations, other levels one apart; and shares at 0."""
    from sklearn.neighbors import NearestNeighbors

    parts = []
    for i in range(known.shape[1]):
        columns = [rows[:, i] for rows in (known, drawn, real)]
        if number[i]:
            spread = np.nanstd(known[:, i]) if np.isfinite(known[:, i]).any() else 0.0
            columns = [np.nan_to_num((x - np.nanmean(known[:, i])) / (spread or 1.0), nan=5.0) for x in columns]
            parts.append([x[:, None] for x in columns])
        else:
            levels = np.unique(np.nan_to_num(known[:, i], nan=-1.0))
            parts.append([(np.nan_to_num(x, nan=-1.0)[:, None] == levels) * np.sqrt(0.5) for x in columns])
    a, b, c = (np.concatenate(side, axis=1).astype(np.float32) for side in zip(*parts))
    index = NearestNeighbors(n_neighbors=1).fit(a)
    far = [index.kneighbors(rows)[0][:, 0] for rows in (b, c)]
    near, same = [float(np.median(d)) for d in far], [float((d < 1e-6).mean()) for d in far]
    return near[0], near[1], same[0], same[1]
