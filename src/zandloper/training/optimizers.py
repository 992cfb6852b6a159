"""Optimizers by name, and their groups of parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from zandloper.training.state import TrainingConfig

MOMENTUM = 0.9
Groups = Iterable[nn.Parameter] | Iterable[dict[str, Any]]


def _adam(groups: Groups, beta2: float, lr: float, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, lr, (MOMENTUM, beta2), weight_decay=weight_decay, fused=True)


def _adamw(groups: Groups, beta2: float, lr: float, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr, (MOMENTUM, beta2), weight_decay=weight_decay, fused=True)


def _sgd(groups: Groups, beta2: float, lr: float, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr, MOMENTUM, weight_decay=weight_decay, nesterov=True, fused=True)


OPTIMIZERS = {"adam": _adam, "adamw": _adamw, "sgd": _sgd}


def build_optimizer(parameters: list[nn.Parameter], settings: TrainingConfig) -> torch.optim.Optimizer:
    """Return the optimizer, with a group of parameters for each factor of the learning rate."""
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter in parameters:  # a part may ask for smaller steps than the rest
        groups.setdefault(getattr(parameter, "lr_scale", 1.0), []).append(parameter)
    parts = [{"params": group, "scale": scale} for scale, group in groups.items()]
    if isinstance(settings.optimizer, str):
        beta2 = 1 - 1 / settings.beta2_horizon
        return OPTIMIZERS[settings.optimizer](parts, beta2, settings.lr, settings.weight_decay)
    return settings.optimizer(parts, lr=settings.lr, weight_decay=settings.weight_decay)
