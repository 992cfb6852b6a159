"""The part of the plots and the chapter on a page that all types of autoencoder share.

The plots of one type are in a file each (`sparse_plots.py` and its siblings), as a class that the estimator inherits
from: public methods `plot_...`, which return figures, and `_chapter`, which joins them. The report puts a chapter on
its page without knowing the type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from zandloper.errors import DataError, bad_parameter
from zandloper.inspection.response import spread
from zandloper.plotting.panels import WIDTH, grid, heats, histograms, tiles
from zandloper.plotting.style import INK, new_figure

MOST_SAMPLES = 36  # images drawn from the prior
ROWS = 500  # samples of a table
STEPS = 9  # of a traversal or a morph


@dataclass(frozen=True)
class Shown:
    """A figure with its caption; `alt` describes it to readers who do not see it."""

    figure: Figure
    caption: str
    alt: str


@dataclass(frozen=True)
class Chapter:
    """The part of a report that is special to a type of autoencoder.

    Parameters
    ----------
    title : str
    words : str
        What there is to see.
    numbers : tuple of (str, str)
        Names and values.
    shown : tuple of Shown
    warning : str
        What is wrong and what to do, where something is.
    table : tuple of rows of str
        More numbers, the first row is the head.
    """

    title: str
    words: str
    numbers: tuple[tuple[str, str], ...] = ()
    shown: tuple[Shown, ...] = ()
    warning: str = ""
    table: tuple[tuple[str, ...], ...] = ()


class Pictured:
    """Plots that several types share: codes decoded to images, or to values by column."""

    def _draws_images(self: Any) -> bool:
        return len(self.model_.output.in_shape) == 3

    def _values(self: Any, codes: np.ndarray) -> np.ndarray:
        """Decode codes (n, latents) to model units, (n, values): numbers, and a probability for each level."""
        z = torch.from_numpy(np.array(codes, dtype=np.float32)).reshape(len(codes), *self.latent_shape_)
        module = self.module_
        expected = lambda batch: module.compare.expected(module.decode(batch.x).float()).flatten(1)  # noqa: E731
        values: Tensor = self.model_.map_batches(expected, z)
        return values.numpy()

    def _value_names(self: Any, count: int) -> list[str]:
        """A name for each of the `count` values: of a category one a level."""
        output = self.model_.output
        names = []
        for column in getattr(output, "columns", ()):
            levels = column.levels if column.kind == "category" else ()
            names += [f"{column.name} = {level}" for level in levels] or [str(column.name)]
        names = names if len(names) == count else output.feature_names()
        return [str(name) for name in names] if len(names) == count else [f"value {i}" for i in range(count)]

    def _tiles(self: Any, codes: np.ndarray) -> np.ndarray:
        """Decode codes to thumbnails."""
        return tiles(self.model_.output.drawn(self.inverse_transform(codes)))

    def _moves(
        self: Any, lines: np.ndarray, start: int, titles: list[str], ends: tuple[str, str], across: str
    ) -> Figure:
        """Heat maps of how the columns change along lines of codes (lines, steps, latents), from one step of each."""
        values = np.stack([self._values(line) for line in lines])
        change = values - values[:, start, None]
        return heats(change, self._value_names(values.shape[2]), titles, ends, across, UNIT)

    def plot_samples(self: Any, X: Any, n: int | None = None, random_state: Any = 0) -> Figure:
        """Data beside as many samples from the prior: images in two grids, of a table a histogram of each column.

        Parameters
        ----------
        X : data
            What samples should look like.
        n : int, optional
            How many samples. None: 36 images, or 500 rows.
        random_state : int or None
            The same number gives the same samples.

        Returns
        -------
        matplotlib.figure.Figure
        """
        raw, output, images = self.model_.read(X), self.model_.output, self._draws_images()
        count = (MOST_SAMPLES if images else ROWS) if n is None else whole("plot_samples", "n", n)
        made = self.sample(count, random_state=random_state)
        # What is made may not be what goes in: then there is nothing to set beside it.
        real = raw[spread(len(raw), count)].numpy() if output is self.model_.schema else None
        if not images:
            names = [str(name) for name in output.feature_names()]
            bare = [c.kind in ("category", "time") for c in getattr(output, "columns", ())] or [False] * len(names)
            flat = lambda rows: np.asarray(rows).reshape(len(rows), -1)  # noqa: E731
            numbers = flat(output.read(made, type(self).__name__))
            return histograms(None if real is None else flat(real), numbers, names, bare)
        parts = ({} if real is None else {"data": tiles(output.drawn(output.give(real)))}) | {
            "samples": tiles(output.drawn(made))
        }
        along = max(4, int(np.ceil(np.sqrt(count))))
        h, w = parts["samples"].shape[1:3]
        figure = new_figure(WIDTH * len(parts) / 2, 0.35 + (WIDTH / 2 - 0.15) / along * h / w * -(-count // along))
        for ax, (name, images) in zip(figure.subplots(1, len(parts), squeeze=False)[0], parts.items()):
            grid(ax, images, across=along)
            ax.set_title(name, fontsize=10, color=INK)
        return figure


UNIT = "change, in model units"


def whole(caller: str, name: str, value: Any, low: int = 1) -> int:
    """A count that a caller gave, checked."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise bad_parameter(caller, name, f"an integer >= {low}", value)
    return int(value)


def chosen_row(caller: str, item: Any, z: np.ndarray) -> int:
    """The row asked for, or a typical one: its code is as far from the middle as half of the codes are.

    The code nearest to the middle would be none: it decodes to a mean of everything.
    """
    if item is None:
        far = (((z - z.mean(0)) / np.maximum(z.std(0), 1e-12)) ** 2).sum(1)
        return int(np.argsort(far, kind="stable")[len(far) // 2])
    if whole(caller, "item", item, 0) >= len(z):
        raise DataError(f"{caller}: there is no item {item} in data of {len(z)} rows")
    return int(item)
