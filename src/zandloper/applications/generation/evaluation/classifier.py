"""Classifier in whose features generated images and sounds are compared with real ones.

It is a small network, trained on real samples with fixed settings, so that figures of different generators compare.
Every figure comes with that of real samples against other real samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.applications.generation.evaluation.metrics import frechet, precision_and_recall, variety
from zandloper.errors import DataError
from zandloper.model.batch import Batch, LossOutput
from zandloper.model.layers.convolutions import ConvEncoder, channels_for
from zandloper.model.layers.layers import ACTIVATIONS, Linear, initialize
from zandloper.training.loop import train
from zandloper.training.sources import ArraySource
from zandloper.training.state import TrainingConfig

BATCH_SIZE = 128
TRAINING_STEPS = 1_500
LEARNING_RATE = 2e-3
TEST_SHARE = 0.2  # of the samples of each class, for discriminative scores
MAX_NEIGHBOR_ROWS = 2_000  # samples of each kind for precision and recall


MEANINGS = {
    "frechet": "distance in a classifier's features: near the real one is good",
    "precision": "share of samples that lie among real ones: high is good",
    "recall": "share of real ones that lie among samples: high is good",
    "class balance": "share of samples that are of another class than they should be: low is good",
    "recognized": "share that the classifier assigns to the requested class: high is good",
    "variety": "mean distance from the mean of a class: near the real one is good",
}


Network = TypeVar("Network", bound=nn.Module)


class Classifier(nn.Module):
    """Classifier of samples, with a feature extractor and a linear head."""

    def __init__(self, net: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.net, self.baseline_loss = net, float(np.log(max(2, classes)))
        self.head = Linear(width, classes)

    def features(self, x: Tensor) -> Tensor:
        """Features, (n, width)."""
        found: Tensor = self.net(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (n, classes)."""
        return self.head(self.features(x))

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """Cross-entropy."""
        assert batch.target is not None
        error = F.cross_entropy(self(batch.x), batch.target.long())
        return LossOutput(error, error.detach(), error.new_zeros(()))


class ConvFeatures(nn.Module):
    """Convolutional feature extractor of images and spectrograms (n, channels, height, width)."""

    def __init__(self, shape: tuple[int, ...], width: int = 64) -> None:
        super().__init__()
        self.encoder = ConvEncoder(channels_for(min(shape[1:]), 4), "silu", shape, 0)
        self.last = Linear(self.encoder.encoding_dim, width)

    def forward(self, x: Tensor) -> Tensor:
        """Features, (n, width)."""
        return ACTIVATIONS["silu"](self.last(self.encoder(x).value))


def train_network(network: Network, x: np.ndarray, y: np.ndarray, seed: int, steps: int | None = None) -> Network:
    """Train a network on (x, y), with a tenth held out to select the weights; steps by default `TRAINING_STEPS`."""
    steps = TRAINING_STEPS if steps is None else steps
    rng = np.random.default_rng(seed)
    drawn = torch.Generator().manual_seed(seed)
    initialize(network, drawn)
    for part in network.modules():
        if hasattr(part, "draw"):
            part.draw(drawn)  # type: ignore[operator]
    order = rng.permutation(len(x))
    held = max(1, len(x) // 10)
    epochs = max(1, -(-steps * BATCH_SIZE // max(1, len(x) - held)))
    source = ArraySource(x, y, rows=order[held:], batch_size=BATCH_SIZE, seed=seed)
    rest = ArraySource(x, y, rows=order[:held], seed=seed)
    train(
        network,
        source,
        rest,
        TrainingConfig(
            max_epochs=epochs, batch_size=BATCH_SIZE, lr=LEARNING_RATE, patience=max(5, epochs // 3), seed=seed
        ),
    )
    return network


@torch.inference_mode()
def in_blocks(function: Callable[[Tensor], Tensor], x: np.ndarray, size: int = 512) -> np.ndarray:
    """Apply a function of rows block by block."""
    return np.concatenate([function(torch.as_tensor(x[i : i + size])).numpy() for i in range(0, len(x), size)])


def compare_by_classifier(
    real: np.ndarray,
    made: np.ndarray,
    labels: Any,
    requested: np.ndarray | None,
    seed: int,
    training_set: tuple[np.ndarray, Any] | None = None,
) -> tuple[dict[str, float], dict[str, float]]:
    """Figures of generated samples, and of one half of the real ones, by a classifier trained on the other half.

    Parameters
    ----------
    real, made : ndarray (n, channels, height, width)
        In units of about 1.
    labels : array (n,) or None
        Of the real ones.
    requested : ndarray of int or None
        Of the generated ones, as class numbers in the order of the sorted labels.
    training_set : (samples, labels), optional
        Trains the classifier instead of one half.
    """
    classes, count = classes_of(real, labels, seed)
    first, second = halves(len(real), seed)
    x, y = real[first], classes[first]
    if training_set is not None:
        x, y = training_set[0], _class_numbers(training_set, labels)
    classifier = train_network(Classifier(ConvFeatures(real.shape[1:]), 64, count), x, y, seed)
    a, b, c = (in_blocks(classifier.features, x) for x in (real[first], real[second], made))
    guess, known = (in_blocks(classifier, x).argmax(1) for x in (made, real[second]))
    found, base = {"frechet": frechet(a, c)}, {"frechet": frechet(a, b)}
    for figures, features in ((found, c), (base, b)):
        figures["precision"], figures["recall"] = precision_and_recall(
            a[:MAX_NEIGHBOR_ROWS], features[:MAX_NEIGHBOR_ROWS]
        )
    share = np.bincount(classes, minlength=count) / len(classes)
    for figures, which in ((found, guess), (base, known)):
        figures["class balance"] = float(np.abs(np.bincount(which, minlength=count) / len(which) - share).sum() / 2)
    if labels is not None and requested is not None:
        found["recognized"], base["recognized"] = (
            float((guess == requested).mean()),
            float((known == classes[second]).mean()),
        )
        found["variety"], base["variety"] = variety(c, requested), variety(b, classes[second])
    return found, base


def classes_of(rows: np.ndarray, labels: Any, seed: int, caller: str = "evaluate") -> tuple[np.ndarray, int]:
    """Class numbers for the classifier: of the labels, or else of ten clusters of the samples."""
    if labels is not None:
        names, found = np.unique(np.asarray(labels), return_inverse=True)
        if len(found) != len(rows):
            raise DataError(f"{caller} got {len(rows)} real samples and {len(found)} labels: they must be as many")
        return found, len(names)
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    flat = rows.reshape(len(rows), -1)
    few = PCA(min(30, *flat.shape), svd_solver="randomized", random_state=seed).fit_transform(flat)
    return KMeans(min(10, len(rows) // 2), n_init=2, random_state=seed).fit_predict(few), min(10, len(rows) // 2)


def _class_numbers(training_set: tuple[np.ndarray, Any], labels: Any) -> np.ndarray:
    """Labels of a training set as numbers of the classes of `labels`."""
    names, known = np.unique(np.asarray(labels)), np.asarray(training_set[1])
    unknown = np.setdiff1d(known, names)
    if labels is None or len(known) != len(training_set[0]) or len(unknown):
        raise DataError(
            f"evaluate got {len(training_set[0])} samples to train the classifier and {len(known)} labels, of which "
            f"{[str(v) for v in unknown[:5]]} are none of `labels`: pass labels=, and classifier_data=(samples, "
            "their labels) of the same classes"
        )
    return np.searchsorted(names, known)


def labels_of(labels: Any, kept: np.ndarray, n: int, caller: str = "evaluate") -> np.ndarray | None:
    """Labels of the kept ones of n real samples."""
    if labels is None:
        return None
    if len(labels) != n:
        raise DataError(f"{caller} got {n} real samples and {len(labels)} labels: they must be as many")
    return np.asarray(labels)[kept]


def drawn_for(generator: Any, labels: Any, n: int, seed: int) -> tuple[Any, np.ndarray | None]:
    """Draw as many samples as there are real ones; a generator with conditions draws one for each label."""
    if labels is None or generator.autoencoder_.model_.blueprint.condition is None:
        return generator.sample(n, random_state=seed), None
    requested = np.unique(labels, return_inverse=True)[1]
    return generator.sample(1, condition=labels, random_state=seed), requested


def halves(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows in two random halves."""
    if n < 20:
        raise DataError(f"evaluate needs at least 20 real samples, got {n}: pass more")
    order = np.random.default_rng(seed).permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])
