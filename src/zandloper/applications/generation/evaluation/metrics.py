"""Judges of generated data, one file a kind: small nets that are trained for the occasion, always in the same way.

Each file has `evaluate(generator, real, labels, seed) -> Verdict`. What a judge says of real data against other real
data stands beside everything that it says of generated ones: no figure means much without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.errors import DataError
from zandloper.model.batch import Batch, LossOutput
from zandloper.model.layers.convolutions import ConvEncoder, channels_for
from zandloper.model.layers.layers import ACTIVATIONS, Linear, initialize
from zandloper.report import Report, page
from zandloper.report.examples import examples_for
from zandloper.report.html import say, table
from zandloper.report.section import Section
from zandloper.training.loop import train
from zandloper.training.sources import ArraySource
from zandloper.training.state import TrainingConfig

BATCH = 128
STEPS = 1_500  # of a judge's training
RATE = 2e-3
SHOWN = 12  # samples of each kind on a page
HELD = 0.2  # share of what a judge is given that it is measured on


@dataclass(frozen=True)
class Verdict:
    """Figures about generated data, and the same about real data where there is such a figure; prints as a table.

    Parameters
    ----------
    made, real : mapping of str to float
        By name; `real` has those names that make sense for real data against other real data.
    means : mapping of str to str
        What each figure says, and whether low or high is good.
    title, remark : str
    shown : (form, raw real samples, raw generated samples) or None
        Some of each, for the page.
    rebuilt : (raw reconstructions, captions) or None
        Of the real samples that are shown.
    """

    made: Mapping[str, float]
    real: Mapping[str, float]
    means: Mapping[str, str]
    title: str = "What judges say"
    remark: str = ""
    shown: tuple[Any, np.ndarray, np.ndarray] | None = None
    rebuilt: tuple[np.ndarray, Sequence[str]] | None = None

    def report(self) -> Report:
        """A page with the figures, and real samples above generated ones: `report().save("report.html")`."""
        rows = [[name, say(value), say(self.real.get(name)), self.means[name]] for name, value in self.made.items()]
        table_ = table(["figure", "generated", "real", "means"], rows, self.title)
        sections = [Section(self.title, f"{table_}<p>{escape(self.remark)}</p>", wide=True)]
        if self.shown is not None:
            schema, real, made = self.shown
            drawn = (made, [f"no. {i + 1}" for i in range(len(made))])
            for title, word, below in (("Real and drawn", "drawn", drawn), ("Rebuilt", "rebuilt", self.rebuilt)):
                if below is not None:
                    heat = np.zeros((len(below[0]), int(np.prod(schema.target_shape))))
                    pairs = examples_for(schema, real).pairs(real, *below, ("real", word), heat)
                    sections.append(Section(title, pairs, wide=True))
        tiles = {name: f"{value:.3g}" for name, value in self.made.items()}
        return Report(page("Generator", self.title, self.remark, tiles, sections))

    def __getitem__(self, name: str) -> float:
        return self.made[name]

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The table, column by column."""
        names = list(self.made)
        return {
            "figure": names,
            "generated": [self.made[name] for name in names],
            "real": [self.real.get(name, float("nan")) for name in names],
            "means": [self.means[name] for name in names],
        }

    def __str__(self) -> str:
        wide = max(map(len, self.made))
        lines = [f"{'':{wide}s}  generated       real"]
        for name, value in self.made.items():
            other = f"{self.real[name]:10.4f}" if name in self.real else " " * 10
            lines.append(f"{name:{wide}s} {value:10.4f} {other}  {self.means[name]}")
        return "\n".join(lines)


class Judge(nn.Module):
    """A classifier: what it makes of a sample (`features`), and how likely each class is."""

    def __init__(self, net: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.net, self.baseline_loss = net, float(np.log(max(2, classes)))
        self.head = Linear(width, classes)

    def features(self, x: Tensor) -> Tensor:
        """(n, width)."""
        found: Tensor = self.net(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes, (n, classes)."""
        return self.head(self.features(x))

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """The cross-entropy."""
        assert batch.target is not None
        error = F.cross_entropy(self(batch.x), batch.target.long())
        return LossOutput(error, error.detach(), error.new_zeros(()))


class Convolved(nn.Module):
    """Pictures and spectrograms (n, channels, height, width) to features."""

    def __init__(self, shape: tuple[int, ...], width: int = 64) -> None:
        super().__init__()
        self.encoder = ConvEncoder(channels_for(min(shape[1:]), 4), "silu", shape, 0)
        self.last = Linear(self.encoder.encoding_dim, width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, width)."""
        return ACTIVATIONS["silu"](self.last(self.encoder(x).value))


def taught(judge: Any, x: np.ndarray, y: np.ndarray, seed: int, steps: int = STEPS) -> Any:
    """A judge trained on (x, y): a tenth of it chooses the weights."""
    rng = np.random.default_rng(seed)
    drawn = torch.Generator().manual_seed(seed)
    initialize(judge, drawn)
    for part in judge.modules():
        if hasattr(part, "draw"):
            part.draw(drawn)
    order = rng.permutation(len(x))
    held = max(1, len(x) // 10)
    epochs = max(1, -(-steps * BATCH // max(1, len(x) - held)))
    source = ArraySource(x, y, rows=order[held:], batch_size=BATCH, seed=seed)
    rest = ArraySource(x, y, rows=order[:held], seed=seed)
    train(
        judge,
        source,
        rest,
        TrainingConfig(max_epochs=epochs, batch_size=BATCH, lr=RATE, patience=max(5, epochs // 3), seed=seed),
    )
    return judge


@torch.inference_mode()
def in_blocks(function: Any, x: np.ndarray, size: int = 512) -> np.ndarray:
    """A function of rows, block by block."""
    return np.concatenate([function(torch.as_tensor(x[i : i + size])).numpy() for i in range(0, len(x), size)])


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """The Fréchet distance of two sets of features (n, width), taken as Gaussian.

    `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))` (Dowson and Landau 1982; Heusel et al. 2017, "GANs trained by a two
    time-scale update rule", eq. 6, in the features of a net trained on other images).
    """
    c, d = (np.cov(v, rowvar=False) for v in (a, b))
    values = np.linalg.eigvals(c @ d).real.clip(0)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c) + np.trace(d) - 2 * np.sqrt(values).sum())


def precision_and_recall(real: np.ndarray, made: np.ndarray, k: int = 3) -> tuple[float, float]:
    """The share of what is made that lies among the real, and of the real that lies among what is made.

    Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative models", eq. 1: within the
    distance of a sample to its k-th neighbor of its own kind.
    """
    from sklearn.neighbors import NearestNeighbors

    def share(inside: np.ndarray, of: np.ndarray) -> float:
        reach = NearestNeighbors(n_neighbors=k + 1).fit(inside).kneighbors(inside)[0][:, -1]
        apart = np.sqrt(((of[:, None] - inside[None]) ** 2).sum(-1)) if len(of) * len(inside) < 2**18 else None
        if apart is not None:
            return float((apart <= reach).any(1).mean())
        found = [(np.sqrt(_squares(o, inside)) <= reach).any(1) for o in np.array_split(of, -(-len(of) // 256))]
        return float(np.concatenate(found).mean())

    return share(real, made), share(made, real)


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return ((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T).clip(0)


def classes_of(rows: np.ndarray, labels: Any, seed: int, caller: str = "evaluate") -> tuple[np.ndarray, int]:
    """Class numbers to train a judge with: of the labels, or else of ten groups of rows that look alike."""
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


def variety(features: np.ndarray, classes: np.ndarray) -> float:
    """How far samples of a class are from its middle, in the judge's features: the mean over classes."""
    spread = [
        np.linalg.norm(features[classes == c] - features[classes == c].mean(0), axis=1).mean()
        for c in np.unique(classes)
    ]
    return float(np.mean(spread))


def seen_by_judge(
    real: np.ndarray,
    made: np.ndarray,
    labels: Any,
    asked: np.ndarray | None,
    seed: int,
    steps: int = STEPS,
    objective: tuple[np.ndarray, Any] | None = None,
) -> tuple[dict[str, float], dict[str, float]]:
    """What a classifier that learned on one half of real samples says of generated ones, and of the other half.

    Parameters
    ----------
    real, made : ndarray (n, channels, height, width)
        In units of about 1.
    labels : array (n,) or None
        Of the real ones.
    asked : ndarray of int or None
        Of the generated ones, as class numbers in the order of the sorted labels.
    lesson : (samples, labels), optional
        What the classifier learns on instead of one half.
    """
    classes, count = classes_of(real, labels, seed)
    first, second = halves(len(real), seed)
    x, y = (real[first], classes[first]) if objective is None else (objective[0], _as_known(objective, labels))
    judge = taught(Judge(Convolved(real.shape[1:]), 64, count), x, y, seed, steps)
    a, b, c = (in_blocks(judge.features, x) for x in (real[first], real[second], made))
    of = lambda x: in_blocks(judge, x).argmax(1)  # noqa: E731
    guess, known = of(made), of(real[second])
    found, base = {"frechet": frechet(a, c)}, {"frechet": frechet(a, b)}
    some = slice(0, 2_000)
    for figures, features in ((found, c), (base, b)):
        figures["precision"], figures["recall"] = precision_and_recall(a[some], features[some])
    share = np.bincount(classes, minlength=count) / len(classes)
    for figures, which in ((found, guess), (base, known)):
        figures["class balance"] = float(np.abs(np.bincount(which, minlength=count) / len(which) - share).sum() / 2)
    if labels is not None and asked is not None:
        found["recognized"], base["recognized"] = (
            float((guess == asked).mean()),
            float((known == classes[second]).mean()),
        )
        found["variety"], base["variety"] = variety(c, asked), variety(b, classes[second])
    return found, base


def _as_known(objective: tuple[np.ndarray, Any], labels: Any) -> np.ndarray:
    """The labels of a lesson as numbers of the classes of `labels`."""
    names, known = np.unique(np.asarray(labels)), np.asarray(objective[1])
    odd = np.setdiff1d(known, names)
    if labels is None or len(known) != len(objective[0]) or len(odd):
        raise DataError(
            f"evaluate got {len(objective[0])} samples for the judge to learn from and {len(known)} labels, of which "
            f"{[str(v) for v in odd[:5]]} are none of `labels`: pass labels=, and judge=(samples, their labels) of the "
            "same classes"
        )
    return np.searchsorted(names, known)


def labels_of(labels: Any, kept: np.ndarray, n: int, caller: str = "evaluate") -> np.ndarray | None:
    """The labels of those of n real samples that are kept."""
    if labels is None:
        return None
    if len(labels) != n:
        raise DataError(f"{caller} got {n} real samples and {len(labels)} labels: they must be as many")
    return np.asarray(labels)[kept]


def drawn_for(generator: Any, labels: Any, n: int, seed: int) -> tuple[Any, np.ndarray | None]:
    """As many samples as there are real ones; of a generator with conditions those that the labels ask for."""
    if labels is None or generator.autoencoder_.model_.blueprint.condition is None:
        return generator.sample(n, random_state=seed), None
    asked = np.unique(labels, return_inverse=True)[1]
    return generator.sample(1, condition=labels, random_state=seed), asked


SAID = {
    "frechet": "distance in a classifier's features: near the real one is good",
    "precision": "share of samples that lie among real ones: high is good",
    "recall": "share of real ones that lie among samples: high is good",
    "class balance": "share of samples that are of another class than they should be: low is good",
    "recognized": "share that the classifier takes for the class asked for: high is good",
    "variety": "mean distance from the middle of a class: near the real one is good",
}


def halves(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows in two halves, at random."""
    if n < 20:
        raise DataError(f"judges need at least 20 real samples, got {n}: pass more")
    order = np.random.default_rng(seed).permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])
