"""Continuation of series: new steps after given ones, drawn from a variational model.

The first part of a window is known and the rest is drawn. Codes that agree with the known part are sampled by
"randomize, then optimize": a code is drawn from the prior, noise of the model's noise level is added to the known
steps, and the code is optimized to explain them,

    min_z  |known + noise - decoded(z)|^2 / variance + |z - drawn|^2 / spread^2,

which for a linear decoder is an exact draw from the posterior (Bardsley, Solonen, Haario and Laine 2014,
"Randomize-then-optimize", section 2). Each window begins with steps that are known or already drawn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from zandloper.errors import DataError, UnsupportedError

KNOWN_SHARE = 0.5  # of a window
OPTIMIZATION_STEPS = 200
LEARNING_RATE = 0.1
MIN_NOISE = 0.02  # standard deviations of the data: with less noise the optimization does not converge
FADE_STEPS = 3  # over which the remaining jump at the seam fades


def continue_windows(model: Any, X: Any, steps: int, n: int, rng: torch.Generator) -> Any:
    """Draw n continuations of each series of X, of `steps` steps; those of one series are adjacent.

    Parameters
    ----------
    model : fitted VariationalAutoencoder of series
    X : array, frame, or list of those
    steps, n : int
    rng : torch.Generator

    Returns
    -------
    As the model gives windows: an array (series x n, steps, channels), or a list of frames without time stamps.

    Raises
    ------
    DataError
        A series is shorter than the known part of a window, or a channel has no value there.
    """
    schema, caller = model.model_.schema, "continue_series"
    if schema.name != "series_schema":
        raise UnsupportedError(f"only series can be continued, and this generator was fitted on {schema.in_words()}")
    window, known = schema.window, max(1, round(KNOWN_SHARE * schema.window))
    ends = []
    for part in schema.parse(X, caller):
        rows = schema.lay([part], caller, window, known, 1)  # on their grid, gaps as missing values
        end = np.asarray(rows[len(rows) - 1 : len(rows)], np.float64)[0]
        if len(part.values) < known:
            raise DataError(f"a series to continue must have {known} steps, half a window; got {len(part.values)}")
        lost = np.flatnonzero(np.isnan(end).all(1))
        if len(lost):
            raise DataError(
                f"channel {schema.columns[lost[0]].name!r} has no value in the last {known} steps: cut the series "
                "where it is still known"
            )
        ends.append(end)
    past = np.repeat(np.stack(ends), n, 0)  # (series x n, channels, known)
    made = np.empty((len(past), past.shape[1], 0))
    while made.shape[2] < steps:
        begin = np.concatenate([past, made], 2)[:, :, -known:]
        made = np.concatenate([made, _ahead(model, begin, rng)], 2)
    return schema.give(made[:, :, :steps])


def _ahead(model: Any, begin: np.ndarray, rng: torch.Generator) -> np.ndarray:
    """Remaining steps of windows that start with `begin`, (n, channels, steps)."""
    module, known = model.module_, begin.shape[2]
    empty = np.full((*begin.shape[:2], model.model_.schema.window - known), np.nan)
    with torch.no_grad():
        x, there = module.scaler.encode(torch.from_numpy(np.concatenate([begin, empty], 2)))
        there = torch.ones_like(x) if there is None else there
        start = model._codes(len(x), None, rng, None)
        spread = start.std(0).clamp(min=0.1) if len(start) > 1 else torch.ones(start.shape[1])
        noise = _noise(module, x)
        aim = x + noise * torch.randn(x.shape, generator=rng)
    z = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=LEARNING_RATE)
    weights = list(module.parameters())
    asked = [p.requires_grad for p in weights]
    for p in weights:
        p.requires_grad_(False)
    try:
        for step in range(OPTIMIZATION_STEPS):
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * (1 - step / OPTIMIZATION_STEPS)
            off = (module.decode(z.reshape(len(z), *model.latent_shape_)).float() - aim) / noise
            loss = (off.square() * there).sum() + ((z - start) / spread).square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    finally:
        for p, was in zip(weights, asked):
            p.requires_grad_(was)
    with torch.no_grad():
        params = module.decode(z.reshape(len(z), *model.latent_shape_))
        out = module.restore(params).double().numpy()
    left = begin[:, :, -1] - out[:, :, known - 1]
    fade = np.clip(1 - np.arange(1, out.shape[2] - known + 1) / FADE_STEPS, 0, 1)
    return out[:, :, known:] + np.nan_to_num(left)[:, :, None] * fade


def _noise(module: Any, x: Tensor) -> Tensor:
    """Standard deviation of data around decoded codes, in model units, for each position of a window."""
    log_variance = getattr(module.compare, "log_variance", None)
    size = x.new_tensor(MIN_NOISE) if log_variance is None else (0.5 * log_variance).exp().float().clamp(min=MIN_NOISE)
    return size.expand(x.shape[1:])
