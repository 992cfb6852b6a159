"""Cross-fitted ensemble of a detector: its members, the scores of new data, and how both are fitted and calibrated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from zandloper.applications.detection import cross_fitting
from zandloper.applications.detection.cross_fitting import Fold
from zandloper.applications.detection.default_model import as_numbers, default_model
from zandloper.applications.detection.explanation import Explanation
from zandloper.applications.detection.neighbors import NearestNeighbors
from zandloper.applications.detection.rolling_features import RollingFeatures
from zandloper.applications.detection.score_combiner import ScoreCombiner
from zandloper.applications.detection.scoring import EnsembleMember, complete_rows
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.data.windows import Windows
from zandloper.errors import UnsupportedError
from zandloper.fitting.validation import seed_of
from zandloper.modality import Modality, Schema
from zandloper.modality.series import SeriesSchema
from zandloper.modality.table import Table
from zandloper.model.noise_conditional import NoiseConditionalHourglass

if TYPE_CHECKING:
    from zandloper.applications.detection.detector import AnomalyDetector

MIN_RESIDUAL = 1e-9  # residuals are divided by their typical size, which is 0 for constant columns


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Fitted members with what was learned from rows that trained none of them.

    Parameters
    ----------
    members : list of EnsembleMember
    typical_residuals : ndarray (levels, values)
        Mean squared residual of normal rows.
    combiner : ScoreCombiner
    neighbors : NearestNeighbors or None
    rolling_features : RollingFeatures or None
        Of series that are scored step by step; None: rows, or series in windows.
    correlated_steps : int
        Steps of series over which scores are dependent; 1 for rows.
    same_schema : list of bool
        For each member after the first, whether it reads data as the first does.
    """

    members: list[EnsembleMember]
    typical_residuals: np.ndarray
    combiner: ScoreCombiner
    neighbors: NearestNeighbors | None
    rolling_features: RollingFeatures | None
    correlated_steps: int
    same_schema: list[bool]

    @property
    def schema(self) -> Schema:
        """Schema of the user's data."""
        return self.members[0].schema if self.rolling_features is None else self.rolling_features.schema

    @property
    def context_steps(self) -> int:
        """Steps of a series that the score of its last step depends on."""
        return self.correlated_steps if self.rolling_features is None else self.rolling_features.context_steps

    def independent(self, n: int) -> int:
        """Number of independent scores that n calibration scores are worth."""
        return max(1, n // self.correlated_steps)

    def read(self, X: Any, caller: str) -> tuple[list[Any], list[int] | None]:
        """Raw rows for each member, and the number of steps of each series (None: rows)."""
        lengths = None
        if self.rolling_features is not None:
            parts = self.rolling_features.rows(X, caller)
            X, lengths = np.concatenate(parts), [len(part) for part in parts]
        raws = self.read_rows(X)
        return raws, [len(at) for at in raws[0].at] if isinstance(raws[0], Windows) else lengths

    def read_rows(self, X: Any) -> list[Any]:
        """Raw rows for each member, of rows that rolling features are computed for already."""
        first, *others = self.members
        raw = first.read(X)
        # Members with equal schemas share one reading; the categories of a column may differ between folds.
        return [raw, *(raw if same else member.read(X) for same, member in zip(self.same_schema, others))]

    def score(self, raws: list[Any]) -> np.ndarray:
        """Anomaly scores of rows or steps, (n,)."""
        return self._score(raws, keep_residuals=False)[0]

    def score_and_residuals(self, raws: list[Any]) -> tuple[np.ndarray, np.ndarray]:
        """Anomaly scores (n,), and residuals (n, levels, values), the mean over members."""
        score, residuals = self._score(raws, keep_residuals=True)
        return score, np.mean(residuals, axis=0)

    def _score(self, raws: list[Any], keep_residuals: bool) -> tuple[np.ndarray, list[Any]]:
        typical = self.typical_residuals
        each = [m.scores_and_residuals(raw, typical, keep_residuals) for m, raw in zip(self.members, raws)]
        log_scores = np.mean([scores for scores, _ in each], axis=0)
        if self.neighbors is not None:
            distances = self.neighbors.log_scores(self.members[0], raws[0])
            log_scores = np.concatenate([log_scores, distances], axis=1)
        return self.combiner.score(log_scores, complete_rows(raws[0])), [residuals for _, residuals in each]

    def explain(self, residuals: np.ndarray, raw: Any, X: Any, lengths: list[int] | None) -> Explanation:
        """Errors beside typical ones, and expected values, in the form of the user's data."""
        error, expected = self.errors_and_expected(residuals, raw)
        schema, rolling = self.schema, self.rolling_features
        if not isinstance(schema, SeriesSchema):
            error = error.reshape(-1, *schema.target_shape)
            return Explanation(error, schema.rebuild(expected, X, raw), [str(n) for n in schema.feature_names()])
        names = [str(column.name) for column in schema.columns]
        if rolling is None or lengths is None:
            return Explanation(error, schema.rebuild(expected, X, raw), names)
        steps = np.split(expected[:, : len(schema.columns)], np.cumsum(lengths)[:-1])
        return Explanation(rolling.by_channel(error), schema.give_steps(steps, X), names)

    def explain_tiles(self, tiles: np.ndarray, caller: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores, errors (k, channels, height, width) and expected pixels, (k, height, width, channels)."""
        raws, _ = self.read(tiles, caller)
        score, residuals = self.score_and_residuals(raws)
        error, expected = self.errors_and_expected(residuals, raws[0])
        return score, error.reshape(-1, *self.schema.in_shape), expected.reshape(tiles.shape)

    def errors_and_expected(self, residuals: np.ndarray, raw: Any) -> tuple[np.ndarray, np.ndarray]:
        """Errors (n, values) in units of typical ones, and expected raw values."""
        first = self.members[0]
        relative = residuals / self.typical_residuals
        highest = relative.mean(2).argmax(1)
        error = np.sqrt(relative[np.arange(len(relative)), highest])
        # At the lowest levels, where hardly anything changes, an anomaly would still be part of what is expected.
        coarse = len(first.levels) // 2
        at = np.full(len(raw), coarse) if isinstance(raw, Windows) else np.maximum(highest, coarse)
        return error, first.expected(raw, at)


@dataclass
class EnsembleFitter:
    """Settings of one fit: the parameters of `AnomalyDetector` that concern members and calibration."""

    autoencoder: Any
    trim_fraction: float
    n_neighbors: int
    fast: bool
    max_epochs: Any
    max_minutes: float | None
    seed: int
    caller: str

    @classmethod
    def of(cls, detector: AnomalyDetector) -> Self:
        """Take the settings of a detector."""
        caller = type(detector).__name__
        names = "autoencoder", "trim_fraction", "n_neighbors", "fast", "max_epochs", "max_minutes"
        settings = {name: getattr(detector, name) for name in names}
        return cls(**settings, seed=seed_of(detector.random_state, caller), caller=caller)

    def fit(self, X: Any, reader: Modality) -> tuple[Ensemble, np.ndarray, Any]:
        """Train members on folds and calibrate them on the held-out rows.

        Returns
        -------
        ensemble : Ensemble
        scores : ndarray
            Of held-out rows or steps, by the members that did not train on them.
        X : data
            As `Ensemble.read_rows` takes them.
        """
        learn: Any = as_numbers if self.autoencoder is None else type(reader).learn
        schema, raw = learn(reader, X, self.caller)
        X = _in_memory(X, schema, raw)
        series = isinstance(schema, SeriesSchema)
        correlated = schema.window if isinstance(schema, SeriesSchema) else 1
        rolling, lengths = None, None
        if isinstance(schema, SeriesSchema) and self.autoencoder is None and getattr(reader, "window", None) is None:
            rolling = RollingFeatures.fit(schema, X, self.caller)
            parts = rolling.rows(X, self.caller)
            X, lengths, correlated = np.concatenate(parts), [len(part) for part in parts], rolling.longest
            reader = Table()
            schema, raw = reader.learn(X, self.caller, "mse")
        if self.trim_fraction and series and rolling is None:
            raise UnsupportedError(
                "trim_fraction is not for series in windows: leave autoencoder and window out, or trim_fraction=0"
            )
        folds = self._folds(X, schema, len(raw), lengths, correlated)
        members = self._members(folds, schema, raw, reader, rolling is not None)
        # With several folds every row trained a model; of a single fold the held-out part stays new. Steps of series
        # resemble those next to them: they would be each other's neighbors.
        indexed = np.arange(len(raw))
        if len(folds) == 1 and not self.frozen:
            indexed = np.setdiff1d(indexed, folds[0].rows)
        indexed = indexed if self.n_neighbors and not self.fast and not series else indexed[:0]
        held_out = list(zip(members, folds))
        ensemble, scores = self._calibrate(members, held_out, X, indexed, rolling, correlated)
        if self.trim_fraction:
            limit = np.quantile(np.concatenate(scores), 1 - self.trim_fraction)
            trimmed = np.concatenate([fold.rows[score > limit] for fold, score in zip(folds, scores)])
            kept = [(m, f.without(s > limit)) for (m, f), s in zip(held_out, scores) if (s <= limit).any()]
            indexed = np.setdiff1d(indexed, trimmed)
            ensemble, scores = self._calibrate(members, kept, X, indexed, rolling, correlated)
        return ensemble, np.concatenate(scores), X

    @property
    def frozen(self) -> bool:
        """True for a FrozenEstimator, which is calibrated and not trained."""
        return hasattr(self.autoencoder, "estimator")

    def _folds(self, X: Any, schema: Schema, rows: int, lengths: list[int] | None, gap: int) -> list[Fold]:
        if self.frozen:
            check_is_fitted(self.autoencoder.estimator)
            return [Fold(None, X, None if isinstance(schema, SeriesSchema) else np.arange(rows))]
        if lengths is not None:
            return cross_fitting.time_folds(X, lengths, gap)
        if isinstance(schema, SeriesSchema):
            return cross_fitting.window_folds(X, schema, self.caller)
        return cross_fitting.row_folds(X, rows, self.fast, self.seed)

    def _members(
        self, folds: list[Fold], schema: Schema, raw: Any, reader: Modality, series: bool
    ) -> list[EnsembleMember]:
        """One member trained on each fold; of a frozen autoencoder that one."""
        if self.frozen:
            return [EnsembleMember.of(self.autoencoder.estimator, None, self.fast)]
        template: BaseAutoencoder = default_model(schema, raw, series) if self.autoencoder is None else self.autoencoder
        members = []
        for k, fold in enumerate(folds):
            model = clone(template).set_params(modality=reader.beside(schema), random_state=(self.seed + k) % 2**31)
            if self.max_epochs is not None:
                model.set_params(max_epochs=self.max_epochs)
            if self.max_minutes is not None:
                model.set_params(max_minutes=self.max_minutes / len(folds))
            model.fit(fold.train)
            members.append(EnsembleMember.of(model, None if self.fast else model.model_.read(fold.train), self.fast))
        return members

    def _calibrate(
        self,
        members: list[EnsembleMember],
        held_out: list[tuple[EnsembleMember, Fold]],
        X: Any,
        indexed: np.ndarray,
        rolling: RollingFeatures | None,
        correlated: int,
    ) -> tuple[Ensemble, list[np.ndarray]]:
        """Ensemble calibrated on held-out rows, and their scores, fold by fold; `indexed` rows may be neighbors."""
        first = members[0]
        neighbors = None
        if len(indexed):
            neighbors = NearestNeighbors.fit(first.model, first.read(X), indexed, self.n_neighbors, self.seed)
        raws = [(member, member.read(fold.held_out)) for member, fold in held_out]
        sums, counts = zip(*(member.residual_sums(raw) for member, raw in raws))
        typical = np.maximum(np.sum(sums, axis=0) / sum(counts), MIN_RESIDUAL).astype(np.float32)
        log_scores = np.concatenate([member.log_scores(raw, typical) for member, raw in raws])
        if neighbors is not None:
            distances = [neighbors.log_scores(first, first.read(fold.held_out), fold.rows) for _, fold in held_out]
            log_scores = np.concatenate([log_scores, np.concatenate(distances)], axis=1)
        complete = np.concatenate([complete_rows(raw) for _, raw in raws])
        combiner = ScoreCombiner.fit(
            log_scores,
            complete,
            levels=len(first.levels),
            hotelling=first.hotelling is not None,
            neighbors=neighbors is not None,
            series=rolling is not None,
            noise_conditional=isinstance(first.model.module_, NoiseConditionalHourglass),
        )
        cuts = np.cumsum([int(count) for count in counts])[:-1]
        same_schema = [member.schema == first.schema for member in members[1:]]
        ensemble = Ensemble(members, typical, combiner, neighbors, rolling, correlated, same_schema)
        return ensemble, np.split(combiner.score(log_scores, complete), cuts)


def _in_memory(X: Any, schema: Schema, raw: Any) -> Any:
    """Data that can be indexed: what a path was read to, and objects with `__array__` alone as arrays."""
    if isinstance(X, str) or hasattr(X, "__fspath__"):
        return schema.readable(raw)
    return np.asarray(X) if hasattr(X, "__array__") and not hasattr(X, "shape") else X
