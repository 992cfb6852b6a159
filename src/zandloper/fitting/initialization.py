"""Start of a network: drawn weights, then the linear path and the biases from the data."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor

from zandloper.modality import Chunks
from zandloper.model import ZeroInit
from zandloper.model.batch import Batch
from zandloper.model.corruptions.identity import IdentityCorruption
from zandloper.model.custom import CustomBottleneck, CustomCorruption, CustomDecoder, CustomEncoder, CustomLoss
from zandloper.model.hourglass import Hourglass, weighted
from zandloper.model.layers.layers import initialize
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
        if isinstance(m, CustomCorruption | CustomEncoder | CustomBottleneck | CustomDecoder | CustomLoss)
    ]
    kept = [{k: v.clone() for k, v in m.state_dict().items()} for m in own]
    initialize(module, rng)
    for part, state in zip(own, kept):  # the user's modules come as the user made them
        part.load_state_dict(state)
    scaler = module.scaler if module.target_scaler is None else module.target_scaler
    rows = targets or inputs
    mean = _mean(scaler, rows)
    if module.compare.statistic == "median":
        mean = _median(scaler, rows)
    module.center, module.spread = _units(module.scaler, inputs)
    module.target_spread = _units(scaler, rows)[1]
    if mean.numel() == math.prod(module.compare.params_shape):
        bias, _ = module.compare.start(mean, torch.zeros(len(mean), 1))
        module.baseline.copy_(bias.reshape(module.baseline.shape))
    first = Batch(next(iter(inputs())), target=None if targets is None else next(iter(targets())))
    module.baseline_loss = float(weighted(*module.baseline_error_map(first)).mean())
    if (module.zero_init_decoder or getattr(module.bottleneck, "zero_init_decoder", False)) and not isinstance(
        module.decoder, CustomDecoder
    ):
        cast(ZeroInit, module.decoder).zero_init()
    module.learn(inputs)
    if module.linear is None or principal is None:
        return
    for silent in (module.bottleneck, module.decoder):
        cast(ZeroInit, silent).zero_init()
    unit, spread = module.unit, float(module.spread)
    seen = principal if unit else principal.in_units(float(module.center), spread)
    directions = module.linear.start(seen) * (1.0 if unit else spread)
    alike = scaler.shares(first.x)[0].shape == module.scaler.encode(first.x)[0].shape if targets is None else False
    if not alike:  # another target, or the same laid out in another way
        directions = _covariance(module, inputs, rows, mean)
    if not isinstance(module.corrupt, IdentityCorruption | CustomCorruption):
        directions = _against_noise(module, inputs, rows, mean, rng)
    bias, weight = module.compare.start(mean.to(directions), directions)
    if module.compare.in_target_units and not module.target_unit:
        bias, weight = bias / module.target_spread, weight / module.target_spread
    module.linear.Q.bias.copy_(bias)
    module.linear.Q.weight.copy_(weight)


def _units(scaler: Any, rows: Chunks) -> tuple[Tensor, Tensor]:
    """Mean and spread of all values together, from the first chunks."""
    first = torch.cat([scaler.encode(chunk)[0].flatten() for _, chunk in zip(range(8), rows())])
    spread = first.std()
    return first.mean(), spread if spread > 0 else torch.ones(())


def _mean(scaler: Any, rows: Chunks) -> Tensor:
    total, count = torch.zeros(()), torch.zeros(())
    for chunk in rows():
        values, weight = scaler.shares(chunk)
        total = total + values.flatten(1).sum(0, dtype=torch.float64)
        count = count + (len(values) if weight is None else weight.flatten(1).sum(0, dtype=torch.float64))
    return (total / count.clamp(min=1)).float()


def _median(scaler: Any, rows: Chunks) -> Tensor:
    values, weight = scaler.shares(next(iter(rows())))
    values = values if weight is None else torch.where(weight > 0, values, torch.nan)
    return values.flatten(1).nanmedian(0).values.nan_to_num(0.0)


def _covariance(module: Hourglass, inputs: Chunks, targets: Chunks, mean: Tensor) -> Tensor:
    """Of target and latents, (outputs, latents): with latents of unit variance, the principal component regression."""
    path, scaler = module.linear, module.target_scaler or module.scaler
    assert path is not None
    total, n = torch.zeros(len(mean), path.P.out_features, dtype=torch.float64), 0
    for x, y in zip(inputs(), targets()):
        z = path.encode(module.centered(module.scaler.encode(x)[0]))
        total += ((scaler.shares(y)[0].flatten(1) - mean).T @ z).double()
        n += len(x)
    return (total / n).float()


def _against_noise(module: Hourglass, inputs: Chunks, targets: Chunks, mean: Tensor, rng: torch.Generator) -> Tensor:
    """Latents of noisy inputs brought to unit variance, and the directions that best rebuild the targets from them.

    Directions in which clean data hardly vary are full of noise: left at PCA's units they would be blown up. This is
    Wiener's filter within the components (Wiener 1949; for autoencoders Pretorius, Kroon and Kamper 2018, "Learning
    dynamics of linear denoising autoencoders", eq. 5).
    """
    path, scaler = module.linear, module.target_scaler or module.scaler
    assert path is not None
    k, n = path.P.out_features, 0
    first, second = torch.zeros(k, dtype=torch.float64), torch.zeros(k, k, dtype=torch.float64)
    both, offset = torch.zeros(len(mean), k, dtype=torch.float64), torch.zeros(len(mean), dtype=torch.float64)
    for _, x, y in zip(range(8), inputs(), targets()):
        seen = module.corrupt(Batch(*module.scaler.encode(x)), rng)
        z = path.encode(module.centered(seen.x)).double()
        t = (scaler.shares(y)[0].flatten(1) - mean).double()
        first, second, both, offset = first + z.sum(0), second + z.T @ z, both + t.T @ z, offset + t.sum(0)
        n += len(x)
    center = first / n
    covariance = second / n - torch.outer(center, center)
    spread = covariance.diagonal().clamp(min=0).sqrt()
    spread = torch.where(spread > 1e-12, spread, 1.0)  # silent latents stay silent
    path.P.weight.copy_(path.P.weight / spread[:, None])
    path.P.bias.copy_((path.P.bias - center) / spread)
    correlation = covariance / torch.outer(spread, spread) + 1e-4 * torch.eye(k, dtype=torch.float64)
    shared = (both / n - torch.outer(offset / n, center)) / spread
    return torch.linalg.solve(correlation, shared.T).T.float()
