"""One attempted sentence: its features, its labels and where it was recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Trial:
    """One trial of a speech task.

    Args:
        session: recording day, such as `t15.2023.08.11`.
        block: block number within the session.
        number: trial number within the block.
        features: (bins, features) float32, one row per 20 ms bin.
        labels: phoneme classes (labels,) without padding, or None where the recording has none (test splits).
        sentence: the cue sentence as recorded, or None.
        corpus: where the sentence came from, or None where no block table says.
    """

    session: str
    block: int
    number: int
    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32] | None = None
    sentence: str | None = None
    corpus: str | None = None

    @property
    def n_bins(self) -> int:
        """Length of the trial in bins."""
        return len(self.features)
