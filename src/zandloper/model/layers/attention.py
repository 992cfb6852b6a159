"""The block of a transformer: tokens look at each other, then each thinks for itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zandloper.model.layers.layers import ACTIVATIONS, Linear


class KeyValueCache:
    """What a block remembers of the tokens so far, so that each new token costs as much as itself alone.

    Keys and values, (n, heads, tokens, d), in room that is taken once.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.length = capacity, 0
        self.keys, self.values = torch.empty(0), torch.empty(0)

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Keep those of new tokens; gives those of all."""
        if self.length == 0:
            self.keys, self.values = (t.new_empty(*t.shape[:2], self.capacity, t.shape[3]) for t in (k, v))
        end = self.length + k.shape[2]
        self.keys[:, :, self.length : end], self.values[:, :, self.length : end] = k, v
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class ScaledDotProductAttention(nn.Module):
    """`softmax(q k^T / sqrt(d)) v` for each head: Vaswani et al. 2017, "Attention is all you need", eq. 1.

    A module of its own, though it has no weights, so that those who count operations see its products.
    """

    def __init__(self, causal: bool = False) -> None:
        super().__init__()
        self.causal = causal

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        """What each token hears: q (n, heads, tokens, d), k and v (n, heads, others, d) -> (n, heads, tokens, d).

        `heard` says which tokens are there at all, bool (n, others), where not all of them are.
        """
        mask, causal = (None if mask is None else mask[:, None, None, :]), self.causal and mask is None
        if self.causal and mask is not None:
            mask = mask & torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).tril()
        if q.device.type != "cpu":
            return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)
        # On processors the gradient of bfloat16 attention takes ten times as long as that of float32.
        with torch.autocast("cpu", enabled=False):
            return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), mask, is_causal=causal)


class TransformerBlock(nn.Module):
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
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.projection = Linear(width, 3 * inner), Linear(inner, width)
        self.mlp_in, self.mlp_out = Linear(width, 4 * width), Linear(4 * width, width)
        self.attention = ScaledDotProductAttention(causal)

    def forward(self, h: Tensor, mask: Tensor | None = None) -> Tensor:
        """Tokens (n, tokens, width) to tokens, of which those that are not `heard`, bool (n, tokens), say nothing."""
        q, k, v = self._project_qkv(h)
        return self._feed_forward(h + self._merge_heads(self.attention(q, k, v, mask)))

    def extend(self, h: Tensor, cache: KeyValueCache) -> Tensor:
        """As `forward` for tokens that follow those of the past, all at its start or one by one."""
        first = cache.length == 0
        q, k, v = self._project_qkv(h)
        k, v = cache.append(k, v)
        return self._feed_forward(h + self._merge_heads(F.scaled_dot_product_attention(q, k, v, is_causal=first)))

    def _project_qkv(self, h: Tensor) -> Tensor:
        n, tokens, _ = h.shape
        return self.qkv(self.attention_norm(h)).reshape(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)

    def _merge_heads(self, mask: Tensor) -> Tensor:
        return self.projection(mask.transpose(1, 2).flatten(2))

    def _feed_forward(self, h: Tensor) -> Tensor:
        return h + self.mlp_out(ACTIVATIONS[self.activation](self.mlp_in(self.mlp_norm(h))))
