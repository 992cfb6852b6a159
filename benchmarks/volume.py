"""How well scores of time steps find labeled spans, without a threshold and without insisting on where a span ends.

Range-AUC and the volume under the surface (VUS) of Paparrizos, Boniol, Palpanas, Tsay, Elmore and Franklin 2022,
"Volume Under the Surface: A New Accuracy Evaluation Measure for Time-Series Anomaly Detection", PVLDB 15(11), section
4. Checked against cases done by hand in `tests/test_volume.py`.
"""

import numpy as np


def spans_of(labels):
    """First and last step of each run of ones, in order.

    >>> spans_of(np.array([1, 0, 1, 1]))
    [(0, 0), (2, 3)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(labels) > 0, [0]]).astype(int)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2])]


def softened(labels, buffer):
    """Labels with shoulders: at distance d <= buffer / 2 from a span, sqrt(1 - d / buffer), and at most 1 in all.

    >>> softened(np.array([0, 0, 1, 0, 0]), 2).round(3).tolist()
    [0.0, 0.707, 1.0, 0.707, 0.0]
    """
    soft = (np.asarray(labels) > 0).astype(float)
    if buffer:
        steps = np.arange(len(soft))
        for a, b in spans_of(labels):
            far = np.maximum(np.maximum(a - steps, steps - b), 0)
            near = (far > 0) & (far <= buffer // 2)
            soft[near] += np.sqrt(1 - far[near] / buffer)
    return np.minimum(soft, 1)


def range_auc(labels, scores, buffer=0):
    """The areas under the ROC and the precision-recall curve with softened labels: (R-AUC-ROC, R-AUC-PR).

    With soft labels l of n steps and P the mean of their sum and that of the hard ones, a threshold that marks steps m
    has

        recall = min(1, sum(l m) / P) x (the share of spans, shoulders included, of which a step is marked)
        false positives = sum((1 - l) m) / (n - P)
        precision = sum(l m) / sum(m)

    Every score is a threshold once; areas are by the trapezoidal rule from recall 0, precision 1.

    Parameters
    ----------
    labels : array of 0 and 1, (n,)
        Some of each.
    scores : array, (n,)
        High is odd.
    buffer : int
        Steps of both shoulders of a span together.
    """
    labels, scores = np.asarray(labels) > 0, np.asarray(scores, float)
    soft = softened(labels, buffer)
    positive = (labels.sum() + soft.sum()) / 2
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # steps with one score are marked together
    hit, marked = np.cumsum(soft[order])[last], last + 1.0
    highest = np.sort([scores[a : b + 1].max() for a, b in spans_of(soft)])
    met = 1 - np.searchsorted(highest, scores[order][last], side="left") / len(highest)
    recall = np.concatenate([[0], np.minimum(hit / positive, 1) * met])
    false = np.concatenate([[0], (marked - hit) / (len(labels) - positive)])
    precision = np.concatenate([[1], hit / marked])
    roc = np.trapezoid(np.append(recall, 1), np.append(false, 1))
    return float(roc), float(np.trapezoid(precision, recall))


def volume(labels, scores, most, every=1):
    """The means of `range_auc` over buffers of 0 to `most` steps: (VUS-ROC, VUS-PR)."""
    areas = [range_auc(labels, scores, buffer) for buffer in range(0, most + 1, every)]
    roc, pr = np.mean(areas, axis=0)
    return float(roc), float(pr)
