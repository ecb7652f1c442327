"""Gaussian smoothing of features over time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neurolect.errors import require_at_least

Padding = Literal["same", "valid"]


@dataclass(frozen=True)
class GaussianSmoothing:
    """Smooth every feature over time with one short Gaussian (Card et al. 2024: std 2 bins, nine taps).

    Args:
        std: standard deviation in bins; 0 leaves features as they are.
        size: length of the impulse that the reference filters; it matters only below 17, where the ends reflect.
    """

    std: float = 2.0
    size: int = 100

    def __post_init__(self) -> None:
        require_at_least(0, "smoothing.std", self.std)
        require_at_least(1, "smoothing.size", self.size)

    @property
    def taps(self) -> tuple[float, ...]:
        """Filter weights; they sum to one."""
        return _taps(self.std, self.size)

    def __call__(self, features: Tensor, padding: Padding = "same") -> Tensor:
        """Features (batch, bins, features) → smoothed.

        Args:
            features: any floating type, which is kept.
            padding: `same` pads with zeros and keeps the length, `valid` loses `len(taps) − 1` bins.
        """
        if self.std == 0:
            return features
        n_features = features.shape[-1]
        kernel = torch.tensor(self.taps, dtype=features.dtype, device=features.device)
        weight = kernel.expand(n_features, 1, -1)
        margin = len(self.taps) // 2 if padding == "same" else 0
        if features.shape[1] + 2 * margin < len(self.taps):
            return features[:, :0]
        return F.conv1d(features.transpose(1, 2), weight, padding=margin, groups=n_features).transpose(1, 2)


@lru_cache
def _taps(std: float, size: int) -> tuple[float, ...]:
    from scipy.ndimage import gaussian_filter1d

    impulse = np.zeros(size, dtype=np.float32)
    impulse[size // 2] = 1
    response = gaussian_filter1d(impulse, std)
    kept = response[response > 0.01]
    return tuple(float(weight) for weight in kept / kept.sum())
