"""Segments of field potentials as one rectangular batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

NO_LABEL = -1

_TENSORS = ("signals", "subjects", "channel_mask", "labels")


@dataclass
class SegmentBatch:
    """Tensors of one step; channels that a subject lacks are zero.

    Args:
        signals: (batch, samples, channels) float32, z-scored.
        subjects: (batch,) int64 subject index.
        channel_mask: (batch, channels) bool; False where the subject has fewer channels than the widest.
        labels: (batch,) int64 class of the spoken word, or `NO_LABEL`.
        step: number of the batch in the run, from which its random draws are seeded.
    """

    signals: Tensor
    subjects: Tensor
    channel_mask: Tensor
    labels: Tensor
    step: int = 0

    def __len__(self) -> int:
        return len(self.signals)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> SegmentBatch:
        """The same batch on another device."""
        return replace(self, **{name: getattr(self, name).to(device, non_blocking=non_blocking) for name in _TENSORS})

    def pin_memory(self) -> SegmentBatch:
        """The same batch in page-locked memory, from which copies to a GPU do not block."""
        return replace(self, **{name: getattr(self, name).pin_memory() for name in _TENSORS})


class EpochBatches(Protocol):
    """Data that are gone through in epochs; an epoch's batches depend on the seed and its number alone."""

    def training_epoch(self, epoch: int, rank: int = 0, world_size: int = 1) -> Sequence[SegmentBatch]:
        """Training batches of an epoch, made as they are asked for.

        A batch is shared out: process `rank` of `world_size` gets every `world_size`-th of its rows, so that all of
        them together take the step that one process would.
        """
        ...

    def validation_batches(self, rank: int = 0, world_size: int = 1) -> Sequence[SegmentBatch]:
        """Every validation segment once, the same segments each time; batches are dealt out to processes in turn."""
        ...
