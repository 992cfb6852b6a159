"""The layers of an hourglass as they really are: found by sending zeros through, also in own modules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zandloper.model.hourglass import Hourglass
from zandloper.model.layers.attention import TransformerBlock
from zandloper.model.layers.layers import Affine, PositionEmbedding

KINDS = {
    nn.Linear: "dense",
    nn.Conv1d: "convolution",
    nn.Conv2d: "convolution",
    nn.Conv3d: "convolution",
    nn.ConvTranspose1d: "transposed convolution",
    nn.ConvTranspose2d: "transposed convolution",
    nn.ConvTranspose3d: "transposed convolution",
    Affine: "dense ensemble",
    TransformerBlock: "attention",
}
# What changes the values of a layer and is drawn as part of it.
TOUCHES = (nn.GroupNorm, nn.LayerNorm, nn.modules.batchnorm._NormBase, PositionEmbedding)


@dataclass(frozen=True)
class Layer:
    """The output of one layer for one sample.

    Parameters
    ----------
    part : {"input", "encoder", "bottleneck", "decoder", "output"}
    kind : str
        The layer in words: dense, convolution ...
    shape : tuple of int
        Of what comes out of it, without the samples.
    parameters : int
        Weights that it has.
    """

    part: str
    kind: str
    shape: tuple[int, ...]
    parameters: int = 0

    @property
    def width(self) -> int:
        """Return the number of output values."""
        return math.prod(self.shape)

    @property
    def size(self) -> str:
        """The shape in words: 128, or 32 × 14 × 14."""
        return " × ".join(f"{n:,}" for n in self.shape)


@dataclass(frozen=True)
class Architecture:
    """An hourglass from top to bottom.

    Parameters
    ----------
    layers : tuple of Layer
        In order: the input, the encoder's, the bottleneck, the decoder's; the last one is the output.
    bypass : tuple of int or None
        Weights of the two halves of the linear path, input to code and code to output, where there is one.
    parameters : int
        Weights in all.
    """

    layers: tuple[Layer, ...]
    bypass: tuple[int, int] | None
    parameters: int

    @property
    def waist(self) -> int:
        """The index of the bottleneck among the layers."""
        return next(i for i, layer in enumerate(self.layers) if layer.part == "bottleneck")


def architecture(estimator: Any) -> Architecture:
    """The architecture of a fitted estimator."""
    module: Hourglass = estimator.module_
    found: list[Layer] = [Layer("input", "input", _shape(module.in_shape))]
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    with torch.inference_mode():
        x = torch.zeros(2, *module.in_shape, device=device)  # two rows: some own modules refuse a single one
        with _Watch(module.get_submodule("encoder"), "encoder") as encoder:
            neck = module.encoder_output(x, module.dummy_context(x))
        offset = None if module.linear is None else module.linear.encode(x)
        code = module.bottleneck(neck.value, offset, None)
        with _Watch(module.get_submodule("decoder"), "decoder") as decoder:
            module.decoder(code.z, neck.skips, None)
    found += encoder.layers
    found.append(
        Layer(
            "bottleneck",
            _head(module.get_submodule("bottleneck")),
            tuple(code.z.shape[1:]),
            _count(module.get_submodule("bottleneck")),
        )
    )
    found += decoder.layers[:-1]
    last = decoder.layers[-1]
    found.append(Layer("output", last.kind, _shape(module.compare.params_shape), last.parameters))
    linear = module.linear
    return Architecture(tuple(found), None if linear is None else (_count(linear.P), _count(linear.Q)), _count(module))


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _head(bottleneck: nn.Module) -> str:
    """Name the bottleneck in one word."""
    kinds = [word for part in bottleneck.modules() for made, word in KINDS.items() if isinstance(part, made)]
    return kinds[0] if kinds else type(getattr(bottleneck, "module", bottleneck)).__name__


def _shape(shape: Any) -> tuple[int, ...]:
    """Without sides of length one in front, as the single channel of gray images."""
    shape = tuple(int(n) for n in shape)
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """The modules that count as layers: those of a known kind, whole, and others with weights of their own."""
    known = isinstance(module, tuple(KINDS))
    if known or next(module.parameters(recurse=False), None) is not None:
        yield module
    if not known:
        for child in module.children():
            yield from _layers(child)


class _Watch:
    """Notes every layer that a part runs through; a part without any of the usual kind counts as one."""

    def __init__(self, module: nn.Module, part: str) -> None:
        self.module, self.part = module, part
        self.layers: list[Layer] = []

    def __enter__(self) -> _Watch:
        self._hooks = [m.register_forward_hook(self._note) for m in dict.fromkeys(_layers(self.module))]
        self._hooks.append(self.module.register_forward_hook(self._end))
        return self

    def __exit__(self, *_: Any) -> None:
        for hook in self._hooks:
            hook.remove()

    def _note(self, layer: nn.Module, _: Any, out: Any) -> None:
        if not isinstance(out, Tensor):
            return
        known = isinstance(layer, tuple(KINDS))
        own = sum(p.numel() for p in layer.parameters(recurse=known))
        if isinstance(layer, TOUCHES) and self.layers:
            last = self.layers.pop()
            self.layers.append(Layer(last.part, last.kind, tuple(out.shape[1:]), last.parameters + own))
            return
        kind = next((word for made, word in KINDS.items() if isinstance(layer, made)), type(layer).__name__)
        window = getattr(layer, "kernel_size", None)
        if window:
            kind = f"{kind} {' × '.join(map(str, window))}"
        if isinstance(layer, TransformerBlock):
            kind = f"{kind}, {layer.heads} head{'s' if layer.heads > 1 else ''}"
        members = isinstance(layer, Affine)
        self.layers.append(Layer(self.part, kind, tuple(out.shape[2 if members else 1 :]), own))

    def _end(self, module: nn.Module, _: Any, out: Any) -> None:
        value = getattr(out, "value", out)
        if not self.layers and (self.part == "decoder" or _count(module)):
            own = getattr(module, "module", module)
            self.layers.append(Layer(self.part, type(own).__name__, tuple(value.shape[1:]), _count(module)))
