"""The block of a transformer: tokens look at each other, then each thinks for itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.layers import ACTIVATIONS, Linear


class Heads(nn.Module):
    """`softmax(q k^T / sqrt(d)) v` for each head: Vaswani et al. 2017, "Attention is all you need", eq. 1.

    A module of its own, though it has no weights, so that those who count operations see its products.
    """

    def __init__(self, causal: bool = False) -> None:
        super().__init__()
        self.causal = causal

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """What each token hears: q (n, heads, tokens, d), k and v (n, heads, others, d) -> (n, heads, tokens, d)."""
        if q.device.type != "cpu":
            return F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        # On processors the gradient of bfloat16 attention takes ten times as long as that of float32.
        with torch.autocast("cpu", enabled=False):
            return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), is_causal=self.causal)


class Block(nn.Module):
    """Attention between tokens, then a small net for each, both added to what is there.

    Vaswani et al. 2017, section 3, with the norms in front (Xiong et al. 2020, "On layer normalization in the
    transformer architecture"), which needs no slow start of the learning rate.

    Parameters
    ----------
    width : int
        Values of a token.
    heads : int
        Each looks at the tokens in its own way, through width / heads values, rounded up to a multiple of four.
    activation : str
        Of the small net, which is four times as wide as a token.
    causal : bool
        Whether a token hears only itself and those before it.
    """

    def __init__(self, width: int, heads: int, activation: str = "silu", causal: bool = False) -> None:
        super().__init__()
        self.heads, self.activation = heads, activation
        inner = heads * 4 * -(-width // (4 * heads))  # in fours, or scores would depend on a row's place: see Linear
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask, self.answer = Linear(width, 3 * inner), Linear(inner, width)
        self.widen, self.narrow = Linear(width, 4 * width), Linear(4 * width, width)
        self.look = Heads(causal)

    def forward(self, h: Tensor) -> Tensor:
        """Tokens (n, tokens, width) to tokens."""
        n, tokens, _ = h.shape
        q, k, v = self.ask(self.before(h)).reshape(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        h = h + self.answer(self.look(q, k, v).transpose(1, 2).reshape(n, tokens, -1))
        return h + self.narrow(ACTIVATIONS[self.activation](self.widen(self.between(h))))
