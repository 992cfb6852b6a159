"""Several noises, one after the other: light is counted, read out, stored."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import nn

import zandloper.model.corruptions
from zandloper.errors import bad_parameter
from zandloper.model.batch import Batch, CorruptedInput
from zandloper.model.corruptions import Noise
from zandloper.spec import build_spec


@dataclass(frozen=True)
class Chain(Noise):
    """Noises in sequence, each on what the one before has left.

    Parameters
    ----------
    noises : tuple of noises
        The first one first. A level column of each that has a level travels on.

    References
    ----------
    The order of a camera's parts, as in Hasinoff 2014, "Photon, Poisson noise", in: Computer vision, Springer.
    """

    name: ClassVar[str] = "chain"
    noises: tuple[Any, ...]

    def __post_init__(self) -> None:
        parts = self.noises if isinstance(self.noises, tuple | list) else (self.noises,)
        if not parts or not all(isinstance(part, Noise) for part in parts):
            raise bad_parameter("Chain", "noises", "one or more noises of zl.noise", self.noises)
        flat = (inner for part in parts for inner in (part.noises if isinstance(part, Chain) else (part,)))
        self._set("noises", tuple(flat))

    def build(self) -> ChainCorruption:
        """The module."""
        return ChainCorruption(self)

    def to_dict(self) -> dict[str, Any]:
        """The settings of each."""
        return {"name": self.name, "noises": [part.to_dict() for part in self.noises]}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        parts = settings.get("noises", ())
        built = tuple(p if isinstance(p, Noise) else build_spec(zandloper.model.corruptions, p) for p in parts)
        return super().from_dict({**settings, "noises": built} if "noises" in settings else settings)

    def in_data_units(self, like: Any) -> dict[str, Any]:
        """The settings of each, by its name; of two of a name the later one is called name_2."""
        found: dict[str, Any] = {}
        for part in self.noises:
            same = sum(key.split("_")[0] == part.name.split("_")[0] for key in found)
            found[part.name if part.name not in found else f"{part.name}_{same + 1}"] = part.in_data_units(like)
        return found

    def at(self, share: float) -> Noise:
        """Each part at that share of its range."""
        return Chain(tuple(part.at(share) for part in self.noises))

    def filled(self, module: nn.Module) -> Noise:
        """Each part with the arrays of its module."""
        return Chain(tuple(part.filled(m) for part, m in zip(self.noises, module.parts)))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"Chain({', '.join(map(repr, self.noises))})"


class ChainCorruption(nn.Module):
    """The modules of the parts."""

    def __init__(self, spec: Chain) -> None:
        super().__init__()
        self.parts = nn.ModuleList(part.build() for part in spec.noises)

    def forward(self, batch: Batch, rng: torch.Generator | None = None) -> CorruptedInput:
        """What the last one leaves, and the levels of all side by side (n, levels)."""
        rng = zandloper.model.corruptions.generator(rng, batch.x.device)
        seen, levels = CorruptedInput(batch.x, batch.valid), []
        for part in self.parts:
            seen = part(dataclasses.replace(batch, x=seen.x, valid=seen.valid), rng)
            if seen.level is not None:
                levels.append(seen.level)
        return CorruptedInput(seen.x, seen.valid, torch.cat(levels, 1) if levels else None)
