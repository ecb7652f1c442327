"""Features and probabilities as bytes: what the page's heat maps are drawn from."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from neurolect.online.live_answers import PhonemeFrames

FEATURES, PHONEMES = 1, 2
"""First byte of a binary message."""

SHOWN_BINS = 1_000
"""Most bins or frames in one message; of more, the last are shown."""
_FEATURES_HEADER = struct.Struct("<B3xII")
_PHONEMES_HEADER = struct.Struct("<B3xIIII")
_HORIZON_BINS = 1_500
_DEVIATIONS = 3.0
_SETTLED_BINS = 250
_MOST_DEVIATIONS = 8.0


class FeatureScale:
    """Running mean and deviation of every feature, so that each is shown by how unusual its value is.

    The last half minute or so counts, whatever the features' units.
    """

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self._bins = 0
        self._mean = np.zeros(n_features)
        self._variance = np.zeros(n_features)

    def message(self, features: npt.NDArray[np.float32]) -> bytes:
        """Bytes of bins: 128 is a feature's mean, 1 and 255 are 3 deviations below and above it.

        Args:
            features: (bins, features), finite.

        Returns:
            Header and (bins, features) uint8. The header is little-endian: kind uint8, 3 bytes of nothing, number of
            features uint32, number of bins uint32.
        """
        shown = features[-SHOWN_BINS:].astype(np.float64)
        self._learn(shown)
        deviation = np.sqrt(self._variance)
        unusual = (shown - self._mean) / np.where(deviation > 0, _DEVIATIONS * deviation, np.inf)
        values = np.rint(128 + 127 * np.clip(unusual, -1, 1)).astype(np.uint8)
        return _FEATURES_HEADER.pack(FEATURES, self.n_features, len(shown)) + values.tobytes()

    def _learn(self, features: npt.NDArray[np.float64]) -> None:
        if self._bins >= _SETTLED_BINS:
            # One artefact must not dim the map for half a minute.
            most = np.where(self._variance > 0, _MOST_DEVIATIONS * np.sqrt(self._variance), np.inf)
            features = np.clip(features, self._mean - most, self._mean + most)
        bins = self._bins + len(features)
        share = len(features) / bins
        step = features.mean(0) - self._mean
        self._variance = (1 - share) * self._variance + share * features.var(0) + share * (1 - share) * step**2
        self._mean = self._mean + share * step
        self._bins = min(bins, _HORIZON_BINS)


def phoneme_messages(entries: Sequence[PhonemeFrames]) -> list[bytes]:
    """Headers and (frames, classes) uint8, 255 for probability 1; what follows on in one utterance is put together.

    The header is little-endian: kind uint8, 3 bytes of nothing, then utterance, first frame, frames and classes as
    uint32.
    """
    joined: list[PhonemeFrames] = []
    for each in entries:
        last = joined[-1] if joined else None
        if last is not None and _follows(each, last):
            together = np.concatenate((last.probabilities, each.probabilities))
            joined[-1] = PhonemeFrames(last.utterance, last.first_frame, together)
        else:
            joined.append(each)
    return [_phoneme_message(each) for each in joined]


def _follows(entry: PhonemeFrames, last: PhonemeFrames) -> bool:
    return (
        entry.utterance == last.utterance
        and entry.first_frame == last.first_frame + len(last.probabilities)
        and entry.probabilities.shape[1] == last.probabilities.shape[1]
    )


def _phoneme_message(entry: PhonemeFrames) -> bytes:
    shown = entry.probabilities[-SHOWN_BINS:]
    first = entry.first_frame + len(entry.probabilities) - len(shown)
    values = np.rint(255 * np.clip(np.nan_to_num(shown), 0, 1)).astype(np.uint8)
    return _PHONEMES_HEADER.pack(PHONEMES, entry.utterance, first, *shown.shape) + values.tobytes()
