"""Pictures of the sparse type: how active its neurons are, and what each of them stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from zandloper.inspection.base_plots import Chapter, Pictured, Shown, whole
from zandloper.plotting.panels import grid_figure, heat, signed_tiles

MANY_DEAD = 0.1  # of the neurons: then it is said what to do
LOUD = 0.9  # quantile of a neuron's activity at which it is shown
HEAT = 16  # neurons in a heat map


class SparsePictures(Pictured):
    """Plots of a `SparseAutoencoder`."""

    def plot_activity(self: Any, X: Any) -> Figure:
        """Histograms of active neurons per sample and of how often each neuron is active.

        Parameters
        ----------
        X : data

        Returns
        -------
        matplotlib.figure.Figure
        """
        return self.activity(X).plot()

    def plot_features(self: Any, X: Any, n: int | None = None, across: int | None = None) -> Figure:
        """Draw what each neuron adds to the output when it is active, the most active first.

        That is the output for a code in which it alone speaks, as loud as it is on the loudest tenth of the samples
        that it speaks on, less the output for the silent code. Of images a grid, each neuron on its own scale (red adds
        and blue takes away); of tables a heat map by column.

        Parameters
        ----------
        X : data
            Samples that tell how busy each neuron is and how loud it speaks.
        n : int, optional
            How many neurons to show. None: 64 as images, 16 by column.
        across : int, optional
            Images in a row. None: as many as there are rows.

        Returns
        -------
        matplotlib.figure.Figure

        References
        ----------
        Olshausen and Field 1996, "Emergence of simple-cell receptive field properties", figure 4, draws a code's basis
        functions; with a net behind the code this is what comes nearest.
        """
        images = self._draws_images()
        count = (64 if images else HEAT) if n is None else whole("plot_features", "n", n)
        z, rate = self.transform(X), self.activity(X).rate
        order = np.argsort(-rate, kind="stable")[:count]
        codes = np.zeros((len(order) + 1, z.shape[1]))  # the last one is silent
        for row, j in enumerate(order):
            speaks = z[:, j] > 0
            codes[row, j] = np.quantile(z[speaks, j], LOUD) if speaks.any() else 1.0
        values = self._values(codes)
        added, names = values[:-1] - values[-1], [str(j) for j in order]
        if not images:
            return heat(added, names, self._value_names(added.shape[1]), "added, in model units", "neuron")
        pictures = added.reshape(-1, *self.model_.output.in_shape).transpose(0, 2, 3, 1)
        return grid_figure(signed_tiles(pictures), across=across)

    def _chapter(self: Any, X: Any, y: Any = None) -> Chapter:
        found = self.activity(X)
        total, dead = len(found.rate), len(found.dead)
        warning = ""
        if dead >= MANY_DEAD * total:
            warning = (
                f"{dead} of {total} neurons are dead: they cost room and say nothing. Take fewer (`latent_dim`), let "
                "more speak at a time (`sparsity`), or "
            )
            warning += (
                "train longer." if self.method == "topk" else "take `method='topk'`, which brings dead ones back."
            )
        features = "images" if self._draws_images() else "columns"
        words = (
            f"Of {total} neurons {found.mean:.1f} are active on an item, on average ({found.mean / total:.1%}). "
            f"{dead or 'None'} of them {'is' if dead == 1 else 'are'} never active on these data."
        )
        numbers = (
            ("active neurons an item", f"{found.mean:.1f} of {total}"),
            ("fewest and most", f"{int(found.per_row.min())} and {int(found.per_row.max())}"),
            ("dead neurons", str(dead)),
            ("the busiest is active on", f"{found.rate.max():.0%} of the items"),
            ("the median neuron on", f"{np.median(found.rate):.1%} of the items"),
        )
        caption = (
            "What the busiest neurons add when they speak, row by row from the busiest on; red adds, blue takes away"
            if features == "images"
            else "What the busiest neurons add to each column when they speak"
        )
        shown = (
            Shown(self.plot_activity(X), "How many neurons speak, and how often each", f"Histograms. {words}"),
            Shown(self.plot_features(X), caption, f"{caption}."),
        )
        return Chapter("What is active", words, numbers, shown, warning)
