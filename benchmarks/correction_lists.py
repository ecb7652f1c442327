"""N-best lists for `error_correction.py`: of real trials, and of sentences whose phonemes are corrupted like theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein

from neurolect.decoding import Decoder, DecoderOptions, LexiconNetwork
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.pseudo_posteriors import PhonemeErrors, rebuild_logits
from neurolect.language.english import english_trigram
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import Lexicon
from neurolect.text.normalise import normalise_for_evaluation
from real_trials import Row, read_confusions, unseen_prompts

# Tuned once for the trigram on the tuning half; `real_phonemes_to_words.py` now tunes other settings for every model.
SEARCH = DecoderOptions(acoustic_scale=0.8, blank_penalty=30.0)
MENDED = 0.25
"""Of the edits that part a simulated n-best string from the greedy one, the share that mends an error."""

Phonemes = list[int]
NBest = list[tuple[float, Phonemes]]


@dataclass(frozen=True)
class Trial:
    """What was said, and what a model heard of it."""

    session: str
    corpus: str
    sentence: str
    phonemes: Phonemes
    greedy: Phonemes
    n_best: NBest

    @classmethod
    def of(cls, row: Row) -> Trial:
        """A real trial."""
        return cls(
            row["session"],
            row["corpus"],
            normalise_for_evaluation(row["sentence"]),
            PHONEMES.encode(row["phonemes"].split()),
            PHONEMES.encode(row["greedy"].split()),
            [(score, PHONEMES.encode(text.split())) for score, text in json.loads(row["nbest"] or "[]")],
        )


def decode(trials: Sequence[Trial], confusions: Path) -> Iterator[list[Hypothesis]]:
    """N-best lists of trials, from logits that are rebuilt with the confusions of other recordings."""
    errors = read_confusions(confusions)
    search = Decoder(LexiconNetwork(Lexicon.english(), english_trigram()), SEARCH)
    return search.decode_each(rebuild_logits(each.greedy, each.n_best, errors) for each in trials)


def sentences_to_learn(path: Path, measured: dict[str, list[Row]]) -> tuple[list[str], int]:
    """Distinct prompts that the lexicon can pronounce, and how many were left out since a measured trial has them."""
    lexicon = Lexicon.english()
    unseen = dict.fromkeys(unseen_prompts(path, measured))
    known = [each for each in unseen if all(word in lexicon for word in each.split())]
    return known, len(set(unseen_prompts(path, {}))) - len(unseen)


def simulate(sentences: Sequence[str], donors: Sequence[Trial], seed: int = 0) -> Iterator[Trial]:
    """Sentences as if a model had heard them, with the errors that it makes of real trials.

    Each takes the rate of errors, the scores of the n-best strings, and how far these are from the greedy one, of a
    real trial drawn by chance.
    """
    rng, lexicon = np.random.default_rng(seed), Lexicon.english()
    # The other way round: what is heard where something is spoken.
    heard = PhonemeErrors.estimate(
        [each.greedy for each in donors], [each.phonemes for each in donors], pseudo_count=0.01
    )
    rates = np.array([Levenshtein.distance(each.greedy, each.phonemes) / len(each.phonemes) for each in donors])
    severities = rates / np.average(rates, weights=[len(each.phonemes) for each in donors])
    for sentence in sentences:
        spoken = PHONEMES.encode(lexicon.phonemes(sentence))
        number = rng.integers(len(donors))
        donor = donors[number]
        greedy = _heard(spoken, heard, severities[number], rng)
        n_best = [
            (score, _edited(greedy, spoken, Levenshtein.distance(string, donor.greedy), heard, rng))
            for score, string in donor.n_best
        ]
        yield Trial("simulated", "prompts", sentence, spoken, greedy, n_best)


def _heard(spoken: Phonemes, heard: PhonemeErrors, severity: float, rng: np.random.Generator) -> Phonemes:
    string: Phonemes = []
    for symbol in [*spoken, PHONEMES.blank]:
        # Before every phoneme, and at the end, there may be one that nobody said.
        inserted = _confused(PHONEMES.blank, heard, severity, rng)
        string += [each for each in (inserted, _confused(symbol, heard, severity, rng)) if each != PHONEMES.blank]
        if symbol == PHONEMES.blank:
            break
    return string


def _confused(symbol: int, heard: PhonemeErrors, severity: float, rng: np.random.Generator) -> int:
    others = heard.spoken_given_heard[symbol].copy()
    others[symbol] = 0
    if rng.random() >= min(0.9, severity * others.sum()):
        return symbol
    return int(rng.choice(len(others), p=others / others.sum()))


def _edited(
    greedy: Phonemes, spoken: Phonemes, n_edits: int, heard: PhonemeErrors, rng: np.random.Generator
) -> Phonemes:
    """The string after so many edits, some of which mend an error and others of which make one."""
    string = list(greedy)
    for _ in range(n_edits):
        errors = Levenshtein.editops(string, spoken)
        if len(errors) and rng.random() < MENDED:
            edit = errors[int(rng.integers(len(errors)))]
            new = [] if edit.tag == "delete" else [spoken[edit.dest_pos]]
            string[edit.src_pos : edit.src_pos + (edit.tag != "insert")] = new
        elif string:
            place = int(rng.integers(len(string)))
            changed = _confused(string[place], heard, np.inf, rng)
            string[place : place + 1] = [changed] if changed != PHONEMES.blank else []
    return string
