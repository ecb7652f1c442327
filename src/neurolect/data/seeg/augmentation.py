"""Random changes to training trials of field potentials that a classifier should not mind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.layout import Signal
from neurolect.errors import require_at_least


@dataclass(frozen=True)
class TimeShift:
    """Move a trial in time by a random number of samples and put zeros where nothing is left.

    Args:
        seconds: the longest shift either way; 0 shifts nothing. Du-IN uses a tenth of its 3-second trials.
    """

    seconds: float = 0.3

    def __post_init__(self) -> None:
        require_at_least(0, "data.shift.seconds", self.seconds)

    def draw(self, n_trials: int, sample_rate: float, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """A shift in samples for each trial; positive ones are towards later."""
        longest = round(self.seconds * sample_rate)
        return rng.integers(-longest, longest, size=n_trials, endpoint=True)


def shifted(signal: Signal, shift: int) -> Signal:
    """Move (channels, samples) by `shift` samples, zeros moving in."""
    moved = np.zeros_like(signal)
    n_samples = signal.shape[1]
    if abs(shift) >= n_samples:
        return moved
    moved[:, max(shift, 0) : n_samples + min(shift, 0)] = signal[:, max(-shift, 0) : n_samples - max(shift, 0)]
    return moved
