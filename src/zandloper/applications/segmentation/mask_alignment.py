"""How far masks lie beside what images show: annotators, and the programs they draw with, are off by half a pixel.

A net that sees its patches turned and flipped cannot learn that masks lie a little higher than what they name, since in
half of the patches they lie lower; it learns masks that are smeared, and is off by as much wherever it is asked. So the
offset is measured before training: a linear model of features that are the same in all directions says of every pixel
what it may be, which is true to the place of the image, and masks are slid over what it says until they agree most.
(Where all edges face one way, as horizons do, such features can follow the masks, and nothing is found.)
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude, gaussian_laplace, shift
from scipy.stats import t as student

from zandloper.data.signals import Field

REACH = 3  # pixels that masks are slid, either way
SCALES = 1.0, 2.0, 4.0  # standard deviations of the filters, in pixels
MOST, SIDE = 12, 384  # images looked at, and pixels of each either way
COMMON = 8  # classes looked at, the commonest
PARTS, SMALL = 16, 48  # parts that are measured one by one, where images are large enough, and the smallest's side
FEWEST = 3  # parts that have to say something
THINNED = 100_000  # pixels that the linear model is fitted to, about
RIDGE, TINY = 1e-3, 1e-9
CHANCE, LEAST = 1e-3, 0.1  # how seldom chance may look like an offset, and the pixels that one must be above


def mask_offset(items: list[Field], masks: list[Field], classes: int) -> tuple[float, float]:
    """How many pixels masks lie below and right of what images show; 0 along an axis where that is not certain.

    Parameters
    ----------
    items, masks : list of Field
        Images, and their places among the classes, -1 where nobody knows.
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
    images, places = [], []
    for i in chosen:
        where = tuple(slice(max(0, side - SIDE) // 2, max(0, side - SIDE) // 2 + SIDE) for side in items[i].size)
        place = masks[i].values[(0, *where)]
        if min(place.shape) < 8 * REACH or (place == place.flat[0]).all():
            continue
        images.append(items[i].part(where))
        places.append(place)
    if not images:
        return 0.0, 0.0
    counts = sum(np.bincount(place[place >= 0], minlength=classes) for place in places)
    truth = [_centered(place, np.argsort(-counts)[:COMMON]) for place in places]
    pairs = list(zip(_said(images, truth), truth))
    while len(pairs) < PARTS and min(min(a.shape[:2]) for a, _ in pairs) >= 2 * SMALL:
        pairs = [quarter for a, b in pairs for quarter in zip(_quarters(a), _quarters(b))]
    rows, columns = zip(*(_slid(*pair) for pair in pairs))
    return _certain(rows), _certain(columns)


def _certain(found: tuple[float, ...]) -> float:
    """The mean of what the parts say along one axis (NaN: nothing), or 0 where that may be chance."""
    said = np.array(found)[np.isfinite(found)]
    if len(said) < FEWEST:
        return 0.0
    mean, error = float(said.mean()), float(said.std(ddof=1)) / len(said) ** 0.5
    chance = 2 * float(student.sf(abs(mean) / (error + TINY), len(said) - 1))
    return mean if chance < CHANCE and abs(mean) >= LEAST else 0.0


def slid(values: np.ndarray, offset: tuple[float, float]) -> np.ndarray:
    """An image (height, width, ...) moved down and right by parts of pixels, its rim continued.

    >>> slid(np.arange(4.0)[:, None], (0.5, 0.0))[:, 0].tolist()
    [0.0, 0.5, 1.5, 2.5]
    """
    if not any(offset):
        return values
    return shift(values, (*offset, *(0,) * (values.ndim - 2)), order=1, mode="nearest")


def _features(x: np.ndarray) -> np.ndarray:
    """Of every pixel of an image (channels, height, width), what does not depend on directions: (height, width, n)."""
    plain = [f(channel, s) * s**k for channel in x for s in SCALES for k, f in enumerate(_FILTERS)]
    flat = np.stack(plain, -1)
    return np.concatenate([flat, flat**2, flat * flat[..., :1]], -1)


_FILTERS = gaussian_filter, gaussian_gradient_magnitude, gaussian_laplace


def _centered(place: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """A one for the class of each pixel, less its share; 0 where nobody knows: (height, width, classes)."""
    known, hot = place >= 0, (place[..., None] == classes).astype(np.float32)
    return np.where(known[..., None], hot - hot[known].mean(0), np.float32(0))


def _said(images: list[np.ndarray], truth: list[np.ndarray]) -> list[np.ndarray]:
    """What a linear model of the features, fitted to all images at once, says of each: (height, width, classes).

    The features of one image are in memory at a time.
    """
    step = max(1, sum(t[..., 0].size for t in truth) // THINNED)
    thin = lambda a: a.reshape(-1, a.shape[-1])[::step]  # noqa: E731
    some, wanted = np.concatenate([thin(_features(x)) for x in images]), np.concatenate([thin(t) for t in truth])
    mean, spread = some.mean(0), some.std(0) + TINY
    some = ((some - mean) / spread).astype(np.float64)
    square = some.T @ some + RIDGE * len(some) * np.eye(some.shape[1])
    weights = np.linalg.solve(square, some.T @ wanted).astype(np.float32)
    weights /= spread[:, None]
    return [_features(x) @ weights - mean @ weights for x in images]


def _slid(said: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """By how much the mask lies beside what is said: the top of a parabola through where they agree most.

    NaN along an axis where that is at the end of what was tried: there is nothing to tell by.
    """
    height, width = said.shape[:2]
    inner = said[REACH:-REACH, REACH:-REACH]
    span = range(2 * REACH + 1)

    def likeness(i: int, j: int) -> float:
        """A correlation: what a window holds of each class, which changes where edges face one way, does not count."""
        window = truth[i : height - 2 * REACH + i, j : width - 2 * REACH + j]
        window = window - window.mean((0, 1))
        return float(np.vdot(inner, window)) / (float(np.linalg.norm(window)) + TINY)

    agree = np.array([[likeness(i, j) for j in span] for i in span])
    i, j = np.unravel_index(agree.argmax(), agree.shape)
    return _top(agree[:, j], int(i)), _top(agree[i], int(j))


def _top(agree: np.ndarray, at: int) -> float:
    """Where a parabola through the highest place and its neighbors is highest, from the middle."""
    if not 0 < at < 2 * REACH:
        return float("nan")
    before, here, after = agree[at - 1 : at + 2].tolist()
    bend = before - 2 * here + after
    return at - REACH + ((before - after) / (2 * bend) if bend else 0.0)


def _quarters(values: np.ndarray) -> list[np.ndarray]:
    """The four quarters of an image."""
    h, w = values.shape[0] // 2, values.shape[1] // 2
    return [values[i : i + h, j : j + w] for i in (0, h) for j in (0, w)]
