"""Pictures of the variational type: what each latent carries and does, samples, and ways between items."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from zandloper.inspection.base_plots import STEPS, Chapter, Pictured, Shown, chosen_row, whole
from zandloper.inspection.response import spread
from zandloper.plotting.panels import bars, grid_figure
from zandloper.plotting.style import INK, new_figure

FAR = 3.0  # deviations of the prior that a traversal goes to either side
REMEDY = "lower `beta`, raise `warmup`, or set `free_bits` to about 0.1"


class VariationalPictures(Pictured):
    """Plots of a `VariationalAutoencoder`."""

    def plot_usage(self: Any, X: Any) -> Figure:
        """The KL divergence of each latent in nats, from the largest down; those in use in color.

        Parameters
        ----------
        X : data

        Returns
        -------
        matplotlib.figure.Figure

        References
        ----------
        Burda, Grosse and Salakhutdinov 2016, "Importance weighted autoencoders", section 5.2: a latent is in use when
        the variance of its posterior mean over the data is above 0.01.
        """
        usage = self.latent_usage(X)
        order = np.argsort(-usage.kl, kind="stable")
        figure = new_figure(4.8, 2.7)
        ax = figure.add_subplot()
        bars(ax, usage.kl[order], np.isin(order, usage.active), [str(i) for i in order], ("in use", "not in use"))
        ax.set_ylabel("KL, nats", fontsize=9, color=INK)
        ax.set_xlabel("latent", fontsize=9, color=INK)
        return figure

    def plot_traversal(self: Any, X: Any, n: int = 8, item: int | None = None) -> Figure:
        """Draw the output as one latent moves from -3 to 3 deviations of the prior, one row each, the others fixed.

        Images as rows of a grid, the latent with the largest KL divergence first; of tables a heat map each, of how far
        every column moves.

        Parameters
        ----------
        X : data
            Tells which latents carry most.
        n : int
            How many latents.
        item : int, optional
            The row of X whose code the other latents keep. None: a typical one.

        Returns
        -------
        matplotlib.figure.Figure

        References
        ----------
        Higgins et al. 2017, "beta-VAE", figure 4.
        """
        count = whole("plot_traversal", "n", n)
        z, kl = self.transform(X), self.latent_usage(X).kl
        order = np.argsort(-kl, kind="stable")[:count]
        steps = np.linspace(-FAR, FAR, STEPS)
        lines = np.repeat(z[chosen_row("plot_traversal", item, z)][None, None], len(order), 0).repeat(STEPS, 1)
        for line, i in zip(lines, order):
            line[:, i] = steps
        names = [f"latent {i}" for i in order]
        if self._draws_images():
            heads = ["" if k % 2 else f"{step:+.2g} σ" if step else "0" for k, step in enumerate(steps)]
            return grid_figure(self._tiles(lines.reshape(-1, z.shape[1])), names, heads)
        return self._moves(
            lines, STEPS // 2, names, (f"{-FAR:g} σ", f"{FAR:g} σ"), "the latent, in deviations of the prior"
        )

    def plot_interpolation(self: Any, X: Any, n: int = 4) -> Figure:
        """Morphs between items of X: what is decoded on the straight line between two codes.

        Parameters
        ----------
        X : data
        n : int
            How many pairs, evenly spread over X.

        Returns
        -------
        matplotlib.figure.Figure
        """
        count = whole("plot_interpolation", "n", n)
        z = self.transform(X)
        rows = spread(len(z), 2 * count)
        pairs = list(zip(rows[: len(rows) // 2], rows[len(rows) // 2 :]))
        share = np.linspace(0, 1, STEPS)[:, None]
        lines = np.stack([z[a] * (1 - share) + z[b] * share for a, b in pairs])
        if self._draws_images():
            names = [f"{a} → {b}" for a, b in pairs]
            return grid_figure(self._tiles(lines.reshape(-1, z.shape[1])), names, across=STEPS)
        names = [f"{a} → {b}" for a, b in pairs]
        return self._moves(lines, 0, names, ("0", "1"), "share of the way from one row to the other")

    def _chapter(self: Any, X: Any, y: Any = None) -> Chapter:
        usage, bound = self.latent_usage(X), float(self.elbo(X, y).mean())
        nats, used, count = float(usage.kl.sum()), len(usage.active), len(usage.kl)
        images = self._draws_images()
        words = (
            f"{used} of {count} latents are in use and carry {nats:.1f} nats an item together "
            f"({nats / np.log(2):.1f} bits). The evidence lower bound (ELBO) is {bound:.1f} nats an item: the "
            "reconstruction term less the KL divergence, which is what the code costs."
        )
        warning = ""
        if used == 0:
            warning = f"The model has collapsed: no latent is in use, and all samples look alike. Remedy: {REMEDY}."
        elif used < count:
            warning = (
                f"{count - used} of {count} latents carry nothing. That is no fault where {used} are enough, and a "
                f"smaller `latent_dim` would do; where the reconstruction is too poor, {REMEDY}."
            )
        numbers = (
            ("ELBO", f"{bound:.2f} nats"),
            ("reconstruction term", f"{bound + nats:.2f} nats"),
            ("KL divergence", f"{nats:.2f} nats"),
            ("latents in use", f"{used} of {count}"),
            ("prior of the samples", repr(self.model_.blueprint.prior)),
        )
        first = ", ".join(f"latent {i} ({usage.kl[i]:.2f})" for i in np.argsort(-usage.kl, kind="stable")[:3])
        what = "images" if images else "columns"
        shown = (
            Shown(self.plot_usage(X), "KL divergence of each latent", f"Bars of nats. Most is carried by {first}."),
            Shown(
                self.plot_samples(X),
                "Data, and samples from the prior",
                f"The {what} of the data beside those of samples from the prior.",
            ),
            Shown(
                self.plot_traversal(X),
                "One latent moves, the others stay as in a typical item; the latents that carry most first"
                + ("" if images else ". Colors: how far each column moves"),
                f"What changes in the {what} as one latent after the other moves. Most is carried by {first}.",
            ),
            Shown(
                self.plot_interpolation(X),
                "From one item to another, along the line between their codes",
                f"How the {what} change along the line between the codes of two items.",
            ),
        )
        return Chapter("What the code says", words, numbers, shown, warning)
