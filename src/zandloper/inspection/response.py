"""The response of a trained hourglass to changes of its code: score drops, sensitivities, traversals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zandloper.model.batch import Batch, CorruptedInput
from zandloper.model.hourglass import Hourglass, weighted

FEWEST = 16  # rows that everything is measured on at least
WORK = 3e10  # operations for each measurement: about a second
TABLE = 2**23  # numbers in a table of sensitivities: 64 MB
MOST = 256  # latents measured
STEPS = (-2.5, -1.5, -0.75, 0.0, 0.75, 1.5, 2.5)  # standard deviations that a latent is moved by


def spread(n: int, most: int) -> np.ndarray:
    """At most so many of n rows, evenly spread: the same ones every time."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def error_of(module: Hourglass, params: Tensor, target: Any) -> Tensor:
    """The error map; for likelihoods that may be below zero, whose shares mean nothing, the squared error instead."""
    if module.compare.from_zero:
        return module.compare(params.float(), target)
    return (module.compare.point(params.float()) - target).square()


def decoded(module: Hourglass, batch: Batch) -> tuple[Tensor, Batch]:
    """The output's parameters for clean raw rows, and the rows in model units."""
    batch = module.scaled(batch)
    code, skips = module.encode(CorruptedInput(batch.x, batch.valid), batch.condition)
    return module.decode(code.z, skips, batch.condition).float(), batch


class Probe:
    """A sample of rows encoded by an hourglass, to be decoded again with changed codes."""

    def __init__(self, module: Hourglass, batch: Batch, work: int) -> None:
        self.module, self.work = module, max(1, work)
        with torch.no_grad():
            self.batch = module.scaled(batch.to(next(module.parameters()).device))
            code, self.skips = module.encode(CorruptedInput(self.batch.x, self.batch.valid), self.batch.condition)
        self.codes = code.z
        self.z = code.z.flatten(1).cpu()  # (rows, latents)

    def latents(self) -> np.ndarray:
        """Choose latents to measure: all, or as many of those that vary most as memory allows."""
        wide = max(self.batch.x[0].numel(), int(np.prod(self.module.compare.params_shape)))
        variance = self.z.double().var(0, correction=0).numpy()
        return np.sort(np.argsort(-variance, kind="stable")[: min(MOST, max(8, TABLE // wide))])

    @torch.no_grad()
    def score_drop(self, shown: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the loss of score without each latent, and the score."""
        codes, decode, batch = self._part(len(shown))

        def error(params: Tensor) -> float:
            params = params.expand(len(batch.x), *self.module.compare.params_shape)
            return float(weighted(error_of(self.module, params, batch.target), batch.target_valid).double().sum())

        natural, whole, mean, drops = error(self.module.baseline), error(decode(codes)), self.codes.mean(0), []
        for i in shown:
            held = codes.clone()
            held.flatten(1)[:, i] = mean.flatten()[i]
            drops.append(error(decode(held)) - whole)
        if natural <= 0:  # nothing varies, so that there is nothing to carry
            return np.zeros(len(shown)), 1.0 if whole <= 0 else 0.0
        return np.array(drops) / natural, 1 - whole / natural

    def input_sensitivity(self, shown: np.ndarray) -> np.ndarray:
        """Mean absolute derivatives of latents after inputs, in deviations of the latent: (k, inputs)."""
        _, _, batch = self._part(3 * len(shown))
        x = batch.x.detach().clone().requires_grad_()
        code, _ = self.module.encode(CorruptedInput(x, batch.valid), batch.condition)
        z, found = code.z.flatten(1), []
        for i in shown.tolist():  # rows do not touch each other, so that one backward pass serves all of them
            (slope,) = torch.autograd.grad(z[:, i].sum(), x, retain_graph=True, allow_unused=True)
            found.append(torch.zeros_like(x[0]).flatten() if slope is None else slope.flatten(1).abs().mean(0))
        deviation = self._deviation(shown)
        return (torch.stack(found).cpu() / torch.where(deviation > 0, deviation, torch.inf)[:, None]).double().numpy()

    def output_sensitivity(self, shown: np.ndarray) -> np.ndarray:
        """Mean absolute derivatives of outputs after latents, for one deviation of the latent: (k, outputs)."""
        codes, decode, _ = self._part(4 * len(shown))
        forwards, found = _forwards(lambda z: self.module.compare.expected(decode(z).float()), codes), []
        for i in shown.tolist():
            along = torch.zeros_like(codes)
            along.flatten(1)[:, i] = 1.0
            found.append(forwards(along).flatten(1).abs().mean(0))
        return (torch.stack(found).cpu() * self._deviation(shown)[:, None]).double().numpy()

    @torch.no_grad()
    def traversal(self, chosen: np.ndarray, output: Any) -> np.ndarray:
        """Decode codes in which one latent after the other moves, starting from the most typical row."""
        mean, deviation = self.z.mean(0), self.z.std(0, correction=0)
        typical = int(((self.z - mean) / deviation.clamp(min=1e-12)).square().sum(1).argmin())
        skips = tuple(s[typical : typical + 1].expand(len(STEPS), *s.shape[1:]) for s in self.skips)
        lines = []
        for i in chosen.tolist():
            z = self.z[typical].repeat(len(STEPS), 1)
            z[:, i] = mean[i] + deviation[i] * torch.tensor(STEPS)
            params = self.module.decode(z.reshape(len(z), *self.codes.shape[1:]).to(self.codes.device), skips)
            made = output.drawn(output.give(self.module.restore(params).cpu().numpy()))
            lines.append(np.stack([np.asarray(p) for p in made]))
        return np.stack(lines)

    def _part(self, passes: int) -> tuple[Tensor, Callable[[Tensor], Tensor], Batch]:
        """Return as many rows as that many passes may cost: codes, a function that decodes them, and scaled rows."""
        rows = torch.as_tensor(spread(len(self.z), max(FEWEST, int(WORK / (passes * self.work)))))
        batch, skips = self.batch.map(lambda t: t[rows]), tuple(s[rows] for s in self.skips)
        return self.codes[rows], lambda z: self.module.decode(z, skips, batch.condition), batch

    def _deviation(self, shown: np.ndarray) -> Tensor:
        return self.z.std(0, correction=0)[shown]


def _forwards(function: Callable[[Tensor], Tensor], at: Tensor) -> Callable[[Tensor], Tensor]:
    """Derivatives in given directions: `u -> J^T u` is linear, and its derivative along a direction v is J v.

    Two backward passes in place of torch's forward mode, which own modules may not know; for those that cannot be
    differentiated twice, differences.
    """
    z = at.detach().clone().requires_grad_()
    try:
        out = function(z)
        u = torch.zeros_like(out, requires_grad=True)
        (backwards,) = torch.autograd.grad(out, z, u, create_graph=True)
        torch.autograd.grad(backwards, u, torch.zeros_like(z), retain_graph=True)
    except (NotImplementedError, RuntimeError):
        step = 1e-2 * float(at.std().clamp(min=1e-6))
        return torch.no_grad()(lambda v: (function(at + step * v) - function(at - step * v)) / (2 * step))
    return lambda v: torch.autograd.grad(backwards, u, v, retain_graph=True)[0]
