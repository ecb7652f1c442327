"""Words and how they are pronounced."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from neurolect.errors import ConfigError, DataError
from neurolect.text.alphabet import ARPABET
from neurolect.text.normalise import normalise_for_phonemes

Pronunciation = tuple[str, ...]

SILENCE = "SIL"
_VARIANT = re.compile(r"\(\d+\)$")
_STRESS = re.compile(r"\d$")
_DIGITS = re.compile(r"\S*\d\S*")
_VOICELESS = frozenset("P T K F TH".split())
_SIBILANT = frozenset("S Z SH ZH CH JH".split())


class Lexicon(Mapping[str, tuple[Pronunciation, ...]]):
    """Lower-case words → their pronunciations, the preferred one first.

    Args:
        pronunciations: phonemes without stress, each in ARPAbet.

    Raises:
        ConfigError: a word has no pronunciation.
    """

    def __init__(self, pronunciations: Mapping[str, tuple[Pronunciation, ...]]) -> None:
        for word, variants in pronunciations.items():
            if not variants or not all(variants):
                raise ConfigError(f"lexicon: '{word}' has an empty pronunciation")
        self._pronunciations = dict(pronunciations)

    def __getitem__(self, word: str) -> tuple[Pronunciation, ...]:
        return self._pronunciations[word]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pronunciations)

    def __len__(self) -> int:
        return len(self._pronunciations)

    @classmethod
    def read(cls, path: Path | str) -> Lexicon:
        """Read a dictionary in CMUdict form: `word PH PH …` a line, variants as `word(2)` or as repeated lines.

        Stress digits are dropped and `;;;` starts a comment. Words are lower-cased.

        Raises:
            DataError: the file is missing, is not text, or a line has no or unknown phonemes; it names the line.
        """
        path = Path(path)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise DataError(f"{path}: cannot read the lexicon: {error.strerror}") from None
        except UnicodeDecodeError:
            raise DataError(f"{path}: the lexicon is not a UTF-8 text file") from None
        pronunciations: dict[str, list[Pronunciation]] = {}
        known = frozenset(ARPABET)
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.startswith(";;;"):
                continue
            entry, *phonemes = line.split()
            phonemes = [_STRESS.sub("", phoneme) for phoneme in phonemes]
            if not phonemes:
                raise DataError(f"{path}: line {number}: '{entry}' has no phonemes")
            unknown = [phoneme for phoneme in phonemes if phoneme not in known]
            if unknown:
                raise DataError(f"{path}: line {number}: '{unknown[0]}' is not an ARPAbet phoneme")
            variants = pronunciations.setdefault(_VARIANT.sub("", entry).lower(), [])
            if tuple(phonemes) not in variants:
                variants.append(tuple(phonemes))
        if not pronunciations:
            raise DataError(f"{path}: the lexicon holds no words")
        return cls({word: tuple(variants) for word, variants in pronunciations.items()})

    @classmethod
    def english(cls) -> Lexicon:
        """The BSD-licensed CMUdict of the `pocketsphinx` wheel: 126,052 words, 134,860 pronunciations."""
        return cls.read(pocketsphinx_file("cmudict-en-us.dict"))

    def with_words(self, additions: Mapping[str, tuple[Pronunciation, ...]]) -> Lexicon:
        """A new lexicon in which the additions come before, or instead of, what is there under the same word."""
        return Lexicon({**self._pronunciations, **additions})

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
            return phonemes + _possessive(phonemes[-1])
        bare = word.strip("'")
        if bare != word and bare:
            return self.pronounce(bare)
        raise ConfigError(f"'{word}' is not in the lexicon: add a line '{word} …' with its phonemes to a lexicon file")

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


def _possessive(last: str) -> Pronunciation:
    if last in _SIBILANT:
        return ("IH", "Z")
    return ("S",) if last in _VOICELESS else ("Z",)
