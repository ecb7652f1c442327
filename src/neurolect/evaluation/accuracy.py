"""How often answers are right, with the uncertainty of few trials."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

_Z = 1.959963984540054
"""The normal quantile of 97.5 %."""


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers with its Wilson score interval, all as fractions.

    Args:
        value: right answers by trials.
        low: of the 95 % interval, which has a width even where all trials are right, or all wrong.
        high: of it.
        correct: right answers.
        trials: that were answered.
    """

    value: float
    low: float
    high: float
    correct: int
    trials: int

    def __str__(self) -> str:
        return f"{100 * self.value:.2f} % [{100 * self.low:.2f}, {100 * self.high:.2f}]"


def accuracy(right: npt.NDArray[np.bool_]) -> Accuracy:
    """Accuracy over at least one trial, `right` (trials,); the interval is that of Wilson (1927)."""
    trials, correct = len(right), int(right.sum())
    value = correct / trials
    middle = (correct + _Z**2 / 2) / (trials + _Z**2)
    half = _Z * sqrt(correct * (1 - value) + _Z**2 / 4) / (trials + _Z**2)
    # Where all are right, or all wrong, a bound is the value but for rounding.
    return Accuracy(value, max(0.0, min(value, middle - half)), min(1.0, max(value, middle + half)), correct, trials)
