"""The network: the path of one batch from the corruption to the loss, and the parts of its slots.

Read `hourglass.py` first. The protocols below are the contracts of the slots. `corruptions`, `networks`, `bottlenecks`,
`losses` and `priors` are found by discovery: one file per part, with a `Spec` and the module that it builds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from zandloper.model.batch import Batch, BottleneckOutput, CorruptedInput, EncoderOutput


class Stateful(Protocol):
    """A module with a state."""

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return parameters and buffers by name."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> object:
        """Copy parameters and buffers."""
        ...


class Scaler(Stateful, Protocol):
    """Raw numbers to model units and back; learned from the training rows, without gradients."""

    unit: bool  # whether model units already have mean zero and unit spread
    work: int  # operations of `restore` per row

    def learn(self, chunks: Callable[[], Iterable[Tensor]]) -> None:
        """Set the statistics of the training rows."""
        ...

    def both(self, raw: Tensor) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """Return `encode` and `target` of the same rows."""
        ...

    def encode(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the encoder's inputs, and a weight of 0 for each missing value."""
        ...

    def target(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the targets of the loss, and their weights."""
        ...

    def shares(self, raw: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the targets in the layout of the loss's parameters, and their weights."""
        ...

    def restore(self, point: Tensor) -> Tensor:
        """Return predictions in raw units."""
        ...


class Corruption(Protocol):
    """The input as the encoder receives it."""

    def __call__(self, batch: Batch, rng: torch.Generator | None = None) -> CorruptedInput:
        """Corrupt a batch in model units."""
        ...


class Encoder(Stateful, Protocol):
    """Inputs to an encoding."""

    def __call__(self, x: Tensor, context: Tensor | None = None) -> EncoderOutput:
        """Encode inputs (n, ...), given a context (n, context_dim) where there is one."""
        ...


class Bottleneck(Protocol):
    """An encoding to a code and its cost."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of a code, without the samples."""
        ...

    def __call__(
        self, encoding: Tensor, offset: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> BottleneckOutput:
        """Return the code; `offset` is the linear path's part of it. Without `rng` nothing is drawn."""
        ...


class Decoder(Protocol):
    """A code to the parameters of the output."""

    def __call__(self, z: Tensor, skips: tuple[Tensor, ...] = (), context: Tensor | None = None) -> Tensor:
        """Decode codes (n, *latent_shape), given skips of the encoder and a context where there are any."""
        ...


class ZeroInit(Protocol):
    """A part that can start without an effect."""

    def zero_init(self) -> None:
        """Set the last layer to zero."""
        ...


class Loss(Protocol):
    """The error of parameters against a target, per element."""

    statistic: str  # of the target: the best constant prediction

    in_target_units: bool  # whether parameters are in the units of the target: they may be scaled by its spread
    from_zero: bool  # whether exact predictions have error 0, the least there is
    params_shape: tuple[int, ...]

    def __call__(self, params: Tensor, target: Tensor) -> Tensor:
        """Return the error map, of the target's shape."""
        ...

    def point(self, params: Tensor) -> Tensor:
        """Return the prediction, in the units of the target."""
        ...

    def expected(self, params: Tensor) -> Tensor:
        """Return the expectation of the target, with one value per level for categories."""
        ...

    def start(self, mean: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Return bias and weight of parameters for `mean + directions z`, exact or to first order."""
        ...

    def check(self, target: Tensor) -> None:
        """Raise a `DataError` for targets that the loss is not defined for."""
        ...


class Prior(Protocol):
    """A distribution over codes that new ones are drawn from."""

    def sample(self, n: int, rng: torch.Generator, context: Tensor | None = None) -> Tensor:
        """Draw codes, (n, *latent_shape)."""
        ...

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log-density of codes in nats, (n,)."""
        ...


class ConditionEmbedder(Protocol):
    """Raw conditions to the context of networks and prior."""

    def __call__(self, condition: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Embed conditions; with `rng`, some are dropped."""
        ...

    def learn(self, chunks: Callable[[], Iterable[Tensor]]) -> None:
        """Set the statistics of the conditions of the training rows."""
        ...

    def unknown(self, n: int, like: Tensor) -> Tensor:
        """Return the context of n rows without a condition."""
        ...
