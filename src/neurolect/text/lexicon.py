"""Words and how they are pronounced."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from neurolect.errors import ConfigError
from neurolect.text.alphabet import ARPABET, CHARACTERS, Alphabet
from neurolect.text.normalise import normalise_for_phonemes
from neurolect.text.pronunciation_file import Pronounce, read_pronunciations
from neurolect.text.pronunciation_file import Pronunciation as Pronunciation

SILENCE = "SIL"
_DIGITS = re.compile(r"\S*\d\S*")
_VOICELESS = frozenset("P T K F TH".split())
_SIBILANT = frozenset("S Z SH ZH CH JH".split())


class Lexicon(Mapping[str, tuple[Pronunciation, ...]]):
    """Lower-case words → their pronunciations, the preferred one first.

    Args:
        pronunciations: symbols of one alphabet, such as ARPAbet phonemes without stress.
        probabilities: of each pronunciation of a word given the word, in (0, 1]; they need not sum to one. The
            pronunciations of words that are not listed all have probability one.

    Raises:
        ConfigError: a word has no pronunciation, or its probabilities are not one in (0, 1] each.
    """

    def __init__(
        self,
        pronunciations: Mapping[str, tuple[Pronunciation, ...]],
        probabilities: Mapping[str, tuple[float, ...]] | None = None,
    ) -> None:
        for word, variants in pronunciations.items():
            if not variants or not all(variants):
                raise ConfigError(f"lexicon: '{word}' has an empty pronunciation")
        self._pronunciations = dict(pronunciations)
        self._probabilities = dict(probabilities or {})
        for word, values in self._probabilities.items():
            expected = len(self._pronunciations.get(word, ()))
            if len(values) != expected:
                raise ConfigError(f"lexicon: '{word}' has {expected} pronunciations and {len(values)} probabilities")
            if not all(0 < value <= 1 for value in values):
                raise ConfigError(f"lexicon: '{word}' has the probabilities {values}, each must be above 0, at most 1")

    def __getitem__(self, word: str) -> tuple[Pronunciation, ...]:
        return self._pronunciations[word]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pronunciations)

    def __len__(self) -> int:
        return len(self._pronunciations)

    def log_probabilities(self, word: str) -> tuple[float, ...]:
        """Natural log of the probability of each pronunciation of a listed word; zeros where none were given."""
        variants = self._pronunciations[word]
        return tuple(math.log(value) for value in self._probabilities.get(word, (1.0,) * len(variants)))

    @classmethod
    def read(
        cls, path: Path | str, symbols: Alphabet | Collection[str] = ARPABET, guess: Pronounce | None = None
    ) -> Lexicon:
        """Read a dictionary in CMUdict form, `word PH PH …` a line, or in the form of Kaldi's lexiconp.txt.

        Variants are marked as `word(2)` or are repeated lines. In Kaldi's form, `word 0.8 PH PH …`, every line has a
        probability in (0, 1], and variants come likeliest first. Digits after a symbol, such as stress, are dropped
        and `;;;` starts a comment. Words are lower-cased.

        Args:
            path: the file.
            symbols: of the pronunciations; an alphabet stands for its symbols without blank and silence.
            guess: pronounces the words that stand alone on a line, such as `listed_or_guessed` of the module
                `grapheme_to_phoneme`.

        Raises:
            DataError: the file is missing, is not text, or a line has no or unknown phonemes, an impossible
                probability, or none where others have one; it names the line.
        """
        return cls(*read_pronunciations(Path(path), _units(symbols), guess))

    @classmethod
    def english(cls) -> Lexicon:
        """The BSD-licensed CMUdict of the `pocketsphinx` wheel: 126,052 words, 134,860 pronunciations."""
        return cls.read(pocketsphinx_file("cmudict-en-us.dict"))

    @classmethod
    def spelled(cls, words: Iterable[str], symbols: Alphabet | Collection[str] = CHARACTERS) -> Lexicon:
        """Words pronounced as their letters, for models that emit characters.

        Raises:
            ConfigError: a word is empty or has a character that is not one of the symbols; the message names it.
        """
        units = _units(symbols)
        lower = dict.fromkeys(word.lower() for word in words)
        for word in lower:
            unknown = next((character for character in word if character not in units), None)
            if unknown is not None:
                raise ConfigError(f"lexicon: '{word}' cannot be spelled: '{unknown}' is not one of the symbols")
        return cls({word: (tuple(word),) for word in lower})

    def with_words(self, additions: Mapping[str, tuple[Pronunciation, ...]]) -> Lexicon:
        """A new lexicon in which the additions come before, or instead of, what is there under the same word.

        Where the additions are a lexicon, they keep their probabilities.
        """
        kept = {word: values for word, values in self._probabilities.items() if word not in additions}
        added = additions._probabilities if isinstance(additions, Lexicon) else {}
        return Lexicon({**self._pronunciations, **additions}, {**kept, **added})

    def with_guessed(self, words: Iterable[str], guess: Pronounce) -> Lexicon:
        """A new lexicon with those of the words that are not listed yet, pronounced by `guess`."""
        missing = dict.fromkeys(word.lower() for word in words if word.lower() not in self)
        return self.with_words({word: guess(word) for word in missing})

    def preferred(self) -> Lexicon:
        """Only the first pronunciation of every word, with probability one, as in the graphs of Card et al. 2024."""
        return Lexicon({word: variants[:1] for word, variants in self._pronunciations.items()})

    def only(self, words: Iterable[str]) -> Lexicon:
        """The lexicon of some of its words, such as the 50 of Moses et al. 2021.

        Raises:
            ConfigError: a word is not listed; the message names the first.
        """
        wanted = dict.fromkeys(word.lower() for word in words)
        missing = next((word for word in wanted if word not in self), None)
        if missing is not None:
            raise _not_listed(missing)
        return Lexicon(
            {word: self._pronunciations[word] for word in wanted},
            {word: self._probabilities[word] for word in wanted if word in self._probabilities},
        )

    def lacking(self, sentences: Iterable[str]) -> tuple[str, ...]:
        """Words of sentences that are not listed, each once, in their order; words stand between spaces."""
        words = dict.fromkeys(word for sentence in sentences for word in sentence.lower().split())
        return tuple(word for word in words if word not in self)

    def pronounce(self, word: str) -> Pronunciation:
        """The preferred pronunciation of one word.

        A word that is not listed is taken apart: at its hyphens, then as a listed word with `'s`, then without the
        apostrophes around it.

        Raises:
            ConfigError: neither the word nor its parts are listed; the message names the word.
        """
        word = word.lower()
        if word in self._pronunciations:
            return self._pronunciations[word][0]
        parts = [part for part in word.split("-") if part]
        if len(parts) > 1:
            return tuple(phoneme for part in parts for phoneme in self.pronounce(part))
        stem = word.removesuffix("'s")
        if stem != word and stem in self._pronunciations:
            phonemes = self._pronunciations[stem][0]
            # Letters and pinyin know no rule for the sound of 's.
            if phonemes[-1] in ARPABET:
                return phonemes + _possessive(phonemes[-1])
        bare = word.strip("'")
        if bare != word and bare:
            return self.pronounce(bare)
        raise _not_listed(word)

    def phonemes(self, sentence: str) -> list[str]:
        """Sentence → phonemes with silence after every word including the last; an empty sentence is one silence.

        Typographic apostrophes count as apostrophes, and what has no letter, such as a dash, is not a word.

        Raises:
            ConfigError: a word has no pronunciation, or the sentence has digits; the message names them.
        """
        digits = _DIGITS.search(sentence)
        if digits:
            raise ConfigError(f"'{digits.group()}' has no pronunciation: write numbers as words")
        plain = sentence.replace("\u2019", "'").replace("\u2018", "'")
        words = [word for word in normalise_for_phonemes(plain).split() if any(map(str.isalpha, word))]
        if not words:
            return [SILENCE]
        return [phoneme for word in words for phoneme in (*self.pronounce(word), SILENCE)]


def pocketsphinx_file(name: str) -> Path:
    """Path of a model file inside the installed `pocketsphinx` wheel, without importing it.

    Raises:
        ConfigError: the wheel is not installed or has no such file.
    """
    spec = importlib.util.find_spec("pocketsphinx")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("the English dictionary and trigram need 'pip install pocketsphinx'")
    path = Path(spec.submodule_search_locations[0]) / "model" / "en-us" / name
    if not path.is_file():
        raise ConfigError(f"{path}: this pocketsphinx installation has no such model file")
    return path


def _units(symbols: Alphabet | Collection[str]) -> frozenset[str]:
    if isinstance(symbols, Alphabet):
        apart = {symbols.blank, symbols.silence}
        return frozenset(symbol for index, symbol in enumerate(symbols.symbols) if index not in apart)
    return frozenset(symbols)


def _not_listed(word: str) -> ConfigError:
    return ConfigError(f"'{word}' is not in the lexicon: add a line '{word} …' with its phonemes to a lexicon file")


def _possessive(last: str) -> Pronunciation:
    if last in _SIBILANT:
        return ("IH", "Z")
    return ("S",) if last in _VOICELESS else ("Z",)
