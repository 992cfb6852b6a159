"""From settings to an hourglass: a blueprint is all that it takes to rebuild one, and goes to JSON and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import zandloper.bottleneck
import zandloper.compare
import zandloper.corrupt
import zandloper.modality
import zandloper.nets
import zandloper.prior
from zandloper.batch import Batch
from zandloper.bridged import BridgedHourglass
from zandloper.condition import Teller
from zandloper.corrupt.identity import IdentityCorruption
from zandloper.hourglass import Hourglass, weighted
from zandloper.layers import initialise
from zandloper.linear import LinearPath, Principal
from zandloper.masked import MaskedHourglass
from zandloper.modality import Chunks, Form
from zandloper.own import Own, OwnBottleneck, OwnComparison, OwnCorruption, OwnDecoder, OwnEncoder
from zandloper.spec import build_spec
from zandloper.told import ToldHourglass
from zandloper.transformer import Heads

PACKAGES = {
    "form": zandloper.modality,
    "target_form": zandloper.modality,
    "corrupt": zandloper.corrupt,
    "encoder": zandloper.nets,
    "bottleneck": zandloper.bottleneck,
    "decoder": zandloper.nets,
    "compare": zandloper.compare,
    "prior": zandloper.prior,
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


@torch.no_grad()
def start(
    module: Hourglass, rng: torch.Generator, inputs: Chunks, targets: Chunks | None, principal: Principal | None
) -> None:
    """Draw the weights and set what the data say: units of the nets, the constant prediction, the linear path.

    `inputs` and `targets` are chunks of raw training rows whose scales have learned already.
    """
    own = [
        m.module
        for m in (module.corrupt, module.encoder, module.bottleneck, module.decoder, module.compare)
        if isinstance(m, OwnCorruption | OwnEncoder | OwnBottleneck | OwnDecoder | OwnComparison)
    ]
    kept = [{k: v.clone() for k, v in m.state_dict().items()} for m in own]
    initialise(module, rng)
    for part, state in zip(own, kept):  # the user's modules come as the user made them
        part.load_state_dict(state)
    scale = module.scale if module.target_scale is None else module.target_scale
    rows = targets or inputs
    mean = _mean(scale, rows)
    if module.compare.statistic == "median":
        mean = _median(scale, rows)
    module.centre, module.spread = _units(module.scale, inputs)
    module.target_spread = _units(scale, rows)[1]
    if mean.numel() == math.prod(module.compare.params_shape):
        bias, _ = module.compare.start(mean, torch.zeros(len(mean), 1))
        module.constant.copy_(bias.reshape(module.constant.shape))
    first = Batch(next(iter(inputs())), target=None if targets is None else next(iter(targets())))
    module.natural_loss = float(weighted(*module.constant_error_map(first)).mean())
    if (module.silent_start or getattr(module.bottleneck, "silent_start", False)) and not isinstance(
        module.decoder, OwnDecoder
    ):
        module.decoder.start_at_zero()
    module.learn(inputs)
    if module.linear is None or principal is None:
        return
    module.bottleneck.start_at_zero()
    module.decoder.start_at_zero()
    unit, spread = module.unit, float(module.spread)
    seen = principal if unit else principal.in_units(float(module.centre), spread)
    directions = module.linear.start(seen) * (1.0 if unit else spread)
    alike = scale.shares(first.x)[0].shape == module.scale.encode(first.x)[0].shape if targets is None else False
    if not alike:  # another target, or the same laid out in another way
        directions = _covariance(module, inputs, rows, mean)
    if not isinstance(module.corrupt, IdentityCorruption | OwnCorruption):
        directions = _against_noise(module, inputs, rows, mean, rng)
    bias, weight = module.compare.start(mean.to(directions), directions)
    if module.compare.in_target_units and not module.target_unit:
        bias, weight = bias / module.target_spread, weight / module.target_spread
    module.linear.Q.bias.copy_(bias)
    module.linear.Q.weight.copy_(weight)


def _units(scale: Any, rows: Chunks) -> tuple[Tensor, Tensor]:
    """Mean and spread of all values together, from the first chunks."""
    first = torch.cat([scale.encode(chunk)[0].flatten() for _, chunk in zip(range(8), rows())])
    spread = first.std()
    return first.mean(), spread if spread > 0 else torch.ones(())


def _mean(scale: Any, rows: Chunks) -> Tensor:
    total, count = torch.zeros(()), torch.zeros(())
    for chunk in rows():
        values, weight = scale.shares(chunk)
        total = total + values.flatten(1).sum(0, dtype=torch.float64)
        count = count + (len(values) if weight is None else weight.flatten(1).sum(0, dtype=torch.float64))
    return (total / count.clamp(min=1)).float()


def _median(scale: Any, rows: Chunks) -> Tensor:
    values, weight = scale.shares(next(iter(rows())))
    values = values if weight is None else torch.where(weight > 0, values, torch.nan)
    return values.flatten(1).nanmedian(0).values.nan_to_num(0.0)


def _covariance(module: Hourglass, inputs: Chunks, targets: Chunks, mean: Tensor) -> Tensor:
    """Of target and latents, (outputs, latents): with latents of unit variance, the principal component regression."""
    path, scale = module.linear, module.target_scale or module.scale
    assert path is not None
    total, n = torch.zeros(len(mean), path.P.out_features, dtype=torch.float64), 0
    for x, y in zip(inputs(), targets()):
        z = path.encode(module.centred(module.scale.encode(x)[0]))
        total += ((scale.shares(y)[0].flatten(1) - mean).T @ z).double()
        n += len(x)
    return (total / n).float()


def _against_noise(module: Hourglass, inputs: Chunks, targets: Chunks, mean: Tensor, rng: torch.Generator) -> Tensor:
    """Latents of noisy inputs brought to unit variance, and the directions that best rebuild the targets from them.

    Directions in which clean data hardly vary are full of noise: left at PCA's units they would be blown up. This is
    Wiener's filter within the components (Wiener 1949; for autoencoders Pretorius, Kroon and Kamper 2018, "Learning
    dynamics of linear denoising autoencoders", eq. 5).
    """
    path, scale = module.linear, module.target_scale or module.scale
    assert path is not None
    k, n = path.P.out_features, 0
    first, second = torch.zeros(k, dtype=torch.float64), torch.zeros(k, k, dtype=torch.float64)
    both, offset = torch.zeros(len(mean), k, dtype=torch.float64), torch.zeros(len(mean), dtype=torch.float64)
    for _, x, y in zip(range(8), inputs(), targets()):
        seen = module.corrupt(Batch(*module.scale.encode(x)), rng)
        z = path.encode(module.centred(seen.x)).double()
        t = (scale.shares(y)[0].flatten(1) - mean).double()
        first, second, both, offset = first + z.sum(0), second + z.T @ z, both + t.T @ z, offset + t.sum(0)
        n += len(x)
    centre = first / n
    covariance = second / n - torch.outer(centre, centre)
    spread = covariance.diagonal().clamp(min=0).sqrt()
    spread = torch.where(spread > 1e-12, spread, 1.0)  # silent latents stay silent
    path.P.weight.copy_(path.P.weight / spread[:, None])
    path.P.bias.copy_((path.P.bias - centre) / spread)
    correlation = covariance / torch.outer(spread, spread) + 1e-4 * torch.eye(k, dtype=torch.float64)
    shared = (both / n - torch.outer(offset / n, centre)) / spread
    return torch.linalg.solve(correlation, shared.T).T.float()


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
