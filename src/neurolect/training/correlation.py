"""How alike two signals are."""

from __future__ import annotations

import torch
from torch import Tensor


def correlations(first: Tensor, second: Tensor) -> Tensor:
    """Pearson's r over samples: (…, samples, channels) twice → (…, channels), 0 where one of the two is flat."""
    one, other = (each.to(torch.promote_types(each.dtype, torch.float32)) for each in (first, second))
    one, other = one - one.mean(dim=-2, keepdim=True), other - other.mean(dim=-2, keepdim=True)
    norms = one.square().sum(dim=-2).sqrt() * other.square().sum(dim=-2).sqrt()
    return (one * other).sum(dim=-2) / norms.clamp(min=1e-12)
