"""Learning-rate schedules: the share of the highest rate at a step."""

from __future__ import annotations


def schedule(step: int, total: int) -> float:
    """Return the share of the learning rate at a step: a linear rise over the first tenth, then a linear fall to 1%."""
    rise = max(5, min(1000, total // 10))  # the first steps of even the shortest run are careful
    if step < rise:
        return (step + 1) / rise
    return max(0.01, 1 - (step - rise) / max(1, total - rise))


def paced_schedule(step: int, done: float) -> float:
    """Return the share for a run that minutes may end: a linear rise over 50 steps, then a linear fall to 1%.

    `done` is the share of the steps or of the minutes that is over, whichever is larger. Such a run is not reproducible
    to the bit anyway, and one that is cut off at the full rate would end with the noise of large steps.
    """
    return min((step + 1) / 50, max(0.01, 1 - done))
