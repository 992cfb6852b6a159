"""Pictures of the quantized type: how the book is used, what its symbols change, and samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zandloper.inspection.base_plots import UNIT, Chapter, Pictured, Shown, chosen_row, whole
from zandloper.plotting.panels import grid_figure, heat
from zandloper.plotting.style import COLORS, INK, new_figure, plain

LITTLE = 0.5  # of the symbols in use: then it is said what to do
SCORES = 2**24  # numbers in memory while the prior scores codes


class QuantizedPictures(Pictured):
    """Plots of a `QuantizedAutoencoder`."""

    def plot_usage(self: Any, X: Any) -> Figure:
        """Draw how often each symbol is chosen, the commonest first, and the perplexity of each position of the code.

        Parameters
        ----------
        X : data

        Returns
        -------
        matplotlib.figure.Figure
        """
        usage, places = self.code_usage(X), self._perplexities(X)
        figure = new_figure(4.8, 4.4)
        upper, lower = figure.subplots(2, 1)
        share = np.sort(usage.counts)[::-1] / max(1, usage.counts.sum())
        rank = np.arange(1, len(share) + 1)
        upper.fill_between(rank, share, step="mid", color=COLORS[0], linewidth=0)
        upper.axhline(1 / len(share), color=INK, linewidth=1, linestyle=(0, (3, 2)), label="all equally often")
        upper.set_ylim(0)
        upper.set_xlim(0.5, len(share) + 0.5)
        upper.legend(frameon=False, fontsize=9)
        upper.set_xlabel("symbols, the commonest first", fontsize=9, color=INK)
        upper.set_ylabel("share", fontsize=9, color=INK)
        lower.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        lower.bar(np.arange(len(places)), places, 0.8, color=COLORS[1])
        lower.set_xlabel("place in the code", fontsize=9, color=INK)
        lower.set_ylabel("perplexity", fontsize=9, color=INK)
        for ax in (upper, lower):
            plain(ax)
        return figure

    def plot_codes(self: Any, X: Any, n: int = 8, item: int | None = None) -> Figure:
        """Draw what symbols decode to: at one position after the other, common symbols replace an item's.

        Images as a grid, a row a place and the item itself at the left; of tables a heat map of how far each place
        moves each column (deviation over the symbols). Places whose symbols change most come first.

        Parameters
        ----------
        X : data
            Tells which symbols are common where.
        n : int
            How many places, and how many symbols at each.
        item : int, optional
            The row of X whose other symbols stay. None: a typical one.

        Returns
        -------
        matplotlib.figure.Figure
        """
        count = whole("plot_codes", "n", n, 2)
        symbols = self.encode_symbols(X)
        base = symbols[chosen_row("plot_codes", item, self.transform(X))]
        images, places = self._draws_images(), symbols.shape[1]
        common = [np.argsort(-np.bincount(symbols[:, j]), kind="stable")[:count] for j in range(places)]
        common = [np.resize(row, count) if len(row) < count else row for row in common]  # few symbols: again
        tried = np.repeat(base[None, None], places, 0).repeat(count, 1)  # (places, symbols, code)
        for j in range(places):
            tried[j, :, j] = common[j]
        values = self._values(self._vectors(tried.reshape(-1, places))).reshape(places, count, -1)
        moved = values.std(1)
        order = np.argsort(-(moved**2).sum(1), kind="stable")[:count]
        if not images:
            names = [str(j) for j in order]
            return heat(moved[order], names, self._value_names(moved.shape[1]), UNIT, "place in the code")
        shown = np.concatenate([np.repeat(base[None, None], len(order), 0), tried[order]], 1)
        heads = ["item", *(f"no. {k + 1}" for k in range(count))]
        return grid_figure(self._tiles(self._vectors(shown.reshape(-1, places))), [f"place {j}" for j in order], heads)

    def _vectors(self: Any, symbols: np.ndarray) -> np.ndarray:
        """Symbols (n, places) as codes that decode."""
        with torch.inference_mode():
            codes = self.module_.bottleneck.vectors_of(torch.from_numpy(symbols.astype(np.int64)))
        return codes.reshape(len(symbols), -1).cpu().numpy()

    def _perplexities(self: Any, X: Any) -> np.ndarray:
        """Compute the perplexity of the symbols at each position of the code."""
        found = []
        for column in self.encode_symbols(X).T:
            p = np.bincount(column) / len(column)
            p = p[p > 0]
            found.append(np.exp(-(p * np.log(p)).sum()))
        return np.array(found)

    def _prior_bits(self: Any, X: Any) -> float:
        """Compute the mean bits per code when the prior predicts each symbol from those before it."""
        symbols, prior = torch.from_numpy(self.encode_symbols(X).astype(np.int64)), self.module_.prior
        step = max(1, SCORES // (symbols.shape[1] * self.module_.bottleneck.vocabulary))
        total = sum(float(prior.log_prob(part).double().sum()) for part in symbols.split(step))
        return -total / len(symbols) / math.log(2)

    def _chapter(self: Any, X: Any, y: Any = None) -> Chapter:
        usage, images = self.code_usage(X), self._draws_images()
        places, number = self.latent_shape_[0], len(usage.counts)
        plain_bits, guessed = places * math.log2(number), self._prior_bits(X)
        coded = float(np.log2(self._perplexities(X)).sum())
        words = (
            f"A code is {places} symbols out of {number}: {plain_bits:.0f} bits an item as they stand. "
            f"{usage.used:.0%} of the symbols are in use, as many as {usage.perplexity:.0f} equally common ones would "
            f"tell apart (perplexity). The prior, which guesses each symbol from those before it, needs {guessed:.0f} "
            "bits."
        )
        warning = ""
        if usage.used < LITTLE:
            warning = (
                f"{1 - usage.used:.0%} of the symbols are never chosen on these data. Take fewer `codes`, or "
                "method='fsq', whose book cannot collapse; more rows help, too."
            )
        numbers = (
            ("symbols in use", f"{usage.used:.1%} of {number}"),
            ("perplexity", f"{usage.perplexity:.1f}"),
            ("bits an item, as symbols", f"{plain_bits:.1f}"),
            ("with the frequencies at each place", f"{coded:.1f}"),
            ("with the prior", f"{guessed:.1f}"),
        )
        what = "images" if images else "columns"
        caption = (
            "What symbols change: a row a place in the code, its symbol replaced by the commonest ones there"
            if images
            else "How far each place in the code moves each column"
        )
        shown = (
            Shown(self.plot_usage(X), "How the book is used, over all places and at each", f"Charts. {words}"),
            Shown(
                self.plot_samples(X),
                "Data, and samples from the prior",
                f"The {what} of the data beside those of samples from the prior.",
            ),
            Shown(self.plot_codes(X), caption, f"{caption}."),
        )
        return Chapter("What the symbols say", words, numbers, shown, warning)
