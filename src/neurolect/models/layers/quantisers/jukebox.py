"""The cosine quantiser with running sums of each code's members, after Jukebox (Dhariwal et al. 2020)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from neurolect.models.layers.quantisers.cosine import CosineQuantiser

_SPREAD = 0.01


class JukeboxQuantiser(CosineQuantiser):
    """A code is the direction of the decaying sum of its members, so that batches weigh by how many members they have.

    It begins from random vectors of the first training batch, repeated with a little noise if they are too few. The
    running sums are part of its state.

    Args:
        width: of the vectors.
        n_codes: size of the codebook.
        code_width: of the codebook's vectors.
        commitment: weight of the loss that draws vectors to their codes.
        decay: of the running sums.
        revive_after: training batches after which an unused code jumps to a vector of the batch; 0 never does.
    """

    sums: Tensor

    def __init__(
        self,
        width: int,
        n_codes: int = 2048,
        code_width: int = 64,
        commitment: float = 1.0,
        decay: float = 0.99,
        revive_after: int = 10,
    ) -> None:
        super().__init__(width, n_codes, code_width, commitment, decay, True, revive_after)
        self.register_buffer("sums", self.codebook.clone())

    def first_codebook(self, samples: Tensor) -> Tensor:
        """Random vectors of the batch (n, code_width)."""
        n_rounds = -(-self.n_codes // len(samples))
        repeated = samples.repeat(n_rounds, 1)
        repeated[len(samples) :] += _SPREAD / samples.shape[1] ** 0.5 * torch.randn_like(repeated[len(samples) :])
        chosen = torch.randperm(len(repeated), device=samples.device)[: self.n_codes]
        self.sums.copy_(F.normalize(repeated[chosen], dim=-1))
        return self.sums

    def moved_codebook(self, sums: Tensor, counts: Tensor) -> Tensor:
        """The directions of the running sums, with this batch's; a code without members in it stays as it was."""
        self.sums.copy_(torch.where(counts > 0, torch.lerp(self.sums, sums, 1 - self.decay), self.sums))
        return F.normalize(self.sums, dim=-1)

    def revive(self, dead: Tensor, drawn: Tensor) -> None:
        """Move dead codes to drawn vectors; each begins as if it had had one member a batch."""
        super().revive(dead, drawn)
        self.sums.copy_(torch.where(dead.unsqueeze(1), drawn, self.sums))
