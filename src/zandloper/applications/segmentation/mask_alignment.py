"""Displacement of masks against images: annotators and their programs are off by up to a pixel.

A network that trains on flipped and turned patches cannot learn a displacement, since flips invert it: its predictions
are blurred instead, and not displaced. So the displacement is measured before training. A linear model of features
without directions predicts the class of every pixel, without displacement, and the masks are shifted over these
predictions to the largest correlation. (If all edges face one way, as horizons do, such features can follow the masks,
and the result is 0.)
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude, gaussian_laplace, shift
from scipy.stats import t as student

from zandloper.data.signals import Field

REACH = 3  # pixels by which masks are shifted, at most
SCALES = 1.0, 2.0, 4.0  # standard deviations of the filters, in pixels
MOST, SIDE = 12, 384  # images, and pixels of each along an axis, at most
COMMON = 8  # classes, the most frequent ones
PARTS, SMALL = 16, 48  # parts that are measured separately if images are large enough, and pixels of the smallest side
FEWEST = 3  # parts with a result, at least
THINNED = 100_000  # pixels that the linear model is fitted on, about
RIDGE, TINY = 1e-3, 1e-9
CHANCE, LEAST = 1e-3, 0.1  # significance level, and the smallest displacement in pixels


def mask_offset(items: list[Field], masks: list[Field], classes: int) -> tuple[float, float]:
    """Measure by how many pixels masks are displaced down and right; 0 along an axis without a significant result.

    Parameters
    ----------
    items, masks : list of Field
        Images, and the class indices of their pixels, -1 for unknown.
    classes : int

    Returns
    -------
    (rows, columns)

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> rng = np.random.default_rng(0)
    >>> truth = np.stack([gaussian_filter(rng.normal(size=(96, 96)), 4) > 0 for _ in range(8)])
    >>> images = truth + rng.normal(0, 0.3, truth.shape)
    >>> masks = np.roll(truth, 1, axis=1).astype(np.int16)
    >>> rows, columns = mask_offset([Field(x[None], 1.0) for x in images], [Field(m[None], 1.0) for m in masks], 2)
    >>> round(rows), columns
    (1, 0.0)
    """
    chosen = np.unique(np.linspace(0, len(items) - 1, min(MOST, len(items))).round().astype(int))
    images, label_images = [], []
    for i in chosen:
        where = tuple(slice(max(0, side - SIDE) // 2, max(0, side - SIDE) // 2 + SIDE) for side in items[i].size)
        labels = masks[i].values[(0, *where)]
        if min(labels.shape) < 8 * REACH or (labels == labels.flat[0]).all():
            continue
        images.append(items[i].part(where))
        label_images.append(labels)
    if not images:
        return 0.0, 0.0
    counts = sum(np.bincount(labels[labels >= 0], minlength=classes) for labels in label_images)
    truth = [_centered(labels, np.argsort(-counts)[:COMMON]) for labels in label_images]
    pairs = list(zip(_linear_predictions(images, truth), truth))
    while len(pairs) < PARTS and min(min(a.shape[:2]) for a, _ in pairs) >= 2 * SMALL:
        pairs = [quarter for a, b in pairs for quarter in zip(_quarters(a), _quarters(b))]
    rows, columns = zip(*(_displacement(*pair) for pair in pairs))
    return _significant_mean(rows), _significant_mean(columns)


def _significant_mean(found: tuple[float, ...]) -> float:
    """The mean of the parts' displacements along an axis, or 0 if it is not significant; NaN parts are left out."""
    measured = np.array(found)[np.isfinite(found)]
    if len(measured) < FEWEST:
        return 0.0
    mean, error = float(measured.mean()), float(measured.std(ddof=1)) / len(measured) ** 0.5
    chance = 2 * float(student.sf(abs(mean) / (error + TINY), len(measured) - 1))
    return mean if chance < CHANCE and abs(mean) >= LEAST else 0.0


def shifted(values: np.ndarray, offset: tuple[float, float]) -> np.ndarray:
    """Shift an image (height, width, ...) down and right by fractions of pixels; its edge pixels are repeated.

    >>> shifted(np.arange(4.0)[:, None], (0.5, 0.0))[:, 0].tolist()
    [0.0, 0.5, 1.5, 2.5]
    """
    if not any(offset):
        return values
    return shift(values, (*offset, *(0,) * (values.ndim - 2)), order=1, mode="nearest")


def _features(x: np.ndarray) -> np.ndarray:
    """Features of every pixel of an image (channels, height, width) that have no direction: (height, width, n)."""
    plain = [f(channel, s) * s**k for channel in x for s in SCALES for k, f in enumerate(_FILTERS)]
    flat = np.stack(plain, -1)
    return np.concatenate([flat, flat**2, flat * flat[..., :1]], -1)


_FILTERS = gaussian_filter, gaussian_gradient_magnitude, gaussian_laplace


def _centered(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """One-hot classes minus their shares, (height, width, classes); 0 for unknown pixels."""
    known, hot = labels >= 0, (labels[..., None] == classes).astype(np.float32)
    return np.where(known[..., None], hot - hot[known].mean(0), np.float32(0))


def _linear_predictions(images: list[np.ndarray], truth: list[np.ndarray]) -> list[np.ndarray]:
    """Class scores of each image, (height, width, classes), from one linear model of the features of all images.

    The features of one image are in memory at a time.
    """
    step = max(1, sum(t[..., 0].size for t in truth) // THINNED)

    def thin(a: np.ndarray) -> np.ndarray:
        return a.reshape(-1, a.shape[-1])[::step]

    some, wanted = np.concatenate([thin(_features(x)) for x in images]), np.concatenate([thin(t) for t in truth])
    mean, spread = some.mean(0), some.std(0) + TINY
    some = ((some - mean) / spread).astype(np.float64)
    square = some.T @ some + RIDGE * len(some) * np.eye(some.shape[1])
    weights = np.linalg.solve(square, some.T @ wanted).astype(np.float32)
    weights /= spread[:, None]
    return [_features(x) @ weights - mean @ weights for x in images]


def _displacement(predicted: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """The displacement of a mask against predictions: the peak of a parabola around the largest correlation.

    NaN along an axis whose largest correlation is at the end of the range.
    """
    height, width = predicted.shape[:2]
    inner = predicted[REACH:-REACH, REACH:-REACH]
    span = range(2 * REACH + 1)

    def correlation(i: int, j: int) -> float:
        """The correlation of a window of the mask with the predictions, regardless of its class shares."""
        window = truth[i : height - 2 * REACH + i, j : width - 2 * REACH + j]
        window = window - window.mean((0, 1))
        return float(np.vdot(inner, window)) / (float(np.linalg.norm(window)) + TINY)

    correlations = np.array([[correlation(i, j) for j in span] for i in span])
    i, j = np.unravel_index(correlations.argmax(), correlations.shape)
    return _peak(correlations[:, j], int(i)), _peak(correlations[i], int(j))


def _peak(correlations: np.ndarray, at: int) -> float:
    """The position of the peak of a parabola through the largest value and its neighbors, from the middle."""
    if not 0 < at < 2 * REACH:
        return float("nan")
    before, here, after = correlations[at - 1 : at + 2].tolist()
    bend = before - 2 * here + after
    return at - REACH + ((before - after) / (2 * bend) if bend else 0.0)


def _quarters(values: np.ndarray) -> list[np.ndarray]:
    """The four quarters of an image."""
    h, w = values.shape[0] // 2, values.shape[1] // 2
    return [values[i : i + h, j : j + w] for i in (0, h) for j in (0, w)]
