"""From settings to an hourglass: a blueprint is all that it takes to rebuild one, and goes to JSON and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import zandloper.modality
import zandloper.model.bottlenecks
import zandloper.model.corruptions
import zandloper.model.losses
import zandloper.model.networks
import zandloper.model.priors
from zandloper.fitting.conditioning import ConditionEmbedder
from zandloper.modality import Schema
from zandloper.model.custom import Custom, CustomBottleneck, CustomCorruption, CustomDecoder, CustomEncoder, CustomLoss
from zandloper.model.hourglass import Hourglass
from zandloper.model.layers.attention import ScaledDotProductAttention
from zandloper.model.linear_path import LinearPath
from zandloper.model.masked import MaskedHourglass
from zandloper.model.noise_conditional import NoiseConditionalHourglass
from zandloper.model.series_imputation import SeriesImputationHourglass
from zandloper.spec import build_spec

PACKAGES = {
    "schema": zandloper.modality,
    "target_schema": zandloper.modality,
    "corrupt": zandloper.model.corruptions,
    "encoder": zandloper.model.networks,
    "bottleneck": zandloper.model.bottlenecks,
    "decoder": zandloper.model.networks,
    "compare": zandloper.model.losses,
    "prior": zandloper.model.priors,
    "condition": zandloper.modality,
}

HIDING = ("masking", "block_masking")  # corruptions that take values away


@dataclass(frozen=True)
class Blueprint:
    """The specs of the slots, the forms of the data, and what joins them."""

    schema: Schema
    target_schema: Schema | None
    corrupt: Any
    encoder: Any
    bottleneck: Any
    decoder: Any
    compare: Any
    latent_dim: int
    linear: bool
    prior: Any = None
    noise_conditional: bool = (
        False  # whether networks are conditioned on the noise level of their input, or on what is missing
    )
    condition: Schema | None = None  # the schema of the condition

    @property
    def output(self) -> Schema:
        """The form of what the decoder makes."""
        return self.target_schema or self.schema

    @property
    def masked(self) -> bool:
        """Return whether the networks are conditioned on which values are missing."""
        return self.noise_conditional and self.corrupt.name in HIDING

    @property
    def levels(self) -> int:
        """Return the number of noise levels that the networks are conditioned on."""
        return int(self.noise_conditional and not self.masked)

    def build(self, own: dict[str, nn.Module]) -> Hourglass:
        """The hourglass, its weights not drawn yet; `own` has the user's modules by slot."""
        schema, output = self.schema, self.output
        text_prior = bool(getattr(self.prior, "prompt", ()))
        condition_embedder = None if self.condition is None or text_prior else ConditionEmbedder(self.condition)
        context = 0 if condition_embedder is None else condition_embedder.dim
        compare = (
            CustomLoss(own["compare"], output.target_shape)
            if isinstance(self.compare, Custom)
            else self.compare.build(output.target_shape)
        )
        encoder = (
            CustomEncoder(own["encoder"], schema.in_shape)
            if isinstance(self.encoder, Custom)
            else self.encoder.encoder(
                _beside(schema.in_shape) if self.masked else schema.in_shape, context + self.levels
            )
        )
        bottleneck = (
            CustomBottleneck(own["bottleneck"], encoder.encoding_dim)
            if isinstance(self.bottleneck, Custom)
            else self.bottleneck.build(encoder.encoding_dim, self.latent_dim, **_places(self.bottleneck, encoder))
        )
        latent = math.prod(bottleneck.latent_shape)
        decoder = (
            CustomDecoder(own["decoder"], bottleneck.latent_shape, compare.params_shape)
            if isinstance(self.decoder, Custom)
            else self.decoder.decoder(latent, compare.params_shape, context)
        )
        corrupt = (
            CustomCorruption(own["corrupt"], schema.in_shape)
            if isinstance(self.corrupt, Custom)
            else self.corrupt.build()
        )
        path = LinearPath(math.prod(schema.in_shape), latent, math.prod(compare.params_shape)) if self.linear else None
        target_scaler = None if self.target_schema is None else self.target_schema.scaler()
        kind: type[Hourglass] = NoiseConditionalHourglass if self.noise_conditional else Hourglass
        if self.masked:
            alike = target_scaler is None and compare.in_target_units and compare.params_shape == schema.in_shape
            kind = SeriesImputationHourglass if len(schema.in_shape) == 2 and alike else MaskedHourglass
        module = kind(
            schema.in_shape, schema.scaler(), corrupt, encoder, bottleneck, decoder, compare, target_scaler, path
        )
        module.draws_globally = bool(own)
        module.condition_embedder, module.text_prior = condition_embedder, text_prior
        module.prior = None if self.prior is None else self.prior.build(self.latent_dim, context)
        return module

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        specs = {slot: getattr(self, slot) for slot in PACKAGES}
        return {slot: None if spec is None else spec.to_dict() for slot, spec in specs.items()} | {
            "latent_dim": self.latent_dim,
            "linear": self.linear,
            "noise_conditional": self.noise_conditional,
        }

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Blueprint:
        """The inverse of `to_dict`."""
        specs = {slot: _spec(package, settings.get(slot)) for slot, package in PACKAGES.items()}
        return cls(
            **specs,
            latent_dim=settings["latent_dim"],
            linear=settings["linear"],
            noise_conditional=settings.get("noise_conditional", False),
        )


def _beside(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of inputs that stand beside their weights."""
    return (2 * shape[0], *shape[1:])


def _places(bottleneck: Any, encoder: Any) -> dict[str, int]:
    """The places that an encoder summarizes one by one, for those bottlenecks that want to know."""
    found = getattr(encoder, "n_positions", 1)
    return {"n_positions": found} if found > 1 and getattr(bottleneck, "per_position", False) else {}


def _spec(package: Any, settings: dict[str, Any] | None) -> Any:
    if settings is None:
        return None
    return Custom() if settings["name"] == Custom.name else build_spec(package, settings)


def flops_per_row(module: Hourglass, rows: int = 2) -> int:
    """Multiplications and additions of one forward pass of one sample, counted by a dry run on zeros."""
    count = 0

    def add(part: Any, given: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal count
        if isinstance(
            part, ScaledDotProductAttention
        ):  # per output value: one product with every key, one with every value
            count += 4 * out[0].numel() * given[1].shape[-2]
            return
        # What goes in meets every weight of its channel where a convolution is transposed; elsewhere what comes out.
        met = given[0] if isinstance(part, nn.ConvTranspose1d | nn.ConvTranspose2d) else out
        count += 2 * met[0].numel() * part.weight[0].numel()

    counted = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, ScaledDotProductAttention)
    hooks = [part.register_forward_hook(add) for part in module.modules() if isinstance(part, counted)]
    try:
        with torch.no_grad():
            module.eval()
            x = torch.zeros(rows, *module.in_shape)
            context = module.embed_condition(rows, x, None)
            neck = module.encoder_output(x, module.dummy_context(x, context))
            code = module.bottleneck(neck.value, None, None)
            module.decoder(code.z, neck.skips, context)
    finally:
        for hook in hooks:
            hook.remove()
    return count
