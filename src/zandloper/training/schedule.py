"""Learning-rate schedules: the share of the highest rate at a step."""

from __future__ import annotations


def schedule(step: int, total: int) -> float:
    """The share of the learning rate at a step: a linear rise over the first tenth, then a linear fall to 1 %."""
    rise = max(5, min(1000, total // 10))  # the first steps of even the shortest run are careful
    if step < rise:
        return (step + 1) / rise
    return max(0.01, 1 - (step - rise) / max(1, total - rise))


def paced_schedule(step: int, done: float) -> float:
    """As `schedule` for a run whose length minutes may decide: a rise over 50 steps, then a linear fall to 1 %.

    `done` is the share of the steps or of the minutes, whichever is larger. A run that minutes end is not the same bits
    twice anyway, and one that they cut off at full rate would leave a net as rough as large steps make it.
    """
    return min((step + 1) / 50, max(0.01, 1 - done))
