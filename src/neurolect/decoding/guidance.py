"""What is known beforehand about one utterance: likely phrases, possible words, words already agreed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from neurolect import _core
from neurolect.decoding.options import LARGEST
from neurolect.errors import ConfigError, DataError


@dataclass(frozen=True)
class Guidance:
    """Hints for the search of one utterance; another utterance may have others, and nothing is loaded anew.

    Args:
        phrases: phrases (one word or several) → what each earns when it is said, as a natural logarithm: 3 makes it
            20 times as likely. Until a phrase is complete its bonus is lent in parts, and taken back if it breaks off.
        vocabulary: the only words allowed; None allows all.
        prefix: words that the sentence begins with.

    Raises:
        ConfigError: a word of the prefix is not in the vocabulary, or either is a string instead of words.
    """

    phrases: Mapping[str, float] = field(default_factory=dict)
    vocabulary: frozenset[str] | None = None
    prefix: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("vocabulary", "prefix"):
            if isinstance(getattr(self, name), str):
                raise ConfigError(f"guidance: the {name} is one string, not words")
        # Any set and any sequence will do; guidance must be hashable and stay what it is.
        object.__setattr__(self, "phrases", dict(self.phrases))
        if self.vocabulary is not None:
            object.__setattr__(self, "vocabulary", frozenset(self.vocabulary))
        object.__setattr__(self, "prefix", tuple(self.prefix))
        for word in self.prefix:
            if self.vocabulary is not None and word not in self.vocabulary:
                raise ConfigError(f"guidance: '{word}' in the prefix is not in the vocabulary")

    def __hash__(self) -> int:
        return hash((frozenset(self.phrases.items()), self.vocabulary, self.prefix))

    def for_core(self, words: Mapping[str, int], n_words: int) -> _core.Guidance:
        """The same hints in the search's word numbers.

        Raises:
            ConfigError: a word is not among those of the search, or a phrase has no word or too large a bonus;
                the message names it.
        """

        def number(word: str, place: str) -> int:
            if word not in words:
                raise ConfigError(f"guidance: '{word}' in the {place} is not a word of the lexicon")
            return words[word]

        phrases = [[number(word, f"phrase '{phrase}'") for word in phrase.split()] for phrase in self.phrases]
        for phrase, numbers in zip(self.phrases, phrases, strict=True):
            if not numbers:
                raise ConfigError(f"guidance: the phrase '{phrase}' has no words")
            if not abs(self.phrases[phrase]) <= LARGEST:
                bonus = self.phrases[phrase]
                raise ConfigError(f"guidance: the phrase '{phrase}' has the bonus {bonus}, more than {LARGEST:g}")
        allowed = np.zeros(0 if self.vocabulary is None else n_words, dtype=np.uint8)
        for word in self.vocabulary or ():
            allowed[number(word, "vocabulary")] = 1
        prefix = [number(word, "prefix") for word in self.prefix]
        try:
            return _core.Guidance(phrases=phrases, bonuses=list(self.phrases.values()), allowed=allowed, prefix=prefix)
        except DataError as error:
            raise ConfigError(f"guidance: {error}") from None
