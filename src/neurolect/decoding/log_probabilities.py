"""Sums of probabilities that are kept as logarithms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def log_sum_exp(values: Floats, axis: int) -> Floats:
    """Natural log of the summed exponentials along an axis, which stays with length one; all −∞ gives −∞."""
    highest = values.max(axis=axis, keepdims=True)
    shift = np.where(np.isneginf(highest), 0.0, highest)
    with np.errstate(divide="ignore", invalid="ignore"):
        sums: Floats = np.log(np.exp(values - shift).sum(axis=axis, keepdims=True)) + shift
    return sums


def log_softmax(logits: Floats) -> Floats:
    """Logits (..., classes) → log-probabilities; NaN where a frame has NaN, +∞, or −∞ throughout."""
    with np.errstate(invalid="ignore"):
        return logits - log_sum_exp(logits, axis=-1)
