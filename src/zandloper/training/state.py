"""Settings of a training run, its state, and copies of a network's weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from zandloper.model.batch import Batch, LossOutput

OptimizerFactory = Callable[..., torch.optim.Optimizer]
"""Builds an optimizer from groups of parameters and the keywords `lr` and `weight_decay`: its class will do."""


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a run, all fixed before it starts: they follow from shapes and parameters, never from timing."""

    max_epochs: int = 30
    stop_after: int | None = None  # epochs to train for, where the schedule is that of a longer run
    max_minutes: float | None = None
    paced: bool = False  # whether the learning rate falls with the minutes, where those end before the epochs do
    batch_size: int = 256
    inference_batch_size: int = 256
    lr: float = 2e-3
    optimizer: str | OptimizerFactory = "adam"
    weight_decay: float = 0.0
    beta2_horizon: int = 20  # steps over which Adam averages squared gradients
    patience: int = 10
    min_delta: float = 1e-4
    precision: str = "float32"
    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    checkpoint: Path | None = None
    progress: bool = False


@dataclass
class TrainingState:
    """The state of a run; with the weights and the optimizer's state, all that its checkpoint holds."""

    epoch: int = 0
    step: int = 0
    sum_loss: float = 0.0
    best: float = math.inf
    mark: float = math.inf  # the last score that improved by more than `min_delta`, and its epoch
    mark_epoch: int = 0
    reference: float = math.nan  # a loss twenty times above this is divergence
    lr_scale: float = 1.0
    tries: int = 0
    good: int = 0  # epochs that improved the best score
    seconds: float = 0.0
    stopped_by: str = ""
    history: list[dict[str, float]] = field(default_factory=list)


@runtime_checkable
class Trainable(Protocol):
    """A module that the loop can train: a `torch.nn.Module` with a loss."""

    def loss(self, batch: Batch, rng: torch.Generator | None = None, progress: float = 1.0) -> LossOutput:
        """Return the loss of a raw batch when a share `progress` of the steps is done (1: as in validation)."""
        ...


def copy_state(module: nn.Module) -> dict[str, Tensor]:
    """Copy all parameters and buffers of a module."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


@torch.no_grad()
def store_state(module: nn.Module, best: dict[str, Tensor]) -> None:
    """Write a module's state into an earlier copy of it, without new memory."""
    for name, value in module.state_dict().items():
        best[name].copy_(value)


@torch.no_grad()
def restore_state(module: nn.Module, best: dict[str, Tensor]) -> None:
    """Write a copy back into the module."""
    for name, value in module.state_dict().items():
        value.copy_(best[name])
