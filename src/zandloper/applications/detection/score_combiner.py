"""One score out of those of several ensemble members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TINY = 1e-12


LEAN = 0.1  # how much a place far out adds to the loudest witness: among rows that are as loud, it decides


SPARE = 2.0  # standard deviations that a change may be below the usual before that is odd, too


@dataclass(frozen=True)
class ScoreCombiner:
    """What witnesses say about normal rows, and how all that they say becomes one number.

    Parameters
    ----------
    groups : list of slice
        Columns of a testimony that belong together; the loudest group is believed.
    lean : int or None
        The column of the place, where it only leans on the score.
    mean, spread : ndarray
        Of each column over normal rows; then of the loudest of each group.
    spare : float or None
        How far below the mean a change, of the first two groups, may lie before that is odd; None: however far. What
        is missing does not change: of rows with gaps it is however far.
    """

    groups: list[slice]
    lean: int | None
    mean: np.ndarray
    spread: np.ndarray
    group_mean: np.ndarray
    group_spread: np.ndarray
    spare: float | None = None

    @classmethod
    def learn(
        cls, said: np.ndarray, whole: np.ndarray, levels: int, place: bool, near: bool, slow: bool, told: bool
    ) -> ScoreCombiner:
        """From what is said about normal rows, (n, witnesses), and which of them have no gaps, (n,).

        In order: two measures at all levels, the place, the distance to the nearest. Of what changes slowly (`slow`:
        series) the levels above the lowest would only tell that it has drifted, and the place counts as much as all.
        Too little change is odd of models that are told the level, not of series (it said nothing there), nor of
        densities, which are cut off where rows fit well.
        """
        groups = [slice(0, levels), slice(levels, 2 * levels)]
        if slow:
            groups = [slice(0, 1), slice(levels, levels + 1)]
        at = 2 * levels
        lean = at if place and not slow else None
        groups += [slice(at, at + 1)] if place and slow else []
        at += place
        groups += [slice(at, at + 1)] if near else []
        mean, spread = _moments(said)
        spare = SPARE if told and not slow else None
        loudest = _loudest((said - mean) / spread, groups, spare, whole)
        return cls(groups, lean, mean, spread, *_moments(loudest), spare)

    def score(self, said: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """One number a row, (n,): about 0 for the usual row, in standard deviations of the loudest group."""
        z = (said - self.mean) / self.spread
        score = ((_loudest(z, self.groups, self.spare, whole) - self.group_mean) / self.group_spread).max(1)
        return score if self.lean is None else score + LEAN * z[:, self.lean]


def _loudest(z: np.ndarray, groups: list[slice], spare: float | None, whole: np.ndarray) -> np.ndarray:
    """What the loudest of each group says, (n, groups): of changes, the first two, also that there is too little."""
    parts = [z[:, g] for g in groups]
    if spare is not None:
        parts[:2] = [np.where(whole[:, None], np.maximum(part, -part - spare), part) for part in parts[:2]]
    return np.stack([part.max(1) for part in parts], axis=1)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spread = values.std(0)
    return values.mean(0), np.where(spread > 1e-9, spread, 1.0)
