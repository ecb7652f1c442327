"""Sums over the processes of a distributed training, which are the values themselves where there is one process."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def n_processes() -> int:
    """Processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def sum_over_processes(values: Tensor) -> Tensor:
    """Sum that passes gradients back to every process's values."""
    if n_processes() == 1:
        return values
    from torch.distributed.nn.functional import all_reduce

    summed: Tensor = all_reduce(values)  # type: ignore[no-untyped-call]
    return summed


@torch.no_grad()
def rows_of_all_processes(rows: Tensor) -> Tensor:
    """Rows (n, …) of a batch that was dealt out row by row, put together again in its order, on every process."""
    if n_processes() == 1:
        return rows
    counts = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(n_processes())]
    dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
    longest = int(torch.cat(counts).max())
    padded = rows.new_zeros(longest, *rows.shape[1:])
    padded[: len(rows)] = rows
    gathered = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(gathered, padded.contiguous())
    present = torch.arange(longest, device=rows.device).unsqueeze(1) < torch.cat(counts)
    return torch.stack(gathered, dim=1)[present]


@torch.no_grad()
def from_first_process(values: Tensor) -> Tensor:
    """The first process's values, on every process."""
    if n_processes() > 1:
        dist.broadcast(values, 0)
    return values
