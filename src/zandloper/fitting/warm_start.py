"""Weights of one fitted network copied into another of the same shapes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from zandloper.errors import ParameterError


def check_same_shapes(module: nn.Module, other: nn.Module) -> None:
    """Whether the weights of one fit into another."""
    mine, theirs = ({k: tuple(v.shape) for k, v in _learned(m).items()} for m in (module, other))
    if mine != theirs:
        odd = next(iter(sorted(set(mine.items()) ^ set(theirs.items()))))
        raise ParameterError(
            f"init_from has nets of other shapes (first at {odd[0]}): "
            "fit with the same latent_dim, hidden and encoder as that model, on data of the same form"
        )


@torch.no_grad()
def copy_weights(module: nn.Module, other: nn.Module) -> None:
    """Weights and scales of one module into another."""
    check_same_shapes(module, other)
    module.load_state_dict({k: v.cpu() for k, v in _learned(other).items()}, strict=False)


def _learned(module: nn.Module) -> dict[str, Any]:
    """A module's state without what belongs to its noise: recordings are given, not learned."""
    return {k: v for k, v in module.state_dict().items() if not k.startswith("corrupt.")}
