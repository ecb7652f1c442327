"""Multi-head self-attention with normalised queries and keys."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

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
        self.dropout = dropout
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
        query = self.query_norm(self.query(tokens).unflatten(-1, heads)).transpose(1, 2)
        key = self.key_norm(self.key(tokens).unflatten(-1, heads)).transpose(1, 2)
        value = self.value(tokens).unflatten(-1, heads).transpose(1, 2)
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        mixed: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return mixed
