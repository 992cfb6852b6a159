"""The measure of `benchmarks/nab.py`, against cases done by hand and against scikit-learn."""

import doctest
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

spec = importlib.util.spec_from_file_location("volume", Path(__file__).parents[2] / "benchmarks" / "volume.py")
volume = importlib.util.module_from_spec(spec)
spec.loader.exec_module(volume)

ROOT = np.sqrt(0.5)


@pytest.mark.trained
def test_examples():
    assert doctest.testmod(volume).failed == 0


def test_without_shoulders_one_span_is_the_ordinary_roc():
    rng = np.random.default_rng(0)
    labels = np.zeros(200, int)
    labels[50:70] = 1
    for scores in (rng.normal(size=200) + labels, rng.integers(0, 4, 200), np.zeros(200)):
        assert volume.range_auc(labels, scores)[0] == pytest.approx(roc_auc_score(labels, scores))


def test_shoulders():
    assert volume.softened([0, 0, 0, 1, 1, 0, 0, 0], 4) == pytest.approx(
        [0, ROOT, np.sqrt(0.75), 1, 1, np.sqrt(0.75), ROOT, 0]
    )
    assert volume.softened([1, 0, 1], 2).tolist() == [1, 1, 1]  # two shoulders on one step are more than 1 together
    assert volume.softened([0, 0, 1], 1).tolist() == [0, 0, 1]


def test_one_span_by_hand():
    """Labels 0 0 1 0 0, buffer 2: soft labels 0 r 1 r 0, r = sqrt(1/2), sum 1 + 2r, so P = 1 + r and N = 4 - r."""
    roc, pr = volume.range_auc([0, 0, 1, 0, 0], [1, 2, 3, 2, 0], 2)
    # Marked first the middle, then both shoulders, then the first step, then the last.
    recall = [0, 1 / (1 + ROOT), 1, 1, 1, 1]
    false = [0, 0, (2 - 2 * ROOT) / (4 - ROOT), (3 - 2 * ROOT) / (4 - ROOT), (4 - 2 * ROOT) / (4 - ROOT), 1]
    by_hand = sum((recall[i] + recall[i + 1]) / 2 * (false[i + 1] - false[i]) for i in range(5))
    assert roc == pytest.approx(by_hand)
    after = (1 + 2 * ROOT) / 3  # the precision when three steps are marked
    assert pr == pytest.approx(recall[1] * 1 + (1 - recall[1]) * (1 + after) / 2)


def test_spans_that_are_missed_cost_recall():
    """Two spans of one step; the first is found at once, the second last of all."""
    roc, pr = volume.range_auc([1, 0, 0, 1], [4, 3, 2, 1])
    # recall: half of the steps x half of the spans until the last threshold, which finds both
    assert roc == pytest.approx(0.25)
    # precision 1, 1/2, 1/3, 1/2 at recall 1/4, 1/4, 1/4, 1
    assert pr == pytest.approx(0.25 + 0.75 * (1 / 3 + 1 / 2) / 2)


def test_the_volume_is_a_mean_over_buffers():
    labels, scores = [0, 0, 1, 0, 0, 0], [0, 2, 3, 1, 0, 1]
    each = [volume.range_auc(labels, scores, b) for b in (0, 1, 2)]
    assert volume.volume(labels, scores, 2) == pytest.approx(tuple(np.mean(each, axis=0)))
    assert volume.volume(labels, np.array(labels) * 1.0, 0) == (1.0, 1.0)
