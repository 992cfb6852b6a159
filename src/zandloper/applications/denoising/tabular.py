"""Denoising by an autoencoder: of tables, of series, and of images of one size."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import clone

from zandloper.applications.denoising.objectives import Recorrupted, objective_for_noisy
from zandloper.autoencoders.autoencoder import Autoencoder
from zandloper.autoencoders.base import BaseAutoencoder
from zandloper.autoencoders.denoising import DenoisingAutoencoder
from zandloper.data.series_lists import each_of
from zandloper.errors import DataError, UnsupportedError
from zandloper.fitting.blueprint import HIDING
from zandloper.modality import modality as modality_of
from zandloper.model.batch import Batch, CorruptedInput
from zandloper.model.corruptions import Noise
from zandloper.model.corruptions.block_masking import BlockMasking
from zandloper.model.corruptions.chain import Chain
from zandloper.model.corruptions.masking import Masking
from zandloper.noise.audit import Audit, audit
from zandloper.noise.estimate import estimate
from zandloper.noise.units import to_model_units

COPIES = 4  # of the data with different noise, for autoencoders that do not add noise
GAPS: dict[str, Noise] = {"table": Masking((0.05, 0.5)), "series": BlockMasking((0.05, 0.5), (1.0, 8.0))}
LATENTS, HIDDEN = 128, (256, 256)  # wide, so that observed values pass
EPOCHS = 60


def only_hides(noise: Noise | None) -> bool:
    """True if a noise removes values and changes no others."""
    parts = noise.noises if isinstance(noise, Chain) else (noise,)
    return all(part is not None and part.name in HIDING and getattr(part, "fill", 0.0) != "hold" for part in parts)


@dataclass(frozen=True)
class RowData:
    """Training data of series, tables and images of one size; `kind` is their modality."""

    kind: str
    X: Any
    y: Any
    noisy: Any
    learn_from: str


def fit_rows(
    denoiser: Any, data: RowData, noise: Noise | None, seed: int, first: Any = None
) -> tuple[BaseAutoencoder, Noise, Audit | None]:
    """Fit an autoencoder that denoises; return also the noise and its audit against the noise in the data.

    `first` is a fitted autoencoder to start from, or None.
    """
    caller = type(denoiser).__name__
    kind, X, y, noisy, learn_from = data.kind, data.X, data.y, data.noisy, data.learn_from
    given, found = noise, None
    if learn_from == "pairs":
        noise = noise or estimate(X, y, kind)
        found = audit(noise, X, y, kind)
    elif learn_from == "noisy" and not only_hides(noise or GAPS.get(kind)):
        noise = noise or estimate(X, modality=kind)
        found = audit(noise, X, modality=kind)
    elif noisy is not None:
        noise = noise or estimate(noisy, modality=kind)
        found = audit(noise, noisy, X, kind, paired=False)
    if found is not None and not found.realistic and given is not None:
        warnings.warn(f"{found.verdict} audit_ has the numbers.", UserWarning, stacklevel=4)
    noise = noise or GAPS.get(kind) or Masking((0.05, 0.5))
    model = _autoencoder_for(denoiser, noise, learn_from, kind, seed)
    if learn_from == "pairs":
        return model.set_params(target="y").fit(X, y, init_from=first), noise, found
    if learn_from == "noisy" and not only_hides(noise):
        return (
            model.set_params(target="y").fit(*_recorrupted(X, kind, noise, seed, caller), init_from=first),
            noise,
            found,
        )
    if isinstance(model, DenoisingAutoencoder):
        return model.set_params(noise=noise).fit(X, init_from=first), noise, found
    pairs = _noisy_copies(X, kind, noise, seed, model.modality)
    return model.set_params(target="y").fit(*pairs, init_from=first), noise, found


def _autoencoder_for(denoiser: Any, noise: Noise, learn_from: str, kind: str, seed: int) -> BaseAutoencoder:
    """A clone of the user's autoencoder, or the default: wide, and with the mask of missing values as an input."""
    if denoiser.autoencoder is not None:
        model = clone(denoiser.autoencoder)
    else:
        settings: dict[str, Any] = {"latent_dim": LATENTS, "hidden": HIDDEN, "max_epochs": EPOCHS}
        if learn_from == "pairs" or (learn_from == "noisy" and not only_hides(noise)):
            model = Autoencoder(**settings)
        else:
            model = DenoisingAutoencoder(**settings, noise=noise, noise_conditional=only_hides(noise))
    model.set_params(random_state=seed, verbose=denoiser.verbose, device=denoiser.device)
    if denoiser.modality != "auto" or kind != "table":
        read_as = denoiser.modality if denoiser.modality != "auto" else kind
        both = {"modality", "target_modality"} & set(model.get_params(deep=False))  # what comes out is of the same kind
        model.set_params(**dict.fromkeys(both, read_as))
    for name in ("max_epochs", "max_minutes"):
        if getattr(denoiser, name) is not None:
            model.set_params(**{name: getattr(denoiser, name)})
    return model


def denoise_rows(model: BaseAutoencoder, X: Any, noise: Noise) -> Any:
    """Denoise data; if the noise only removes values, observed values are not changed."""
    if not only_hides(noise):
        return model.predict(X)
    raw = model.model_.read(X)
    return model.model_.rebuild(denoise_raw(model, raw, noise), X, raw)


def denoise_raw(model: BaseAutoencoder, raw: Any, noise: Noise) -> torch.Tensor:
    """Denoise raw rows, as `denoise_rows`."""
    made = model.model_.reconstruct(raw)
    if not only_hides(noise):
        return made
    raw = raw[:]
    values = raw.to(made.dtype) if not raw.is_floating_point() else raw
    return torch.where(values.isnan(), made.to(values.dtype), values)


def error_bars_of_rows(model: Any, X: Any, noise: Noise, draws: int, seed: int) -> Any:
    """Standard deviations of the output of a variational model, in the format of the data."""
    blueprint = None if model is None else model.model_.blueprint
    if blueprint is None or blueprint.bottleneck.name != "variational" or blueprint.compare.name != "gaussian":
        raise UnsupportedError(
            "error bars come from a variational model of numbers: pass autoencoder=zl.VariationalAutoencoder()"
        )
    raw, module = model.model_.read(X), model.module_
    scaler = module.scaler if module.target_scaler is None else module.target_scaler
    rng = torch.Generator().manual_seed(seed)
    noises = torch.randn(draws, model.model_.n_latents, generator=rng)

    def spread(batch: Any) -> torch.Tensor:
        batch = module.scaled(batch)
        neck, offset = module.bottleneck_inputs(batch.x, batch.condition)
        mean, log_variance = module.bottleneck.posterior(neck.value, offset)
        first: Any = 0.0
        second: Any = 0.0
        for noise in noises:
            point = module.compare.point(module.decode(mean + noise * torch.exp(0.5 * log_variance))).double()
            first, second = first + point, second + point.square()
        variance = (second / draws - (first / draws).square()).clamp(min=0)
        total = variance + module.compare.log_variance.clamp(-10, 10).exp()
        # From model units to those of the data: a scaler is linear, so that its offset cancels.
        zero = scaler.restore(torch.zeros_like(total).float())
        return (scaler.restore(total.sqrt().float()) - zero).abs()

    bars = model.model_.map_batches(spread, raw)
    if only_hides(noise):
        bars = torch.where(raw[:].isnan(), bars.to(raw.dtype), 0.0)
    return model.model_.rebuild(bars, X, raw)


def _noisy_copies(X: Any, kind: str, noise: Noise, seed: int, modality: Any) -> tuple[Any, Any]:
    """Copies of data with different noise, and as many clean copies."""
    schema, raw = modality_of(modality, X, "Denoiser").learn(X, "Denoiser")
    if kind == "series":
        clean = [x for _ in range(COPIES) for x in each_of(X, "Denoiser")]
        return [noise.apply(x, "series", (seed + i) % 2**31) for i, x in enumerate(clean)], clean
    if not only_hides(noise):
        apply = [noise.apply(X, modality, seed + k) for k in range(COPIES)]
        return schema.readable(np.concatenate([schema.read(x, "Denoiser") for x in apply])), schema.readable(
            np.concatenate([raw] * COPIES)
        )
    whole = np.concatenate([raw] * COPIES).astype(np.float64)
    there = torch.from_numpy(~np.isnan(whole)).float()
    left = noise.build()(Batch(torch.zeros_like(there), there), torch.Generator().manual_seed(seed)).valid
    return schema.readable(np.where(left.numpy() > 0, whole, np.nan)), schema.readable(whole)


def _recorrupted(X: Any, kind: str, noise: Noise, seed: int, caller: str) -> tuple[Any, Any]:
    """Noisier versions of noisy data, and targets with independent noise."""
    objective = objective_for_noisy(noise)
    if not isinstance(objective, Recorrupted):
        raise DataError(
            f"{caller} learns from noisy {kind} data alone where noise has mean zero, such as Gaussian noise, or is "
            f"missing values; {noise!r} is neither: pass clean data or pairs"
        )
    data, seen, targets = to_model_units(X, kind, caller), [], []
    for k in range(COPIES):
        rng = torch.Generator().manual_seed(seed + k)
        x, target, _ = objective.parts(Batch(data.x, data.valid), rng, noise.build())
        seen.append(data.restore(CorruptedInput(x, data.valid)))
        targets.append(data.restore(CorruptedInput(target, data.valid)))
    if kind == "series":
        return [x for part in seen for x in each_of(part, caller)], [
            x for part in targets for x in each_of(part, caller)
        ]
    schema, _ = modality_of(kind, seen[0], caller).learn(seen[0], caller)

    def join(parts: list[Any]) -> Any:
        return schema.readable(np.concatenate([schema.read(part, caller) for part in parts]))

    return join(seen), join(targets)
