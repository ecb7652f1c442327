"""Multi-head self-attention with normalised queries and keys."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.models.layers.dropout import Dropout
from neurolect.models.layers.initialisation import initialise


class SelfAttention(nn.Module):
    """Every token attends to every other; queries and keys are layer-normalised within each head.

    Args:
        width: features per token.
        n_heads: attention heads.
        head_width: features per head.
        dropout: of the attention weights, in training.
    """

    def __init__(self, width: int, n_heads: int, head_width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.head_width = head_width
        self.dropout = Dropout(dropout)
        # The order of these draws is the reference's, so that a seed gives its initial values.
        self.query = nn.Linear(width, n_heads * head_width)
        initialise(self.query)
        self.key = nn.Linear(width, n_heads * head_width)
        initialise(self.key)
        self.value = nn.Linear(width, n_heads * head_width)
        initialise(self.value)
        self.query_norm = nn.LayerNorm(head_width)
        self.key_norm = nn.LayerNorm(head_width)
        self.out = nn.Linear(n_heads * head_width, width)
        initialise(self.out)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (batch, tokens, width) → the same shape."""
        heads = (self.n_heads, self.head_width)
        query = _heads_first(self._scaled_query_norm(self.query(tokens).unflatten(-1, heads)))
        key = _heads_first(self.key_norm(self.key(tokens).unflatten(-1, heads)))
        value = _heads_first(self.value(tokens).unflatten(-1, heads))
        mixed: Tensor = self.out(self._attend(query, key, value).transpose(1, 2).flatten(2))
        return mixed

    def _scaled_query_norm(self, query: Tensor) -> Tensor:
        """The norm of queries over √head_width, which attention would else divide all products by."""
        norm, scale = self.query_norm, 1 / math.sqrt(self.head_width)
        return F.layer_norm(query, (self.head_width,), norm.weight * scale, norm.bias * scale, norm.eps)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        if query.device.type != "cpu":
            share = self.dropout.share if self.training else 0.0
            return F.scaled_dot_product_attention(query, key, value, dropout_p=share, scale=1.0)
        # Of so few tokens torch's fused kernel for processors is no faster, and it has no dropout.
        shape = query.shape
        query, key, value = query.flatten(0, 1), key.flatten(0, 1), value.flatten(0, 1)
        shares = self.dropout(torch.bmm(query, key.transpose(1, 2)).softmax(dim=-1))
        return torch.bmm(shares, value).view(shape)


def _heads_first(features: Tensor) -> Tensor:
    """(batch, tokens, heads, head_width) → (batch, heads, tokens, head_width)."""
    features = features.transpose(1, 2)
    # Processors need it in this order; the sooner, the more of the memory that comes next is in the cache.
    return features.contiguous() if features.device.type == "cpu" else features
