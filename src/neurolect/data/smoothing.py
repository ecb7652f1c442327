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


class SmoothingStream:
    """One trial smoothed as its bins come; what all calls give together is what `smoothing(trial, padding)` gives.

    Args:
        smoothing: how.
        n_features: of every bin.
        padding: as for `GaussianSmoothing`.
    """

    def __init__(self, smoothing: GaussianSmoothing, n_features: int, padding: Padding = "same") -> None:
        self._smoothing = smoothing
        self._margin = len(smoothing.taps) // 2 if smoothing.std and padding == "same" else 0
        self._pending = torch.zeros(1, self._margin, n_features)

    @property
    def lookahead(self) -> int:
        """Bins that must follow one before it can be given, or be said to be the last: 4 with nine taps."""
        return len(self._smoothing.taps) // 2 if self._smoothing.std else 0

    def push(self, features: Tensor) -> Tensor:
        """Features (bins, features) → those bins, smoothed, that enough have followed."""
        self._pending = torch.cat([self._pending, features.unsqueeze(0)], dim=1)
        smoothed = self._smoothing(self._pending, "valid")
        self._pending = self._pending[:, smoothed.shape[1] :]
        return smoothed[0]

    def finish(self) -> Tensor:
        """The last bins (bins, features) of the trial, which nothing follows."""
        return self.push(self._pending.new_zeros(self._margin, self._pending.shape[-1]))


@lru_cache
def _taps(std: float, size: int) -> tuple[float, ...]:
    from scipy.ndimage import gaussian_filter1d

    impulse = np.zeros(size, dtype=np.float32)
    impulse[size // 2] = 1
    response = gaussian_filter1d(impulse, std)
    kept = response[response > 0.01]
    return tuple(float(weight) for weight in kept / kept.sum())
