"""What all quantisers have in common: what they return, and how they count the codes they use."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn

from neurolect.models.layers.distributed import n_processes


class Quantised(NamedTuple):
    """What a quantiser makes of vectors (…, width).

    Args:
        values: (…, width), each made from its code; gradients pass through to the vectors.
        codes: (…) int64.
        loss: scalar to be minimised with the task's own.
    """

    values: Tensor
    codes: Tensor
    loss: Tensor


class Quantiser(nn.Module):
    """Base of the quantisers; `forward(vectors) -> Quantised` trains, `codes(vectors)` only looks up.

    Args:
        n_codes: size of the codebook.
        decay: of the moving averages, per training batch.
    """

    counts: Tensor

    def __init__(self, n_codes: int, decay: float) -> None:
        super().__init__()
        self.n_codes = n_codes
        self.decay = decay
        self.register_buffer("counts", torch.zeros(n_codes))

    def codes(self, vectors: Tensor) -> Tensor:
        """Vectors (…, width) → codes (…) int64, changing nothing."""
        raise NotImplementedError

    @torch.no_grad()
    def count(self, codes: Tensor) -> Tensor:
        """Add a training batch's codes to the moving average of counts; returns their numbers (n_codes,)."""
        batch_counts = count_codes(codes, self.n_codes)
        if n_processes() > 1:
            dist.all_reduce(batch_counts)
        self.counts.mul_(self.decay).add_(batch_counts, alpha=1 - self.decay)
        return batch_counts

    def reset_counts(self) -> None:
        """Forget how often codes were used, as at the beginning of an epoch."""
        self.counts.zero_()


def count_codes(codes: Tensor, n_codes: int) -> Tensor:
    """How often each code occurs: (n_codes,) float32."""
    flat = codes.reshape(-1)
    # bincount would have a shape that depends on the data.
    return torch.zeros(n_codes, device=codes.device).scatter_add_(0, flat, flat.new_ones(flat.shape, dtype=torch.float))


def codes_used(counts: Tensor) -> Tensor:
    """Number of codes whose count (n_codes,) is not zero, a scalar."""
    return (counts > 0).sum()


def perplexity(counts: Tensor) -> Tensor:
    """How many equally frequent codes would be as diverse as these counts (n_codes,), a scalar; 1 if all are zero."""
    shares = counts / counts.sum().clamp(min=torch.finfo(counts.dtype).tiny)
    return (-torch.xlogy(shares, shares)).sum().exp()
