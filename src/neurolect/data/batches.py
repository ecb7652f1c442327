"""Trials padded into one rectangular batch, with the true lengths kept beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from neurolect.data.t15 import LABEL_LENGTH
from neurolect.data.trial import Trial


@dataclass
class Batch:
    """Tensors of one training or validation step; features and labels are zero beyond their lengths.

    Args:
        features: (batch, bins, features) float32.
        n_bins: (batch,) int64, true length of each trial.
        labels: (batch, 500) int64 phoneme classes.
        n_labels: (batch,) int64; 0 for trials without labels.
        days: (batch,) int64 day index, which selects the day layer.
        days_present: the distinct days, known without asking the device.
        step: number of the batch in the run, from which its random draws are seeded.
    """

    features: Tensor
    n_bins: Tensor
    labels: Tensor
    n_labels: Tensor
    days: Tensor
    days_present: tuple[int, ...]
    step: int = 0

    def __len__(self) -> int:
        return len(self.features)

    @property
    def valid(self) -> Tensor:
        """(batch, bins) bool: which bins are recording rather than padding."""
        return torch.arange(self.features.shape[1], device=self.n_bins.device) < self.n_bins.unsqueeze(1)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The same batch on another device."""
        moved = {
            name: getattr(self, name).to(device, non_blocking=non_blocking)
            for name in ("features", "n_bins", "labels", "n_labels", "days")
        }
        return replace(self, **moved)

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory, from which copies to a GPU do not block."""
        names = ("features", "n_bins", "labels", "n_labels", "days")
        return replace(self, **{name: getattr(self, name).pin_memory() for name in names})


def collate(
    trials: Sequence[Trial],
    days: Sequence[int],
    columns: npt.NDArray[np.int64] | None = None,
    length_multiple: int = 1,
    step: int = 0,
) -> Batch:
    """Pad trials to the longest of them, or to the next multiple of `length_multiple` bins.

    Args:
        trials: at least one; all with the same number of features.
        days: day index of each trial.
        columns: features to keep, in this order; None keeps all.
        length_multiple: padding to few distinct lengths lets a compiler reuse its programs.
        step: number of the batch in the run.
    """
    n_bins = np.array([trial.n_bins for trial in trials], dtype=np.int64)
    padded_length = max(1, -(-int(n_bins.max()) // length_multiple)) * length_multiple
    n_features = trials[0].features.shape[1] if columns is None else len(columns)
    features = np.zeros((len(trials), padded_length, n_features), dtype=np.float32)
    labels = np.zeros((len(trials), LABEL_LENGTH), dtype=np.int64)
    n_labels = np.zeros(len(trials), dtype=np.int64)
    for row, trial in enumerate(trials):
        features[row, : trial.n_bins] = trial.features if columns is None else trial.features[:, columns]
        if trial.labels is not None:
            labels[row, : len(trial.labels)] = trial.labels
            n_labels[row] = len(trial.labels)
    return Batch(
        features=torch.from_numpy(features),
        n_bins=torch.from_numpy(n_bins),
        labels=torch.from_numpy(labels),
        n_labels=torch.from_numpy(n_labels),
        days=torch.tensor(list(days), dtype=torch.int64),
        days_present=tuple(sorted(set(days))),
        step=step,
    )
