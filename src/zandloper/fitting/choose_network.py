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
from zandloper.modality import Form
from zandloper.model.custom import Own
from zandloper.model.linear_path import MOST_FEATURES, Principal
from zandloper.model.networks import Net
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


def _net(choice: Any, form: Form, latent: int, p: Any, owner: str, parameter: str) -> Net:
    """The net that fits a form: dense, or convolutions for series and images that are not small."""
    nets: dict[str, type[Net]] = discover(zandloper.model.networks)
    shape = form.in_shape
    if choice == "auto":
        choice = form.net or (LARGE.get(len(shape), "dense") if math.prod(shape) > SMALL else "dense")
    if choice not in nets:
        raise bad_parameter(owner, parameter, f"'auto', one of {sorted(nets)} or an nn.Module", choice)
    net = nets[choice]
    if not net.fits(shape):
        fitting = " or ".join(repr(name) for name in ["auto", *sorted(n for n in nets if nets[n].fits(shape))])
        raise bad_parameter(
            owner, parameter, f"{fitting} for samples of shape {shape} ({choice!r} reads {net.reads})", choice
        )
    auto = net.auto(shape, latent, p.activation)
    if p.hidden == "auto":
        return auto
    hidden = tuple(int(h) for h in p.hidden)
    if not hidden and not net.shallow:
        wanted = f"at least one number for {parameter}={choice!r} ({parameter}='dense' takes ())"
        raise bad_parameter(owner, "hidden", wanted, hidden)
    return dataclasses.replace(auto, hidden=hidden)


def _decoder(p: Any, form: Form, target_form: Form | None, encoder: Spec, latent: int, owner: str) -> Spec:
    """The mirror of the encoder, or the net of another form."""
    if (
        p.decoder == "auto"
        and not isinstance(encoder, Own)
        and (target_form is None or (len(target_form.in_shape), target_form.net) == (len(form.in_shape), form.net))
    ):
        return encoder
    return _net(p.decoder, target_form or form, latent, p, owner, "decoder")


def _wants_linear(p: Any, form: Form, target_form: Form | None, own: dict[str, nn.Module], owner: str) -> bool:
    """Whether there is a linear path: where it can be, and the bottleneck is of a kind that it suits."""
    outputs = math.prod((target_form or form).target_shape)
    few = max(math.prod(form.in_shape), outputs) <= MOST_FEATURES
    told = bool(getattr(p, "told", False)) and p._corrupt_spec(form).name not in HIDING
    possible = not told and few and not {"decoder", "bottleneck", "compare"} & set(own) and p._bottleneck_spec().linear
    if p.linear_path is True and not possible:
        wanted = f"'auto' or False with own parts, a sparse or quantised code, or more than {MOST_FEATURES} values"
        raise bad_parameter(owner, "linear_path", wanted, True)
    return possible if p.linear_path == "auto" else bool(p.linear_path)
