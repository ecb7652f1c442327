"""Positions in time as sines and cosines (Vaswani et al. 2017)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def sinusoidal_table(n_positions: int, width: int) -> Tensor:
    """Embeddings (n_positions, width) float32: sines at even, cosines at odd features, periods up to 10000 · 2π."""
    positions = np.arange(n_positions, dtype=np.float32)[:, None]
    rates = np.exp(np.arange(0, width, 2, dtype=np.float32) * np.float32(-np.log(10000.0) / width))
    table = np.empty((n_positions, width), dtype=np.float32)
    table[:, 0::2] = np.sin(positions * rates)
    table[:, 1::2] = np.cos(positions * rates)[:, : width // 2]
    return torch.from_numpy(table)
