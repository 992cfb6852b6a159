"""Study of overfitting: training and validation errors over latent sizes.

Too small a bottleneck loses relations: both errors are high. Too large a one can learn by heart: the error on training
rows goes on falling while the other rises, and the gap between them opens.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from zandloper.applications.studies.protocol import held_out, powers_of_two, read, seed_of, sizes_of, template
from zandloper.data.windows import Windows
from zandloper.errors import DataError, UnsupportedError, bad_parameter
from zandloper.plotting.result_table import Study, chart

ME = "compare_latent_dims"


@dataclass(frozen=True, repr=False, eq=False)
class LatentDims(Study):
    """Errors over latent sizes. Prints as a table; `frame`, `best`, `plot()`.

    Parameters
    ----------
    latent_dims : tuple of int
    train, validation : ndarray (sizes, seeds)
        Mean errors of the training rows and of held-out rows.
    rows : (int, int)
        Numbers of training and of held-out rows.
    target : str
        "input" or "y".
    loss : str
        Loss whose values the errors are.
    """

    latent_dims: tuple[int, ...]
    train: np.ndarray
    validation: np.ndarray
    rows: tuple[int, int]
    target: str
    loss: str

    @property
    def best(self) -> int:
        """Size with the lowest validation error, averaged over the seeds; of equals the smallest."""
        return self.latent_dims[int(self.validation.mean(axis=1).argmin())]

    @property
    def seeds(self) -> int:
        """Number of trainings of each size, on other rows and from other weights."""
        return self.train.shape[1]

    @property
    def columns(self) -> dict[str, list[Any]]:
        """Columns latent_dim, train, validation, gap; with several seeds means, and standard deviations over them."""
        train, validation = self.train.mean(axis=1), self.validation.mean(axis=1)
        found = {"train": train, "validation": validation, "gap": validation - train}
        if self.seeds > 1:
            found |= {"train_std": _spread(self.train), "validation_std": _spread(self.validation)}
        return {"latent_dim": list(self.latent_dims), **{name: values.tolist() for name, values in found.items()}}

    def margin(self) -> tuple[float, float]:
        """Validation error of the widest size less that of the best, and its standard deviation over the seeds.

        The seeds' rows are the same for both sizes, so that differences are taken seed by seed: mean and standard
        deviation (NaN for one seed).
        """
        won = self.validation[-1] - self.validation[self.latent_dims.index(self.best)]
        return float(won.mean()), float(won.std(ddof=1)) if self.seeds > 1 else float("nan")

    @property
    def title(self) -> str:
        """Title with the data and the best size."""
        what = "reconstruction" if self.target == "input" else "prediction"
        return f"Error of {what} over latent sizes: validation is best at {self.best}"

    @property
    def remark(self) -> str:
        """Meaning of the numbers."""
        seeds = f"; means and standard deviations of {self.seeds} seeds" if self.seeds > 1 else ""
        return f"mean error ({self.loss}) of {self.rows[0]:,} training rows and {self.rows[1]:,} held out{seeds}"

    def plot(self) -> Any:
        """Plot both errors over the size of the latent space, the gap between them, and the best size.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from zandloper.plotting.style import COLORS, INK

        train, validation = self.train.mean(axis=1), self.validation.mean(axis=1)
        figure, ax = chart(self.latent_dims, [*train, *validation], self.title, self.remark)
        sizes = np.array(self.latent_dims)
        ax.fill_between(sizes, train, validation, color=COLORS[3], alpha=0.25, linewidth=0, label="gap")
        for name, runs, color, marker in (
            ("training rows", self.train, COLORS[0], "o"),
            ("validation rows", self.validation, COLORS[6], "s"),
        ):
            mean = runs.mean(axis=1)
            ax.plot(sizes, mean, color=color, marker=marker, linewidth=2, label=name)
            if self.seeds > 1:
                ax.errorbar(sizes, mean, _spread(runs), color=color, linewidth=0, elinewidth=1.2, capsize=3)
        lowest = validation.min()
        ax.plot(self.best, lowest, "o", color=INK, markersize=13, fillstyle="none", markeredgewidth=1.5)
        top = lowest + (_spread(self.validation)[validation.argmin()] if self.seeds > 1 else 0)
        where = {"textcoords": "offset points", "ha": "center", "va": "bottom"}
        ax.annotate(f"best: {self.best}", (self.best, top), (0, 11), color=INK, fontweight="bold", **where)
        ax.set_ylabel("error", color=INK)
        ax.legend(frameon=False)
        return figure


def compare_latent_dims(
    X: Any,
    y: Any = None,
    latent_dims: Any = None,
    *,
    autoencoder: Any = None,
    seeds: int = 1,
    test_size: float | int = 0.25,
    modality: Any = None,
    max_epochs: Any = None,
    max_minutes: float | None = None,
    random_state: int | None = None,
) -> LatentDims:
    """Compare training and validation errors over latent sizes, for reconstruction or a supervised target.

    For each seed rows are held out, which `fit` never gets, and each size is trained on the others. Early stopping,
    which is on by default, works against overfitting too: to see what the bottleneck does alone, pass an autoencoder
    with `validation=0`, which trains to the end on all rows that it gets.

    Parameters
    ----------
    X : array, frame, images
        The samples; at least five.
    y : array, frame or images, optional
        Given, the decoder is trained towards it (target="y"); else it reconstructs X.
    latent_dims : sequence of int, optional
        Sizes of the latent space. None: 1, 2, 4 ... up to the number of values in a row, at most 64.
    autoencoder : estimator, optional
        Any type of `zl`, with the settings to study; it is cloned for each size and seed. None: the default one.
    seeds : int
        Number of trainings per size, on other rows and from other weights, to estimate a spread.
    test_size : float or int
        Share or number of the rows to hold out.
    modality, max_epochs, max_minutes
        Where given, of the autoencoder; the last two hold for each training.
    random_state : int, optional
        Of the first seed; the others count on. The same number gives the same result.

    Returns
    -------
    LatentDims
        `frame` (latent_dim, train, validation, gap; with several seeds also train_std and validation_std), `best`,
        `margin()`, `plot()`; prints as a table.

    Examples
    --------
    >>> import zandloper as zl
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> found = zl.compare_latent_dims(X, latent_dims=[1, 4, 12], max_epochs=20, random_state=0)
    >>> found.best
    12
    >>> zl.compare_latent_dims(X, y.astype(str), [1, 4], max_epochs=5, random_state=0).target
    'y'
    """
    seed = seed_of(random_state, ME)
    if isinstance(seeds, bool) or not isinstance(seeds, numbers.Integral) or seeds < 1:
        raise bad_parameter(ME, "seeds", "a positive integer", seeds)
    schema, raw = read(X, modality, ME)
    if isinstance(raw, Windows):
        raise UnsupportedError(
            f"{ME} holds out rows at random, and windows of series overlap: cut the series into pieces of one length, "
            "and pass them flattened, as a table"
        )
    n, values = len(raw), int(np.prod(schema.in_shape))
    if y is not None and len(y) != n:
        raise DataError(f"X has {n} samples and y has {len(y)}: they must be as many")
    sizes = sizes_of(latent_dims, powers_of_two(values), ME)
    target = "input" if y is None else "y"
    given = template(autoencoder, ME, modality=modality, max_epochs=max_epochs, max_minutes=max_minutes, target=target)
    errors = np.empty((2, len(sizes), int(seeds)))
    for run in range(int(seeds)):
        parts = []
        for rows in held_out(n, test_size, seed + run, ME):
            parts.append((schema.give(raw[rows]), None if y is None else _safe_indexing(y, rows)))
        for i, size in enumerate(sizes):
            model = clone(given).set_params(latent_dim=size, random_state=seed + run).fit(*parts[0])
            errors[:, i, run] = [model.reconstruction_error(*part).mean() for part in parts]
    loss = model.describe().loss
    return LatentDims(tuple(sizes), errors[0], errors[1], (len(parts[0][0]), len(parts[1][0])), target, loss)


def _spread(runs: np.ndarray) -> np.ndarray:
    """Standard deviation over the seeds, for each size."""
    return runs.std(axis=1, ddof=1)
