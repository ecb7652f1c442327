"""Simulated articulation: how a phoneme sequence moves a vocal tract through time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from neurolect.data.articulation import N_FEATURES, articulatory_targets
from neurolect.data.t15 import BIN_SECONDS
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import SILENCE

N_STATES = 2 * N_FEATURES + 1
"""Position along each articulatory feature, whether the person speaks at all, velocity along each feature."""

LEAD_SECONDS = 0.1
"""Motor cortex is ahead of the articulators by this much."""

COARTICULATION_SECONDS = 0.035
_PAUSE_BEFORE_SECONDS, _PAUSE_AFTER_SECONDS = 0.5, 0.4
_SPREAD, _SPREAD_OF_RATE = 0.25, 0.1

# Typical lengths in fluent conversation; plausible round figures, not a fit.
_SECONDS_BY_CLASS = {
    "AW AY EY OW OY": 0.15,
    "AA AE AO ER IY UW": 0.11,
    "AH EH IH UH": 0.08,
    "B D DH G HH P": 0.06,
    "K L M N NG R T V W Y": 0.07,
    "F S SH TH Z ZH": 0.1,
    "CH JH": 0.12,
    SILENCE: 0.08,
}
SECONDS_AT_NORMAL_RATE = {
    phoneme: seconds for phonemes, seconds in _SECONDS_BY_CLASS.items() for phoneme in phonemes.split()
}


@dataclass(frozen=True)
class Utterance:
    """One attempted sentence in time.

    Args:
        phonemes: class of the phoneme attempted at the centre of each bin (bins,), silence outside the sentence.
        states: what motor cortex represents in each bin (bins, N_STATES); it runs ahead of `phonemes` by 100 ms.
    """

    phonemes: npt.NDArray[np.int32]
    states: npt.NDArray[np.float64]


def speak(phonemes: Sequence[str], rng: np.random.Generator, speaking_rate: float = 0.55) -> Utterance:
    """Attempt a phoneme sequence, with silence before it.

    Phoneme lengths are log-normal around a typical length. Each articulatory feature steps from target to target and
    is smoothed by a Gaussian, so that neighbours blend (co-articulation); a slower rate stretches both.

    Args:
        phonemes: ARPAbet phonemes with `SIL` after every word, as `Lexicon.phonemes` gives them.
        rng: source of the lengths.
        speaking_rate: 1 is fluent conversation; people who attempt to speak through an implant are slower.
    """
    sequence = [SILENCE, *phonemes]
    seconds = np.array([SECONDS_AT_NORMAL_RATE[phoneme] for phoneme in sequence]) / speaking_rate
    seconds[0] = _PAUSE_BEFORE_SECONDS
    if sequence[-1] == SILENCE:
        seconds[-1] = _PAUSE_AFTER_SECONDS
    seconds *= rng.lognormal(0, _SPREAD, len(seconds)) * rng.lognormal(0, _SPREAD_OF_RATE)
    ends = np.cumsum(seconds)
    bins = (np.arange(max(1, round(ends[-1] / BIN_SECONDS))) + 0.5) * BIN_SECONDS
    spoken = np.searchsorted(ends, bins).clip(max=len(sequence) - 1)
    return Utterance(
        phonemes=np.array(PHONEMES.encode(sequence), dtype=np.int32)[spoken],
        states=_states(sequence, ends - seconds, seconds, bins + LEAD_SECONDS, COARTICULATION_SECONDS / speaking_rate),
    )


def _states(
    phonemes: Sequence[str],
    starts: npt.NDArray[np.float64],
    seconds: npt.NDArray[np.float64],
    times: npt.NDArray[np.float64],
    smoothing: float,
) -> npt.NDArray[np.float64]:
    targets, edges = [np.zeros(N_FEATURES + 1)], []
    for phoneme, start, length in zip(phonemes, starts, seconds, strict=True):
        positions = articulatory_targets(phoneme)
        for index, position in enumerate(positions):
            targets.append(np.append(position, phoneme != SILENCE))
            edges.append(start + length * index / len(positions))
    steps = np.diff(targets, axis=0)
    reached, moving = step_responses(np.array(edges), times, smoothing)
    return np.concatenate((reached @ steps, moving @ steps[:, :N_FEATURES]), axis=1)


def step_responses(
    edges: npt.NDArray[np.float64], times: npt.NDArray[np.float64], smoothing: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How far each step of a staircase has been taken, and how fast, once the staircase is smoothed by a Gaussian.

    Args:
        edges: when each step is taken, in seconds (steps,).
        times: in seconds (times,).
        smoothing: standard deviation of the Gaussian in seconds.

    Returns:
        Position and velocity of a lone step of height one, (times, steps) each; velocities are scaled to a peak of one.
    """
    # A staircase smoothed by a Gaussian is, exactly, a sum of its steps times the normal distribution function.
    distance = (times[:, None] - edges) / smoothing
    return ndtr(distance), np.exp(-(distance**2) / 2)
