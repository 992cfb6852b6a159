"""TableMetrics of drawn rows of a table: usefulness, fidelity and copies, compared with held-out real rows.

*Usefulness*: test score of a model trained on drawn rows and tested on real ones, and of one trained on real rows
(Esteban, Hyland and Rätsch 2017, "Real-valued medical time series generation", section 4.2). *Fidelity*: similarity
of single columns and of pairs of columns, by the formulas of SDMetrics' quality report; and the AUC of a classifier
between real and drawn rows (Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests"). *Copies*: distance of
drawn rows to the training rows, compared with that of held-out real rows.
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

MAX_ROWS = 20_000  # that train models and that distances are measured to
MAX_QUERIES = 2_000  # rows whose distances are measured
MAX_PAIRS = 300  # of columns
BINS = 10  # of a number that is paired with a category


@dataclass(frozen=True, repr=False)
class TableMetrics(Study):
    """Figures of drawn rows and of real ones: prints as a table; `plot()` draws the columns; `report()` makes a page.

    Attributes
    ----------
    usefulness, usefulness_real : float
        Macro F1 of classes (R2 of numbers) in real rows, of models trained on drawn rows, and on real ones.
    target : str
        Column that is predicted.
    detection : float
        Area under the ROC curve of a classifier between real and drawn rows: 0.5 is chance.
    shapes, trends, quality : float
        Similarity of columns and of pairs of columns, and the mean of the two: 1 is equal.
    distance, distance_real : float
        Median distance to the closest training row, of drawn rows and of held-out real ones; NaN without training rows.
    copies, copies_real : float
        Share of rows that equal a training row.
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
        """Mean of shapes and trends, as in SDMetrics."""
        return (self.shapes + self.trends) / 2

    @property
    def columns(self) -> dict[str, list[Any]]:
        """Columns measure, drawn, real."""
        table = [
            (f"{self.target} predicted in real rows", self.usefulness, self.usefulness_real),
            ("real against drawn (AUC)", self.detection, 0.5),
            ("column shapes", self.shapes, 1.0),
            ("pair trends", self.trends, 1.0),
            ("distance to the closest training row", self.distance, self.distance_real),
            ("rows that are training rows", self.copies, self.copies_real),
        ]
        return {name: list(values) for name, values in zip(("measure", "drawn", "real"), zip(*table))}

    @property
    def title(self) -> str:
        """Title with the numbers of rows."""
        return f"{self.rows[0]:,} drawn rows and {self.rows[1]:,} real ones"

    @property
    def remark(self) -> str:
        """Meaning of the numbers."""
        return (
            f"Quality (mean of shapes and trends) {self.quality:.3f}. Drawn rows as near to the training rows as "
            "held-out real ones are no copies; a classifier at chance has an AUC of 0.5."
        )

    def plot(self) -> Any:
        """Plot the distribution of each column, in real rows (filled) and in drawn ones (a line)."""
        return histograms(self.real_rows, self.drawn_rows, list(self.names), list(self.bare))

    def report(self) -> Report:
        """Build a page with figures: `report().save("report.html")`."""
        tiles = {"quality": f"{self.quality:.3f}", "AUC": f"{self.detection:.3f}"}
        tiles |= {"usefulness": f"{self.usefulness:.3f} of {self.usefulness_real:.3f}"}
        if self.distance == self.distance_real or self.distance_real > 0:
            tiles["distance"] = f"{self.distance:.3g} of {self.distance_real:.3g}"
        return Report(page("Generator", self.title, self.remark, tiles, [of_study(self)]))


def evaluate(generator: Any, real: Any, train: Any, target: Any, seed: int) -> TableMetrics:
    """Draw as many rows as there are real ones and compare them, as `Generator.evaluate` documents."""
    schema = getattr(generator.autoencoder_.model_.schema, "table", generator.autoencoder_.model_.schema)
    if not hasattr(schema, "columns") or len(schema.in_shape) != 1:
        raise UnsupportedError("evaluate measures rows of tables: these data are not")
    caller = type(generator).__name__
    real_rows = np.asarray(schema.read(real, caller), np.float64)
    if len(real_rows) < 20:
        raise DataError(f"evaluate got {len(real_rows)} real rows: at least 20 are needed")
    rng = np.random.default_rng(seed)
    known = None if train is None else np.asarray(schema.read(train, caller), np.float64)
    wanted = min(MAX_ROWS, len(real_rows) if known is None else max(len(real_rows), len(known)))
    drawn = np.asarray(schema.read(generator.sample(wanted, random_state=seed), caller), np.float64)
    number = np.array([c.kind in ("number", "time") for c in schema.columns])
    at = _target(schema, target, number)
    cut = _some(real_rows, MAX_ROWS, rng)
    training = known if known is not None else cut[: len(cut) // 2]
    test = cut if known is not None else cut[len(cut) // 2 :]
    near = (np.nan, np.nan, np.nan, np.nan)
    if known is not None:
        near = _distances(_some(known, MAX_ROWS, rng), drawn[:MAX_QUERIES], cut[:MAX_QUERIES], number)
    return TableMetrics(
        _prediction_score(drawn, test, at, number, seed),
        _prediction_score(_some(training, len(drawn), rng), test, at, number, seed),
        str(schema.columns[at].name),
        _detection_auc(cut, drawn, seed),
        float(np.mean([_shape(real_rows[:, i], drawn[:, i], number[i]) for i in range(len(number))])),
        _trends(real_rows, drawn, number, rng),
        *near,
        (len(drawn), len(real_rows)),
        _some(real_rows, MAX_QUERIES, rng),
        drawn[:MAX_QUERIES],
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


def _prediction_score(learn: np.ndarray, test: np.ndarray, at: int, number: np.ndarray, seed: int) -> float:
    """Macro F1, or R2 of a number, on test rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.metrics import f1_score, r2_score

    learn, test = (rows[~np.isnan(rows[:, at])] for rows in (learn, test))
    if not len(test) or len(learn) < 2 or learn.shape[1] < 2:
        return float("nan")
    (A, a), (B, b) = ((np.delete(rows, at, 1), rows[:, at]) for rows in (learn, test))
    if number[at]:
        return float(r2_score(b, HistGradientBoostingRegressor(random_state=seed).fit(A, a).predict(B)))
    if len(np.unique(a)) < 2:
        return float(f1_score(b, np.full(len(b), a[0]), average="macro"))
    model = HistGradientBoostingClassifier(random_state=seed, early_stopping=False).fit(A, a)
    return float(f1_score(b, model.predict(B), average="macro"))


def _detection_auc(real: np.ndarray, drawn: np.ndarray, seed: int) -> float:
    """Area under the ROC curve on the half that did not train."""
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
    """One minus the Kolmogorov-Smirnov statistic of numbers, or the total variation distance of levels."""
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
    """Similarity of correlations for pairs of numbers, and of contingency tables for other pairs."""
    pairs = list(itertools.combinations(range(len(number)), 2))
    if not pairs:
        return 1.0
    if len(pairs) > MAX_PAIRS:
        pairs = [pairs[i] for i in sorted(rng.choice(len(pairs), MAX_PAIRS, replace=False))]
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
