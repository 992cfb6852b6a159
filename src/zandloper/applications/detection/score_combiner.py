"""Combination of the log scores of an ensemble into one anomaly score per row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TINY = 1e-12  # added before logarithms and square roots
HOTELLING_WEIGHT = 0.1  # of the standardized T-squared: it orders rows whose maxima are equally high
SLACK = 2.0  # standard deviations that a residual may lie below the mean before that counts as anomalous


@dataclass(frozen=True)
class ScoreCombiner:
    """Standardize log scores over normal rows and take the maximum over groups of columns.

    Parameters
    ----------
    groups : list of slice
        Columns of log scores that belong together; the score is the maximum over groups.
    hotelling_column : int or None
        Column of Hotelling's T-squared where it is added with `HOTELLING_WEIGHT` instead of forming a group.
    mean, deviation : ndarray
        Of each column over normal rows.
    group_mean, group_deviation : ndarray
        Of the maximum of each group over normal rows.
    slack : float or None
        Standard deviations that a residual, of the first two groups, may lie below its mean before that counts as
        anomalous. None: small residuals never count. In rows with gaps they never count, for a missing value has no
        residual.
    """

    groups: list[slice]
    hotelling_column: int | None
    mean: np.ndarray
    deviation: np.ndarray
    group_mean: np.ndarray
    group_deviation: np.ndarray
    slack: float | None = None

    @classmethod
    def fit(
        cls,
        log_scores: np.ndarray,
        complete: np.ndarray,
        levels: int,
        hotelling: bool,
        neighbors: bool,
        series: bool,
        noise_conditional: bool,
    ) -> ScoreCombiner:
        """Learn means and deviations from normal rows that trained no member.

        Columns come in this order: two residuals at all levels, Hotelling's T-squared, the neighbor distance. For
        `series` the levels above the lowest would only show drift, and T-squared forms a group of its own. Small
        residuals count only for noise-conditional models of rows: on series they added nothing, and densities are
        clipped where rows fit well.

        Parameters
        ----------
        log_scores : ndarray (n, columns)
        complete : ndarray of bool (n,)
            Rows without gaps.
        levels : int
            Number of noise levels.
        hotelling, neighbors : bool
            Columns that are present.
        series, noise_conditional : bool
            Properties of the data and of the members.
        """
        groups = [slice(0, levels), slice(levels, 2 * levels)]
        if series:
            groups = [slice(0, 1), slice(levels, levels + 1)]
        column = 2 * levels
        hotelling_column = column if hotelling and not series else None
        groups += [slice(column, column + 1)] if hotelling and series else []
        column += hotelling
        groups += [slice(column, column + 1)] if neighbors else []
        mean, deviation = _moments(log_scores)
        slack = SLACK if noise_conditional and not series else None
        maxima = group_maxima((log_scores - mean) / deviation, groups, slack, complete)
        return cls(groups, hotelling_column, mean, deviation, *_moments(maxima), slack)

    def score(self, log_scores: np.ndarray, complete: np.ndarray) -> np.ndarray:
        """Anomaly scores (n,): about 0 for a typical row, in standard deviations of the highest group."""
        z = (log_scores - self.mean) / self.deviation
        maxima = group_maxima(z, self.groups, self.slack, complete)
        score: np.ndarray = ((maxima - self.group_mean) / self.group_deviation).max(1)
        return score if self.hotelling_column is None else score + HOTELLING_WEIGHT * z[:, self.hotelling_column]


def group_maxima(z: np.ndarray, groups: list[slice], slack: float | None, complete: np.ndarray) -> np.ndarray:
    """Maxima of standardized log scores per group, (n, groups); in the first two also of too small residuals."""
    parts = [z[:, group] for group in groups]
    if slack is not None:
        parts[:2] = [np.where(complete[:, None], np.maximum(part, -part - slack), part) for part in parts[:2]]
    return np.stack([part.max(1) for part in parts], axis=1)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    deviation = values.std(0)
    return values.mean(0), np.where(deviation > 1e-9, deviation, 1.0)
