"""Every path through a short utterance, by trying every class at every frame: the definition of what a search finds."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neurolect.decoding.hypotheses import Logits
from neurolect.text.alphabet import Alphabet
from neurolect.text.lexicon import Lexicon


@dataclass(frozen=True)
class Scoring:
    """What counts, and how much."""

    acoustic_scale: float = 0.4
    blank_penalty: float = 1.0
    length_penalty: float = 0.0
    phoneme_bonus: float = 0.0
    word_bonus: float = 0.0
    language_model_weight: float = 1.0
    silence_probability: float = 0.9


class Path(NamedTuple):
    """One way to say a sentence; `times` are first frames of words and those after them, `outputs` first frames of
    their last phonemes."""

    words: tuple[str, ...]
    acoustic: float
    ngram: float
    lexicon: float
    bonus: float
    total: float
    times: tuple[tuple[int, int], ...]
    outputs: tuple[int, ...]


class _Alignment(NamedTuple):
    """Frames of a string of classes: where each class begins and ends, and at how many frames the class changes."""

    acoustic: float
    changes: int
    onsets: tuple[int, ...]
    ends: tuple[int, ...]


class _Reading(NamedTuple):
    """A sentence as classes, with the place of each word among them."""

    words: tuple[str, ...]
    classes: tuple[int, ...]
    lexicon: float
    n_phonemes: int
    places: tuple[tuple[int, int], ...]


def best_paths(*args: object, **kwargs: object) -> dict[tuple[str, ...], Path]:
    """The best path of every sentence that the frames have room for; takes what `every_path` takes."""
    best: dict[tuple[str, ...], Path] = {}
    for path in every_path(*args, **kwargs):  # type: ignore[arg-type]
        if path.words not in best or path.total > best[path.words].total:
            best[path.words] = path
    return best


def every_path(
    logits: Logits,
    lexicon: Lexicon,
    alphabet: Alphabet,
    log_probability: Callable[[tuple[str, ...]], float],
    scoring: Scoring,
) -> Iterator[Path]:
    """All paths over logits (frames, classes) that say complete sentences."""
    alignments = _alignments(logits, alphabet, scoring.blank_penalty)
    for reading in _readings(lexicon, alphabet, scoring, n_frames=len(logits)):
        ngram = log_probability(reading.words)
        for alignment in alignments[reading.classes]:
            bonus = scoring.word_bonus * len(reading.words) + scoring.phoneme_bonus * reading.n_phonemes
            bonus -= scoring.length_penalty * alignment.changes
            total = scoring.acoustic_scale * alignment.acoustic + scoring.language_model_weight * ngram
            yield Path(
                words=reading.words,
                acoustic=alignment.acoustic,
                ngram=ngram,
                lexicon=reading.lexicon,
                bonus=bonus,
                total=total + reading.lexicon + bonus,
                times=tuple((alignment.onsets[first], alignment.ends[last]) for first, last in reading.places),
                outputs=tuple(alignment.onsets[last] for _, last in reading.places),
            )


def _alignments(logits: Logits, alphabet: Alphabet, blank_penalty: float) -> dict[tuple[int, ...], list[_Alignment]]:
    """Each string of classes that collapsing can leave → all its alignments."""
    n_frames, n_classes = len(logits), len(alphabet)
    logits = np.asarray(logits, dtype=np.float64)
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    log_probabilities[:, alphabet.blank] -= math.log(blank_penalty)
    alignments = defaultdict(list)
    for frames in itertools.product(range(n_classes), repeat=n_frames):
        runs = [(label, len(list(run))) for label, run in itertools.groupby(frames)]
        ends = list(itertools.accumulate(length for _, length in runs))
        spoken = [
            (label, end - length, end)
            for (label, length), end in zip(runs, ends, strict=True)
            if label != alphabet.blank
        ]
        starts_blank = not runs or runs[0][0] == alphabet.blank
        alignments[tuple(label for label, _, _ in spoken)].append(
            _Alignment(
                acoustic=sum(log_probabilities[frame, label] for frame, label in enumerate(frames)),
                changes=len(runs) - bool(runs and starts_blank),
                onsets=tuple(onset for _, onset, _ in spoken),
                ends=tuple(end for _, _, end in spoken),
            )
        )
    return alignments


def _readings(lexicon: Lexicon, alphabet: Alphabet, scoring: Scoring, n_frames: int) -> Iterator[_Reading]:
    """All sentences with all pronunciations and silences that have no more classes than there are frames."""
    probability = 0.0 if alphabet.silence is None else scoring.silence_probability
    choices = [((), math.log1p(-probability))] if probability < 1 else []
    if alphabet.silence is not None and probability > 0:
        choices.append(((alphabet.silence,), math.log(probability)))
    variants = [
        (word, tuple(alphabet.encode(spelling)), log_probability)
        for word in lexicon
        for spelling, log_probability in zip(lexicon[word], lexicon.log_probabilities(word), strict=True)
    ]
    waiting = [_Reading((), silence, log_choice, 0, ()) for silence, log_choice in choices]
    while waiting:
        reading = waiting.pop()
        if len(reading.classes) > n_frames:
            continue
        yield reading
        begin = len(reading.classes)
        for word, spelling, log_variant in variants:
            for silence, log_choice in choices:
                waiting.append(
                    _Reading(
                        words=(*reading.words, word),
                        classes=(*reading.classes, *spelling, *silence),
                        lexicon=reading.lexicon + log_variant + log_choice,
                        n_phonemes=reading.n_phonemes + len(spelling),
                        places=(*reading.places, (begin, begin + len(spelling) - 1)),
                    )
                )
