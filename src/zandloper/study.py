"""What studies share: rows held out, and results that print as a table, draw themselves, and show both in notebooks."""

from __future__ import annotations

import base64
import html
import io
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from zandloper.autoencoder import Autoencoder, BaseAutoencoder
from zandloper.errors import DataError, bad_parameter
from zandloper.modality import Form, modality

MOST_LATENTS = 64  # of the sizes tried unasked
FLOOR = 1e-5  # of the largest error: what lies below is rounding, and would press all else together


class Study:
    """The result of a study: numbers in columns, a sentence, a picture.

    A subclass gives `columns`, `title`, `remark` and `plot()`; the rest follows.
    """

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The numbers by column, every column as long as the others."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """What was studied, on one line."""
        raise NotImplementedError

    @property
    def remark(self) -> str:
        """What the numbers are, and on which rows they were measured."""
        raise NotImplementedError

    def plot(self) -> Any:
        """The picture, a `matplotlib.figure.Figure`."""
        raise NotImplementedError

    @property
    def frame(self) -> Any:
        """The numbers as a pandas frame, or without pandas as a pyarrow table."""
        try:
            import pandas
        except ImportError:
            import pyarrow

            return pyarrow.table(self.columns)
        return pandas.DataFrame(self.columns)

    def __rich__(self) -> Any:
        """The table as `rich` draws it, for the command line."""
        from rich.console import Group
        from rich.table import Table

        table = Table(*self._names())
        for column in table.columns:
            column.justify = "right"
        for row in self._cells():
            table.add_row(*row)
        return Group(self.title, table, self.remark)

    def __str__(self) -> str:
        widths = [max(len(cell) for cell in column) for column in zip(self._names(), *self._cells())]
        lines = ["  ".join(c.rjust(w) for c, w in zip(row, widths)) for row in (self._names(), *self._cells())]
        return "\n".join([self.title, *lines, self.remark])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self._names())
        body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in self._cells())
        file = io.BytesIO()
        self.plot().savefig(file, format="png")
        picture = base64.b64encode(file.getvalue()).decode()
        title, remark = html.escape(self.title), html.escape(self.remark)
        return (
            f"<p><b>{title}</b></p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{remark}</p>"
            f'<img alt="{title}" style="max-width: 48em; width: 100%" src="data:image/png;base64,{picture}">'
        )

    def _names(self) -> list[str]:
        return [name.replace("_", " ") for name in self.columns]

    def _cells(self) -> list[list[str]]:
        return [[_said(value) for value in row] for row in zip(*self.columns.values())]


def read(X: Any, choice: Any, owner: str) -> tuple[Form, np.ndarray]:
    """Data as one raw array, samples first, with the form that gives parts of it back in the user's own kind."""
    form, raw = modality("auto" if choice is None else choice, X, owner).learn(X, owner)
    if len(raw) < 5:
        raise DataError(f"{owner} got {len(raw)} samples: at least 5 are needed to train on some and measure on others")
    return form, raw


def held_out(n: int, test_size: Any, seed: int, owner: str) -> tuple[np.ndarray, np.ndarray]:
    """The rows to train on and the rows to measure on, both in order: `test_size` is a share or a number of rows."""
    k = 0
    if isinstance(test_size, numbers.Integral) and not isinstance(test_size, bool):
        k = int(test_size)
    elif isinstance(test_size, float | np.floating) and 0 < test_size < 1:
        k = min(n - 2, max(1, round(n * float(test_size))))
    if not 1 <= k <= n - 2:
        wanted = f"a share between 0 and 1, or a number of rows from 1 to {n - 2}"
        raise bad_parameter(owner, "test_size", wanted, test_size)
    order = np.random.default_rng(seed).permutation(n)
    return np.sort(order[k:]), np.sort(order[:k])


def seed_of(random_state: Any, owner: str) -> int:
    """A number that repeats the study; None draws one without touching the global generator."""
    if isinstance(random_state, bool) or not isinstance(random_state, numbers.Integral | None):
        raise bad_parameter(owner, "random_state", "an integer or None", random_state)
    return int(np.random.default_rng().integers(2**31)) if random_state is None else int(random_state) % 2**31


def sizes_of(latent_dims: Any, default: Iterable[int], owner: str) -> list[int]:
    """The latent sizes to try, in rising order, each once."""
    if latent_dims is None:
        return list(default)
    sizes = [latent_dims] if isinstance(latent_dims, numbers.Integral) else latent_dims
    if isinstance(sizes, str) or not isinstance(sizes, Iterable):
        sizes = [None]
    sizes = list(sizes)
    if not sizes or any(isinstance(k, bool) or not isinstance(k, numbers.Integral) or k < 1 for k in sizes):
        raise bad_parameter(owner, "latent_dims", "positive integers, such as (1, 2, 4, 8)", latent_dims)
    return sorted({int(k) for k in sizes})


def powers_of_two(most: int) -> list[int]:
    """1, 2, 4 ... up to `most`, at most 64."""
    return [2**i for i in range(max(1, min(most, MOST_LATENTS).bit_length()))]


def template(autoencoder: Any, owner: str, **settings: Any) -> BaseAutoencoder:
    """An unfitted copy of the user's autoencoder (None: the default one), with the settings that are not None."""
    if not isinstance(autoencoder, BaseAutoencoder | None):
        wanted = "an autoencoder, such as zl.Autoencoder(hidden=(64,)), or None"
        raise bad_parameter(owner, "autoencoder", wanted, autoencoder)
    model = Autoencoder() if autoencoder is None else clone(autoencoder)
    return model.set_params(**{name: value for name, value in settings.items() if value is not None})


def chart(sizes: Sequence[int], errors: Sequence[float], title: str, remark: str) -> tuple[Any, Any]:
    """A figure and its axes, empty, for errors over sizes of the latent space; every doubling is a step."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    from zandloper import plots

    figure = plots.new_figure(7, 4.4)
    ax = figure.add_subplot()
    plots.plain(ax)
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [str(k) for k in sizes])
    low = max(min(errors), max(errors) * FLOOR)
    if max(errors) > 3 * low > 0:
        ax.set_yscale("log")
        if low > min(errors):
            ax.set_ylim(low, 2 * max(errors))
        few = max(errors) < 100 * low
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(which="minor", length=0)
    ax.margins(y=0.15)
    ax.set_xlabel("size of the latent space", color=plots.INK)
    ax.set_title(title, fontsize=11, color=plots.INK, loc="left")
    figure.supxlabel(remark, x=0.01, ha="left", fontsize=8, color=plots.INK)
    return figure, ax


def _said(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return "–" if np.isnan(value) else f"{value:.3g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.1e}"
