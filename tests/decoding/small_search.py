"""Searches so small that every path through them can be listed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import strategies as st
from oracle.arpa import log_probability, random_ngrams, stored
from oracle.exhaustive import Path, Scoring, best_paths

from backoff_ngrams import Ngrams
from neurolect.decoding import Decoder, DecoderOptions, LexiconNetwork
from neurolect.text.alphabet import Alphabet
from neurolect.text.lexicon import Lexicon

ALPHABET = Alphabet(("BLANK", "A", "B", "C", "SIL"), blank=0, silence=4)
LEXICON = Lexicon(
    {"a": (("A",),), "ab": (("A", "B"),), "eigh": (("A",),), "cc": (("C", "C"), ("B", "C")), "abc": (("A", "B", "C"),)}
)
EVERYTHING = DecoderOptions(
    acoustic_scale=0.4,
    blank_penalty=1.0,
    beam=1e6,
    lattice_beam=1e6,
    max_active=2**31 - 1,
    n_best=2**31 - 1,
)
"""Nothing is cut off."""


@dataclass(frozen=True)
class Case:
    """What an utterance is searched with."""

    logits: np.ndarray
    alphabet: Alphabet = ALPHABET
    lexicon: Lexicon = field(default_factory=lambda: LEXICON)
    ngrams: Ngrams | None = None
    absent_log10: float = -9.77
    as_in_graph: bool = False
    scoring: Scoring = field(default_factory=Scoring)

    def log_probability(self, words: tuple[str, ...]) -> float:
        if self.ngrams is None:
            return 0.0
        return log_probability(self.ngrams, words, self.absent_log10, self.as_in_graph)

    def expected(self) -> dict[tuple[str, ...], Path]:
        """The best path of every sentence."""
        return best_paths(self.logits, self.lexicon, self.alphabet, self.log_probability, self.scoring)

    def options(self, options: DecoderOptions = EVERYTHING) -> DecoderOptions:
        return replace(
            options,
            acoustic_scale=self.scoring.acoustic_scale,
            blank_penalty=self.scoring.blank_penalty,
            length_penalty=self.scoring.length_penalty,
            phoneme_bonus=self.scoring.phoneme_bonus,
            word_bonus=self.scoring.word_bonus,
        )

    def decoder(self, options: DecoderOptions = EVERYTHING) -> Decoder:
        network = LexiconNetwork(
            self.lexicon,
            None if self.ngrams is None else stored(self.ngrams),
            self.alphabet,
            language_model_weight=self.scoring.language_model_weight,
            silence_probability=self.scoring.silence_probability,
            absent_word_log10=self.absent_log10,
            backoff_as_in_graph=self.as_in_graph,
        )
        return Decoder(network, self.options(options), self.alphabet)


def emit(symbols: str, alphabet: Alphabet = ALPHABET, confidence: float = 12.0) -> np.ndarray:
    """Logits (frames, classes) of a model that is sure of one class a frame."""
    return confidence * np.eye(len(alphabet), dtype=np.float32)[alphabet.encode(symbols.split())]


def random_logits(seed: int, n_frames: int, alphabet: Alphabet = ALPHABET, spread: float = 3.0) -> np.ndarray:
    """Logits (frames, classes), float32 as the search takes them."""
    return (spread * np.random.default_rng(seed).normal(size=(n_frames, len(alphabet)))).astype(np.float32)


@st.composite
def alphabets(draw: st.DrawFn) -> Alphabet:
    """Two or three phonemes, the blank anywhere, with or without a silence."""
    symbols = ["BLANK", "A", "B", *draw(st.sampled_from([["C"], ["SIL"], ["C", "SIL"]]))]
    symbols = draw(st.permutations(symbols))
    return Alphabet(
        tuple(symbols), blank=symbols.index("BLANK"), silence=symbols.index("SIL") if "SIL" in symbols else None
    )


@st.composite
def lexica(draw: st.DrawFn, alphabet: Alphabet) -> Lexicon:
    """Up to five short words, some with two pronunciations or with that of another word."""
    phonemes = sorted({*alphabet.symbols} - {"BLANK", "SIL"})
    spelling = st.lists(st.sampled_from(phonemes), min_size=1, max_size=3).map(tuple)
    variants = st.lists(spelling, min_size=1, max_size=2, unique=True).map(tuple)
    pronunciations = {f"word{number}": draw(variants) for number in range(draw(st.sampled_from([4, 5, 3, 2, 1])))}
    probability = st.sampled_from([0.05, 0.3, 0.7, 1.0])
    probabilities = {
        word: tuple(draw(probability) for _ in variants)
        for word, variants in pronunciations.items()
        if draw(st.booleans())
    }
    return Lexicon(pronunciations, probabilities)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any combination of what a search can be made of."""
    alphabet = draw(alphabets())
    lexicon = draw(lexica(alphabet))
    seed = draw(st.integers(0, 2**32 - 1))
    known = [word for word in lexicon if draw(st.integers(0, 5))]
    order = draw(st.sampled_from([3, 4, 2, 1, 0]))
    bonus = st.sampled_from([0.0, 0.0, -0.7, 1.3])
    ngrams = random_ngrams(np.random.default_rng(seed), known, order, unknown=draw(st.booleans())) if order else None
    return Case(
        logits=random_logits(seed, draw(st.sampled_from([5, 5, 4, 4, 3, 2, 1, 0])), alphabet),
        alphabet=alphabet,
        lexicon=lexicon,
        ngrams=ngrams,
        absent_log10=draw(st.sampled_from([-9.77, -3.0])),
        as_in_graph=draw(st.booleans()),
        scoring=Scoring(
            blank_penalty=draw(st.sampled_from([1.0, 0.5, 90.0])),
            length_penalty=draw(bonus),
            phoneme_bonus=draw(bonus),
            word_bonus=draw(bonus),
            language_model_weight=draw(st.sampled_from([1.0, 0.0, 0.5, 2.5])),
            silence_probability=draw(st.sampled_from([0.9, 0.0, 0.3, 1.0])),
        ),
    )
