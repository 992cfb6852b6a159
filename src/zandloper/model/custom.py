"""The user's own modules in the slots: adapters that give them the manners of ours, and say where one misbehaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zandloper.errors import ParameterError
from zandloper.model.batch import Batch, BottleneckOutput, CorruptedInput, EncoderOutput
from zandloper.model.losses import Loss
from zandloper.spec import Spec


@dataclass(frozen=True)
class Custom(Spec):
    """Stands in a recipe for a part that only its owner can build: `load(path, parts={slot: module})`."""

    name: ClassVar[str] = "custom"
    linear: ClassVar[bool] = False


class CustomCorruption(nn.Module):
    """`module(x)`: what the encoder sees."""

    def __init__(self, module: nn.Module, in_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.module = module
        x = _try("corrupt", module, torch.zeros(2, *in_shape))
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        if got != (2, *in_shape):
            raise ParameterError(f"the module given as `corrupt` must keep the shape {(2, *in_shape)}, got {got}")

    def forward(self, batch: Batch, rng: torch.Generator | None = None) -> CorruptedInput:
        """The input as the module changes it."""
        return CorruptedInput(self.module(batch.x), batch.valid)


class CustomEncoder(nn.Module):
    """`module(x)`: (n, ...) to a neck of any shape, flattened."""

    def __init__(self, module: nn.Module, in_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.module = module
        neck = _try("encoder", module, torch.zeros(2, *in_shape))
        _want_rows("encoder", neck)
        self.encoding_dim = neck.flatten(1).shape[1]

    def forward(self, x: Tensor, context: Tensor | None = None) -> EncoderOutput:
        """The neck."""
        return EncoderOutput(self.module(x).flatten(1))


class CustomBottleneck(nn.Module):
    """`module(neck)`: the code, or (code, cost per sample)."""

    def __init__(self, module: nn.Module, encoding_dim: int) -> None:
        super().__init__()
        self.module = module
        out = _try("bottleneck", module, torch.zeros(2, encoding_dim))
        code, cost = out if isinstance(out, tuple) and len(out) == 2 else (out, None)
        _want_rows("bottleneck", code)
        if cost is not None and (not isinstance(cost, Tensor) or cost.shape != (2,)):
            got = tuple(cost.shape) if isinstance(cost, Tensor) else type(cost).__name__
            raise ParameterError(
                f"the module given as `bottleneck` must give (code, cost), a cost per sample of shape (n,), got {got}"
            )
        self.latent_shape = tuple((out[0] if isinstance(out, tuple) else out).shape[1:])

    def forward(
        self, neck: Tensor, offset: Tensor | None = None, rng: torch.Generator | None = None, progress: float = 1.0
    ) -> BottleneckOutput:
        """The code and its cost."""
        out = self.module(neck)
        return BottleneckOutput(*out) if isinstance(out, tuple) else BottleneckOutput(out)


class CustomDecoder(nn.Module):
    """`module(z)`: as many values as the output's parameters."""

    def __init__(self, module: nn.Module, latent_shape: tuple[int, ...], params_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.module = module
        out, wanted = _try("decoder", module, torch.zeros(2, *latent_shape)), torch.Size(params_shape).numel()
        _want_rows("decoder", out)
        if out[0].numel() != wanted:
            raise ParameterError(
                f"the module given as `decoder` must give {wanted} values a sample (shape {params_shape}), "
                f"got {out[0].numel()} (shape {tuple(out.shape[1:])})"
            )

    def forward(self, z: Tensor, skips: tuple[Tensor, ...] = (), context: Tensor | None = None) -> Tensor:
        """The output's parameters."""
        return self.module(z)


class CustomLoss(Loss):
    """`module(prediction, target)`: the error map, not reduced, of the target's shape."""

    in_target_units = False

    def __init__(self, module: nn.Module, target_shape: tuple[int, ...]) -> None:
        super().__init__(target_shape)
        self.module = module
        error = _try("loss", module, torch.zeros(2, *target_shape), torch.zeros(2, *target_shape))
        if error.shape != (2, *target_shape):
            raise ParameterError(
                f"the module given as `loss` must give one error per element, of shape (n, "
                f"{', '.join(map(str, target_shape))}), got shape {tuple(error.shape)}: "
                "do not reduce (torch's losses take reduction='none')"
            )

    def forward(self, params: Tensor, target: Tensor) -> Tensor:
        """The error map."""
        return self.module(params, target)


def _want_rows(slot: str, out: Any) -> None:
    """Whether an output for two samples has something for each."""
    if not isinstance(out, Tensor) or out.dim() < 2 or len(out) != 2:
        got = f"shape {tuple(out.shape)}" if isinstance(out, Tensor) else type(out).__name__
        raise ParameterError(f"the module given as `{slot}` must give a tensor of shape (n, ...), got {got} for n = 2")


def _try(slot: str, module: nn.Module, *inputs: Tensor) -> Any:
    """One pass through a module in evaluation mode; an error names the slot and the shape."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():  # what it draws here is nobody's business
            return module(*inputs)
    except Exception as error:
        shapes = ", ".join(str(tuple(i.shape)) for i in inputs)
        raise ParameterError(f"the module given as `{slot}` fails on input of shape {shapes}: {error}") from error
    finally:
        module.train(training)
