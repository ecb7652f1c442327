"""How input bins become encoder frames: the one place that knows patch lengths and strides."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neurolect.errors import ConfigError


@dataclass(frozen=True)
class Patching:
    """Overlapping windows of `size` bins, one every `stride` bins; each window is one encoder frame.

    Args:
        size: bins in a patch; 0 makes every bin a frame.
        stride: bins from one patch to the next.
    """

    size: int = 14
    stride: int = 4

    def __post_init__(self) -> None:
        if self.size < 0 or (self.size > 0 and self.stride < 1):
            raise ConfigError(f"patches of {self.size} bins every {self.stride} bins are impossible")

    def n_frames(self, n_bins: int) -> int:
        """Complete patches in a trial of `n_bins`; 0 if it is shorter than one patch."""
        if self.size == 0:
            return n_bins
        return max(0, (n_bins - self.size) // self.stride + 1)

    def frames_in(self, n_bins: Tensor) -> Tensor:
        """`n_frames` of every entry of an integer tensor."""
        if self.size == 0:
            return n_bins
        return (torch.div(n_bins - self.size, self.stride, rounding_mode="floor") + 1).clamp(min=0)

    def first_bin(self, frame: int) -> int:
        """First bin that a frame sees."""
        return frame * self.stride if self.size else frame

    def __call__(self, features: Tensor) -> Tensor:
        """Features (batch, bins, features) → patches (batch, frames, size · features), flattened time-major."""
        if self.size == 0:
            return features
        batch, n_bins, n_features = features.shape
        if n_bins < self.size:
            return features.new_zeros(batch, 0, self.size * n_features)
        windows = features.unfold(1, self.size, self.stride)
        return windows.transpose(2, 3).reshape(batch, -1, self.size * n_features)
