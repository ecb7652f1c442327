"""What the vocal tract aims at while it speaks Mandarin, by way of similar English phonemes.

`mandarin_phonemes.csv` writes each initial and final of pinyin as one to four ARPAbet phonemes, whose articulatory
targets (`data/articulation.py`) are taken over. This is an approximation, good enough to tell words apart and no
phonetics of Mandarin: b d g are voiced here though Mandarin's are not, retroflex zh ch sh are followed by an R and
palatal j q x by a Y, ü is Y and UW in turn, and the vowels of zi and zhi are AH and ER. Pitch is one feature more.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from neurolect.data.articulation import N_FEATURES, articulatory_targets
from neurolect.data.seeg.mandarin import Syllable
from neurolect.data.simulated_kinematics import SECONDS_AT_NORMAL_RATE

N_POSITIONS = N_FEATURES + 1
"""The articulatory features, then pitch."""

_PITCH_FROM_TO = {1: (1.0, 1.0), 2: (-0.3, 1.0), 3: (-0.5, -1.0), 4: (1.0, -1.0), 5: (0.0, 0.0)}
_VOWEL_OF_SIBILANTS = {
    **dict.fromkeys(("z", "c", "s"), ("AH",)),
    **dict.fromkeys(("zh", "ch", "sh", "r"), ("ER",)),
}


@dataclass(frozen=True)
class Gesture:
    """One phoneme: its typical length in fluent speech in seconds, and the targets (targets, N_POSITIONS) it passes."""

    seconds: float
    targets: npt.NDArray[np.float64]


def gestures(syllables: Sequence[Syllable]) -> list[Gesture]:
    """The phonemes of a word in the order they are spoken."""
    return [gesture for syllable in syllables for gesture in _of_syllable(syllable)]


def _of_syllable(syllable: Syllable) -> list[Gesture]:
    phonemes = _arpabet(syllable)
    pitches = np.linspace(*_PITCH_FROM_TO[syllable.tone], len(phonemes))
    targets = [articulatory_targets(phoneme) for phoneme in phonemes]
    return [
        Gesture(SECONDS_AT_NORMAL_RATE[phoneme], np.column_stack((positions, np.full(len(positions), pitch))))
        for phoneme, positions, pitch in zip(phonemes, targets, pitches, strict=True)
    ]


def _arpabet(syllable: Syllable) -> tuple[str, ...]:
    table = _table()
    initial = table["initial", syllable.initial] if syllable.initial else ()
    if syllable.final == "i" and syllable.initial in _VOWEL_OF_SIBILANTS:
        return initial + _VOWEL_OF_SIBILANTS[syllable.initial]
    return initial + table["final", syllable.final]


@cache
def _table() -> dict[tuple[str, str], tuple[str, ...]]:
    table = files("neurolect.data.seeg").joinpath("mandarin_phonemes.csv").read_text(encoding="utf-8")
    return {(row["part"], row["pinyin"]): tuple(row["arpabet"].split()) for row in csv.DictReader(table.splitlines())}
