"""Anomaly detector for tables, images and series, with a conformal threshold and explanations."""

from __future__ import annotations

import numbers
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted

from zandloper.applications.detection import calibration, conformal
from zandloper.applications.detection.description import DetectorDescription, describe_detector
from zandloper.applications.detection.detector_file import detector_of, save_detector
from zandloper.applications.detection.ensemble import EnsembleFitter
from zandloper.applications.detection.explanation import Explanation
from zandloper.applications.detection.large_images import LargeImages, larger
from zandloper.applications.detection.neighbors import NearestNeighbors
from zandloper.applications.detection.parameters import check_parameters, modality_of
from zandloper.applications.detection.plots import DetectorPlots
from zandloper.applications.detection.scoring import EnsembleMember
from zandloper.data.series_lists import as_given
from zandloper.errors import bad_parameter
from zandloper.modality import modality

if TYPE_CHECKING:  # loaded where it is asked for
    from zandloper.report import Report


class AnomalyDetector(DetectorPlots, OutlierMixin, BaseEstimator):
    """Anomaly detector for tables, images and series, calibrated to a stated false-alarm rate.

    Several autoencoders are cross-fitted, and each scores the rows that it did not train on. A new row is an anomaly if
    its score is higher than all but a share `false_alarm_rate` of those scores. Images may be larger than the training
    images: they are scored in overlapping tiles, and the score of an image is the maximum over its tiles.

    Parameters
    ----------
    autoencoder : autoencoder, FrozenEstimator of a fitted one, or None, default=None
        Model that is cloned for each fold.

        - None: a noise-conditional denoising autoencoder, or for tables with categories a plain denoising one. It reads
          each step of series with its rolling means over 8 and 32 steps, and the same one period earlier if the data
          are periodic. With a window length given, it reads series in windows.
        - An autoencoder reads series in windows.
        - A frozen autoencoder is not trained: `fit` only calibrates it, on rows that it was not trained on.
    false_alarm_rate : float, default=None
        Share of fresh normal rows that may be flagged, above 0 and below 1. None: 0.01, or not used where
        `contamination` is given. Of series it is approximate.
    contamination : float, default=None
        Share of the training rows that `predict` flags, above 0 and up to 0.5, as in scikit-learn's outlier detectors.
        It sets the threshold instead of `false_alarm_rate`; p-values stay those of the held-out scores. See Notes.
    trim_fraction : float, default=0.0
        Share of the training rows with the highest scores, from 0 to below 0.5, that are excluded from calibration and
        from the neighbor index: for training data with many anomalies. The stated rate is then that of the other rows.
    n_neighbors : int, default=3
        Number of nearest training rows whose mean distance is scored, of at most 5,000 that are stored; 0: none. Not
        used for series.
    fast : bool, default=False
        One model and one noise level, without neighbors and T-squared: many times as fast, and less accurate.
    modality : "auto", "table", "image", "series", "audio" or an object of zl.modality, default="auto"
        Kind of data.
    max_epochs, max_minutes : numbers, default=None
        Override the autoencoder's; minutes are for all models together.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    ensemble_ : zandloper.applications.detection.ensemble.Ensemble
        The fitted members and the combiner of their scores.
    estimators_ : list of zandloper.applications.detection.scoring.EnsembleMember
        The members of the ensemble.
    neighbors_ : zandloper.applications.detection.neighbors.NearestNeighbors or None
        Index of training rows.
    calibration_ : ndarray
        Sorted scores of rows, or time steps, by models that did not train on them.
    offset_ : float
        Minus the threshold: `decision_function` is `score_samples - offset_`.
    tiles_per_score_ : float
        Minimum number of tiles that each calibration score is the maximum of.
    n_features_in_ : int

    Notes
    -----
    scikit-learn expects an outlier detector to flag some of its training rows. A detector at a stated false-alarm rate
    cannot promise that: its threshold is the quantile of held-out scores, and training rows score lower than fresh
    ones, so that it usually flags none of them. It is therefore a novelty detector by default, and its
    `estimator_type` tag is "outlier_detector" only with `contamination`.

    Examples
    --------
    >>> import numpy as np
    >>> import zandloper as zl
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> anomaly = np.array([[5.0, 9.0, 1.0, 3.0]])
    >>> detector = zl.AnomalyDetector(false_alarm_rate=0.05, max_epochs=20, random_state=0).fit(X)
    >>> detector.predict(anomaly)
    array([-1])
    """

    def __init__(
        self,
        autoencoder: Any = None,
        false_alarm_rate: float | None = None,
        contamination: float | None = None,
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
        self.contamination = contamination
        self.trim_fraction = trim_fraction
        self.n_neighbors = n_neighbors
        self.fast = fast
        self.modality = modality
        self.max_epochs = max_epochs
        self.max_minutes = max_minutes
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train and calibrate on normal data; a few anomalies among them only change the stated rate.

        Parameters
        ----------
        X : array, frame, list of images, series or path
        y : ignored
        """
        check_parameters(self)
        reader = modality(modality_of(self), X, type(self).__name__)
        self.ensemble_, held_out, rows = EnsembleFitter.of(self).fit(X, reader)
        first, rolling = self.ensemble_.members[0].model, self.ensemble_.rolling_features
        self.n_features_in_ = first.n_features_in_ if rolling is None else len(rolling.schema.columns)
        names = getattr(first, "feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.tiles_per_score_ = 1.0
        training_scores = None
        if self.contamination is not None:
            training_scores = self.ensemble_.score(self.ensemble_.read_rows(rows))
        calibration.set_threshold(self, held_out, training_scores)
        return self

    @property
    def estimators_(self) -> list[EnsembleMember]:
        """Members of the ensemble."""
        return self.ensemble_.members

    @property
    def neighbors_(self) -> NearestNeighbors | None:
        """Index of training rows."""
        return self.ensemble_.neighbors

    def anomaly_score(self, X: Any) -> np.ndarray:
        """Anomaly scores of rows, or of each time step of series, (n,): high is anomalous.

        Scores are in standard deviations of the scores of normal rows (see `score_combiner.py`). A list of series gets
        a list of arrays.
        """
        large, caller = self._larger(X), type(self).__name__
        if large is not None:
            return large.scores(lambda tiles: self.ensemble_.score(self.ensemble_.read(tiles, caller)[0]))
        raws, lengths = self.ensemble_.read(X, caller)
        score = self.ensemble_.score(raws)
        return score if lengths is None else as_given(np.split(score, np.cumsum(lengths)[:-1]), X)

    def score_and_explain(self, X: Any) -> tuple[np.ndarray, Explanation]:
        """Scores and explanations in one pass, cheaper than each by itself.

        Scores are one array, (n,), of all steps also where X is a list of series.
        """
        large, caller = self._larger(X), type(self).__name__
        if large is not None:
            score, *why = large.score_maps(lambda tiles: self.ensemble_.explain_tiles(tiles, caller))
            return score, Explanation(*why)
        raws, lengths = self.ensemble_.read(X, caller)
        score, residuals = self.ensemble_.score_and_residuals(raws)
        return score, self.ensemble_.explain(residuals, raws[0], X, lengths)

    def _larger(self, X: Any) -> LargeImages | None:
        """Images that are larger than the training images, to be scored in tiles."""
        check_is_fitted(self)
        return larger(self.ensemble_.schema, X, type(self).__name__)

    def explain(self, X: Any) -> Explanation:
        """Error of every value in units of its typical error, and the values that were expected."""
        return self.score_and_explain(X)[1]

    def score_samples(self, X: Any) -> np.ndarray:
        """Minus `anomaly_score`, as in scikit-learn: low is anomalous."""
        score = self.anomaly_score(X)
        return [-s for s in score] if isinstance(score, list) else -score

    def decision_function(self, X: Any) -> np.ndarray:
        """`score_samples - offset_`: below 0 for anomalies.

        Of larger images the offset is that of `false_alarm_rate` divided by their number of tiles.
        """
        score = self.score_samples(X)
        tests = calibration.n_tests(self, self._larger(X))
        calibration.warn_of_many_tests(self, tests)
        offset = -calibration.threshold(self, tests)
        return [s - offset for s in score] if isinstance(score, list) else score - offset

    def predict(self, X: Any) -> np.ndarray:
        """Labels: -1 for anomalies, 1 for normal rows."""
        decision = self.decision_function(X)
        if isinstance(decision, list):
            return [np.where(d < 0, -1, 1) for d in decision]
        return np.where(decision < 0, -1, 1)

    def p_values(self, X: Any) -> np.ndarray:
        """Probability that a normal row scores as high, (n,): small is anomalous (see `conformal.py`).

        Of larger images it is the p-value of the highest tile times the number of tiles, at most 1.
        """
        score = self.anomaly_score(X)
        if isinstance(score, list):
            return [calibration.p_values(self, s) for s in score]
        return calibration.p_values(self, score, calibration.n_tests(self, self._larger(X)))

    def discoveries(self, X: Any, rate: float = 0.1) -> np.ndarray:
        """Mask of the anomalies of a batch, bool (n,), of which about a share `rate` at most is normal."""
        if not isinstance(rate, numbers.Real) or not 0 < float(rate) < 1:
            raise bad_parameter("discoveries", "rate", "a number above 0 and below 1", rate)
        p = self.p_values(X)
        return conformal.discoveries(np.concatenate(p) if isinstance(p, list) else p, float(rate))

    def calibrate(self, X: Any) -> Self:
        """Set the threshold anew from normal rows that trained no model, without training.

        Warns
        -----
        UserWarning
            The scores of these rows are much higher, or lower, than those before: the data have drifted.
        """
        check_is_fitted(self)
        score, large = self.anomaly_score(X), self._larger(X)
        score = np.concatenate(score) if isinstance(score, list) else score
        share = float(np.mean(score > calibration.threshold(self, calibration.n_tests(self, large))))
        tiles = 1.0 if large is None else float(min(large.n_tiles))
        calibration.warn_of_drift(self, score, share, tiles)
        self.tiles_per_score_ = tiles
        calibration.set_threshold(self, score, None)
        return self

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the detector as a folder of JSON and safetensors, whole or not at all; `zl.load` reads it.

        Of custom modules in the autoencoder's slots the weights are saved: `load(path, parts={slot: module})`.

        Raises
        ------
        FileError
            Something exists there already (an earlier model is replaced with `overwrite=True`), the disk is full ...
        """
        check_is_fitted(self)
        save_detector(self, path, overwrite)

    def describe(self) -> DetectorDescription:
        """Summary of models, calibration and threshold; prints well."""
        check_is_fitted(self)
        return describe_detector(self)

    def report(self, X: Any) -> Report:
        """Report on data: scores and threshold, calibration, and the highest-scoring items with explanations.

        The page needs no network: `report(X).save("report.html")`.

        Parameters
        ----------
        X : data
        """
        from zandloper.applications.detection.report import detector_report

        check_is_fitted(self)
        return detector_report(self, X)

    @classmethod
    def _from_file(cls, path: str | Path, recipe: dict[str, Any], tensors: Any, parts: Any, types: Any) -> Self:
        """Detector out of the recipe and the weights of a folder."""
        detector: Self = detector_of(cls, types, path, recipe, tensors, parts)
        return detector

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        if self.contamination is None:
            tags.estimator_type = None
        return tags
