"""Descriptions of fitted models, in words and numbers."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Description:
    """The result of `describe()`: fields to compute with, and a text to read.

    `shape` is one of the four of the textbooks: shallow (no hidden layer but the bottleneck) or deep, undercomplete
    (the code is smaller than the input) or overcomplete. `bottleneck`, `noise` and `prior` name what the type put in
    its slots, with the settings that it came to; empty where there is nothing to say.
    """

    estimator: str
    shape: str
    data: str
    inputs: int
    latents: int
    compression: float
    layers: tuple[str, ...]
    linear_path: bool
    loss: str
    parameters: int
    epochs: int
    stopped_by: str
    validation: float | None
    bottleneck: str
    noise: str
    prior: str

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary."""
        return asdict(self)

    def __str__(self) -> str:
        times = (
            f"{self.compression:.3g} times smaller"
            if self.compression > 1
            else f"{1 / self.compression:.3g} times wider"
        )
        lines = [
            f"{self.estimator}: {self.shape}",
            f"  data         {self.data}",
            f"  latent space {self.latents} of {self.inputs} values ({times})"
            if self.compression != 1
            else f"  latent space {self.latents} of {self.inputs} values (as wide as the input)",
            f"  layers       {' -> '.join(self.layers)}",
            f"  linear path  {'yes, started at PCA' if self.linear_path else 'no'}",
            *(
                f"  {name:<12s} {part}"
                for name, part in (("bottleneck", self.bottleneck), ("noise", self.noise), ("prior", self.prior))
                if part
            ),
            f"  loss         {self.loss}",
            f"  parameters   {self.parameters:,}",
            f"  training     {self.epochs} epochs, stopped by {self.stopped_by.replace('_', ' ')}"
            + ("" if self.validation is None else f", best validation loss {self.validation:.4g}"),
        ]
        return "\n".join(lines)


def describe(estimator: Any) -> Description:
    """The description of a fitted estimator."""
    blueprint, module = estimator.model_.blueprint, estimator.module_
    inputs, latents = math.prod(blueprint.schema.in_shape), math.prod(estimator.latent_shape_)
    hidden = getattr(blueprint.encoder, "hidden", None)
    deep = bool(hidden) if hidden is not None else any(len(w.shape) > 1 for w in module.encoder.parameters())
    scores = [h["validation"] for h in estimator.history_ if h["validation"] == h["validation"]]
    return Description(
        estimator=type(estimator).__name__,
        shape=f"{'deep' if deep else 'shallow'} {'undercomplete' if latents < inputs else 'overcomplete'}",
        data=blueprint.schema.in_words()
        + ("" if blueprint.target_schema is None else f", target {blueprint.target_schema.in_words()}"),
        inputs=inputs,
        latents=latents,
        compression=inputs / latents,
        layers=_layers(blueprint, inputs, latents),
        linear_path=blueprint.linear,
        loss=blueprint.compare.name if blueprint.compare.name != "custom" else type(module.compare.module).__name__,
        parameters=sum(p.numel() for p in module.parameters() if isinstance(p, nn.Parameter)),
        epochs=estimator.n_epochs_,
        stopped_by=estimator.stopped_by_,
        validation=min(scores) if scores else None,
        bottleneck=_part(blueprint.bottleneck, module.bottleneck),
        noise=_part(blueprint.corrupt, module.corrupt),
        prior=_part(blueprint.prior, module.prior),
    )


def _part(spec: Any, part: Any) -> str:
    """A slot's settings in words; of the user's own modules their name, of what does nothing nothing."""
    if spec is None or spec.name in ("plain", "identity"):
        return ""
    return type(part.module).__name__ if spec.name == "custom" else repr(spec)


def _layers(blueprint: Any, inputs: int, latents: int) -> tuple[str, ...]:
    def net(spec: Any) -> list[str]:
        return [spec.layer.format(h) for h in spec.hidden] if hasattr(spec, "hidden") else ["own module"]

    outputs = math.prod(blueprint.output.target_shape)
    return (str(inputs), *net(blueprint.encoder), f"[{latents}]", *reversed(net(blueprint.decoder)), str(outputs))
