"""Dropout whose masks are drawn fast on processors too."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_LANES = 4
"""Values of 16 bits in one draw of 64."""


class Dropout(nn.Module):
    """Zeroes a share of the values in training and scales the others up, so that the mean stays.

    Torch draws 32 bits or more for each value, one after the other, which on a processor takes longer than the layers
    around it; here 64 bits serve four values. The share is exact to 1 / 65536.

    Args:
        share: to be zeroed, from 0 to below 1.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        """Values of any shape → the same shape."""
        if not self.training or self.share == 0:
            return values
        if values.device.type != "cpu":
            return F.dropout(values, self.share)
        draws = torch.randint(-(2**63), 2**63 - 1, (-(-values.numel() // _LANES),))
        numbers = draws.view(torch.int16)[: values.numel()].view(values.shape).float()
        # Processors are slow to make numbers of booleans.
        kept = numbers.sub_(round(self.share * 2**16) - 2**15 - 1).clamp_(0, 1).div_(1 - self.share)
        return values * kept.to(values.dtype)
