"""Simulated intracortical recordings of attempted speech: binned features whose tuning drifts from day to day.

Parameters are plausible, not fitted to a recording. Results on simulated data say that software works, and nothing
about how well anybody's speech can be decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from neurolect.data.simulated_electrodes import N_SHARED_NOISE, Drift, Electrodes, recording_days
from neurolect.data.simulated_kinematics import Utterance, speak
from neurolect.data.t15 import ARRAYS, BIN_SECONDS
from neurolect.data.trial import Trial
from neurolect.errors import ConfigError
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import Lexicon

CORPUS = "Simulated"

_GAIN = 0.11
"""Set so that a linear readout of nine bins names the phoneme of some 70 % of the bins at difficulty 1."""

_SHARED_NOISE_SECONDS = 0.2
_MOST_HZ = 400.0
_POWER_SHAPE = 8.0

# Separate random streams, so that what one draws never shifts another.
_ELECTRODES, _ARTICULATION, _ACTIVITY = 1, 2, 3


@dataclass(frozen=True)
class SpeechSimulator:
    """A participant with four electrode arrays in speech motor cortex who attempts to speak.

    Each electrode is tuned to a few articulatory positions and velocities (`simulated_kinematics`). Threshold
    crossings are Poisson counts of an exponential rate, spike-band power is gamma distributed with tuning that is
    similar; both share slow noise. Features come in the column order of the T15 recordings: threshold crossings of
    ventral 6v, area 4, 55b and dorsal 6v, then spike-band power of the same electrodes.

    Args:
        seed: everything that is drawn follows from it.
        difficulty: divides the depth of tuning; at 2 the signal is half as large against the same noise.
        n_electrodes: a multiple of 4; T15 has 256.
        speaking_rate: 1 is fluent conversation.
        drift: how electrodes change from one recording day to the next.

    Raises:
        ConfigError: a value is out of range.
    """

    seed: int = 0
    difficulty: float = 1.0
    n_electrodes: int = 256
    speaking_rate: float = 0.55
    drift: Drift = field(default_factory=Drift)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"simulator: seed is {self.seed}, it must not be negative")
        if self.n_electrodes < 1 or self.n_electrodes % len(ARRAYS):
            raise ConfigError(f"simulator: n_electrodes is {self.n_electrodes}, it must be a multiple of {len(ARRAYS)}")
        for name, value in (("difficulty", self.difficulty), ("speaking_rate", self.speaking_rate)):
            if not 0 < value < float("inf"):
                raise ConfigError(f"simulator: {name} is {value}, it must be positive")

    def days(self) -> Iterator[RecordingDay]:
        """Recording day 0, 1, 2, …, without end."""
        rngs = (self.rng(_ELECTRODES, day) for day in count())
        for index, electrodes in enumerate(recording_days(self.n_electrodes, self.drift, rngs)):
            yield RecordingDay(self, index, electrodes)

    def day(self, index: int) -> RecordingDay:
        """One recording day; to go through many, `days` is faster."""
        return next(islice(self.days(), index, None))

    def rng(self, stream: int, first: int, second: int = 0) -> np.random.Generator:
        """A generator of its own for each stream and pair of numbers."""
        return np.random.default_rng((self.seed, stream, first, second))


@dataclass(frozen=True)
class RecordingDay:
    """One day in the life of a simulated participant; what it records depends on no other day's sentences."""

    simulator: SpeechSimulator
    index: int
    electrodes: Electrodes

    def record(self, session: str, block: int, sentences: Sequence[str], lexicon: Lexicon) -> list[Trial]:
        """Record a block of sentences, features (bins, 2 × electrodes) z-scored over the block.

        Args:
            session: name that the trials carry.
            block: block number; another number draws other lengths and other noise.
            sentences: one a trial.
            lexicon: gives the phonemes that are attempted and that label the trials.

        Raises:
            ConfigError: a word is not in the lexicon.
        """
        phonemes = [lexicon.phonemes(sentence) for sentence in sentences]
        if not phonemes:
            return []
        utterances = self.utterances(block, phonemes)
        activity = self._activity(block, np.concatenate([utterance.states for utterance in utterances]))
        lengths = [len(utterance.phonemes) for utterance in utterances]
        features = np.split(_z_scored(activity), np.cumsum(lengths)[:-1])
        return [
            Trial(
                session=session,
                block=block,
                number=number,
                features=features[number],
                labels=np.array(PHONEMES.encode(phonemes[number]), dtype=np.int32),
                sentence=sentence,
                corpus=CORPUS,
            )
            for number, sentence in enumerate(sentences)
        ]

    def utterances(self, block: int, phonemes: Sequence[Sequence[str]]) -> list[Utterance]:
        """What the participant does in each trial of `record`: the alignment that a real recording lacks."""
        rng = self.simulator.rng(_ARTICULATION, self.index, block)
        return [speak(trial, rng, self.simulator.speaking_rate) for trial in phonemes]

    def _activity(self, block: int, states: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """States (bins, N_STATES) → raw features (bins, 2 × electrodes)."""
        rng = self.simulator.rng(_ACTIVITY, self.index, block)
        electrodes = self.electrodes
        shared = _autoregressive_noise((len(states), N_SHARED_NOISE), rng)
        tuning = np.where(electrodes.silent[:, None], 0.0, electrodes.tuning) * (_GAIN / self.simulator.difficulty)
        response = np.concatenate((tuning, electrodes.shared_noise), axis=2).astype(np.float32)
        drive = np.concatenate((states, shared), axis=1).astype(np.float32)
        log_rate, log_power = (drive @ response[kind].T + np.float32(electrodes.baseline[kind]) for kind in (0, 1))
        rate = np.minimum(np.exp(log_rate), _MOST_HZ) * ~electrodes.silent
        crossings = rng.poisson(rate * BIN_SECONDS)
        noise = rng.standard_gamma(_POWER_SHAPE, log_power.shape, dtype=np.float32) / np.float32(_POWER_SHAPE)
        return np.concatenate((crossings.astype(np.float32), log_power + np.log(noise)), axis=1)


def _autoregressive_noise(shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Stationary first-order noise of unit variance, independent along axis 1."""
    kept = np.exp(-BIN_SECONDS / _SHARED_NOISE_SECONDS)
    innovations = rng.normal(0, np.sqrt(1 - kept**2), shape)
    start = kept * rng.normal(size=(1, shape[1]))
    noise: npt.NDArray[np.float64] = lfilter([1.0], [1.0, -kept], innovations, axis=0, zi=start)[0]
    return noise


def _z_scored(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    spread = features.std(axis=0)
    # An electrode without neurons has no spread and stays at zero.
    scored: npt.NDArray[np.float32] = (features - features.mean(axis=0)) / np.where(spread > 0, spread, np.float32(1))
    return scored
