"""Networks and latent sizes chosen from shapes alone, so that the same data always get the same network."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any

from torch import nn

import zandloper.model.networks
from zandloper.errors import bad_parameter
from zandloper.fitting.blueprint import HIDING
from zandloper.modality import Schema
from zandloper.model.custom import Custom
from zandloper.model.linear_path import MOST_FEATURES, Principal
from zandloper.model.networks import Network
from zandloper.spec import Spec, discover

SMALL = 4_096  # values: up to here dense nets with a linear path, above convolutions


LARGE = {2: "conv1d", 3: "conv2d"}  # by how many dimensions a sample has


def _latent_dim(choice: Any, principal: Principal | None, features: int) -> int:
    if isinstance(choice, numbers.Integral):
        return int(choice)
    if principal is None:
        return 64
    k = principal.dimensions_for(0.9 if choice is None else float(choice))
    return min(max(k, min(2, features)), 64) if choice is None else min(k, len(principal.variances))


def _net(choice: Any, schema: Schema, latent: int, estimator: Any, caller: str, parameter: str) -> Network:
    """The net that fits a form: dense, or convolutions for series and images that are not small."""
    nets: dict[str, type[Network]] = discover(zandloper.model.networks)
    shape = schema.in_shape
    if choice == "auto":
        choice = schema.net or (LARGE.get(len(shape), "dense") if math.prod(shape) > SMALL else "dense")
    if choice not in nets:
        raise bad_parameter(caller, parameter, f"'auto', one of {sorted(nets)} or an nn.Module", choice)
    net = nets[choice]
    if not net.fits(shape):
        fitting = " or ".join(repr(name) for name in ["auto", *sorted(n for n in nets if nets[n].fits(shape))])
        raise bad_parameter(
            caller, parameter, f"{fitting} for samples of shape {shape} ({choice!r} reads {net.reads})", choice
        )
    auto = net.auto(shape, latent, estimator.activation)
    if estimator.hidden == "auto":
        return auto
    hidden = tuple(int(h) for h in estimator.hidden)
    if not hidden and not net.shallow:
        wanted = f"at least one number for {parameter}={choice!r} ({parameter}='dense' takes ())"
        raise bad_parameter(caller, "hidden", wanted, hidden)
    return dataclasses.replace(auto, hidden=hidden)


def _decoder(
    estimator: Any, schema: Schema, target_schema: Schema | None, encoder: Spec, latent: int, caller: str
) -> Spec:
    """The mirror of the encoder, or the net of another form."""
    if (
        estimator.decoder == "auto"
        and not isinstance(encoder, Custom)
        and (
            target_schema is None
            or (len(target_schema.in_shape), target_schema.net) == (len(schema.in_shape), schema.net)
        )
    ):
        return encoder
    return _net(estimator.decoder, target_schema or schema, latent, estimator, caller, "decoder")


def _wants_linear(
    estimator: Any, schema: Schema, target_schema: Schema | None, own: dict[str, nn.Module], caller: str
) -> bool:
    """Whether there is a linear path: where it can be, and the bottleneck is of a kind that it suits."""
    outputs = math.prod((target_schema or schema).target_shape)
    few = max(math.prod(schema.in_shape), outputs) <= MOST_FEATURES
    noise_conditional = (
        bool(getattr(estimator, "noise_conditional", False)) and estimator._corrupt_spec(schema).name not in HIDING
    )
    possible = (
        not noise_conditional
        and few
        and not {"decoder", "bottleneck", "compare"} & set(own)
        and estimator._bottleneck_spec().linear
    )
    if estimator.linear_path is True and not possible:
        wanted = f"'auto' or False with own parts, a sparse or quantized code, or more than {MOST_FEATURES} values"
        raise bad_parameter(caller, "linear_path", wanted, True)
    return possible if estimator.linear_path == "auto" else bool(estimator.linear_path)
