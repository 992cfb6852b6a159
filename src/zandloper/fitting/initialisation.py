"""Start of a network: drawn weights, then the linear path and the biases from the data."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from zandloper.modality import Chunks
from zandloper.model.batch import Batch
from zandloper.model.corruptions.identity import IdentityCorruption
from zandloper.model.custom import OwnBottleneck, OwnComparison, OwnCorruption, OwnDecoder, OwnEncoder
from zandloper.model.hourglass import Hourglass, weighted
from zandloper.model.layers.layers import initialise
from zandloper.model.linear_path import Principal


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
