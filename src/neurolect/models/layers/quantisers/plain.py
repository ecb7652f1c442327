"""A quantiser that learns its codebook by the gradient of the distance to it, the first of its kind."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.models.layers.initialisation import initialise
from neurolect.models.layers.quantisers.quantiser import Quantised, Quantiser


class PlainQuantiser(Quantiser):
    """The nearest vector of a trained codebook (van den Oord et al. 2017).

    Vectors are normalised each by itself, so that its code does not depend on its neighbours.

    Args:
        width: of the vectors.
        n_codes: size of the codebook.
        code_width: of the codebook's vectors.
        commitment: weight of the loss that draws vectors to their codes, beside the one that draws codes to vectors.
        decay: of the moving average of counts.
    """

    def __init__(
        self, width: int, n_codes: int = 2048, code_width: int = 64, commitment: float = 0.25, decay: float = 0.99
    ) -> None:
        super().__init__(n_codes, decay)
        self.commitment = commitment
        self.into = nn.Linear(width, code_width)
        self.into_norm = nn.LayerNorm(code_width)
        self.codebook = nn.Parameter(torch.randn(n_codes, code_width))
        self.norm = nn.LayerNorm(code_width)
        self.out = nn.Linear(code_width, width)
        initialise(self.into, self.out)

    def forward(self, vectors: Tensor) -> Quantised:
        """Vectors (…, width) → their codes' vectors."""
        projected = self._project(vectors)
        codes = self._nearest(projected)
        nearest = self.codebook[codes]
        if self.training:
            self.count(codes)
        loss = self.commitment * F.mse_loss(projected, nearest.detach()) + F.mse_loss(nearest, projected.detach())
        straight_through = projected + (nearest - projected).detach()
        return Quantised(self.out(self.norm(straight_through)), codes, loss)

    def codes(self, vectors: Tensor) -> Tensor:
        """Vectors (…, width) → codes (…) int64, changing nothing."""
        return self._nearest(self._project(vectors))

    def _project(self, vectors: Tensor) -> Tensor:
        projected: Tensor = self.into_norm(self.into(vectors))
        return projected.float()

    @torch.no_grad()
    def _nearest(self, projected: Tensor) -> Tensor:
        with torch.autocast(projected.device.type, enabled=False):
            return (projected @ self.codebook.T - self.codebook.square().sum(-1) / 2).argmax(-1)
