"""Pictures of the denoising type: clean items, what noise makes of them, and what the model makes of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from zandloper.errors import UnsupportedError
from zandloper.inspection.base_plots import Chapter, Pictured, Shown, whole
from zandloper.inspection.response import spread
from zandloper.model.batch import Batch
from zandloper.model.corruptions import Noise, unit_of
from zandloper.model.corruptions.quantization import Quantization
from zandloper.plotting.panels import WIDTH, clipped, grid_figure, tiles
from zandloper.plotting.style import COLORS, INK, new_figure, plain

SEED = 20080705  # of the noise that is added for a look: the same each time
ROWS = 2_000  # measured at most
BARS = 24  # columns of a table


@dataclass(frozen=True)
class DenoisingGain:
    """Mean squared errors of noisy and of denoised data, on the same values, in model units.

    Attributes
    ----------
    before, after : float
        Mean squared difference from the clean data, of the noisy data and of the model's.
    before_each, after_each : ndarray (values,)
        The same for each column or pixel.
    """

    before_each: np.ndarray
    after_each: np.ndarray

    @property
    def before(self) -> float:
        """Mean squared error of the noisy data."""
        return float(self.before_each.mean())

    @property
    def after(self) -> float:
        """Mean squared error of the denoised data."""
        return float(self.after_each.mean())

    @property
    def decibel(self) -> float:
        """`10 log10(before / after)`: what PSNR and SNR gain."""
        return float(10 * np.log10(max(self.before, 1e-20) / max(self.after, 1e-20)))

    def __str__(self) -> str:
        return f"mean squared error {self.before:.4g} before, {self.after:.4g} after: {self.decibel:+.2f} dB"


class DenoisingPictures(Pictured):
    """Plots of a `DenoisingAutoencoder`."""

    def denoising_gain(self: Any, X: Any, y: Any = None, random_state: Any = SEED) -> DenoisingGain:
        """Measure how much closer to the clean data the output is than the noisy data are.

        The noise of training is added to X, clean samples. With `target="y"` X is noisy as it is, and y is clean.

        Parameters
        ----------
        X : data
            Of more than 2,000 rows, 2,000 are measured, evenly spread.
        y : data, with `target="y"`
        random_state : int or None
            Of the noise.

        Returns
        -------
        DenoisingGain

        Raises
        ------
        UnsupportedError
            What the model makes is not of the kind of what it sees.
        """
        clean, noisy, made, weight = self._trial(X, y, random_state)
        count = weight.sum(0).clamp(min=1e-12)
        before, after = (((part - clean).square() * weight).sum(0) / count for part in (noisy, made))
        return DenoisingGain(before.numpy(), after.numpy())

    def plot_denoised(self: Any, X: Any, y: Any = None, n: int = 8, random_state: Any = SEED) -> Figure:
        """Rows of clean, noisy and denoised images; of tables bars of the error of each column, before and after.

        Parameters
        ----------
        X : data
            Clean samples, to which the noise of training is added; with `target="y"` noisy ones.
        y : data, with `target="y"`
        n : int
            How many images, evenly spread over X.
        random_state : int or None
            Of the noise.

        Returns
        -------
        matplotlib.figure.Figure
        """
        count = whole("plot_denoised", "n", n)
        gain = self.denoising_gain(X, y, random_state)
        if not self._draws_images():
            return _columns(gain, self._value_names(len(gain.before_each)))
        trial = self._trial(X, y, random_state)
        shown = spread(len(trial[0]), count)
        shape, scale = self.model_.output.in_shape, self.module_.target_scaler or self.module_.scaler
        output = self.model_.output
        give = lambda part: tiles(output.drawn(output.give(scale.restore(part[shown].reshape(-1, *shape)).numpy())))  # noqa: E731
        sheets = [give(part) for part in trial[:3]]
        return grid_figure(np.concatenate(sheets), ("clean", "noisy", "denoised"), across=len(shown))

    def _trial(self: Any, X: Any, y: Any, random_state: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Clean, noisy and denoised values (n, values) in model units, and their weight."""
        raw, target = self.model_.read(X), self.model_.read_target(y)
        rows = torch.as_tensor(spread(len(raw), ROWS))
        raw, target = raw[rows], None if target is None else target[rows]
        module, shape = self.module_, self.model_.schema.in_shape
        seed = int(np.random.default_rng(random_state).integers(2**31))
        rng = torch.Generator(next(module.parameters()).device).manual_seed(seed)
        size = int(np.prod(shape))
        if self.model_.output.in_shape != shape:
            raise UnsupportedError(
                f"{type(self).__name__} was trained towards a target of shape {self.model_.output.in_shape} from "
                f"input of shape {shape}: what it gains on noise cannot be measured"
            )

        def run(batch: Batch) -> Tensor:
            out = module.scaler if module.target_scaler is None else module.target_scaler
            clean, there = out.encode(batch.x if batch.target is None else batch.target)
            batch = module.scaled(batch)
            seen = module.corrupt(batch, rng)
            code, skips = module.encode(seen, batch.condition)
            made = module.compare.expected(module.decode(code.z, skips, batch.condition).float())
            noisy = seen.x if module.target_scaler is None else out.encode(module.scaler.restore(seen.x))[0]
            there = torch.ones_like(clean) if there is None else there.expand_as(clean)
            return torch.cat([part.flatten(1) for part in (clean, noisy, made, there)], 1)

        clean, noisy, made, there = self.model_.map_batches(run, raw, target).float().split(size, 1)
        return clean, noisy, made, there

    def _chapter(self: Any, X: Any, y: Any = None) -> Chapter | None:
        if self.model_.output.in_shape != self.model_.schema.in_shape:
            return None
        images, noise, gain = self._draws_images(), self.noise_, self.denoising_gain(X, y)
        clean, noisy = self._trial(X, y, SEED)[:2]
        added = (noisy - clean).square().mean(1).sqrt().double().numpy()
        dtype = str(getattr(self.model_.schema, "dtype", "float32"))
        words = f"While training, `{noise!r}` is applied to clean data, and the same is done here."
        if noise is None:
            words = "No noise is added: the model learned from noisy data and clean ones."
        words += (
            f" What the model makes of the noisy items is {gain.decibel:.1f} dB closer to the clean ones than they are."
        )
        if gain.decibel < 0:
            words = words.replace(f"{gain.decibel:.1f} dB closer", f"{-gain.decibel:.1f} dB further away")
            words = words.replace("closer to the clean ones than", "from the clean ones than")
        numbers = [
            ("squared error, noisy", f"{gain.before:.4g}"),
            ("squared error, denoised", f"{gain.after:.4g}"),
            ("gain", f"{gain.decibel:.2f} dB"),
        ]
        if images:
            numbers.insert(0, ("PSNR, noisy and denoised", f"{_psnr(gain.before)} and {_psnr(gain.after)} dB"))
        if noise is not None and images:
            numbers += [(f"{name}, in units of {dtype}", said) for name, said in _in_words(noise, dtype)]
        unit, word = (unit_of(dtype), f"units of {dtype}") if images else (1.0, "deviations of a column")
        middle, high = unit * np.quantile(added, (0.5, 1.0))
        numbers.append((f"an item is off by, {word}", f"{middle:.3g} (median), at most {high:.3g}"))
        caption = (
            "Clean items, with noise, and what the model makes of that"
            if images
            else "Squared error of each column, in deviations of the column, with noise and denoised"
        )
        shown = [Shown(self.plot_denoised(X, y), caption, f"{caption}. {gain}.")]
        warning, audit = "", self.audit_
        if audit is not None:
            warning = "" if audit.realistic else f"{audit.verdict} Trained on {audit.suggestion!r}, it may do better."
            shown.append(Shown(audit.plot(), "The noise that is added beside the one that is there", audit.verdict))
        table = () if images else self._by_column(gain)
        return Chapter("What is done about noise", words, tuple(numbers), tuple(shown), warning, table)

    def _by_column(self: Any, gain: DenoisingGain) -> tuple[tuple[str, ...], ...]:
        """Errors by column, where columns are plain numbers in their own units too."""
        names = self._value_names(len(gain.before_each))
        order = np.argsort(-gain.before_each, kind="stable")[:BARS]
        scale = getattr(self.module_.scaler, "deviation", None)
        unit = scale.double().numpy() if scale is not None and len(scale) == len(names) else np.ones(len(names))
        rows = [
            (
                names[j],
                *(f"{unit[j] * float(part[j]) ** 0.5:.3g}" for part in (gain.before_each, gain.after_each)),
                f"{10 * np.log10(max(gain.before_each[j], 1e-20) / max(gain.after_each[j], 1e-20)):+.1f}",
            )
            for j in order
        ]
        return (("column", "off by", "denoised", "gain, dB"), *rows)


def _columns(gain: DenoisingGain, names: list[str]) -> Figure:
    """Bars of the error by column."""
    order = np.argsort(-gain.before_each, kind="stable")[:BARS]
    figure = new_figure(WIDTH, 0.9 + 0.27 * len(order))
    ax = figure.add_subplot()
    plain(ax)
    place = np.arange(len(order))
    ax.barh(place - 0.2, gain.before_each[order], 0.38, color=COLORS[3], label="noisy")
    ax.barh(place + 0.2, gain.after_each[order], 0.38, color=COLORS[0], label="denoised")
    ax.set_yticks(place, [clipped(names[j]) for j in order])
    ax.set_ylim(len(order) - 0.5, -0.5)
    ax.set_xlabel("mean squared error", fontsize=9, color=INK)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    return figure


def _psnr(error: float) -> str:
    return f"{-10 * np.log10(max(error, 1e-20)):.2f}"


def _in_words(noise: Noise, like: Any) -> list[tuple[str, str]]:
    """Settings in the data's own units, those that are numbers."""
    found = []
    for part in getattr(noise, "noises", (noise,)):
        if isinstance(part, Quantization):  # storing is no strength
            continue
        for name, value in part.in_data_units(like).items():
            ends = value if isinstance(value, tuple) else (value,)
            if all(isinstance(v, int | float) and not isinstance(v, bool) for v in ends) and ends:
                found.append((f"{type(part).__name__} {name}", " to ".join(f"{v:.4g}" for v in ends)))
    return found
