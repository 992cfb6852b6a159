"""What patches that look alike say about each other, and a small net that says how far to believe them.

Nets see some tens of pixels; the stripes of a cloth or the panes of a facade recur over hundreds. For every patch
those around it that look most like it are sought in the net's own result, and each is drawn towards their mean as far
as noise and their spread allow (Lebrun, Buades and Morel 2013, "A nonlocal Bayesian image denoising algorithm", SIAM
Journal on Imaging Sciences 6(3), section 3: the second step, with the net's result in place of their first). Few
patches keep edges sharp, many keep texture. Which of these estimates to follow is decided pixel by pixel from what is
left over: where a net has wiped texture out, what it took off goes along with what the patches would bring back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.applications.denoising.image_network import EDGE, ImageDenoisingNet, ImageNetwork
from zandloper.model.layers import layers
from zandloper.spec import Spec
from zandloper.training.patch_source import map_symmetries

SIZE, STEP = 7, 4  # pixels: of a patch's side, and from one patch that others are sought for to the next
REACH = 16  # pixels: how far away others are sought, either way
FEW, MANY = 20, 48  # patches of a group
ROUNDS = 2  # times that the estimate from many patches is what the next one starts from
OWN = {FEW: 0.35, MANY: 0.5}  # share of the noisy patches' mean in that of a group, the rest being the net's
CHUNK = 256  # groups at once: what they hold stays near the processor
BINS, PER_BIN = 8, 64  # of brightness, and groups in each, at least
LOOKS = (5, 11, 21, 41)  # pixels: sides of the squares over which what is left over is looked at
TINY = 1e-10


@dataclass(frozen=True)
class PatchMatching(Spec):
    """Settings of a net for images, with estimates from similar patches beside it.

    Parameters
    ----------
    first : Picture
        The net.
    width : int
        Of the two hidden layers that weigh the estimates.
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
        """Channels of the net's levels."""
        return self.first.hidden

    @property
    def stride(self) -> int:
        """Sizes must be multiples of this."""
        return self.first.stride

    def to_dict(self) -> dict[str, Any]:
        """The settings, the net's among them."""
        return {**super().to_dict(), "first": self.first.to_dict()}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return super().from_dict({**settings, "first": ImageNetwork.from_dict(settings["first"])})

    def build(self) -> nn.Module:
        """The module."""
        return PatchMatchingNet(self)


class PatchMatchingNet(nn.Module):
    """(n, channels, height, width) to the same shape: `first`, the net, and `gate`, which weighs the estimates."""

    ESTIMATES = 4  # from few patches, from many, from many again, and the noisy image itself

    def __init__(self, spec: PatchMatching) -> None:
        super().__init__()
        self.spec = spec
        self.first: Any = ImageDenoisingNet(spec.first)
        count = (3 + self.ESTIMATES - 1 + self.ESTIMATES * (self.ESTIMATES - 1) // 2) * len(LOOKS) + 1
        self.gate = nn.Sequential(
            layers.Linear(count, spec.width),
            nn.SiLU(),
            layers.Linear(spec.width, spec.width),
            nn.SiLU(),
            layers.Linear(spec.width, self.ESTIMATES),
        )
        for weight in self.gate.parameters():  # small layers: see `zandloper.training.muon`
            weight.lr_scale = EDGE  # type: ignore[attr-defined]

    def zero_init(self) -> None:
        """Believe the net alone."""
        for weight in self.gate[-1].parameters():
            weight.detach().zero_()

    def forward(self, y: Tensor) -> Tensor:
        """What `y` is without its noise."""
        looked = looked_at(self, y)
        weights = self.gate(looked.signs.movedim(1, -1)).movedim(-1, 1)
        out: Tensor = looked.guess + (weights[:, :, None] * looked.apart).sum(1)
        return out


@dataclass(frozen=True)
class Looked:
    """What there is to decide on.

    Parameters
    ----------
    guess : Tensor (n, channels, height, width)
        What the net alone says.
    apart : Tensor (n, estimates, channels, height, width)
        How far from it each estimate lies, the last being the noisy image itself.
    signs : Tensor (n, signs, height, width)
        Of whom to follow.
    noise : Tensor (n, 1, height, width)
        The noise's variance.
    """

    guess: Tensor
    apart: Tensor
    signs: Tensor
    noise: Tensor


def looked_at(net: PatchMatchingNet, y: Tensor) -> Looked:
    """Images `y` as the gate sees them. The net looks at them turned in all eight ways: where it wavers is a sign."""
    said = map_symmetries(net.first, y, range(8))
    guess, unsure = said.mean(0), said.var(0).mean(1, keepdim=True)
    found, noise = estimates(y, guess)
    noise = noise + TINY
    apart = torch.stack([made - guess for made in (*found, y)], 1)
    return Looked(guess, apart, signs(guess, unsure, apart, noise), noise)


def estimates(y: Tensor, guess: Tensor) -> tuple[list[Tensor], Tensor]:
    """Three estimates of images (n, channels, height, width), and the variance of their noise (n, 1, height, width).

    `guess` is what a net made of `y`.
    """
    height, width = y.shape[-2:]
    down, right = (-side % STEP + SIZE - STEP for side in (height, width))  # the last patches reach the last pixels
    y, guess = (F.pad(part, (0, right, 0, down), mode="replicate") for part in (y, guess))
    groups = places(guess)
    curves = noise_curves(y, guess, groups)
    levels = torch.cat([curve(bright) for curve, bright in zip(curves, _brightness(guess).chunk(len(y)))])
    few = shrunk(y, guess, groups[:, :FEW], levels, OWN[FEW])
    many = again = shrunk(y, guess, groups, levels, OWN[MANY])
    for _ in range(ROUNDS):
        again = shrunk(y, again, groups, levels, OWN[MANY])
    bright = box(guess.mean(1, keepdim=True), SIZE)
    noise = torch.stack([curve(b) for curve, b in zip(curves, bright)])
    return [made[..., :height, :width] for made in (few, many, again)], noise[..., :height, :width]


def places(guess: Tensor) -> Tensor:
    """Where the patches most like each other are: (groups, patches), the most alike first.

    Groups go image by image; a place is that of a patch's first pixel among those of all images.
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
    apart[len(apart) // 2] -= 1  # each patch itself comes first, even where all are the same, so that none is left out
    most = min(MANY, min(rows, REACH + 1) * min(columns, REACH + 1))  # a corner has neighbors on two sides alone
    best = torch.cat(apart, 1).permute(0, 2, 3, 1).topk(most, largest=False).indices
    own = torch.arange(0, n * height * width, device=guess.device).reshape(n, height, width, 1)
    own = own[:, :rows:STEP, :columns:STEP]
    return (own + (moves[:, 0] * width + moves[:, 1])[best]).flatten(0, 2)


def shrunk(y: Tensor, guess: Tensor, groups: Tensor, levels: Tensor, own: float) -> Tensor:
    """Each patch of a group drawn towards the group's mean, direction by direction, all put together again.

    Of the spread `C` of a group in `guess`, `C (C + v)^-1` is left, v being the noise's variance.
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
        made = (one - mean) @ spread.mT / spread.shape[1] @ inverse @ spread + own * mean + (1 - own) * mean_other
        made = made.unflatten(2, (channels, -1)).permute(2, 0, 1, 3)
        total.index_add_(1, at.flatten(), made.flatten(1))
        count.index_add_(0, at.flatten(), torch.ones_like(made[0]).flatten())
    return (total / count).unflatten(1, (n, height, width)).transpose(0, 1)


@dataclass(frozen=True)
class Curve:
    """The noise's variance by brightness, straight between points."""

    bright: Tensor
    variance: Tensor

    def __call__(self, bright: Tensor) -> Tensor:
        """At some brightnesses; beyond the points as at the last of them."""
        if len(self.bright) == 1:
            return self.variance.expand_as(bright)
        last = torch.bucketize(bright.contiguous(), self.bright[1:-1].contiguous())
        low, high = self.bright[last], self.bright[last + 1]
        share = ((bright - low) / (high - low).clamp(min=TINY)).clamp(0, 1)
        return torch.lerp(self.variance[last], self.variance[last + 1], share)


def noise_curves(y: Tensor, guess: Tensor, groups: Tensor) -> list[Curve]:
    """Of each image, from what the net took off: medians, since where it took off texture that is more than noise."""
    width = y.shape[-1]
    off = (y - guess).square().mean(1).flatten()
    power = torch.cat([off[some[..., None] + _pixels(width, y.device)].mean((1, 2)) for some in groups.split(CHUNK)])
    curves = []
    for bright, value in zip(_brightness(guess).chunk(len(y)), power.chunk(len(y))):
        order = bright.argsort().chunk(max(1, min(BINS, len(bright) // PER_BIN)))
        curves.append(
            Curve(
                torch.stack([bright[some].mean() for some in order]),
                torch.stack([value[some].median() for some in order]),
            )
        )
    return curves


def signs(guess: Tensor, unsure: Tensor, apart: Tensor, noise: Tensor) -> Tensor:
    """What tells which estimates to follow, (n, signs, height, width), without units.

    `apart` (n, estimates, channels, height, width) is how far each, the noisy image being the last, lies from `guess`,
    and `unsure` (n, 1, height, width) the variance of what the net said of the image turned. Over squares of several
    sizes: that, how much was taken off, how much of it each estimate would bring back, how far the estimates are from
    each other and from the guess, and how much happens in the image, all beside the noise.
    """
    off, others = apart[:, -1], apart[:, :-1]
    count = others.shape[1]
    flat = guess.mean(1, keepdim=True)
    products = [off.square().mean(1)]
    products += [4 * (off * others[:, i]).mean(1) for i in range(count)]
    products += [8 * (others[:, i] * others[:, j]).mean(1) for i in range(count) for j in range(i, count)]
    stacked = torch.cat([torch.stack(products, 1), 16 * unsure], 1)
    seen = [16 * unsure / noise]
    for side in LOOKS:
        busy = (box(flat.square(), side) - box(flat, side).square()).clamp(min=0)
        seen.append(torch.cat([box(stacked, side), busy], 1) / noise)
    every = torch.cat(seen, 1)
    return every.sign() * (4 * every.abs()).log1p()


def box(x: Tensor, side: int) -> Tensor:
    """Means over squares of an odd side, of images (n, channels, height, width) that go on at their rim as they end."""
    half = side // 2
    x = F.pad(x, (half,) * 4, mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(x, (side, 1), 1), (1, side), 1)


def _pixels(width: int, device: torch.device) -> Tensor:
    """Where the pixels of a patch are, from its first on."""
    along = torch.arange(SIZE, device=device)
    return (along[:, None] * width + along).flatten()


def _brightness(guess: Tensor) -> Tensor:
    """Of the patches that others are sought for, in the order of their groups."""
    return F.avg_pool2d(guess.mean(1, keepdim=True), SIZE, STEP).flatten()


def with_estimates(first: ImageDenoisingNet) -> PatchMatchingNet:
    """A trained net with estimates beside it that are not believed yet."""
    net = PatchMatchingNet(PatchMatching(first.spec))
    net.first.load_state_dict(first.state_dict())
    return net
