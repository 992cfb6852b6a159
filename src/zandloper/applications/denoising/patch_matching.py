"""Nonlocal estimates from similar patches, and a gate network that weights them.

A network has a receptive field of tens of pixels; the stripes of a cloth or the panes of a facade recur over hundreds.
For every patch, the most similar patches around it are searched in the network's result, and each is shrunk towards
their mean by noise and covariance (Lebrun, Buades and Morel 2013, "A nonlocal Bayesian image denoising algorithm", SIAM
Journal on Imaging Sciences 6(3), section 3: the second step, with the network's result in place of their first). Few
patches keep edges sharp, many keep texture. The gate weights these estimates at every pixel, from the residuals: where
a network has removed texture, the removed signal correlates with the one that the patches restore.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.applications.denoising.image_network import EDGE_LR_SCALE, ImageDenoisingNet, ImageNetwork
from zandloper.model.layers import layers
from zandloper.spec import Spec
from zandloper.training.patch_source import map_symmetries

SIZE, STEP = 7, 4  # pixels: side of a patch, and step from one reference patch to the next
REACH = 16  # pixels: search radius along an axis
FEW, MANY = 20, 48  # patches of a group
ROUNDS = 2  # further iterations that start from the estimate from many patches
NOISY_SHARE = {FEW: 0.35, MANY: 0.5}  # weight of the noisy patches' mean in a group's mean; the rest is the network's
CHUNK = 256  # groups at once, so that they fit into the cache
BINS, PER_BIN = 8, 64  # of brightness, and groups in each, at least
WINDOWS = (5, 11, 21, 41)  # pixels: sides of the squares of the gate's features
TINY = 1e-10


@dataclass(frozen=True)
class PatchMatching(Spec):
    """Settings of a network for images that is combined with estimates from similar patches.

    Parameters
    ----------
    first : ImageNetwork
        The network.
    width : int
        Units of the two hidden layers of the gate.
    """

    name: ClassVar[str] = "patch_matching"
    kind: ClassVar[str] = "image"
    first: ImageNetwork
    width: int = 96

    @property
    def channels(self) -> int:
        """Of images."""
        return self.first.channels

    @property
    def hidden(self) -> tuple[int, ...]:
        """Channels of the network's levels."""
        return self.first.hidden

    @property
    def stride(self) -> int:
        """Sizes must be multiples of this."""
        return self.first.stride

    def to_dict(self) -> dict[str, Any]:
        """The settings, with those of the network."""
        return {**super().to_dict(), "first": self.first.to_dict()}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return super().from_dict({**settings, "first": ImageNetwork.from_dict(settings["first"])})

    def build(self) -> nn.Module:
        """The module."""
        return PatchMatchingNet(self)


class PatchMatchingNet(nn.Module):
    """Denoising of images (n, channels, height, width): `first` is the network, `gate` weights the estimates."""

    ESTIMATES = 4  # from few patches, from many, from many again, and the noisy image itself

    def __init__(self, spec: PatchMatching) -> None:
        super().__init__()
        self.spec = spec
        self.first: Any = ImageDenoisingNet(spec.first)
        count = (3 + self.ESTIMATES - 1 + self.ESTIMATES * (self.ESTIMATES - 1) // 2) * len(WINDOWS) + 1
        self.gate = nn.Sequential(
            layers.Linear(count, spec.width),
            nn.SiLU(),
            layers.Linear(spec.width, spec.width),
            nn.SiLU(),
            layers.Linear(spec.width, self.ESTIMATES),
        )
        for weight in self.gate.parameters():  # small layers: see `zandloper.training.muon`
            weight.lr_scale = EDGE_LR_SCALE  # type: ignore[attr-defined]

    def zero_init(self) -> None:
        """Make the output that of the network alone."""
        for weight in self.gate[-1].parameters():
            weight.detach().zero_()

    def forward(self, y: Tensor) -> Tensor:
        """Denoise images."""
        inputs = gate_inputs(self, y)
        weights = self.gate(inputs.features.movedim(1, -1)).movedim(-1, 1)
        out: Tensor = inputs.guess + (weights[:, :, None] * inputs.apart).sum(1)
        return out


@dataclass(frozen=True)
class GateInputs:
    """The input of the gate, and the estimates that it weights.

    Parameters
    ----------
    guess : Tensor (n, channels, height, width)
        Output of the network alone.
    apart : Tensor (n, estimates, channels, height, width)
        Difference of each estimate from `guess`; the last estimate is the noisy image.
    features : Tensor (n, features, height, width)
        Input of the gate.
    noise : Tensor (n, 1, height, width)
        Variance of the noise.
    """

    guess: Tensor
    apart: Tensor
    features: Tensor
    noise: Tensor


def gate_inputs(net: PatchMatchingNet, y: Tensor) -> GateInputs:
    """Compute the input of the gate. The variance of the network's output over the eight symmetries is one feature."""
    outputs = map_symmetries(net.first, y, range(8))
    guess, unsure = outputs.mean(0), outputs.var(0).mean(1, keepdim=True)
    found, noise = estimates(y, guess)
    noise = noise + TINY
    apart = torch.stack([made - guess for made in (*found, y)], 1)
    return GateInputs(guess, apart, gate_features(guess, unsure, apart, noise), noise)


def estimates(y: Tensor, guess: Tensor) -> tuple[list[Tensor], Tensor]:
    """Three estimates of images (n, channels, height, width), and the variance of their noise (n, 1, height, width).

    `guess` is the output of a network for `y`.
    """
    height, width = y.shape[-2:]
    down, right = (-side % STEP + SIZE - STEP for side in (height, width))  # the last patches reach the last pixels
    y, guess = (F.pad(part, (0, right, 0, down), mode="replicate") for part in (y, guess))
    groups = match_patches(guess)
    curves = noise_curves(y, guess, groups)
    levels = torch.cat([curve(bright) for curve, bright in zip(curves, _brightness(guess).chunk(len(y)))])
    few = shrink_groups(y, guess, groups[:, :FEW], levels, NOISY_SHARE[FEW])
    many = again = shrink_groups(y, guess, groups, levels, NOISY_SHARE[MANY])
    for _ in range(ROUNDS):
        again = shrink_groups(y, again, groups, levels, NOISY_SHARE[MANY])
    bright = box(guess.mean(1, keepdim=True), SIZE)
    noise = torch.stack([curve(b) for curve, b in zip(curves, bright)])
    return [made[..., :height, :width] for made in (few, many, again)], noise[..., :height, :width]


def match_patches(guess: Tensor) -> Tensor:
    """Find groups of similar patches: (groups, patches), the most similar first.

    Groups are in the order of the images; a patch is given by the index of its first pixel in all images.
    """
    n, _, height, width = guess.shape
    rows, columns = height - SIZE + 1, width - SIZE + 1
    moves = torch.cartesian_prod(*[torch.arange(-REACH, REACH + 1, device=guess.device)] * 2)
    beyond = F.pad(guess, (REACH,) * 4, value=torch.inf)
    apart = []
    for down, right in (moves + REACH).tolist():
        square = (guess - beyond[..., down : down + height, right : right + width]).square_()
        square = square.mean(1, keepdim=True) if square.shape[1] > 1 else square
        apart.append(F.avg_pool2d(square, SIZE, STEP))
    apart[len(apart) // 2] -= 1  # each patch comes first in its group, even among equal ones, so that none is left out
    most = min(MANY, min(rows, REACH + 1) * min(columns, REACH + 1))  # a corner has neighbors on two sides alone
    best = torch.cat(apart, 1).permute(0, 2, 3, 1).topk(most, largest=False).indices
    first = torch.arange(0, n * height * width, device=guess.device).reshape(n, height, width, 1)
    first = first[:, :rows:STEP, :columns:STEP]
    return (first + (moves[:, 0] * width + moves[:, 1])[best]).flatten(0, 2)


def shrink_groups(y: Tensor, guess: Tensor, groups: Tensor, levels: Tensor, noisy_share: float) -> Tensor:
    """Shrink each patch of a group towards the group's mean, and average the overlapping patches.

    Deviations are multiplied by `C (C + v)^-1`, with the group's covariance `C` in `guess` and the noise variance v.
    """
    n, channels, height, width = y.shape
    pixels = _pixels(width, y.device)
    noisy, guessed = (part.transpose(0, 1).flatten(1) for part in (y, guess))
    total = torch.zeros_like(noisy)
    count = torch.zeros_like(noisy[0])
    for some, level in zip(groups.split(CHUNK), levels.split(CHUNK)):
        at = some[..., None] + pixels
        one, other = (part[:, at].permute(1, 2, 0, 3).flatten(2) for part in (noisy, guessed))
        mean, mean_other = one.mean(1, keepdim=True), other.mean(1, keepdim=True)
        spread = other - mean_other
        alike = spread @ spread.mT / spread.shape[1]
        ridge = level[:, None] + 1e-4 * alike.diagonal(dim1=1, dim2=2).mean(1, keepdim=True) + TINY
        alike.diagonal(dim1=1, dim2=2).add_(ridge)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky_ex(alike)[0])
        made = (
            (one - mean) @ spread.mT / spread.shape[1] @ inverse @ spread
            + noisy_share * mean
            + (1 - noisy_share) * mean_other
        )
        made = made.unflatten(2, (channels, -1)).permute(2, 0, 1, 3)
        total.index_add_(1, at.flatten(), made.flatten(1))
        count.index_add_(0, at.flatten(), torch.ones_like(made[0]).flatten())
    return (total / count).unflatten(1, (n, height, width)).transpose(0, 1)


@dataclass(frozen=True)
class NoiseCurve:
    """Variance of the noise by brightness, linear between points."""

    bright: Tensor
    variance: Tensor

    def __call__(self, bright: Tensor) -> Tensor:
        """The variance at given brightnesses, constant beyond the points."""
        if len(self.bright) == 1:
            return self.variance.expand_as(bright)
        last = torch.bucketize(bright.contiguous(), self.bright[1:-1].contiguous())
        low, high = self.bright[last], self.bright[last + 1]
        share = ((bright - low) / (high - low).clamp(min=TINY)).clamp(0, 1)
        return torch.lerp(self.variance[last], self.variance[last + 1], share)


def noise_curves(y: Tensor, guess: Tensor, groups: Tensor) -> list[NoiseCurve]:
    """The noise curve of each image, from medians of the removed power, which removed texture affects little."""
    width = y.shape[-1]
    off = (y - guess).square().mean(1).flatten()
    power = torch.cat([off[some[..., None] + _pixels(width, y.device)].mean((1, 2)) for some in groups.split(CHUNK)])
    curves = []
    for bright, value in zip(_brightness(guess).chunk(len(y)), power.chunk(len(y))):
        order = bright.argsort().chunk(max(1, min(BINS, len(bright) // PER_BIN)))
        curves.append(
            NoiseCurve(
                torch.stack([bright[some].mean() for some in order]),
                torch.stack([value[some].median() for some in order]),
            )
        )
    return curves


def gate_features(guess: Tensor, unsure: Tensor, apart: Tensor, noise: Tensor) -> Tensor:
    """Features of the gate, (n, features, height, width), relative to the noise.

    `apart` (n, estimates, channels, height, width) is the difference of each estimate from `guess`, the last being the
    noisy image, and `unsure` (n, 1, height, width) the variance of the network's output over symmetries. Means over
    squares of several sizes: that variance, the removed power, its covariance with each estimate's difference, the
    covariances of these differences, and the variance of the image.
    """
    off, others = apart[:, -1], apart[:, :-1]
    count = others.shape[1]
    flat = guess.mean(1, keepdim=True)
    products = [off.square().mean(1)]
    products += [4 * (off * others[:, i]).mean(1) for i in range(count)]
    products += [8 * (others[:, i] * others[:, j]).mean(1) for i in range(count) for j in range(i, count)]
    stacked = torch.cat([torch.stack(products, 1), 16 * unsure], 1)
    seen = [16 * unsure / noise]
    for side in WINDOWS:
        busy = (box(flat.square(), side) - box(flat, side).square()).clamp(min=0)
        seen.append(torch.cat([box(stacked, side), busy], 1) / noise)
    every = torch.cat(seen, 1)
    return every.sign() * (4 * every.abs()).log1p()


def box(x: Tensor, side: int) -> Tensor:
    """Means over squares of an odd side, of images (n, channels, height, width) with repeated edge pixels."""
    half = side // 2
    x = F.pad(x, (half,) * 4, mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(x, (side, 1), 1), (1, side), 1)


def _pixels(width: int, device: torch.device) -> Tensor:
    """Index offsets of the pixels of a patch from its first pixel."""
    along = torch.arange(SIZE, device=device)
    return (along[:, None] * width + along).flatten()


def _brightness(guess: Tensor) -> Tensor:
    """Mean brightness of the reference patches, in the order of their groups."""
    return F.avg_pool2d(guess.mean(1, keepdim=True), SIZE, STEP).flatten()


def with_patch_matching(first: ImageDenoisingNet) -> PatchMatchingNet:
    """Combine a trained network with an untrained gate."""
    net = PatchMatchingNet(PatchMatching(first.spec))
    net.first.load_state_dict(first.state_dict())
    return net
