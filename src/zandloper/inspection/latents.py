"""Reports on latents: the score that each carries, the inputs that it depends on, the outputs that it moves.

All numbers come from one fixed sample of rows, so that they are the same every time and cost little. With `f` the
encoder, `g` the decoder, `s_i` the standard deviation of latent i over the sample, and means over the sample:

- score drop: how much of `1 - error / error of the constant prediction` is lost when latent i stays at its mean. For
  PCA's orthogonal latents that is the share of the data's variance that the component carries.
- input sensitivity: mean |d f_i / d x_j| / s_i, by backward derivatives: how far the latent moves, in its own standard
  deviations, when input j moves by one model unit (standard deviation for columns, full range for pixels).
- output sensitivity: mean |d g_j / d z_i| s_i, forwards: how far output j moves, in model units (in
  probability, for truth values and categories), when the latent moves by one standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zandloper.errors import DataError
from zandloper.inspection import latent_plots
from zandloper.inspection.response import FEWEST, STEPS, Probe, spread
from zandloper.model.batch import Batch

ROWS = 1_000  # at most so many rows are looked at
VALUES = 2**22  # and at most so many numbers
TRAVERSED = 8  # latents whose way through the pictures is shown
DEAD = 1e-3  # of the largest deviation or effect


@dataclass(frozen=True, eq=False)
class LatentReport:
    """A report on every latent; prints as a table, and draws itself with `plot()`.

    Attributes
    ----------
    latents : ndarray of int, (k,)
        Which latents these are: all, or the 256 that vary most.
    mean, deviation : ndarray, (k,)
        Of each latent over the sample.
    variance_share : ndarray, (k,)
        Of the variance of the latents themselves, in whatever units they have.
    score_drop : ndarray, (k,)
        What the score loses when the latent stays at its mean: what it carries. Below zero: better without it.
    input_sensitivity : ndarray, (k, inputs)
        Standard deviations of the latent for one model unit of the input; of a category, its most telling level.
    output_sensitivity : ndarray, (k, outputs)
        Model units of the output for one standard deviation of the latent.
    correlation : ndarray, (k, k)
        Between latents; 0 where one does not vary.
    dead : ndarray of bool, (k,)
        It does not vary, or nothing comes of it: below a thousandth of the largest.
    input_names, output_names : tuple of str
    input_shape, output_shape : tuple of int
        (channels, height, width) for images.
    traversal : images (latents, steps, ...) or None
        Of images: what the decoder makes when one latent takes the values of `steps` and the others stay.
    traversal_latents : ndarray of int
        Positions among `latents` of those with a traversal, the one that carries most first.
    steps : tuple of float
        In standard deviations from the mean.
    score : float
        Of the sample.
    rows : int
        In the sample.
    """

    latents: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    variance_share: np.ndarray
    score_drop: np.ndarray
    input_sensitivity: np.ndarray
    output_sensitivity: np.ndarray
    correlation: np.ndarray
    dead: np.ndarray
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    traversal: Any
    traversal_latents: np.ndarray
    steps: tuple[float, ...]
    score: float
    rows: int

    @property
    def order(self) -> np.ndarray:
        """Positions of the latents, the one that carries most first."""
        return np.argsort(-self.score_drop, kind="stable")

    @property
    def columns(self) -> dict[str, list[Any]]:
        """One line a latent, by column."""
        strongest = lambda table, names: [names[j] if row.any() else "" for row, j in zip(table, table.argmax(1))]  # noqa: E731
        return {
            "latent": [f"latent {i}" for i in self.latents],
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
            "variance_share": self.variance_share.tolist(),
            "score_drop": self.score_drop.tolist(),
            "dead": self.dead.tolist(),
            "listens_to": strongest(self.input_sensitivity, self.input_names),
            "moves": strongest(self.output_sensitivity, self.output_names),
        }

    @property
    def frame(self) -> Any:
        """One row a latent: a pandas frame where pandas is installed, else a pyarrow table."""
        try:
            import pandas as pd
        except ImportError:
            import pyarrow as pa

            return pa.table(self.columns)
        return pd.DataFrame(self.columns)

    def plot(self) -> Any:
        """All in one figure: what each latent carries, and what moves (images) or what it hangs together with (tables).

        Returns
        -------
        matplotlib.figure.Figure
        """
        return latent_plots.overview(self)

    def __str__(self) -> str:
        columns, dead = self.columns, int(self.dead.sum())
        lines = [
            f"{len(self.latents)} latents, {dead or 'none'} dead; score {self.score:.3f} on {self.rows:,} rows",
            "  latent      score drop  variance  listens to           moves",
        ]
        for i in self.order[:20]:
            lines.append(
                f"  {columns['latent'][i]:<10s} {self.score_drop[i]:11.4f} {self.variance_share[i]:9.1%}  "
                f"{columns['listens_to'][i][:20]:<20s} {columns['moves'][i][:20]}{'  dead' if self.dead[i] else ''}"
            )
        if len(self.latents) > 20:
            lines.append(f"  and {len(self.latents) - 20} more, in .frame")
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        return latent_plots.as_html(self)


def latent_report(estimator: Any, X: Any, y: Any = None) -> LatentReport:
    """The report on a fitted estimator, from at most 1,000 rows of data, evenly spread.

    Raises
    ------
    DataError
        There are fewer than two rows, or `y` is wanted (target="y") and missing.
    """
    raw, target = estimator.model_.read_pair(X, y)
    if len(raw) < 2:
        raise DataError(f"latent_report needs at least 2 rows to see what varies, got {len(raw)}: pass more")
    rows = spread(len(raw), min(ROWS, max(FEWEST, VALUES // raw[0].numel())))
    schema, output = estimator.model_.schema, estimator.model_.output
    batch = Batch(raw[rows], target=None if target is None else target[rows])
    probe = Probe(estimator.module_, batch, estimator.model_.flops_per_row)
    shown = probe.latents()
    drop, score = probe.score_drop(shown)
    inputs = _by_feature(probe.input_sensitivity(shown), schema, "max")
    outputs = _by_feature(probe.output_sensitivity(shown), output, "half the sum")
    images = len(output.in_shape) == 3
    chosen = np.argsort(-drop, kind="stable")[: TRAVERSED if images else 0]
    z, effect = probe.z.double().numpy()[:, shown], outputs.mean(1)
    deviation, total = z.std(0), float(probe.z.double().var(0, correction=0).sum())
    return LatentReport(
        latents=shown,
        mean=z.mean(0),
        deviation=deviation,
        variance_share=deviation**2 / total if total > 0 else np.zeros(len(shown)),
        score_drop=drop,
        input_sensitivity=inputs,
        output_sensitivity=outputs,
        correlation=_correlation(z, deviation),
        dead=(deviation <= DEAD * deviation.max()) | (effect <= DEAD * effect.max()),
        input_names=tuple(schema.feature_names()),
        output_names=tuple(output.feature_names()),
        input_shape=tuple(schema.in_shape),
        output_shape=tuple(output.target_shape),
        traversal=probe.traversal(shown[chosen], output) if images else None,
        traversal_latents=chosen,
        steps=STEPS,
        score=score,
        rows=len(rows),
    )


def _by_feature(table: np.ndarray, schema: Any, how: str) -> np.ndarray:
    """From values laid out for nets to one a column: of a category the strongest level, or what probability moves."""
    of = schema.feature_of(table.shape[1])
    if of is None:
        return table
    parts = [table[:, of == feature] for feature in range(of.max() + 1)]
    if how == "max":
        return np.stack([part.max(1) for part in parts], axis=1)
    return np.stack([part.sum(1) / (2 if part.shape[1] > 1 else 1) for part in parts], axis=1)


def _correlation(z: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    lively = deviation > DEAD * max(deviation.max(), 1e-300)
    unit = np.where(lively, z - z.mean(0), 0.0) / np.where(lively, deviation, 1.0)
    return unit.T @ unit / len(z)
