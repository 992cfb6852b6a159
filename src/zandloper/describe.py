"""What a model is, in words and numbers."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Description:
    """What `describe()` gives: fields to compute with, and a text to read.

    `shape` is one of the four of the textbooks: shallow (no hidden layer but the bottleneck) or deep, undercomplete
    (the code is smaller than the input) or overcomplete.
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
            f"  loss         {self.loss}",
            f"  parameters   {self.parameters:,}",
            f"  training     {self.epochs} epochs, stopped by {self.stopped_by.replace('_', ' ')}"
            + ("" if self.validation is None else f", best validation loss {self.validation:.4g}"),
        ]
        return "\n".join(lines)


def describe(estimator: Any) -> Description:
    """The description of a fitted estimator."""
    blueprint, module = estimator._blueprint, estimator.module_
    inputs, latents = math.prod(blueprint.form.in_shape), math.prod(estimator.latent_shape_)
    hidden = getattr(blueprint.encoder, "hidden", None)
    deep = bool(hidden) if hidden is not None else any(len(w.shape) > 1 for w in module.encoder.parameters())
    scores = [h["validation"] for h in estimator.history_ if h["validation"] == h["validation"]]
    return Description(
        estimator=type(estimator).__name__,
        shape=f"{'deep' if deep else 'shallow'} {'undercomplete' if latents < inputs else 'overcomplete'}",
        data=_data(blueprint.form)
        + ("" if blueprint.target_form is None else f", target {_data(blueprint.target_form)}"),
        inputs=inputs,
        latents=latents,
        compression=inputs / latents,
        layers=_layers(blueprint, inputs, latents),
        linear_path=blueprint.linear,
        loss=blueprint.compare.name if blueprint.compare.name != "own" else type(module.compare.module).__name__,
        parameters=sum(p.numel() for p in module.parameters() if isinstance(p, nn.Parameter)),
        epochs=estimator.n_epochs_,
        stopped_by=estimator.stopped_by_,
        validation=min(scores) if scores else None,
    )


def _layers(blueprint: Any, inputs: int, latents: int) -> tuple[str, ...]:
    def net(spec: Any) -> list[str]:
        return [spec.layer.format(h) for h in spec.hidden] if hasattr(spec, "hidden") else ["own module"]

    outputs = math.prod(blueprint.output.target_shape)
    return (str(inputs), *net(blueprint.encoder), f"[{latents}]", *reversed(net(blueprint.decoder)), str(outputs))


def _data(form: Any) -> str:
    if len(form.in_shape) == 3:
        c, h, w = form.in_shape
        return f"images of {h} x {w} pixels, {c} channel{'s' if c > 1 else ''}, {form.dtype}"
    kinds: dict[str, int] = {}
    for column in form.columns:
        kinds[column.kind] = kinds.get(column.kind, 0) + 1
    return f"table of {len(form.columns)} columns ({', '.join(f'{n} {kind}' for kind, n in kinds.items())})"
