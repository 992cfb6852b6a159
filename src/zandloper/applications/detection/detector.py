"""What comes out does not look like what went in: then it is odd. Calibrated, and with its reasons."""

from __future__ import annotations

import math
import numbers
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils.validation import check_is_fitted

from zandloper.applications.detection import conformal, cross_fitting
from zandloper.applications.detection.cross_fitting import Fold
from zandloper.applications.detection.default_model import as_numbers, default_model
from zandloper.applications.detection.detector_file import detector_of, save_detector
from zandloper.applications.detection.explanation import Explanation
from zandloper.applications.detection.large_images import LargeImages, larger
from zandloper.applications.detection.neighbors import NearestNeighbors
from zandloper.applications.detection.plots import DetectorPlots
from zandloper.applications.detection.rolling_features import Spans
from zandloper.applications.detection.score_combiner import ScoreCombiner
from zandloper.applications.detection.scoring import EnsembleMember, complete, ensemble_member
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.data.series_lists import as_given
from zandloper.data.windows import Windows
from zandloper.errors import UnsupportedError, bad_parameter
from zandloper.fitting.validation import seed_of
from zandloper.inspection.description import DetectorDescription, describe_detector
from zandloper.modality import modality
from zandloper.modality.series import SeriesSchema
from zandloper.modality.table import Table
from zandloper.model.noise_conditional import NoiseConditionalHourglass

if TYPE_CHECKING:  # loaded where it is asked for
    from zandloper.report import Report


class AnomalyDetector(DetectorPlots, OutlierMixin, BaseEstimator):
    """Finds what is odd in tables, images and series, at a stated false-alarm rate.

    Several models learn from different parts of the data, each is measured on the part that it has not seen, and a new
    row is odd when it is odder than all but a share `false_alarm_rate` of those measurements. Images may be larger than
    those that were learned: they are judged by overlapping tiles, and are as odd as the oddest.

    Parameters
    ----------
    autoencoder : autoencoder, FrozenEstimator of a fitted one, or None
        What to detect with; it is cloned. None: a denoising autoencoder that is told the noise level, or for tables
        with categories a plain denoising one; of series it reads each step with its means over the last 8 and 32 steps,
        and the same one period earlier where the data have a period.
        One that is given reads series in windows, and so does the default where their length is given. A frozen one is
        not trained: `fit` only calibrates it, and wants rows that it did not train on.
    false_alarm_rate : float
        The share of normal rows that may be called odd, above 0 and below 1. Of series it is approximate.
    trim_fraction : float
        The share of the training rows, from 0 to below 0.5, that are the oddest and do not say what is usual: for data
        that hold many anomalies. The stated rate is then that of the rows that are left.
    neighbors : int
        How many of the nearest training rows tell how far away a row is; 0: that is not asked. At most 5,000 rows are
        kept for it. Of series it is not asked.
    fast : bool
        One model and one noise level, without neighbors and places: many times as fast, and less sharp.
    modality : "auto", "table", "image", "series", "audio" or an object of zl.modality
        What the data are read as.
    max_epochs, max_minutes : numbers, optional
        Where given, they override the autoencoder's; minutes are for all models together.
    random_state : int, RandomState or None

    Attributes
    ----------
    estimators_ : list of zandloper.applications.detection.scoring.EnsembleMember
        The models.
    neighbors_ : zandloper.applications.detection.scoring.NearestNeighbors or None
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

    _covered = 1.0  # how many tiles, at least, each calibration score is the largest of

    def __init__(
        self,
        autoencoder: Any = None,
        false_alarm_rate: float = 0.01,
        trim_fraction: float = 0.0,
        n_neighbors: int = 3,
        fast: bool = False,
        modality: Any = "auto",
        max_epochs: Any = None,
        max_minutes: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.autoencoder = autoencoder
        self.false_alarm_rate = false_alarm_rate
        self.trim_fraction = trim_fraction
        self.n_neighbors = n_neighbors
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
        caller, seed = type(self).__name__, seed_of(self.random_state, type(self).__name__)
        reader = modality(self._modality(), X, caller)
        learn: Any = as_numbers if self.autoencoder is None else type(reader).learn
        schema, raw = learn(reader, X, caller)
        if isinstance(X, str) or hasattr(X, "__fspath__"):
            X = schema.readable(raw)
        elif hasattr(X, "__array__") and not hasattr(X, "shape"):
            X = np.asarray(X)
        series, frozen = isinstance(schema, SeriesSchema), hasattr(self.autoencoder, "estimator")
        self._spans, self._apart, lengths = None, schema.window if series else 1, None
        if series and self.autoencoder is None and getattr(reader, "window", None) is None:
            self._spans = Spans.of(schema, X, caller)
            parts = self._spans.rows(X, caller)
            X, lengths, self._apart, reader = (
                np.concatenate(parts),
                [len(p) for p in parts],
                self._spans.longest,
                Table(),
            )
            schema, raw = reader.learn(X, caller, "mse")
        if self.trim_fraction and series and self._spans is None:
            raise UnsupportedError(
                "trim_fraction is not for series in windows: leave autoencoder and window out, or trim_fraction=0"
            )
        if frozen:
            model = self.autoencoder.estimator
            check_is_fitted(model)
            pieces = [Fold(None, X, None if series else np.arange(len(raw)))]
        elif lengths is not None:
            pieces = cross_fitting.in_time(X, lengths, self._apart)
        elif series:
            pieces = cross_fitting.of_series(X, schema, caller)
        else:
            pieces = cross_fitting.of_rows(X, len(raw), self.fast, seed)
        self.estimators_ = []
        for k, fold in enumerate(pieces):
            if not frozen:
                model = self._template(schema, raw).set_params(modality=reader.beside(schema))
                model.set_params(random_state=(seed + k) % 2**31)
                if self.max_minutes is not None:
                    model.set_params(max_minutes=self.max_minutes / len(pieces))
                model.fit(fold.train)
            rows = None if frozen or self.fast else model.model_.read(fold.train)
            self.estimators_.append(ensemble_member(model, rows, self.fast))
        self._share_readings()
        self._name_features(schema)
        # Of several folds all rows have trained a model; where one part only measures, it stays new. Steps of series
        # say much the same as those beside them: they would be each other's neighbors.
        known = np.arange(len(raw))
        if len(pieces) == 1 and not frozen:
            known = np.setdiff1d(known, pieces[0].rows)
        known = known if self.n_neighbors and not self.fast and not series else known[:0]
        held = list(zip(self.estimators_, pieces))
        scores = self._learn(held, X, known, seed)
        if self.trim_fraction:
            most = np.quantile(np.concatenate(scores), 1 - self.trim_fraction)
            odd = np.concatenate([fold.rows[score > most] for fold, score in zip(pieces, scores)])
            kept = [(w, fold.without(score > most)) for (w, fold), score in zip(held, scores) if (score <= most).any()]
            scores = self._learn(kept, X, np.setdiff1d(known, odd), seed)
        self._covered = 1.0
        self._set(np.concatenate(scores))
        return self

    def _learn(self, held: list[tuple[EnsembleMember, Fold]], X: Any, known: np.ndarray, seed: int) -> list[np.ndarray]:
        """What is usual, from rows that are new: those held back from each witness. Returns their scores, fold by fold.

        `known` are the rows that may be kept as neighbors.
        """
        first = self.estimators_[0]
        self.neighbors_ = None
        if len(known):
            whole = first.model.model_.read(X)
            self.neighbors_ = NearestNeighbors.of(first.model, whole, known, self.n_neighbors, seed)
        raws = [(w, w.model.model_.read(fold.held)) for w, fold in held]
        sums, counts = zip(*(w.changed(raw) for w, raw in raws))
        self._usual = np.maximum(np.sum(sums, axis=0) / sum(counts), 1e-9).astype(np.float32)
        said = np.concatenate([w.log_scores(raw, self._usual) for w, raw in raws])
        near = self.neighbors_
        if near is not None:
            far = [near.log_scores(first, first.model.model_.read(fold.held), fold.rows) for _, fold in held]
            said = np.concatenate([said, np.concatenate(far)], axis=1)
        told = isinstance(first.model.module_, NoiseConditionalHourglass)
        asked = first.place is not None, near is not None, self._spans is not None, told
        there = np.concatenate([complete(raw) for _, raw in raws])
        self._measure = ScoreCombiner.learn(said, there, len(first.levels), *asked)
        sizes = [int(count) for count in counts]
        return np.split(self._measure.score(said, there), np.cumsum(sizes)[:-1])

    def _set(self, scores: np.ndarray) -> None:
        self.calibration_ = np.sort(scores)
        least = conformal.smallest_rate(self._worth)
        if self.false_alarm_rate < least:
            far = f"false_alarm_rate={self.false_alarm_rate:g} is less than"
            series = self._apart > 1
            warnings.warn(
                f"{far} {len(scores)} steps can tell, which are worth {self._worth} independent ones ({least:.2g}): "
                "the threshold lies beyond them, on a tail that is assumed"
                if series
                else f"{far} {len(scores)} rows can tell: taking the smallest rate that they can, {least:.2g}",
                UserWarning,
                stacklevel=3,
            )
        self.offset_ = -conformal.threshold(self.calibration_, self.false_alarm_rate, self._worth)

    @property
    def _worth(self) -> int:
        """How many independent scores the calibration is worth."""
        return max(1, len(self.calibration_) // self._apart)

    def anomaly_score(self, X: Any) -> np.ndarray:
        """How odd each row is, or each time step of series, (n,): high is odd.

        In standard deviations of what is usual, of whatever speaks loudest (see `scoring.py`). Of a list of
        series a list.
        """
        large = self._larger(X)
        if large is not None:
            return large.scores(lambda tiles: self._judged(self._read(tiles)[0], changes=False)[0])
        raws, lengths = self._read(X)
        return self._given(self._judged(raws, changes=False)[0], X, lengths)

    def judge(self, X: Any) -> tuple[np.ndarray, Explanation]:
        """The scores and the reasons for them, from one look: cheaper than both by themselves.

        Scores are one array, (n,), of all steps also where X is a list of series.
        """
        large = self._larger(X)
        if large is not None:
            score, *why = large.judged(self._judged_tiles)
            return score, Explanation(*why)
        raws, lengths = self._read(X)
        score, change = self._judged(raws, changes=True)
        return score, self._explained(change, raws[0], X, lengths)

    def _judged(self, raws: list[Any], changes: bool) -> tuple[np.ndarray, Any]:
        """Scores of all rows or steps, and their mean changes."""
        looks = [w.scores_and_residuals(raw, self._usual, changes) for w, raw in zip(self.estimators_, raws)]
        said = np.mean([scores_and_residuals[0] for scores_and_residuals in looks], axis=0)
        if self.neighbors_ is not None:
            far = self.neighbors_.log_scores(self.estimators_[0], raws[0])
            said = np.concatenate([said, far], axis=1)
        seen: Any = [scores_and_residuals[1] for scores_and_residuals in looks]
        return self._measure.score(said, complete(raws[0])), np.mean(seen, axis=0) if changes else None

    def _judged_tiles(self, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores, errors (k, channels, height, width) and what was expected, (k, height, width, channels)."""
        raws, _ = self._read(tiles)
        score, change = self._judged(raws, changes=True)
        error, expected = self._why(change, raws[0])
        return score, error.reshape(-1, *self._schema.in_shape), expected.reshape(tiles.shape)

    def _larger(self, X: Any) -> LargeImages | None:
        """Images that are larger than those that were learned."""
        check_is_fitted(self)
        return larger(self._schema, X, type(self).__name__)

    def _tries(self, X: Any) -> Any:
        """How many chances of a false alarm an item has, beside those of a calibration score: (n,) of images, or 1."""
        large = self._larger(X)
        return 1.0 if large is None else np.maximum(1.0, large.tries / self._covered)

    def _chances(self, score: np.ndarray, tries: Any = 1.0) -> np.ndarray:
        """p-values of scores, for the number of tries (Bonferroni)."""
        return np.minimum(1.0, tries * conformal.p_values(score, self.calibration_, self._worth))

    def _offsets(self, tries: Any) -> Any:
        """As `offset_`, for each number of tries."""
        if np.ndim(tries) == 0:
            return self.offset_
        rates, which = np.unique(self.false_alarm_rate / tries, return_inverse=True)
        bounds = [-conformal.threshold(self.calibration_, rate, self._worth) for rate in rates.tolist()]
        return np.array(bounds)[which]

    def _read(self, X: Any) -> tuple[list[Any], list[int] | None]:
        """Raw rows for each witness, and how many steps each series has."""
        check_is_fitted(self)
        lengths = None
        if self._spans is not None:
            parts = self._spans.rows(X, type(self).__name__)
            X, lengths = np.concatenate(parts), [len(p) for p in parts]
        first = self.estimators_[0].model.model_.read(X)
        # Where models read in the same way, one reading is enough: of categories they may know others.
        raws = [
            first,
            *(first if same else w.model.model_.read(X) for same, w in zip(self._same, self.estimators_[1:])),
        ]
        return raws, [len(at) for at in first.at] if isinstance(first, Windows) else lengths

    def _share_readings(self) -> None:
        schema = self.estimators_[0].model.model_.schema
        self._same = [w.model.model_.schema == schema for w in self.estimators_[1:]]

    def _name_features(self, schema: Any) -> None:
        first = self.estimators_[0].model
        self.n_features_in_ = first.n_features_in_ if self._spans is None else len(self._spans.schema.columns)
        names = getattr(first, "feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    @property
    def _back(self) -> int:
        """How many steps of a series say how odd the last of them is."""
        return self._apart if self._spans is None else self._spans.back

    @property
    def _schema(self) -> Any:
        """What the data look like."""
        return self.estimators_[0].model.model_.schema if self._spans is None else self._spans.schema

    def score_samples(self, X: Any) -> np.ndarray:
        """Minus `anomaly_score`, as scikit-learn has it: low is odd."""
        score = self.anomaly_score(X)
        return [-s for s in score] if isinstance(score, list) else -score

    def decision_function(self, X: Any) -> np.ndarray:
        """`score_samples - offset_`: below 0 for what is odd.

        Of larger images the offset is that of `false_alarm_rate` divided by their number of tiles.
        """
        score, tries = self.score_samples(X), self._tries(X)
        offset, most, least = self._offsets(tries), np.max(tries), conformal.smallest_rate(self._worth)
        if most > 1 and self.false_alarm_rate < least * most:
            warnings.warn(
                f"false_alarm_rate={self.false_alarm_rate:g} is less than {self._worth} calibration scores can tell of "
                f"images of {most:g} tiles ({least * most:.2g}): taking the smallest rate that they can. Fit on more "
                "images, or calibrate on images as large as these",
                UserWarning,
                stacklevel=2,
            )
        return [s - offset for s in score] if isinstance(score, list) else score - offset

    def predict(self, X: Any) -> np.ndarray:
        """-1 for what is odd, 1 for what is normal."""
        decision = self.decision_function(X)
        verdict = lambda d: np.where(d < 0, -1, 1)  # noqa: E731
        return [verdict(d) for d in decision] if isinstance(decision, list) else verdict(decision)

    def p_values(self, X: Any) -> np.ndarray:
        """The chance that a normal row is as odd, (n,): small is odd (see `conformal.py`).

        Of larger images it is the oddest tile's times the number of tiles, at most 1.
        """
        score, tries = self.anomaly_score(X), self._tries(X)
        return [self._chances(s) for s in score] if isinstance(score, list) else self._chances(score, tries)

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
        before, score, large = self.calibration_, self.anomaly_score(X), self._larger(X)
        score = np.concatenate(score) if isinstance(score, list) else score
        share = float(np.mean(score > -self._offsets(self._tries(X))))
        covered = 1.0 if large is None else float(min(large.tries))
        # Half of what is the largest of k lies below the (1/2)^(1/k) quantile of single ones.
        usual = np.quantile(before, 0.5 ** (self._covered / covered))
        likely = self.false_alarm_rate + 4 * math.sqrt(self.false_alarm_rate / len(score))
        if share > likely + 1 / len(score) or abs(np.median(score) - usual) > before.std():
            warnings.warn(
                f"the data have drifted: {share:.1%} of these rows lay above the threshold, where "
                f"{self.false_alarm_rate:.1%} were expected (median score {np.median(score):.2f}, before "
                f"{usual:.2f}). The threshold follows them; where they are not normal, fit anew",
                UserWarning,
                stacklevel=2,
            )
        self._covered = covered
        self._set(score)
        return self

    def explain(self, X: Any) -> Explanation:
        """Where the oddness sits: how large the error of every value is beside the usual, and what was expected."""
        return self.judge(X)[1]

    def _explained(self, change: Any, raw: Any, X: Any, lengths: list[int] | None) -> Explanation:
        error, expected = self._why(change, raw)
        schema, spans = self._schema, self._spans
        if spans is not None and lengths is not None:
            steps = np.split(expected[:, : len(schema.columns)], np.cumsum(lengths)[:-1])
            return Explanation(
                spans.by_channel(error), schema.give_steps(steps, X), [str(c.name) for c in schema.columns]
            )
        names = [str(c.name) for c in schema.columns] if isinstance(schema, SeriesSchema) else schema.feature_names()
        if not isinstance(schema, SeriesSchema):
            error = error.reshape(-1, *schema.target_shape)
        return Explanation(error, schema.rebuild(expected, X, raw), [str(n) for n in names])

    def _why(self, change: Any, raw: Any) -> tuple[np.ndarray, np.ndarray]:
        """Errors, (n, values), and what was expected in raw numbers."""
        first = self.estimators_[0]
        beside = change / self._usual
        loudest = beside.mean(2).argmax(1)
        error = np.sqrt(beside[np.arange(len(beside)), loudest])
        # What is odd is still there at the lowest levels, where hardly anything changes.
        coarse = len(first.levels) // 2
        at = np.full(len(raw), coarse) if isinstance(raw, Windows) else np.maximum(loudest, coarse)
        return error, first.expected(raw, at)

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
        from zandloper.applications.detection.report import detector_report

        check_is_fitted(self)
        return detector_report(self, X)

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """What `save` wrote, out of a folder's recipe and weights."""
        detector: Self = detector_of(cls, types, path, recipe, tensors, parts)
        return detector

    # ------------------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        caller, rate = type(self).__name__, self.false_alarm_rate
        if isinstance(rate, bool) or not isinstance(rate, numbers.Real) or not 0 < float(rate) < 1:
            raise bad_parameter(caller, "false_alarm_rate", "a number above 0 and below 1", rate)
        k = self.n_neighbors
        if isinstance(k, bool) or not isinstance(k, numbers.Integral) or k < 0:
            raise bad_parameter(caller, "neighbors", "an integer >= 0", k)
        if (
            isinstance(self.trim_fraction, bool)
            or not isinstance(self.trim_fraction, numbers.Real)
            or not 0 <= float(self.trim_fraction) < 0.5
        ):
            raise bad_parameter(caller, "trim_fraction", "a number from 0 to below 0.5", self.trim_fraction)
        frozen = getattr(self.autoencoder, "estimator", self.autoencoder)
        if self.autoencoder is not None and not isinstance(frozen, BaseAutoencoder):
            wanted = "None, an autoencoder of zandloper, or a FrozenEstimator of a fitted one"
            raise bad_parameter(caller, "autoencoder", wanted, self.autoencoder)
        if getattr(frozen, "target", "input") != "input":
            raise bad_parameter(caller, "autoencoder", 'one that gives back its input (target="input")', frozen.target)

    def _modality(self) -> Any:
        inner = getattr(self.autoencoder, "estimator", self.autoencoder)
        given = isinstance(self.modality, str) and self.modality == "auto" and inner is not None
        return inner.modality if given else self.modality

    def _template(self, schema: Any, raw: Any) -> Any:
        """What is cloned for each part of the data."""
        slow = self._spans is not None
        model = default_model(schema, raw, slow) if self.autoencoder is None else clone(self.autoencoder)
        if self.max_epochs is not None:
            model.set_params(max_epochs=self.max_epochs)
        return model

    def _given(self, scores: np.ndarray, X: Any, lengths: list[int] | None) -> Any:
        """Scores of single steps as series came: one array, or a list."""
        return scores if lengths is None else as_given(np.split(scores, np.cumsum(lengths)[:-1]), X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags
