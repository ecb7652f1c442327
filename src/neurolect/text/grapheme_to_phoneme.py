"""Pronunciations for words that no lexicon lists, from their letters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt

from neurolect.errors import ConfigError, require_at_least
from neurolect.text.graphone_alignment import align
from neurolect.text.graphone_ngram import GraphoneNGram
from neurolect.text.lexicon import Lexicon
from neurolect.text.pronunciation_file import Pronounce, Pronunciation

_BEAM = 50


class GraphemeToPhoneme:
    """A joint-sequence model (Bisani & Ney 2008): an n-gram of graphones, which are letters with their phonemes.

    Args:
        graphones: for each letter the numbers of its graphones.
        sounds: phonemes of each graphone.
        ngram: model of the graphones' order.
    """

    def __init__(
        self, graphones: Mapping[str, npt.NDArray[np.int64]], sounds: tuple[Pronunciation, ...], ngram: GraphoneNGram
    ) -> None:
        self._graphones = dict(graphones)
        self._sounds = sounds
        self._ngram = ngram

    @classmethod
    def train(cls, lexicon: Lexicon, order: int = 8) -> GraphemeToPhoneme:
        """Learn from all pronunciations of a lexicon; the English dictionary takes seconds.

        Args:
            lexicon: of any alphabet with at most two symbols to a letter; other entries are left out.
            order: graphones of the longest n-gram.

        Raises:
            ConfigError: the order is below one, or no entry of the lexicon can be learnt from.
        """
        require_at_least(1, "grapheme to phoneme: order", order)
        entries = [(word, pronunciation) for word, variants in lexicon.items() for pronunciation in variants]
        graphones, sequences = align(entries)
        if not sequences:
            raise ConfigError("grapheme to phoneme: the lexicon has no word to learn from")
        of_letter = defaultdict(list)
        for number, (letter, _) in enumerate(graphones):
            of_letter[letter].append(number)
        return cls(
            {letter: np.array(numbers) for letter, numbers in of_letter.items()},
            tuple(sound for _, sound in graphones),
            GraphoneNGram.estimate(sequences, len(graphones), order),
        )

    def pronounce(self, word: str) -> Pronunciation:
        """The likeliest pronunciation.

        Raises:
            ConfigError: the word is empty or silent, or has a character that the training lexicon has not.
        """
        return self.n_best(word, 1)[0][0]

    def n_best(self, word: str, count: int) -> list[tuple[Pronunciation, float]]:
        """At most `count` different pronunciations, likeliest first, with the probability of each.

        Probabilities are shares of what the beam kept, in which all ways from the letters to the same phonemes count.

        Raises:
            ConfigError: the word is empty or silent, or has a character that the training lexicon has not.
        """
        word = word.lower()
        unknown = next((letter for letter in word if letter not in self._graphones), None)
        if unknown is not None:
            raise ConfigError(f"'{word}' cannot be pronounced: the lexicon has no word with '{unknown}' to learn from")
        states, scores = np.array([self._ngram.start]), np.zeros(1)
        pronunciations: list[Pronunciation] = [()]
        for letter in word:
            choices = self._graphones[letter]
            steps, after = self._ngram.advance(np.repeat(states, len(choices)), np.tile(choices, len(states)))
            totals = np.repeat(scores, len(choices)) + steps
            best = np.argsort(-totals, kind="stable")[:_BEAM]
            before, choice = np.divmod(best, len(choices))
            pronunciations = [
                pronunciations[row] + self._sounds[graphone]
                for row, graphone in zip(before, choices[choice], strict=True)
            ]
            states, scores = after[best], totals[best]
        scores = scores + self._ngram.end(states)
        shares: dict[Pronunciation, float] = defaultdict(float)
        for pronunciation, share in zip(pronunciations, np.exp(scores - scores.max()).tolist(), strict=True):
            if pronunciation:
                shares[pronunciation] += share
        if not shares:
            raise ConfigError(f"'{word}' cannot be pronounced: its letters are silent")
        ranked = sorted(shares.items(), key=lambda item: -item[1])
        return [(pronunciation, share / sum(shares.values())) for pronunciation, share in ranked[:count]]


def listed_or_guessed(lexicon: Lexicon) -> Pronounce:
    """Pronounces what a lexicon lists, alone or in parts, and guesses other words; it learns when it first must."""
    model = cache(lambda: GraphemeToPhoneme.train(lexicon))

    def pronounce(word: str) -> tuple[Pronunciation, ...]:
        word = word.lower()
        if word in lexicon:
            return lexicon[word]
        try:
            return (lexicon.pronounce(word),)
        except ConfigError:
            return (model().pronounce(word),)

    return pronounce
