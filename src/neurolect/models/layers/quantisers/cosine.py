"""The quantiser of Du-IN: unit vectors, the nearest by angle, a codebook that follows its members' mean."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F

from neurolect.models.layers.distributed import from_first_process, n_processes, rows_of_all_processes
from neurolect.models.layers.initialisation import initialise
from neurolect.models.layers.quantisers.kmeans import spherical_kmeans, sum_by_code
from neurolect.models.layers.quantisers.quantiser import Quantised, Quantiser


class CosineQuantiser(Quantiser):
    """Codebook on the unit sphere, learned by moving averages instead of gradients (LaBraM, Jiang et al. 2024).

    Codes and codebook are of all processes' vectors. Nothing changes in evaluation.

    Args:
        width: of the vectors.
        n_codes: size of the codebook.
        code_width: of the codebook's vectors.
        commitment: weight of the loss that draws vectors to their codes.
        decay: of the moving averages.
        kmeans: begin from k-means of the first training batch instead of random directions.
        revive_after: training batches after which an unused code jumps to a vector of the batch; 0 never does.
    """

    codebook: Tensor
    initialised: Tensor
    batches_unused: Tensor

    def __init__(
        self,
        width: int,
        n_codes: int = 2048,
        code_width: int = 64,
        commitment: float = 1.0,
        decay: float = 0.99,
        kmeans: bool = True,
        revive_after: int = 0,
    ) -> None:
        super().__init__(n_codes, decay)
        self.commitment = commitment
        self.revive_after = revive_after
        self.into = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, code_width))
        self.register_buffer("codebook", F.normalize(torch.randn(n_codes, code_width), dim=-1))
        self.register_buffer("initialised", torch.tensor(not kmeans))
        self.register_buffer("batches_unused", torch.zeros(n_codes, dtype=torch.int64))
        self.norm = nn.LayerNorm(code_width)
        self.out = nn.Linear(code_width, width)
        first, _, second = self.into
        assert isinstance(first, nn.Linear)
        assert isinstance(second, nn.Linear)
        initialise(first, second, self.out)
        # What `initialised` says, known without waiting for a device.
        self._awaits_samples = kmeans
        self.register_load_state_dict_post_hook(_know_whether_initialised)  # type: ignore[no-untyped-call]

    def forward(self, vectors: Tensor) -> Quantised:
        """Vectors (…, width) → their codes' vectors; in training the codebook then moves towards them."""
        projected = self._project(vectors)
        if self.training and self._awaits_samples:
            self._begin_from(projected)
        flat = projected.flatten(0, -2)
        codes = self._nearest(flat)
        nearest = self.codebook[codes]
        loss = self.commitment * F.mse_loss(flat, nearest)
        straight_through = flat + (nearest - flat).detach()
        if self.training:
            self._follow(projected.detach(), codes)
        values = self.out(self.norm(straight_through.view(projected.shape)))
        return Quantised(values, codes.view(vectors.shape[:-1]), loss)

    def codes(self, vectors: Tensor) -> Tensor:
        """Vectors (…, width) → codes (…) int64, changing nothing."""
        projected = self._project(vectors)
        return self._nearest(projected.flatten(0, -2)).view(vectors.shape[:-1])

    def _project(self, vectors: Tensor) -> Tensor:
        projected: Tensor = self.into(vectors)
        # In half precision too many codes would be equally near.
        return F.normalize(projected.float(), dim=-1)

    def _nearest(self, flat: Tensor) -> Tensor:
        with torch.autocast(flat.device.type, enabled=False):
            # On processors argmax takes four times as long.
            return (flat.detach() @ self.codebook.T).max(-1).indices

    @torch.no_grad()
    def _begin_from(self, projected: Tensor) -> None:
        samples = rows_of_all_processes(projected.detach()).flatten(0, -2)
        with torch.autocast(samples.device.type, enabled=False):
            self.codebook.copy_(from_first_process(self.first_codebook(samples)))
        self.initialised.fill_(True)
        self._awaits_samples = False

    def first_codebook(self, samples: Tensor) -> Tensor:
        """Where the codebook begins, given all vectors of the first training batch (n, code_width)."""
        return spherical_kmeans(samples, self.n_codes)[0]

    def moved_codebook(self, sums: Tensor, counts: Tensor) -> Tensor:
        """The codebook after a batch in which codes have these sums (n_codes, code_width) and numbers (n_codes, 1)."""
        means = F.normalize(sums / counts.clamp(min=1), dim=-1)
        moved = torch.lerp(self.codebook, torch.where(counts > 0, means, self.codebook), 1 - self.decay)
        return F.normalize(moved, dim=-1)

    def revive(self, dead: Tensor, drawn: Tensor) -> None:
        """Move dead codes (n_codes,) bool to drawn vectors (n_codes, code_width)."""
        self.codebook.copy_(torch.where(dead.unsqueeze(1), drawn, self.codebook))

    @torch.no_grad()
    def _follow(self, projected: Tensor, codes: Tensor) -> None:
        flat = projected.flatten(0, -2)
        counts = self.count(codes)
        sums = sum_by_code(flat, codes, self.n_codes)
        if n_processes() > 1:
            dist.all_reduce(sums)
        self.codebook.copy_(self.moved_codebook(sums, counts.unsqueeze(1)))
        if self.revive_after:
            self.batches_unused.add_(1).mul_(counts == 0)
            dead = self.batches_unused >= self.revive_after
            everyone = rows_of_all_processes(projected).flatten(0, -2)
            drawn = everyone[torch.randint(len(everyone), (self.n_codes,), device=flat.device)]
            self.revive(dead, from_first_process(drawn))
            self.batches_unused.mul_(~dead)


def _know_whether_initialised(quantiser: nn.Module, _incompatible: Any) -> None:
    assert isinstance(quantiser, CosineQuantiser)
    quantiser._awaits_samples = not bool(quantiser.initialised)
