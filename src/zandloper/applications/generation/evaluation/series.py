"""Evaluation of generated series: discriminative and predictive scores of recurrent networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.applications.generation.evaluation.classifier import (
    TEST_SHARE,
    Classifier,
    halves,
    in_blocks,
    train_network,
)
from zandloper.applications.generation.evaluation.result import N_SHOWN, SampleMetrics
from zandloper.model.batch import Batch, LossOutput
from zandloper.model.layers.layers import Linear

WIDTH = 32  # of the recurrent networks
MAX_WINDOWS = 4_000  # of each kind
REPEATS = 3  # discriminators with other seeds and other splits, whose mean is taken


class Recurrent(nn.GRU):
    """Gated recurrent unit over windows (n, channels, steps): its state after each step, (n, steps, width).

    Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", eq. 5 to 8.
    """

    def __init__(self, channels: int, width: int = WIDTH) -> None:
        super().__init__(channels, width, batch_first=True)

    def reset_parameters(self) -> None:
        """Leave weights as they are: `draw` initializes them from a given generator."""

    @torch.no_grad()
    def draw(self, rng: torch.Generator) -> None:
        """Draw uniform weights of torch's default size."""
        for weight in self.parameters():
            weight.uniform_(-(self.hidden_size**-0.5), self.hidden_size**-0.5, generator=rng)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """States after each step."""
        states: Tensor = super().forward(x.transpose(1, 2))[0]
        return states


class StateSummary(nn.Module):
    """Features of a window for the discriminator: the last state and the mean of all."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net = Recurrent(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Features, (n, 2 x width)."""
        states = self.net(x)
        return torch.cat([states[:, -1], states.mean(1)], 1)


class Forecaster(nn.Module):
    """Forecaster of the next step of all channels, with the mean absolute error in standard deviations."""

    baseline_loss = 1.0

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net, self.head = Recurrent(channels), Linear(WIDTH, channels)

    def errors(self, x: Tensor) -> Tensor:
        """Mean absolute errors, (n,)."""
        ahead = x[:, :, :-1].transpose(1, 2) + self.head(self.net(x[:, :, :-1]))
        return (ahead - x[:, :, 1:].transpose(1, 2)).abs().flatten(1).mean(1)

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """Mean of `errors`."""
        error = self.errors(batch.x).mean()
        return LossOutput(error, error.detach(), error.new_zeros(()))


def discriminative_score(real: np.ndarray, made: np.ndarray, seed: int = 0) -> float:
    """|accuracy - 0.5| of a discriminator between two kinds of windows (n, channels, steps): 0 is chance, 0.5 perfect.

    Yoon, Jarrett and van der Schaar 2019, "Time-series generative adversarial networks", section 5. The
    discriminator is fixed: 32 gated recurrent units over standardized windows, 1,500 steps of 128 windows, equal
    numbers of each kind, the weights that are best on a tenth of the training windows; tested on a held-out fifth; the
    mean over three discriminators.
    """
    n = min(len(real), len(made), MAX_WINDOWS)
    rng, found = np.random.default_rng(seed), []
    for repeat in range(REPEATS):
        a, b = (v[rng.permutation(len(v))[:n]] for v in (real, made))
        held = max(1, round(TEST_SHARE * n))
        x, y = np.concatenate([a[held:], b[held:]]), np.repeat([0, 1], n - held)
        discriminator = train_network(Classifier(StateSummary(real.shape[1]), 2 * WIDTH, 2), x, y, seed + repeat)
        right = [(in_blocks(discriminator, part[:held]).argmax(1) == kind).mean() for kind, part in enumerate((a, b))]
        found.append(abs(float(np.mean(right)) - 0.5))
    return float(np.mean(found))


def predictive_score(learned: np.ndarray, real: np.ndarray, seed: int = 0) -> float:
    """Mean absolute error, in standard deviations, of a forecaster of the next step, tested on real windows.

    `learned` are the windows that train it (Yoon et al. 2019, section 5: train on synthetic, test on real).
    """
    net = train_network(
        Forecaster(real.shape[1]), learned[:MAX_WINDOWS], np.zeros(len(learned[:MAX_WINDOWS]), int), seed
    )
    return float(in_blocks(net.errors, real[:MAX_WINDOWS]).mean())


def evaluate(generator: Any, real: Any, labels: Any, seed: int) -> SampleMetrics:
    """Discriminative and predictive scores, and those of one half of the real windows against the other."""
    model = generator.autoencoder_
    windows = np.asarray(model.model_.schema.read_to_train(real, "evaluate")[:], np.float32)
    rng = np.random.default_rng(seed)
    windows = windows[rng.permutation(len(windows))[: 2 * MAX_WINDOWS]]
    first, second = halves(len(windows), seed)
    n = len(windows)
    drawn = generator.sample(n, random_state=seed)
    made = np.stack([model.model_.schema.parse([one], "evaluate")[0].values.T for one in drawn]).astype(np.float32)
    mean, deviation = np.nanmean(windows, (0, 2))[:, None], np.nanstd(windows, (0, 2))[:, None]
    ours, theirs = (np.nan_to_num((v - mean) / np.where(deviation > 0, deviation, 1)) for v in (made, windows))
    return SampleMetrics(
        {
            "discriminative": discriminative_score(theirs, ours, seed),
            "predictive": predictive_score(ours[: len(first)], theirs[second], seed),
        },
        {
            "discriminative": discriminative_score(theirs[first], theirs[second], seed),
            "predictive": predictive_score(theirs[first], theirs[second], seed),
        },
        {
            "discriminative": "accuracy of a discriminator above chance: 0 is best, 0.5 worst",
            "predictive": "error of a forecaster, in standard deviations: near the real one is good",
        },
        remark=f"{n:,} windows of each kind; real: one half of them against the other.",
        shown=(model.model_.schema, windows[:N_SHOWN], made[:N_SHOWN]),
    )
