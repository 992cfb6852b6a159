"""Table of three functions with the reconstructions of PCA and of an autoencoder from one latent.

PCA encodes the position of a point along a straight line, an autoencoder its position along the curve.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from zandloper.applications.studies.protocol import held_out, seed_of, template
from zandloper.autoencoders.autoencoder import Autoencoder
from zandloper.errors import bad_parameter
from zandloper.plotting.result_table import Study

ME = "curves_table"
SLOPE, START = 2.0, 1.0  # m and c: both methods get standardized columns, so that neither matters


@dataclass(frozen=True, eq=False)
class Curve:
    """One row of the table: `y = m x^power + c` with noise, on test points (n, 2) of x and y.

    `by_pca` and `by_autoencoder` are reconstructions from one latent; `errors` and `rival_errors` (n,) are the mean
    squared errors of the autoencoder and of PCA at each point, in standard deviations of x and of y.
    """

    power: int
    points: np.ndarray
    by_pca: np.ndarray
    by_autoencoder: np.ndarray
    rival_errors: np.ndarray
    errors: np.ndarray

    @property
    def formula(self) -> str:
        """Formula of the function."""
        return "y = mx + c" if self.power == 1 else f"y = mx^{self.power} + c"

    @property
    def excess(self) -> float:
        """Error of the autoencoder less that of PCA, in standard errors: below 2 may be chance, below 0 is better."""
        worse = self.errors - self.rival_errors
        return float(worse.mean() / max(worse.std(ddof=1) / len(worse) ** 0.5, 1e-300))


@dataclass(frozen=True, repr=False, eq=False)
class CurvesTable(Study):
    """Table of functions and errors. Prints; `frame` and `plot()`; `curves` holds the points.

    Parameters
    ----------
    curves : tuple of Curve
    n_train : int
        Points that both learned from.
    noise : float
        Of y, as a share of its range.
    """

    curves: tuple[Curve, ...]
    n_train: int
    noise: float

    @property
    def columns(self) -> dict[str, list[Any]]:
        """Columns function, pca, autoencoder, ratio."""
        pca = [float(c.rival_errors.mean()) for c in self.curves]
        own = [float(c.errors.mean()) for c in self.curves]
        return {
            "function": [c.formula for c in self.curves],
            "pca": pca,
            "autoencoder": own,
            "ratio": [a / p for a, p in zip(own, pca)],
        }

    @property
    def title(self) -> str:
        """Title."""
        return "Points of two numbers, kept as one and made again: PCA and autoencoder"

    @property
    def remark(self) -> str:
        """Meaning of the numbers."""
        return (
            f"mean squared error in standard deviations, on {len(self.curves[0].points):,} points that neither saw; "
            f"both learned from {self.n_train:,}; noise of {self.noise:.0%} of the range of y"
        )

    def plot(self) -> Any:
        """Plot function, feature space, and the reconstructions of PCA and autoencoder, one row per function.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from zandloper.plotting.style import COLORS, FAINT, INK, new_figure

        heads = ("function", "feature space", "PCA's reconstruction", "autoencoder's reconstruction")
        figure = new_figure(10, 2.35 * len(self.curves) + 0.5)
        grid = figure.subplots(len(self.curves), 4, squeeze=False)
        for head, ax in zip(heads, grid[0]):
            ax.set_title(head, fontsize=11, color=INK)
        pca, own = self.columns["pca"], self.columns["autoencoder"]
        for i, (curve, (function, space, left, right)) in enumerate(zip(self.curves, grid)):
            x = np.linspace(-1, 1, 201)
            function.plot(x, _y(x, curve.power), color=INK, linewidth=1.5)
            formula = "$y = mx + c$" if curve.power == 1 else f"$y = mx^{{{curve.power}}} + c$"
            function.set_xlabel(formula, fontsize=12, color=INK)
            space.scatter(*curve.points.T, s=5, color=INK, linewidths=0)
            for ax, made, color, error in (
                (left, curve.by_pca, COLORS[6], pca[i]),
                (right, curve.by_autoencoder, COLORS[0], own[i]),
            ):
                ax.scatter(*curve.points.T, s=5, color=FAINT, linewidths=0)
                ax.scatter(*made.T, s=5, color=color, linewidths=0)
                ax.set_xlabel(f"test error {error:.4f}", fontsize=9, color=INK)
            low, high = _y(x, curve.power).min(), _y(x, curve.power).max()
            for ax in (function, space, left, right):
                ax.set(xlim=(-1.6, 1.6), ylim=(low - 0.2 * (high - low), high + 0.2 * (high - low)))
                ax.set(xticks=[], yticks=[])
                ax.spines[:].set_color(FAINT)
        figure.supxlabel(self.remark.replace("; both", ";\nboth"), x=0.01, ha="left", fontsize=8, color=INK)
        return figure


def curves_table(
    n: int = 4_000,
    powers: Sequence[int] = (1, 2, 8),
    *,
    noise: float = 0.02,
    autoencoder: Any = None,
    test_size: float | int = 0.2,
    max_epochs: Any = None,
    random_state: int | None = None,
) -> CurvesTable:
    """Compare PCA and an autoencoder with one latent on points of y = mx + c, y = mx² + c and y = mx⁸ + c.

    Parameters
    ----------
    n : int
        Points of each function, x even over [-1, 1]; at least 20.
    powers : sequence of int
        The functions.
    noise : float
        Standard deviation of the noise on y, as a share of its range.
    autoencoder : estimator, optional
        Any type of `zl`; it is cloned, with one latent dimension. None: an `Autoencoder` that trains longer than by
        default, to follow the curves to their ends, and validates on a quarter of its points, so that it does not fit
        noise.
    test_size : float or int
        Share or number of the points that are held out to measure errors.
    max_epochs : int, optional
        Where given, of the autoencoder.
    random_state : int, optional
        The same number gives the same table.

    Returns
    -------
    CurvesTable
        `frame` (function, pca, autoencoder, ratio), `plot()`, `curves`; prints as a table.

    Examples
    --------
    >>> import zandloper as zl
    >>> found = zl.curves_table(400, powers=[2], random_state=0)
    >>> found.columns["function"]
    ['y = mx^2 + c']
    >>> found.columns["ratio"][0] < 0.2
    True
    """
    seed = seed_of(random_state, ME)
    if isinstance(n, bool) or not isinstance(n, numbers.Integral) or n < 20:
        raise bad_parameter(ME, "n", "an integer >= 20", n)
    powers = list(powers)
    if not powers or any(isinstance(p, bool) or not isinstance(p, numbers.Integral) or p < 1 for p in powers):
        raise bad_parameter(ME, "powers", "positive integers, such as (1, 2, 8)", powers)
    if isinstance(noise, bool) or not isinstance(noise, numbers.Real) or not 0 <= noise < np.inf:
        raise bad_parameter(ME, "noise", "a number >= 0", noise)
    model = template(
        Autoencoder(max_epochs=100, validation=0.25) if autoencoder is None else autoencoder,
        ME,
        latent_dim=1,
        modality="table",
        max_epochs=max_epochs,
        random_state=seed,
    )
    rng, curves = np.random.default_rng(seed), []
    for power in powers:
        x = rng.uniform(-1, 1, int(n))
        clean = _y(x, power)
        points = np.column_stack([x, clean + noise * np.ptp(clean) * rng.normal(size=len(x))])
        train, test = held_out(len(points), test_size, seed, ME)
        scale = StandardScaler().fit(points[train])
        A, B = scale.transform(points[train]), scale.transform(points[test])
        pca = PCA(1).fit(A)
        made = [pca.inverse_transform(pca.transform(B)), model.fit(A).predict(B)]
        errors = [np.square(m - B).mean(axis=1) for m in made]
        curves.append(Curve(int(power), points[test], *(scale.inverse_transform(m) for m in made), *errors))
    return CurvesTable(tuple(curves), len(train), float(noise))


def _y(x: np.ndarray, power: int) -> np.ndarray:
    return SLOPE * x**power + START
