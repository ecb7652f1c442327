"""How often answers are right, with the uncertainty of few trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_RESAMPLES = 10_000


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers with a percentile bootstrap interval, all as fractions.

    Args:
        value: right answers by trials.
        low: of the 95 % interval; where all trials are right, or all wrong, resampling them gives it no width.
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


def accuracy(right: npt.NDArray[np.bool_], seed: int = 0) -> Accuracy:
    """Accuracy over at least one trial, `right` (trials,); the interval is from resampling trials with replacement."""
    trials, correct = len(right), int(right.sum())
    # The right ones in a resample of trials are binomial, so they need not be drawn one by one.
    drawn = np.random.default_rng(seed).binomial(trials, correct / trials, _RESAMPLES) / trials
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Accuracy(correct / trials, float(low), float(high), correct, trials)
