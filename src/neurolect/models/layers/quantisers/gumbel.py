"""A quantiser that learns its codebook by gradients through a noisy choice."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.models.layers.initialisation import initialise
from neurolect.models.layers.quantisers.quantiser import Quantised, Quantiser


class GumbelQuantiser(Quantiser):
    """Codes are drawn in training and the likeliest in evaluation (Jang et al. 2017; Baevski et al. 2020).

    The temperature falls from `temperature` by `cooling` a batch down to `coolest`. There is nothing to commit to, so
    the loss is zero.

    Args:
        width: of the vectors.
        n_codes: size of the codebook.
        code_width: of the codebook's vectors.
        decay: of the moving average of counts.
        temperature: of the first batch.
        cooling: factor from one training batch to the next.
        coolest: what the temperature does not fall below.
    """

    batches: Tensor

    def __init__(
        self,
        width: int,
        n_codes: int = 2048,
        code_width: int = 64,
        decay: float = 0.99,
        temperature: float = 1.0,
        cooling: float = 1.0,
        coolest: float = 1.0,
    ) -> None:
        super().__init__(n_codes, decay)
        self.temperature = temperature
        self.cooling = cooling
        self.coolest = coolest
        self.into = nn.Linear(width, n_codes)
        self.codebook = nn.Parameter(torch.rand(n_codes, code_width))
        self.register_buffer("batches", torch.zeros(()))
        self.norm = nn.LayerNorm(code_width)
        self.out = nn.Linear(code_width, width)
        initialise(self.into, self.out)

    def forward(self, vectors: Tensor) -> Quantised:
        """Vectors (…, width) → their codes' vectors; noise is drawn from torch's global generator, in training only."""
        logits = self.into(vectors).float()
        if not self.training:
            codes = logits.argmax(-1)
            return Quantised(self.out(self.norm(self.codebook[codes])), codes, logits.new_zeros(()))
        temperature = (self.temperature * self.cooling**self.batches).clamp(min=self.coolest)
        # The logarithm of an exponential draw, with its sign turned, is a Gumbel draw.
        noisy = logits - torch.empty_like(logits).exponential_().log()
        shares = F.softmax(noisy / temperature, dim=-1)
        codes = shares.argmax(-1)
        self.count(codes)
        self.batches.add_(1)
        # The second term is zero: it passes gradients to the shares as if all codes had been mixed by them.
        values = self.codebook[codes] + (shares - shares.detach()) @ self.codebook.detach()
        return Quantised(self.out(self.norm(values)), codes, logits.new_zeros(()))

    def codes(self, vectors: Tensor) -> Tensor:
        """Vectors (…, width) → likeliest codes (…) int64, changing nothing."""
        codes: Tensor = self.into(vectors).float().argmax(-1)
        return codes
