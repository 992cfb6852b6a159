"""What an autoencoder knows about how odd a row is, and how that becomes one number.

Several *witnesses* look at each row: how much the model would change it, in all its values together and in each value
by its own measure, at several noise levels; how far out it lies along the principal axes of the data; and how far away
the nearest training rows are. Each speaks in logarithms, in standard deviations of what it says about normal rows, and
the loudest is believed: a row that is odd in one respect is odd. What a model that is told the level would change far
less than usual is odd as well: blurred images are too easy to be some of the data. (One level is not enough: oddities
of different sizes show at different levels. Of seven levels every second says as much as all:
`benchmarks/detector_ablation.py`.)
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zandloper.batch import Batch
from zandloper.corrupt.gaussian import Gaussian
from zandloper.hourglass import weighted
from zandloper.linear import principal_components
from zandloper.told import LOWEST, ToldHourglass, levels
from zandloper.windows import Windows

LEVELS = (0.05, 2.7)  # standard deviations of the data: from the finest structure to the coarsest
NUMBER = 4
TINY = 1e-12
CHUNK = 2**24  # values in memory at a time
MOST_NEIGHBOURS = 5_000  # training rows kept to measure distances to
GROUP = 64  # known rows whose distances are compared at a time
MOST_AXES = 64
FLOOR = 0.01  # of the mean variance: what an axis has at least
LEAN = 0.1  # how much a place far out adds to the loudest witness: among rows that are as loud, it decides
SPARE = 2.0  # standard deviations that a change may be below the usual before that is odd, too
QUICK = 1e8  # operations a block of rows at most: more in one block is no faster


@dataclass(frozen=True)
class Place:
    """Where rows lie along the principal axes of the training rows: Hotelling's T-squared.

    (Hotelling 1947, "Multivariate quality control"; as a witness beside the residual: Jackson and Mudholkar 1979,
    "Control procedures for residuals associated with principal component analysis".)

    Parameters
    ----------
    mean : Tensor (features,)
        In a model's units.
    axes : Tensor (axes, features)
        Each divided by the spread along it.
    """

    mean: Tensor
    axes: Tensor

    @classmethod
    def of(cls, model: Any, raw: Any) -> Place:
        """From the raw rows that trained the model."""
        rows = lambda: iter([model._each_block(lambda batch: _place(model, batch), raw)])  # noqa: E731
        features = math.prod(raw.shape[1:])
        found = principal_components(rows, features, len(raw))
        k = min(MOST_AXES, len(found.variances))
        spread = (found.variances[:k] + FLOOR * found.total / features + TINY).sqrt()
        return cls(found.mean.float(), (found.components[:k] / spread[:, None]).float())

    def distance(self, model: Any, batch: Batch) -> Tensor:
        """The mean square along the axes, (n, 1)."""
        x, short = _place(model, batch) - self.mean, -self.axes.shape[1] % 4  # filled up as `layers.Linear` says
        along = F.linear(F.pad(x, (0, short)), F.pad(self.axes, (0, short)))
        return along.square().mean(1, keepdim=True)


@dataclass(frozen=True)
class Witness:
    """One fitted autoencoder, and how it looks at rows.

    Parameters
    ----------
    model : fitted autoencoder
    levels : tuple of float
        Noise levels at which it looks; one, 0, for models that are not told of any.
    place : Place or None
        Of the rows that trained it; None: it is not asked.
    """

    model: Any
    levels: tuple[float, ...]
    place: Place | None = None

    def changed(self, raw: Any) -> tuple[np.ndarray, int]:
        """The sum of all changes over rows or steps, (levels, values), and how many those are; some rows at a time."""
        parts = [raw] if isinstance(raw, Windows) else raw.split(max(1, CHUNK // (len(self.levels) * raw[0].numel())))
        total, count = np.zeros(()), 0
        for part in parts:
            change = self.changes(part)
            total, count = total + change.sum(0, dtype=np.float64), count + len(change)
        return total, count

    def changes(self, raw: Any) -> np.ndarray:
        """The squared change, or the error, at every level, (n, levels, values): of rows, or of steps of series."""
        found = self._each(self._changes, raw)
        if not isinstance(raw, Windows):
            return found.numpy()
        steps = [np.concatenate(raw.fold(c.reshape(raw.shape).numpy())) for c in found.unbind(1)]
        return np.stack(steps, axis=1)

    def testimony(self, raw: Any, usual: np.ndarray) -> np.ndarray:
        """What it says about rows, or steps of series, (n, witnesses): logarithms.

        In order: all values together at each level, each by its own measure at each level (`usual`, of shape
        (levels, values), is how much it usually changes), and the place.
        """
        return self.look(raw, usual, changes=False)[0]

    def look(self, raw: Any, usual: np.ndarray, changes: bool = True) -> tuple[np.ndarray, np.ndarray | None]:
        """The testimony, and the changes that it rests on, from one look."""
        if isinstance(raw, Windows):
            change = self.changes(raw)
            said = np.concatenate([change.mean(2), (change / usual).mean(2)], axis=1)
            return np.log(said + TINY), change
        by, n = torch.from_numpy(usual), 2 * len(self.levels) + (self.place is not None)

        def speak(batch: Batch) -> Tensor:
            change = self._changes(batch)
            said = [change.mean(2), (change / by.to(change)).mean(2)]
            if self.place is not None:
                said.append(self.place.distance(self.model, batch))
            return torch.cat([*said, *([change.flatten(1)] if changes else [])], dim=1)

        found = self._each(speak, raw).numpy()
        seen = found[:, n:].reshape(len(found), *usual.shape) if changes else None
        return np.log(found[:, :n].astype(np.float64) + TINY), seen

    def expected(self, raw: Any, at: np.ndarray) -> np.ndarray:
        """What the model expects in place of raw rows, in raw numbers; `at` (n,) says at which of its levels."""
        module = self.model.module_
        if not isinstance(module, ToldHourglass):
            return self._each(module.reconstruct, raw, passes=1).numpy()
        level = torch.tensor(self.levels, dtype=torch.float32)[torch.from_numpy(at)]
        look = lambda batch: module.expected(batch, batch.target[:, None])  # noqa: E731
        return self._each(look, raw, level, passes=1).numpy()

    def _each(self, function: Any, raw: Any, target: Any = None, passes: int | None = None) -> Tensor:
        """Over blocks of rows, small ones where there are few rows, so that a single row is answered at once.

        `passes` says how often each row goes through the nets, by default once a level. Blocks are powers of two, and
        nets get a multiple of 32 rows (see `defaults.block`): what dense nets say of a row is the same bits in all.
        """
        passes = passes or len(self.levels)
        # Passes fill up a block, where nothing is rounded before them: sounds are made spectrograms, in logarithms.
        copies = min(8, passes & -passes) if raw.ndim == 2 else 1
        least, most = 6 - copies.bit_length(), QUICK / max(1.0, self.model._threads_work * passes)
        block = 2 ** max(least, min(int(math.log2(max(1.0, most))), (len(raw) - 1).bit_length()))
        return self.model._each_block(function, raw, target, block=min(self.model._block, block), passes=passes)

    def _changes(self, batch: Batch) -> Tensor:
        """The squared change at all levels, (n, levels, values)."""
        module = self.model.module_
        if not isinstance(module, ToldHourglass):
            error = weighted(*module.error_map(batch)).flatten(1).clamp(min=0)  # densities may be negative
            return error[:, None]
        change, valid = module.residuals(batch, self.levels)
        return weighted(change.square(), valid).reshape(len(batch.x), len(self.levels), -1)


def _learned(module: ToldHourglass) -> tuple[float, float]:
    """The lowest and the highest noise level that a model learned, in standard deviations of the data."""
    spec, spread = getattr(module.corrupt, "spec", None), float(module.spread)
    if isinstance(spec, Gaussian) and isinstance(spec.sigma, tuple) and spec.sigma[1] > LOWEST * spread:
        return max(LOWEST, spec.sigma[0] / spread), spec.sigma[1] / spread
    return LEVELS


def witness(model: Any, rows: Any = None, fast: bool = False) -> Witness:
    """A witness out of a fitted model and the raw rows that trained it; a fast one looks at one level alone."""
    module = model.module_
    at: tuple[float, ...] = (0.0,)
    if isinstance(module, ToldHourglass):
        at = tuple(levels(*_learned(module), NUMBER))
    if fast:
        return Witness(model, at[-2:-1] or at)
    return Witness(model, at, None if rows is None or isinstance(rows, Windows) else Place.of(model, rows))


def complete(raw: Any) -> np.ndarray:
    """Which raw rows, or steps of windows, miss no value, bool (n,)."""
    if isinstance(raw, Windows):
        return np.concatenate([~raw.store[:, at].isnan().any(0).numpy() for at in raw.at])
    return ~raw.flatten(1).isnan().any(1).numpy() if raw.is_floating_point() else np.ones(len(raw), bool)


@dataclass(frozen=True)
class Neighbourhood:
    """How far away the nearest training rows are.

    Parameters
    ----------
    known : Tensor (m, features)
        Training rows in a model's units.
    rows : ndarray of int, (m,)
        Which of the training rows they are, in rising order.
    number : int
        How many of the nearest count.
    """

    known: Tensor
    rows: np.ndarray
    number: int

    @classmethod
    def of(cls, model: Any, raw: Any, rows: np.ndarray, number: int, seed: int) -> Neighbourhood:
        """From some of the raw rows: all of those, or 5,000 drawn at random."""
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_NEIGHBOURS])
        part = raw[torch.from_numpy(rows)]
        return cls(model._each_block(lambda batch: _place(model, batch), part), rows, number)

    @functools.cached_property
    def _product(self) -> Tensor:
        """What times a point and a 1 is its squared distance to each known row, less its own square: |k|^2 - 2 x k.

        Filled up to whole groups with rows that are infinitely far, and as `layers.Linear` says. Made once: for a
        single row it would take longer than all else.
        """
        count, features = self.known.shape
        norms = F.pad(self.known.square().sum(1), (0, -count % GROUP), value=torch.inf)
        rows = F.pad(-2 * self.known, (0, 0, 0, len(norms) - count))
        return F.pad(torch.cat([rows, norms[:, None]], dim=1), (0, -(features + 1) % 4))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_product"}

    def testimony(self, looker: Witness, raw: Any, own: np.ndarray | None = None) -> np.ndarray:
        """The logarithm of the mean distance to the nearest, (n, 1).

        `looker` is the witness whose model it was made with. `own` (n,) says which training rows these are: none is its
        own neighbour.
        """
        at = np.full(len(raw), -1)
        if own is not None:
            place = np.minimum(np.searchsorted(self.rows, own), len(self.rows) - 1)
            at = np.where(self.rows[place] == own, place, -1)
        k = min(self.number, len(self.known) - 1) or 1
        device = looker.model.module_.centre.device
        there, product = self.known.to(device), self._product.to(device)
        groups, features = len(product) // GROUP, there.shape[1]
        room: dict[int, Tensor] = {}  # asking for megabytes for every block costs more than the product

        def distance(batch: Batch) -> Tensor:
            assert batch.target is not None
            x, own = _place(looker.model, batch), batch.target
            with_one = F.pad(F.pad(x, (0, 1), value=1.0), (0, product.shape[1] - features - 1))
            # Distances are compared in groups, by the least of each first: the k nearest lie in k groups.
            rough = torch.mm(with_one, product.T, out=room.get(len(x)))
            room[len(x)] = rough
            if bool((own >= 0).any()):
                mine = own >= 0
                rough[mine, own[mine]] = torch.inf
            apart = rough.view(len(x), groups, GROUP)
            near = apart.amin(2).topk(min(k, groups), dim=1, largest=False).indices
            close = apart.gather(1, near[:, :, None].expand(-1, -1, GROUP)).flatten(1)
            best = close.topk(k, dim=1, largest=False).indices
            best = (near.gather(1, best // GROUP) * GROUP + best % GROUP).clamp(max=len(there) - 1)
            return (there[best] - x[:, None]).square().sum(2).sqrt().mean(1, keepdim=True)

        far = looker._each(distance, raw, torch.from_numpy(at))
        return np.log(far.numpy().astype(np.float64) + TINY)


def _place(model: Any, batch: Batch) -> Tensor:
    """Raw rows as flat points of model units, in which distances are taken."""
    module = model.module_
    return module.centred(module.scale.encode(batch.x)[0]).flatten(1).float()


@dataclass(frozen=True)
class Measure:
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
    ) -> Measure:
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
