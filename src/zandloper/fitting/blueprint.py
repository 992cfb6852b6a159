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
from zandloper.fitting.conditioning import Teller
from zandloper.modality import Form
from zandloper.model.custom import Own, OwnBottleneck, OwnComparison, OwnCorruption, OwnDecoder, OwnEncoder
from zandloper.model.hourglass import Hourglass
from zandloper.model.layers.attention import Heads
from zandloper.model.linear_path import LinearPath
from zandloper.model.masked import MaskedHourglass
from zandloper.model.noise_conditional import ToldHourglass
from zandloper.model.series_imputation import BridgedHourglass
from zandloper.spec import build_spec

PACKAGES = {
    "form": zandloper.modality,
    "target_form": zandloper.modality,
    "corrupt": zandloper.model.corruptions,
    "encoder": zandloper.model.networks,
    "bottleneck": zandloper.model.bottlenecks,
    "decoder": zandloper.model.networks,
    "compare": zandloper.model.losses,
    "prior": zandloper.model.priors,
    "condition": zandloper.modality,
}

HIDING = ("masking", "dropouts")  # corruptions that take values away


@dataclass(frozen=True)
class Blueprint:
    """The specs of the slots, the forms of the data, and what joins them."""

    form: Form
    target_form: Form | None
    corrupt: Any
    encoder: Any
    bottleneck: Any
    decoder: Any
    compare: Any
    latent_dim: int
    linear: bool
    prior: Any = None
    told: bool = False  # whether the nets are told how noisy their input is, or which of it is missing
    condition: Form | None = None  # the form of what they are told beside the data

    @property
    def output(self) -> Form:
        """The form of what the decoder makes."""
        return self.target_form or self.form

    @property
    def masked(self) -> bool:
        """Whether the nets are told which values are missing."""
        return self.told and self.corrupt.name in HIDING

    @property
    def levels(self) -> int:
        """How many noise levels the nets are told."""
        return int(self.told and not self.masked)

    def build(self, own: dict[str, nn.Module]) -> Hourglass:
        """The hourglass, its weights not drawn yet; `own` has the user's modules by slot."""
        form, output = self.form, self.output
        prompted = bool(getattr(self.prior, "prompt", ()))
        teller = None if self.condition is None or prompted else Teller(self.condition)
        context = 0 if teller is None else teller.dim
        compare = (
            OwnComparison(own["compare"], output.target_shape)
            if isinstance(self.compare, Own)
            else self.compare.build(output.target_shape)
        )
        encoder = (
            OwnEncoder(own["encoder"], form.in_shape)
            if isinstance(self.encoder, Own)
            else self.encoder.encoder(_beside(form.in_shape) if self.masked else form.in_shape, context + self.levels)
        )
        bottleneck = (
            OwnBottleneck(own["bottleneck"], encoder.neck_dim)
            if isinstance(self.bottleneck, Own)
            else self.bottleneck.build(encoder.neck_dim, self.latent_dim, **_places(self.bottleneck, encoder))
        )
        latent = math.prod(bottleneck.latent_shape)
        decoder = (
            OwnDecoder(own["decoder"], bottleneck.latent_shape, compare.params_shape)
            if isinstance(self.decoder, Own)
            else self.decoder.decoder(latent, compare.params_shape, context)
        )
        corrupt = (
            OwnCorruption(own["corrupt"], form.in_shape) if isinstance(self.corrupt, Own) else self.corrupt.build()
        )
        path = LinearPath(math.prod(form.in_shape), latent, math.prod(compare.params_shape)) if self.linear else None
        target_scale = None if self.target_form is None else self.target_form.scale()
        kind: type[Hourglass] = ToldHourglass if self.told else Hourglass
        if self.masked:
            alike = target_scale is None and compare.in_target_units and compare.params_shape == form.in_shape
            kind = BridgedHourglass if len(form.in_shape) == 2 and alike else MaskedHourglass
        module = kind(form.in_shape, form.scale(), corrupt, encoder, bottleneck, decoder, compare, target_scale, path)
        module.draws_globally = bool(own)
        module.teller, module.prompted = teller, prompted
        module.prior = None if self.prior is None else self.prior.build(self.latent_dim, context)
        return module

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        specs = {slot: getattr(self, slot) for slot in PACKAGES}
        return {slot: None if spec is None else spec.to_dict() for slot, spec in specs.items()} | {
            "latent_dim": self.latent_dim,
            "linear": self.linear,
            "told": self.told,
        }

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Blueprint:
        """The inverse of `to_dict`."""
        specs = {slot: _spec(package, settings.get(slot)) for slot, package in PACKAGES.items()}
        return cls(
            **specs, latent_dim=settings["latent_dim"], linear=settings["linear"], told=settings.get("told", False)
        )


def _beside(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of inputs that stand beside their weights."""
    return (2 * shape[0], *shape[1:])


def _places(bottleneck: Any, encoder: Any) -> dict[str, int]:
    """The places that an encoder summarises one by one, for those bottlenecks that want to know."""
    found = getattr(encoder, "places", 1)
    return {"places": found} if found > 1 and getattr(bottleneck, "by_place", False) else {}


def _spec(package: Any, settings: dict[str, Any] | None) -> Any:
    if settings is None:
        return None
    return Own() if settings["name"] == Own.name else build_spec(package, settings)


def flops_per_row(module: Hourglass, rows: int = 2) -> int:
    """Multiplications and additions of one forward pass of one sample, counted by a dry run on zeros."""
    count = 0

    def add(part: Any, given: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal count
        if isinstance(part, Heads):  # each value heard: a product with every token to find its share, one to add it
            count += 4 * out[0].numel() * given[1].shape[-2]
            return
        # What goes in meets every weight of its channel where a convolution is transposed; elsewhere what comes out.
        met = given[0] if isinstance(part, nn.ConvTranspose1d | nn.ConvTranspose2d) else out
        count += 2 * met[0].numel() * part.weight[0].numel()

    counted = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, Heads)
    hooks = [part.register_forward_hook(add) for part in module.modules() if isinstance(part, counted)]
    try:
        with torch.no_grad():
            module.eval()
            x = torch.zeros(rows, *module.in_shape)
            context = module.told(rows, x, None)
            neck = module.neck(x, module.no_context(x, context))
            code = module.bottleneck(neck.value, None, None)
            module.decoder(code.z, neck.skips, context)
    finally:
        for hook in hooks:
            hook.remove()
    return count
