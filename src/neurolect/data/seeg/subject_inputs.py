"""How the channels of each subject enter a model: which, in which order, and on which scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class SubjectInput:
    """One subject's channels and their z-score, fitted on training data and kept with the trained model.

    Args:
        subject: name.
        channels: names, in the order of the model's inputs.
        mean: of each channel.
        std: of each channel; a channel that never changes has 1.
    """

    subject: str
    channels: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def scale(self, signals: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """z-score signals (…, channels, samples) of these channels."""
        mean, std = (np.array(each, dtype=np.float32)[:, None] for each in (self.mean, self.std))
        scaled: npt.NDArray[np.float32] = (signals - mean) / std
        return scaled
