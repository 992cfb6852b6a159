"""The linear path beside the nets: `z = head(net(x)) + P x` and `params = net(z) + Q z`, started at the PCA solution.

With the nets' last layers at zero, the hourglass *is* PCA before its first step; since that state takes part in early
stopping, it never ends up worse on the validation rows (Hinton and Salakhutdinov 2006 start from unsupervised layers
for the same reason; Bourlard and Kamp 1988 show that a linear autoencoder can do no better than PCA).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from zandloper.model.layers.layers import Linear

EXACT_FEATURES = 2_000  # up to here the covariance matrix is formed; above, the leading components are sketched
DOUBLE_FEATURES = 512  # up to here products are summed in float64, which keeps components of tiny variance apart
MOST_FEATURES = 50_000  # above, there is no linear path
LR_SCALE = (
    0.3  # of the nets' rate: the path starts where it should be, and steps as large as theirs would drive it away
)
SKETCH_VALUES = 2**26  # how many values of the data the sketch may look at: 256 MB


@dataclass(frozen=True)
class Principal:
    """Principal components of the scaled inputs.

    `mean` (d,), `components` (k, d) with orthonormal rows, `variances` (k,) in falling order, `total` variance.
    """

    mean: Tensor
    components: Tensor
    variances: Tensor
    total: float

    def in_units(self, center: float, spread: float) -> Principal:
        """The same components of `(x - center) / spread`."""
        mean = (self.mean - center) / spread
        return Principal(mean, self.components, self.variances / spread**2, self.total / spread**2)

    def dimensions_for(self, fraction: float) -> int:
        """The smallest number of components that carries a fraction of the variance."""
        if self.total <= 0:
            return 1
        share = torch.cumsum(self.variances, 0) / self.total
        return int(torch.searchsorted(share, torch.tensor(fraction - 1e-9, dtype=share.dtype))) + 1


def principal_components(chunks: Callable[[], Iterable[Tensor]], features: int, rows: int) -> Principal:
    """PCA of data that come in chunks (n_i, d).

    Up to 2,000 features exact, from the covariance matrix summed over the chunks; above, scikit-learn's randomized
    solver (Halko, Martinsson and Tropp 2011) on as many of the rows as fit into 256 MB.
    """
    if features <= EXACT_FEATURES:
        return _exact(chunks())
    from sklearn.decomposition import PCA

    room = max(64, SKETCH_VALUES // features)
    taken: list[Tensor] = []
    for chunk in chunks():
        taken.append(chunk[:room])
        room -= len(taken[-1])
        if room == 0:
            break
    data = torch.cat(taken).cpu().numpy()
    k = min(256, *data.shape)
    model = PCA(k, svd_solver="randomized", random_state=0).fit(data)
    total = float(np.var(data, axis=0, dtype=np.float64).sum())
    mean, components, variances = (
        torch.from_numpy(np.ascontiguousarray(a)).double()
        for a in (model.mean_, model.components_, model.explained_variance_)
    )
    return Principal(mean, components, variances, total)


def _exact(chunks: Iterable[Tensor]) -> Principal:
    n, shift = 0, None
    for chunk in chunks:
        if shift is None:  # sums of squares around a nearby point do not cancel
            shift = chunk.mean(0)
            first, second = (
                torch.zeros_like(shift, dtype=torch.float64),
                shift.new_zeros(len(shift), len(shift)).double(),
            )
        centered = (chunk - shift).double() if len(shift) <= DOUBLE_FEATURES else chunk - shift
        first += centered.sum(0, dtype=torch.float64)
        second += (centered.T @ centered).double()
        n += len(chunk)
    if shift is None:
        raise ValueError("no chunks")
    offset = first / n
    covariance = second / n - torch.outer(offset, offset)
    values, vectors = torch.linalg.eigh(covariance)
    values = values.flip(0).clamp(min=0)
    return Principal(shift.double() + offset, vectors.flip(1).T.contiguous(), values, float(values.sum()))


class LinearPath(nn.Module):
    """P and Q: two linear layers, (d) -> (latent) and (latent) -> (outputs)."""

    def __init__(self, inputs: int, latent_dim: int, outputs: int) -> None:
        super().__init__()
        self.P = Linear(inputs, latent_dim)
        self.Q = Linear(latent_dim, outputs)
        for parameter in self.parameters():
            parameter.lr_scale = LR_SCALE  # type: ignore[attr-defined]

    def encode(self, x: Tensor) -> Tensor:
        """The path's part of the code, (n, latent)."""
        return self.P(x.flatten(1))

    def decode(self, z: Tensor) -> Tensor:
        """The path's part of the output's parameters, (n, outputs)."""
        return self.Q(z.flatten(1))

    @torch.no_grad()
    def start(self, principal: Principal) -> Tensor:
        """Start P at PCA, with latents of unit variance; latents beyond the number of components start silent.

        Unit variance matters: the nets read all latents with equal ease (on 100 features with 32 latents the error
        after 25 epochs was half of that with the components' own variances).

        Returns
        -------
        Tensor of shape (inputs, latents)
            The directions that rebuild the inputs from the latents.
        """
        k = min(self.P.out_features, len(principal.variances))
        spread = principal.variances[:k].sqrt()
        spread = spread.clamp(min=max(1e-3 * float(spread[0]), 1e-12))
        components = principal.components[:k]
        for weight in (self.P.weight, self.P.bias, self.Q.weight):
            weight.zero_()
        self.P.weight[:k] = (components / spread[:, None]).to(self.P.weight)
        self.P.bias[:k] = -(components @ principal.mean / spread).to(self.P.bias)
        directions = self.P.weight.new_zeros(self.P.in_features, self.P.out_features)
        directions[:, :k] = (components.T * spread).to(directions)
        return directions
