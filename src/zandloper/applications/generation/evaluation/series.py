"""Series: can a judge tell generated windows from real ones, and does a forecaster that learned on them do on real?"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.applications.generation.evaluation.metrics import HELD, SHOWN, Judge, Verdict, halves, in_blocks, taught
from zandloper.model.batch import Batch, LossOutput
from zandloper.model.layers.layers import Linear

WIDTH = 32  # of the recurrent nets
MOST = 4_000  # windows of each kind
REPEATS = 3  # judges with other seeds and other splits, whose mean counts


class Recurrent(nn.GRU):
    """A gated recurrent net over windows (n, channels, steps): its state after each step, (n, steps, width).

    Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", eq. 5 to 8.
    """

    def __init__(self, channels: int, width: int = WIDTH) -> None:
        super().__init__(channels, width, batch_first=True)

    def reset_parameters(self) -> None:
        """Nothing: `draw` does it, from a generator of its own."""

    @torch.no_grad()
    def draw(self, rng: torch.Generator) -> None:
        """Weights of torch's own size."""
        for weight in self.parameters():
            weight.uniform_(-(self.hidden_size**-0.5), self.hidden_size**-0.5, generator=rng)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """The states."""
        states: Tensor = super().forward(x.transpose(1, 2))[0]
        return states


class Ends(nn.Module):
    """The last state and the mean of all: what a judge looks at."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net = Recurrent(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 2 x width)."""
        states = self.net(x)
        return torch.cat([states[:, -1], states.mean(1)], 1)


class Forecaster(nn.Module):
    """The next step of all channels from those so far; measured by the mean absolute error in standard deviations."""

    baseline_loss = 1.0

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net, self.head = Recurrent(channels), Linear(WIDTH, channels)

    def errors(self, x: Tensor) -> Tensor:
        """(n,)."""
        ahead = x[:, :, :-1].transpose(1, 2) + self.head(self.net(x[:, :, :-1]))
        return (ahead - x[:, :, 1:].transpose(1, 2)).abs().flatten(1).mean(1)

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """Their mean."""
        error = self.errors(batch.x).mean()
        return LossOutput(error, error.detach(), error.new_zeros(()))


def discriminative_score(real: np.ndarray, made: np.ndarray, seed: int = 0) -> float:
    """|accuracy - 0.5| of a judge that tells windows (n, channels, steps) of two kinds apart: 0 cannot, 0.5 always.

    Yoon, Jarrett and van der Schaar 2019, "Time-series generative adversarial networks", section 5. The judge is fixed:
    a gated recurrent net of 32 units over standardized windows, 1,500 steps of 128 windows, as many of each kind, the
    weights that did best on a tenth of what it learned from; measured on a fifth that it did not see; the mean over
    three judges.
    """
    n = min(len(real), len(made), MOST)
    rng, found = np.random.default_rng(seed), []
    for repeat in range(REPEATS):
        a, b = (v[rng.permutation(len(v))[:n]] for v in (real, made))
        held = max(1, round(HELD * n))
        x, y = np.concatenate([a[held:], b[held:]]), np.repeat([0, 1], n - held)
        judge = taught(Judge(Ends(real.shape[1]), 2 * WIDTH, 2), x, y, seed + repeat)
        right = [(in_blocks(judge, part[:held]).argmax(1) == kind).mean() for kind, part in enumerate((a, b))]
        found.append(abs(float(np.mean(right)) - 0.5))
    return float(np.mean(found))


def predictive_score(learned: np.ndarray, real: np.ndarray, seed: int = 0) -> float:
    """The mean absolute error, in standard deviations, of a forecaster of the next step that learned on some windows
    and is measured on real ones (Yoon et al. 2019, section 5: train on synthetic, test on real)."""
    net = taught(Forecaster(real.shape[1]), learned[:MOST], np.zeros(len(learned[:MOST]), int), seed)
    return float(in_blocks(net.errors, real[:MOST]).mean())


def evaluate(generator: Any, real: Any, labels: Any, seed: int) -> Verdict:
    """Discriminative and predictive scores, beside those of one half of the real windows against the other."""
    model = generator.autoencoder_
    windows = np.asarray(model.model_.schema.read_to_train(real, "evaluate")[:], np.float32)
    rng = np.random.default_rng(seed)
    windows = windows[rng.permutation(len(windows))[: 2 * MOST]]
    first, second = halves(len(windows), seed)
    n = len(windows)
    drawn = generator.sample(n, random_state=seed)
    made = np.stack([model.model_.schema.parse([one], "evaluate")[0].values.T for one in drawn]).astype(np.float32)
    mean, deviation = np.nanmean(windows, (0, 2))[:, None], np.nanstd(windows, (0, 2))[:, None]
    ours, theirs = (np.nan_to_num((v - mean) / np.where(deviation > 0, deviation, 1)) for v in (made, windows))
    return Verdict(
        {
            "discriminative": discriminative_score(theirs, ours, seed),
            "predictive": predictive_score(ours[: len(first)], theirs[second], seed),
        },
        {
            "discriminative": discriminative_score(theirs[first], theirs[second], seed),
            "predictive": predictive_score(theirs[first], theirs[second], seed),
        },
        {
            "discriminative": "0: the judge cannot tell, 0.5: it always can",
            "predictive": "error of a forecaster, in standard deviations: near the real one is good",
        },
        remark=f"{n:,} windows of each kind; real: one half of them against the other.",
        shown=(model.model_.schema, windows[:SHOWN], made[:SHOWN]),
    )
