"""Comparison with PCA: test errors of PCA and of an autoencoder over latent sizes.

Both get the same training rows in the same units and are measured with the same ruler, the mean squared error. PCA is
the best *linear* way to keep k numbers a row; what an autoencoder gains on it is what is not linear in the data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from zandloper.applications.studies.protocol import held_out, powers_of_two, read, seed_of, sizes_of, template
from zandloper.errors import DataError, UnsupportedError
from zandloper.modality import Schema
from zandloper.plotting.result_table import Study, chart

ME = "compare_with_pca"
EXACT = 1e-9  # an error below is rounding: no ratio is taken of it


@dataclass(frozen=True, repr=False)
class Comparison(Study):
    """Test errors of PCA and autoencoder. Prints as a table; `frame`, `plot()`.

    Parameters
    ----------
    latent_dims : tuple of int
    pca, autoencoder : tuple of float
        Mean squared errors on the test rows, one a latent size.
    rows : (int, int)
        Numbers of training and of test rows.
    features : int
        Columns, or pixels and channels.
    unit : str
        Unit of the errors.
    """

    latent_dims: tuple[int, ...]
    pca: tuple[float, ...]
    autoencoder: tuple[float, ...]
    rows: tuple[int, int]
    features: int
    unit: str

    @property
    def ratio(self) -> tuple[float, ...]:
        """Error of the autoencoder divided by that of PCA: below 1 it is better. NaN where PCA makes no error."""
        return tuple(a / p if p > EXACT else math.nan for a, p in zip(self.autoencoder, self.pca))

    @property
    def columns(self) -> dict[str, list[Any]]:
        """Columns latent_dim, pca, autoencoder, ratio."""
        return {
            "latent_dim": list(self.latent_dims),
            "pca": list(self.pca),
            "autoencoder": list(self.autoencoder),
            "ratio": list(self.ratio),
        }

    @property
    def title(self) -> str:
        """Title with the data."""
        return f"Test error of PCA and autoencoder on {self.rows[1]:,} rows of {self.features:,} values"

    @property
    def remark(self) -> str:
        """Meaning of the numbers."""
        return f"mean squared error, {self.unit}; both learned from {self.rows[0]:,} other rows"

    def plot(self) -> Any:
        """Plot both errors over the size of the latent space.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from zandloper.plotting.style import COLORS, INK

        remark = f"{self.remark}\nunder the points: the autoencoder's error as a share of PCA's"
        shown = [max(e, EXACT) for e in (*self.pca, *self.autoencoder)]
        figure, ax = chart(self.latent_dims, shown, self.title, remark)
        by_pca, by_autoencoder = np.split(np.array(shown), 2)
        ax.plot(self.latent_dims, by_pca, color=COLORS[3], marker="s", linewidth=2, label="PCA")
        ax.plot(self.latent_dims, by_autoencoder, color=COLORS[0], marker="o", linewidth=2, label="autoencoder")
        for x, y, ratio in zip(self.latent_dims, by_autoencoder, self.ratio):
            if not math.isnan(ratio):
                style = {"textcoords": "offset points", "ha": "center", "va": "top", "fontsize": 9, "color": INK}
                ax.annotate(f"{ratio:.0%}", (x, y), (0, -8), **style)
        ax.set_ylabel("error on test rows", color=INK)
        ax.legend(frameon=False)
        return figure


def compare_with_pca(
    X: Any,
    latent_dims: Any = None,
    *,
    autoencoder: Any = None,
    X_test: Any = None,
    test_size: float | int = 0.2,
    modality: Any = None,
    max_epochs: Any = None,
    max_minutes: float | None = None,
    random_state: int | None = None,
) -> Comparison:
    """Compare test errors of PCA and an autoencoder over sizes of the latent space.

    Rows are held out that neither sees. Columns of a table are brought to mean 0 and deviation 1 on the training rows,
    integer pixels are divided by their dtype's maximum, and both methods get the same numbers. The autoencoder decides
    on a part of its training rows when to stop, as always. Missing values count for neither; PCA reads them as the
    column's mean.

    Parameters
    ----------
    X : array or frame (n, columns) of numbers, or images
        At least five samples.
    latent_dims : sequence of int, optional
        Sizes of the latent space. None: 1, 2, 4 ... below the number of values in a row, at most 32.
    autoencoder : estimator, optional
        Any type of `zl`, with the settings to compare; it is cloned and trained anew for each size. None: the default
        `Autoencoder`. With loss="auto" it learns with the squared error, which PCA minimizes and both are measured by.
    X_test : as X, optional
        Rows to measure on; then all of X trains.
    test_size : float or int
        Share or number of the rows to hold out.
    modality, max_epochs, max_minutes
        Where given, of the autoencoder; the last two hold for each size.
    random_state : int, optional
        The same number gives the same result.

    Returns
    -------
    Comparison
        `frame` (latent_dim, pca, autoencoder, ratio), `plot()`; prints as a table.

    Raises
    ------
    DataError, ParameterError
        The data hold categories, which PCA does not know; too few rows; a parameter out of range.

    Examples
    --------
    >>> import zandloper as zl
    >>> from sklearn.datasets import load_digits
    >>> found = zl.compare_with_pca(load_digits().data, [2, 8], max_epochs=20, random_state=0)
    >>> found.latent_dims
    (2, 8)
    >>> max(found.ratio) < 0.9
    True

    References
    ----------
    Bourlard and Kamp 1988, "Auto-association by multilayer perceptrons and singular value decomposition", Biological
    Cybernetics 59: without non-linear layers nothing is better than PCA. Hinton and Salakhutdinov 2006, Science 313:
    with them, much is.
    """
    seed = seed_of(random_state, ME)
    schema, raw = read(X, modality, ME)
    if X_test is None:
        train, test = held_out(len(raw), test_size, seed, ME)
        train, test = raw[train], raw[test]
    else:
        train, test = raw, schema.read(X_test, ME)
    kind = _kind(schema)
    train, test, top = _numbers(schema, train, test)
    A, B = _rows(train, top), _rows(test, top)
    sizes = sizes_of(latent_dims, powers_of_two(max(1, min(A.shape[1] - 1, 32))), ME)
    given = template(autoencoder, ME, modality=kind, max_epochs=max_epochs, max_minutes=max_minutes, random_state=seed)
    if given.target == "y":
        raise UnsupportedError(
            f'{ME} compares reconstructions, and the autoencoder has target="y": take target="input"'
        )
    if given.loss == "auto":
        given.set_params(loss="mse")

    filled = np.where(np.isnan(A), 0, A)
    pca = PCA(min(max(sizes), *A.shape), random_state=seed).fit(filled)
    by_pca, by_autoencoder = [], []
    for size in sizes:
        by_pca.append(squared_error(B, _reduced(pca, np.where(np.isnan(B), 0, B), size)))
        model = clone(given).set_params(latent_dim=size).fit(train)
        by_autoencoder.append(squared_error(B, _rows(model.predict(test), top)))
    unit = "columns in standard deviations" if kind == "table" else "pixels in [0, 1]" if top > 1 else "pixels as given"
    return Comparison(tuple(sizes), tuple(by_pca), tuple(by_autoencoder), (len(train), len(test)), A.shape[1], unit)


def _kind(schema: Schema) -> str:
    """Name of the modality, if PCA applies to its data."""
    kind = schema.name.removesuffix("_schema")
    if kind not in ("table", "image"):
        raise UnsupportedError(
            f"{ME} takes tables and images, and the data are read as {kind}: pass arrays of features"
        )
    categories = [repr(column.name) for column in getattr(schema, "columns", ()) if column.kind == "category"]
    if categories:
        which = f"column {categories[0]} is a category"
        if len(categories) > 1:
            which = f"columns {', '.join(categories)} are categories"
        raise DataError(f"{which}, and PCA takes numbers only: drop them, or encode them as numbers")
    return kind


def _numbers(schema: Schema, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Training and test data as the autoencoder receives them, and the divisor that brings them to units of errors.

    Columns are standardized here, so that the errors of both are in the same units; images stay as they are, because
    the bounds of integers are known.
    """
    if schema.name == "table_schema":
        scale = StandardScaler().fit(train.astype(np.float64))
        return scale.transform(train), scale.transform(test), 1.0
    dtype: np.dtype[Any] = np.dtype(schema.dtype)  # type: ignore[attr-defined]
    if dtype.kind == "f":
        return train, test, 1.0
    if dtype.kind == "b":
        return 255 * train, 255 * test, 255.0
    return train.astype(dtype), test.astype(dtype), float(np.iinfo(dtype).max)


def _rows(data: np.ndarray, top: float) -> np.ndarray:
    """Samples as rows of floats in the units of the errors."""
    rows = data.reshape(len(data), -1)
    return rows if top == 1 else rows.astype(np.float32) / np.float32(top)


def _reduced(pca: PCA, rows: np.ndarray, size: int) -> np.ndarray:
    """Reconstructions of rows from the first `size` components."""
    components = pca.components_[:size]
    return (rows - pca.mean_) @ components.T @ components + pca.mean_


def squared_error(rows: np.ndarray, made: np.ndarray) -> float:
    """Mean squared error over all values that are not missing."""
    return float(np.nanmean(np.square(rows - made), dtype=np.float64))
