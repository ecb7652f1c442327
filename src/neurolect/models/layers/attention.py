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
        query = self._scaled_query_norm(self.query(tokens).unflatten(-1, heads)).transpose(1, 2)
        key = self.key_norm(self.key(tokens).unflatten(-1, heads)).transpose(1, 2)
        value = self.value(tokens).unflatten(-1, heads).transpose(1, 2)
        attended = self._attend(query, key, value)
        mixed: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return mixed

    def _scaled_query_norm(self, query: Tensor) -> Tensor:
        """The norm of queries over √head_width, which attention would else divide all products by."""
        norm, scale = self.query_norm, 1 / math.sqrt(self.head_width)
        return F.layer_norm(query, (self.head_width,), norm.weight * scale, norm.bias * scale, norm.eps)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        share = self.dropout.share if self.training else 0.0
        if share == 0 or query.device.type != "cpu":
            return F.scaled_dot_product_attention(query, key, value, dropout_p=share, scale=1.0)
        # With dropout, torch has no fused kernel for processors, and its other one is slower than this.
        batch, n_heads, n_tokens, head_width = query.shape
        query, key, value = (each.reshape(batch * n_heads, n_tokens, head_width) for each in (query, key, value))
        products = torch.bmm(query, key.transpose(1, 2))
        attended = torch.bmm(self.dropout(products.softmax(dim=-1)), value)
        return attended.view(batch, n_heads, n_tokens, head_width)
