"""A stack of transformer blocks that normalise after each residual sum."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.models.layers.attention import SelfAttention
from neurolect.models.layers.dropout import Dropout
from neurolect.models.layers.initialisation import initialise


class Transformer(nn.Module):
    """Post-norm blocks; the linear weights of block b (from 0) begin √(2(b+1)) times smaller.

    Args:
        n_blocks: depth.
        width: features per token.
        n_heads: attention heads.
        head_width: features per head.
        hidden_width: of the feed-forward layers.
        attention_dropout: of the attention weights, in training.
        dropout: of the hidden units of the feed-forward layers, in training.
    """

    def __init__(
        self,
        n_blocks: int,
        width: int,
        n_heads: int,
        head_width: int,
        hidden_width: int,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [
                TransformerBlock(width, n_heads, head_width, hidden_width, attention_dropout, dropout)
                for _ in range(n_blocks)
            ]
        )
        with torch.no_grad():
            for depth, block in enumerate(self.blocks, start=1):
                for layer in block.modules():
                    if isinstance(layer, nn.Linear):
                        layer.weight /= math.sqrt(2 * depth)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (batch, tokens, width) → the same shape."""
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


class TransformerBlock(nn.Module):
    """Attention and a feed-forward network, each added to its input and then layer-normalised."""

    def __init__(
        self,
        width: int,
        n_heads: int,
        head_width: int,
        hidden_width: int,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.attention = SelfAttention(width, n_heads, head_width, attention_dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, hidden_width)
        self.contract = nn.Linear(hidden_width, width)
        initialise(self.expand, self.contract)
        self.dropout = Dropout(dropout)
        self.feed_forward_norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (batch, tokens, width) → the same shape."""
        tokens = self.attention_norm(tokens + self.attention(tokens))
        # This order needs one array less for the gradients.
        hidden = F.relu(self.dropout(self.expand(tokens)), inplace=True)
        transformed: Tensor = self.feed_forward_norm(tokens + self.contract(hidden))
        return transformed
