"""Simulated speaking of Mandarin: which words are said when, and how the vocal tract moves meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurolect.data.seeg.mandarin import MandarinWord, Syllable
from neurolect.data.seeg.mandarin_articulation import N_POSITIONS, gestures
from neurolect.data.simulated_kinematics import COARTICULATION_SECONDS, step_responses

TICKS_PER_SECOND = 100
"""Of the states; nothing in them changes faster than co-articulation does."""

GATE = N_POSITIONS
"""Column of the states that says whether the subject speaks."""

N_STATES = 2 * N_POSITIONS + 1
"""Position along each articulatory feature and pitch, whether the subject speaks at all, velocity along each."""

_BEFORE_FIRST, _AFTER_LAST = 2.0, 4.0
_INTERVAL_SECONDS = (3.2, 3.8)
_ONSET_ERROR_SECONDS = 0.03
_SPREAD_OF_LENGTH, _SPREAD_OF_RATE = 0.15, 0.06
"""Log-normal; who reads single words aloud repeats them more alike than who talks."""

_SYLLABLES_OF_A_PHRASE = (2, 10)
_PAUSE_SECONDS = (0.4, 2.0)
_REST_SECONDS, _SHARE_OF_RESTS = (8.0, 20.0), 0.1


@dataclass(frozen=True)
class Speaking:
    """What a subject says in one stretch of time.

    Args:
        words: that are labelled, in order; none in a recording without labels.
        onsets: in seconds, as an experimenter would mark them (words,).
        states: of the vocal tract (ticks, N_STATES) float32, at `TICKS_PER_SECOND`.
    """

    words: list[str]
    onsets: npt.NDArray[np.float64]
    states: npt.NDArray[np.float32]

    @property
    def seconds(self) -> float:
        """Length of the stretch."""
        return len(self.states) / TICKS_PER_SECOND


def say_words(
    words: Sequence[MandarinWord], repetitions: int, rng: np.random.Generator, speaking_rate: float
) -> Speaking:
    """Say each word once in random order, again and again, every three and a half seconds.

    Marked onsets miss the true ones by 30 ms (standard deviation); lengths vary from one repetition to the next.
    """
    said = [words[index] for _ in range(repetitions) for index in rng.permutation(len(words))]
    starts = _BEFORE_FIRST + np.cumsum(rng.uniform(*_INTERVAL_SECONDS, len(said)))
    states = _at_rest(starts[-1] + _AFTER_LAST)
    for word, start in zip(said, starts, strict=True):
        _speak(word.syllables, start, states, rng, speaking_rate)
    onsets = starts + rng.normal(0, _ONSET_ERROR_SECONDS, len(starts))
    return Speaking([word.word for word in said], onsets, states)


def talk(words: Sequence[MandarinWord], seconds: float, rng: np.random.Generator, speaking_rate: float) -> Speaking:
    """Talk in phrases of syllables put together at random, with pauses between them, and rest at times.

    Args:
        words: whose syllables are used.
        seconds: length of the recording.
        rng: source of everything random.
        speaking_rate: 1 is fluent conversation.
    """
    syllables = [syllable for word in words for syllable in word.syllables]
    states = _at_rest(seconds)
    now = rng.uniform(*_PAUSE_SECONDS)
    while now < seconds:
        chosen = rng.integers(len(syllables), size=rng.integers(*_SYLLABLES_OF_A_PHRASE))
        now = _speak([syllables[index] for index in chosen], now, states, rng, speaking_rate)
        now += rng.uniform(*(_REST_SECONDS if rng.random() < _SHARE_OF_RESTS else _PAUSE_SECONDS))
    return Speaking([], np.empty(0), states)


def _at_rest(seconds: float) -> npt.NDArray[np.float32]:
    return np.zeros((round(seconds * TICKS_PER_SECOND), N_STATES), dtype=np.float32)


def _speak(
    syllables: Sequence[Syllable],
    start: float,
    states: npt.NDArray[np.float32],
    rng: np.random.Generator,
    speaking_rate: float,
) -> float:
    """Add the movements of a word to the states; returns when it ends."""
    phonemes = gestures(syllables)
    seconds = np.array([phoneme.seconds for phoneme in phonemes]) / speaking_rate
    seconds *= rng.lognormal(0, _SPREAD_OF_LENGTH, len(seconds)) * rng.lognormal(0, _SPREAD_OF_RATE)
    ends = start + np.cumsum(seconds)
    edges, path = [], [np.zeros(N_POSITIONS + 1)]
    for phoneme, end, length in zip(phonemes, ends, seconds, strict=True):
        for index, target in enumerate(phoneme.targets):
            edges.append(end - length * (1 - index / len(phoneme.targets)))
            path.append(np.append(target, 1.0))
    steps = np.diff([*path, path[0]], axis=0)
    smoothing = COARTICULATION_SECONDS / speaking_rate
    first, last = (round(when * TICKS_PER_SECOND) for when in (start - 5 * smoothing, ends[-1] + 5 * smoothing))
    ticks = np.arange(max(first, 0), min(last, len(states)))
    reached, moving = step_responses(np.array([*edges, ends[-1]]), ticks / TICKS_PER_SECOND, smoothing)
    states[ticks] += np.concatenate((reached @ steps, moving @ steps[:, :N_POSITIONS]), axis=1)
    return float(ends[-1])
