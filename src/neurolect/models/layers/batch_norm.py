"""Batch normalisation over the rows of all processes, on processors and accelerators alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurolect.models.layers.distributed import n_processes, sum_over_processes


class SynchronisedBatchNorm(nn.BatchNorm1d):
    """`BatchNorm1d` whose statistics are those of the whole batch, however many processes share it.

    Unlike torch's SyncBatchNorm it takes CPU tensors, and processes may have different numbers of rows.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Input (rows, features) or (rows, features, positions) → the same shape."""
        if not self.training or n_processes() == 1:
            normalised: Tensor = super().forward(input)
            return normalised
        values = input.float()
        over = (0, *range(2, values.ndim))
        shape = (1, -1, *(1 for _ in over[1:]))
        totals = values.sum(over)
        n_local = totals.new_full((1,), values.numel() / len(totals))
        totals = sum_over_processes(torch.cat([totals, n_local]))
        n = totals[-1:]
        mean = totals[:-1] / n
        centred = values - mean.view(shape)
        variance = sum_over_processes(centred.square().sum(over)) / n
        update_running_statistics(self, mean, variance, n)
        normalised = centred * torch.rsqrt(variance + self.eps).view(shape)
        return (normalised * self.weight.view(shape) + self.bias.view(shape)).to(input.dtype)


@torch.no_grad()
def update_running_statistics(norm: nn.BatchNorm1d, mean: Tensor, variance: Tensor, n: Tensor) -> None:
    """Take statistics of n values into a layer's running ones, as torch does; none of a batch that has no values.

    Args:
        norm: whose buffers change.
        mean: (features,).
        variance: (features,), biased.
        n: number of values behind each, a tensor of one element.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    share = torch.where(n > 0, norm.momentum, 0.0)
    norm.running_mean += share * (mean - norm.running_mean)
    norm.running_var += share * (variance * n / (n - 1).clamp(min=1) - norm.running_var)
    norm.num_batches_tracked += (n > 0).to(torch.int64).reshape(())
