"""What comes out does not look like what went in: then it is odd. Calibrated, and with its reasons."""

from __future__ import annotations

import math
import numbers
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from zandloper import conformal
from zandloper.autoencoder import BaseAutoencoder
from zandloper.corrupt.gaussian import Gaussian
from zandloper.denoising_autoencoder import DenoisingAutoencoder
from zandloper.describe import DetectorDescription, describe_detector
from zandloper.detector_file import detector_of, save_detector
from zandloper.detector_plots import DetectorPlots
from zandloper.errors import DataError, ParameterError, bad_parameter
from zandloper.modality import chunks_of, modality
from zandloper.modality.series import SeriesForm
from zandloper.oddness import LEVELS, Measure, Neighbourhood, groups, witness
from zandloper.parameters import seed_of
from zandloper.several import as_given, each_of
from zandloper.windows import Windows, as_rows

if TYPE_CHECKING:  # loaded where it is asked for
    from zandloper.report import Report

FEW_ROWS = 1_000  # below, five models, so that each trains on most of the rows
MANY_ROWS = 20_000  # above, one part of the rows calibrates and one model is enough
STEPS = 3_000  # that the default model trains for
BATCH = 256
BLOCKS = 3  # of time that series are parted into


@dataclass(frozen=True)
class Explanation:
    """Why rows are odd: `error`, how far each value is from what is usual there, and `expected`, what was expected.

    `error` has the shape of the data's numbers, (n, columns) for a table; 1 is usual. `expected` is in the data's own
    form. `names` are those of the columns.
    """

    error: np.ndarray
    expected: Any
    names: list[str]

    def top(self, n: int = 3) -> list[list[tuple[str, float]]]:
        """For each row the n columns that say most, with their errors, the largest first."""
        flat = self.error.reshape(len(self.error), -1)
        order = np.argsort(-flat, axis=1, kind="stable")[:, :n]
        return [[(self.names[j], float(row[j])) for j in best] for row, best in zip(flat, order)]


class AnomalyDetector(DetectorPlots, OutlierMixin, BaseEstimator):
    """Finds what is odd in tables, images and series, at a stated false-alarm rate.

    Several models learn from different parts of the data, each is measured on the part that it has not seen, and a new
    row is odd when it is odder than all but a share `false_alarm_rate` of those measurements.

    Parameters
    ----------
    autoencoder : autoencoder, FrozenEstimator of a fitted one, or None
        What to detect with; it is cloned. None: a denoising autoencoder that is told the noise level, or for tables
        with categories a plain denoising one. A frozen one is not trained: `fit` only calibrates it, and wants rows
        that it did not train on.
    false_alarm_rate : float
        The share of normal rows that may be called odd, above 0 and below 1.
    neighbours : int
        How many of the nearest training rows tell how far away a row is; 0: that is not asked. At most 5,000 rows are
        kept for it. Of series it is not asked.
    fast : bool
        One model and one noise level, without neighbours: many times as fast, and less sharp.
    modality : "auto", "table", "image", "series", "audio" or an object of zl.modality
        What the data are read as.
    max_epochs, max_minutes : numbers, optional
        Where given, they override the autoencoder's; minutes are for all models together.
    random_state : int, RandomState or None

    Attributes
    ----------
    witnesses_ : list of zandloper.oddness.Witness
        The models.
    neighbourhood_ : zandloper.oddness.Neighbourhood or None
        The training rows that are kept.
    calibration_ : ndarray
        The scores of rows, or time steps, by models that did not train on them.
    offset_ : float
        Minus the threshold: `decision_function` is `score_samples - offset_`.
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> import zandloper as zl
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> odd = np.array([[5.0, 9.0, 1.0, 3.0]])
    >>> detector = zl.AnomalyDetector(false_alarm_rate=0.05, max_epochs=20, random_state=0).fit(X)
    >>> detector.predict(odd)
    array([-1])
    """

    def __init__(
        self,
        autoencoder: Any = None,
        false_alarm_rate: float = 0.01,
        neighbours: int = 3,
        fast: bool = False,
        modality: Any = "auto",
        max_epochs: Any = None,
        max_minutes: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.autoencoder = autoencoder
        self.false_alarm_rate = false_alarm_rate
        self.neighbours = neighbours
        self.fast = fast
        self.modality = modality
        self.max_epochs = max_epochs
        self.max_minutes = max_minutes
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what is normal; y is ignored. A few odd rows among the data do no harm but to the stated rate.

        Parameters
        ----------
        X : array, frame, list of images, series or path
        y : ignored
        """
        self._check()
        owner, seed = type(self).__name__, seed_of(self.random_state, type(self).__name__)
        reader = modality(self._modality(), X, owner)
        form, raw = self._learn_form(reader, X, owner)
        if isinstance(X, str) or hasattr(X, "__fspath__"):
            X = form.readable(raw)
        elif hasattr(X, "__array__") and not hasattr(X, "shape"):
            X = np.asarray(X)
        if hasattr(self.autoencoder, "estimator"):
            model = self.autoencoder.estimator
            check_is_fitted(model)
            self.witnesses_ = [witness(model, self.fast)]
            held = [(X, None if isinstance(form, SeriesForm) else np.arange(len(raw)))]
        else:
            template = self._template(form, raw).set_params(modality=reader.beside(form))
            self.witnesses_, held = [], []
            pieces = _time_folds(X, form) if isinstance(form, SeriesForm) else _folds(X, len(raw), self.fast, seed)
            for k, (train, rest, rows) in enumerate(pieces):
                model = clone(template).set_params(random_state=(seed + k) % 2**31)
                if self.max_minutes is not None:
                    model.set_params(max_minutes=self.max_minutes / len(pieces))
                self.witnesses_.append(witness(model.fit(train), self.fast))
                held.append((rest, rows))
        first = self.witnesses_[0].model
        self.neighbourhood_ = None
        # Windows of series share steps: those that measure would be their own neighbours' neighbours.
        if self.neighbours and not self.fast and not isinstance(form, SeriesForm):
            # Of several folds all rows have trained a model; where one part only measures, it stays new.
            known, measured = np.arange(len(raw)), held[0][1]
            if len(held) == 1 and measured is not None and len(measured) < len(raw):
                known = np.setdiff1d(known, measured)
            self.neighbourhood_ = Neighbourhood.of(first, as_rows(first._read(X)), known, self.neighbours, seed)
        self.n_features_in_ = first.n_features_in_
        names = getattr(first, "feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self._learn(held)
        return self

    def _learn(self, held: list[tuple[Any, np.ndarray | None]]) -> None:
        """What is usual, from rows that are new: held[k] to witness k."""
        raws = [w.model._read(part) for w, (part, _) in zip(self.witnesses_, held)]
        sums, counts = zip(*(w.changed(raw) for w, raw in zip(self.witnesses_, raws)))
        self._usual = np.maximum(np.sum(sums, axis=0) / sum(counts), 1e-9).astype(np.float32)
        said = np.concatenate([w.testimony(raw, self._usual) for w, raw in zip(self.witnesses_, raws)])
        near, first = self.neighbourhood_, self.witnesses_[0].model
        if near is not None:
            far = [near.testimony(first, first._read(part), rows) for part, rows in held]
            said = np.concatenate([said, np.concatenate(far)], axis=1)
        self._measure = Measure.learn(said, groups(len(self.witnesses_[0].levels), near is not None))
        self._set(self._measure.score(said))

    def _set(self, scores: np.ndarray) -> None:
        self.calibration_ = np.sort(scores)
        least = conformal.smallest_rate(len(scores))
        if self.false_alarm_rate < least:
            warnings.warn(
                f"false_alarm_rate={self.false_alarm_rate:g} is less than {len(scores)} rows can tell: taking the "
                f"smallest rate that they can, {least:.2g}",
                UserWarning,
                stacklevel=3,
            )
        self.offset_ = -conformal.threshold(self.calibration_, self.false_alarm_rate)

    def anomaly_score(self, X: Any) -> np.ndarray:
        """How odd each row is, or each time step of series, (n,): high is odd.

        In standard deviations of what is usual, of whatever speaks loudest (see `zandloper.oddness`). Of a list of
        series a list.
        """
        check_is_fitted(self)
        raws = [w.model._read(X) for w in self.witnesses_]  # each has its own reading: of categories, for one
        said = np.mean([w.testimony(raw, self._usual) for w, raw in zip(self.witnesses_, raws)], axis=0)
        if self.neighbourhood_ is not None:
            far = self.neighbourhood_.testimony(self.witnesses_[0].model, raws[0])
            said = np.concatenate([said, far], axis=1)
        return self._given(self._measure.score(said), X, raws[0])

    def score_samples(self, X: Any) -> np.ndarray:
        """Minus `anomaly_score`, as scikit-learn has it: low is odd."""
        score = self.anomaly_score(X)
        return [-s for s in score] if isinstance(score, list) else -score

    def decision_function(self, X: Any) -> np.ndarray:
        """`score_samples - offset_`: below 0 for what is odd."""
        score = self.score_samples(X)
        return [s - self.offset_ for s in score] if isinstance(score, list) else score - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """-1 for what is odd, 1 for what is normal."""
        decision = self.decision_function(X)
        verdict = lambda d: np.where(d < 0, -1, 1)  # noqa: E731
        return [verdict(d) for d in decision] if isinstance(decision, list) else verdict(decision)

    def p_values(self, X: Any) -> np.ndarray:
        """The chance that a normal row is as odd, (n,): small is odd (see `zandloper.conformal`)."""
        score = self.anomaly_score(X)
        chance = lambda s: conformal.p_values(s, self.calibration_)  # noqa: E731
        return [chance(s) for s in score] if isinstance(score, list) else chance(score)

    def discoveries(self, X: Any, rate: float = 0.1) -> np.ndarray:
        """Which rows of a batch are odd, bool (n,), so that about a share `rate` of those named is normal at most."""
        if not isinstance(rate, numbers.Real) or not 0 < float(rate) < 1:
            raise bad_parameter("discoveries", "rate", "a number above 0 and below 1", rate)
        p = self.p_values(X)
        return conformal.discoveries(np.concatenate(p) if isinstance(p, list) else p, float(rate))

    def calibrate(self, X: Any) -> Self:
        """Set the threshold anew from rows that are normal and new, without training.

        Warns
        -----
        UserWarning
            These rows are much odder, or less odd, than those before: the data have drifted.
        """
        check_is_fitted(self)
        before, score = self.calibration_, self.anomaly_score(X)
        score = np.concatenate(score) if isinstance(score, list) else score
        share = float(np.mean(score > -self.offset_))
        likely = self.false_alarm_rate + 4 * math.sqrt(self.false_alarm_rate / len(score))
        if share > likely + 1 / len(score) or abs(np.median(score) - np.median(before)) > before.std():
            warnings.warn(
                f"the data have drifted: {share:.1%} of these rows lay above the threshold, where "
                f"{self.false_alarm_rate:.1%} were expected (median score {np.median(score):.2f}, before "
                f"{np.median(before):.2f}). The threshold follows them; where they are not normal, fit anew",
                UserWarning,
                stacklevel=2,
            )
        self._set(score)
        return self

    def explain(self, X: Any) -> Explanation:
        """Where the oddness sits: how large the error of every value is beside the usual, and what was expected."""
        check_is_fitted(self)
        first = self.witnesses_[0]
        raws = [w.model._read(X) for w in self.witnesses_]
        change = np.mean([w.changes(raw) for w, raw in zip(self.witnesses_, raws)], axis=0)
        beside = change / self._usual
        loudest = beside.mean(2).argmax(1)
        error = np.sqrt(beside[np.arange(len(beside)), loudest])
        form = first.model._form
        # What is odd is still there at the lowest levels, where hardly anything changes.
        coarse = len(first.levels) // 2
        at = np.full(len(raws[0]), coarse) if isinstance(raws[0], Windows) else np.maximum(loudest, coarse)
        expected = form.rebuild(first.expected(raws[0], at), X, raws[0])
        if isinstance(form, SeriesForm):
            names = [str(c.name) for c in form.columns]
        else:
            names = [str(n) for n in form.feature_names()]
            error = error.reshape(-1, *form.target_shape)
        return Explanation(error, expected, names)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the detector as a folder of JSON and safetensors, whole or not at all; `zl.load` gives it back.

        Of own modules in the autoencoder's slots the weights are saved: `load(path, parts={slot: module})`.

        Raises
        ------
        FileError
            Something stands there already (an earlier model is replaced with `overwrite=True`), the disk is full ...
        """
        check_is_fitted(self)
        save_detector(self, path, overwrite)

    def describe(self) -> DetectorDescription:
        """Its models, what calibrated it and where the threshold is; prints well."""
        check_is_fitted(self)
        return describe_detector(self)

    def report(self, X: Any) -> Report:
        """Scores and threshold, calibration against these data, the oddest of them and why, on one page.

        It needs no network: `report(X).save("report.html")`.

        Parameters
        ----------
        X : data
        """
        from zandloper.detector_report import detector_report

        check_is_fitted(self)
        return detector_report(self, X)

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """What `save` wrote, out of a folder's recipe and weights."""
        detector: Self = detector_of(cls, types, path, recipe, tensors, parts)
        return detector

    # ------------------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        owner, rate = type(self).__name__, self.false_alarm_rate
        if isinstance(rate, bool) or not isinstance(rate, numbers.Real) or not 0 < float(rate) < 1:
            raise bad_parameter(owner, "false_alarm_rate", "a number above 0 and below 1", rate)
        k = self.neighbours
        if isinstance(k, bool) or not isinstance(k, numbers.Integral) or k < 0:
            raise bad_parameter(owner, "neighbours", "an integer >= 0", k)
        frozen = getattr(self.autoencoder, "estimator", self.autoencoder)
        if self.autoencoder is not None and not isinstance(frozen, BaseAutoencoder):
            wanted = "None, an autoencoder of zandloper, or a FrozenEstimator of a fitted one"
            raise bad_parameter(owner, "autoencoder", wanted, self.autoencoder)
        if getattr(frozen, "target", "input") != "input":
            raise bad_parameter(owner, "autoencoder", 'one that gives back its input (target="input")', frozen.target)

    def _modality(self) -> Any:
        inner = getattr(self.autoencoder, "estimator", self.autoencoder)
        given = isinstance(self.modality, str) and self.modality == "auto" and inner is not None
        return inner.modality if given else self.modality

    def _learn_form(self, reader: Any, X: Any, owner: str) -> tuple[Any, Any]:
        """The form of the data; for the default model as numbers alone, where they are: zeros and ones among them."""
        form, raw = reader.learn(X, owner)
        if self.autoencoder is None and not _all_numbers(form):
            try:
                other, numbers = reader.learn(X, owner, "mse")
            except (DataError, ParameterError):
                return form, raw
            if _all_numbers(other):
                return other, numbers
        return form, raw

    def _template(self, form: Any, raw: Any) -> Any:
        """What is cloned for each part of the data."""
        if self.autoencoder is not None:
            model = clone(self.autoencoder)
        else:
            rows = len(raw)
            batch = min(BATCH, max(32, 2 ** round(math.log2(max(1, rows) / 4))))
            settings: dict[str, Any] = {
                "latent_dim": 64,
                "batch_size": batch,
                "max_epochs": max(1, round(STEPS * batch / rows)),
                "validation": 0,
            }
            if _all_numbers(form):
                unit = _unit(form, raw)
                noise = Gaussian((LEVELS[0] * unit, LEVELS[1] * unit), "log")
                settings |= {"noise": noise, "told": True, "hidden": (256,), "lr": 3e-3, "loss": "mse"}
            model = DenoisingAutoencoder(**settings)
        if self.max_epochs is not None:
            model.set_params(max_epochs=self.max_epochs)
        return model

    def _given(self, scores: np.ndarray, X: Any, raw: Any) -> Any:
        """Scores of single steps as series came: one array, or a list."""
        if not isinstance(raw, Windows):
            return scores
        ends = np.cumsum([len(at) for at in raw.at])[:-1]
        return as_given(np.split(scores, ends), X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags


def _folds(X: Any, rows: int, fast: bool, seed: int) -> list[tuple[Any, Any, np.ndarray]]:
    """What trains each model, what measures it, and which rows those are: every row once, or as many as are enough."""
    if rows < 4:
        raise DataError(f"Found array with {rows} sample(s) while a minimum of 4 is required by AnomalyDetector")
    order = np.random.default_rng(seed).permutation(rows)
    cuts = [np.sort(cut) for cut in np.array_split(order, min(5 if rows < FEW_ROWS else 3, rows // 2))]
    if fast or rows > MANY_ROWS:
        cuts = cuts[:1]
    return [(_safe_indexing(X, np.setdiff1d(order, cut)), _safe_indexing(X, cut), cut) for cut in cuts]


def _time_folds(X: Any, form: SeriesForm) -> list[tuple[Any, Any, None]]:
    """As `_folds` for series: blocks of time, with a gap of a window between what trains and what measures."""
    series, out = each_of(X, "AnomalyDetector"), []
    for k in range(BLOCKS):
        train, held = [], []
        for one in series:
            n = len(one)
            low, high = n * k // BLOCKS, n * (k + 1) // BLOCKS
            held.append(_safe_indexing(one, np.arange(low, high)))
            for a, b in ((0, low - form.window), (high + form.window, n)):
                if b - a >= form.window:
                    train.append(_safe_indexing(one, np.arange(a, b)))
        if not train:
            raise DataError(
                f"series of {max(map(len, series))} steps are too short to be parted into {BLOCKS} blocks of time with "
                f"a window of {form.window} steps between them: pass longer ones, or a shorter window, "
                "modality=zl.modality.Series(window=...)"
            )
        out.append((train, held, None))
    return out


def _all_numbers(form: Any) -> bool:
    """Whether squared errors measure all of it, value by value."""
    try:
        return form.loss("mse").name == "mse" and form.target_shape == form.in_shape and form.loss("auto").name != "bce"
    except (DataError, ParameterError):
        return False


def _unit(form: Any, raw: Any) -> float:
    """The standard deviation of the data in model units: 1 for tables, less for pixels."""
    scale = form.scale()
    if scale.unit:
        return 1.0
    chunks = chunks_of(raw)
    scale.learn(chunks)
    return float(scale.encode(next(iter(chunks())))[0].std()) or 1.0
