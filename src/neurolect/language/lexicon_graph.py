"""The lexicon as a weighted transducer from phonemes, or the symbols of any other alphabet, to words: Kaldi's L.

Where two words sound the same, or one is the beginning of another, a disambiguation symbol `#1`, `#2`, … ends the
pronunciation, so that the graph can be made deterministic. `#0` stands for the back-off of the n-gram model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurolect.errors import ConfigError
from neurolect.text.alphabet import Alphabet
from neurolect.text.lexicon import Lexicon, Pronunciation

if TYPE_CHECKING:
    from kaldifst import StdVectorFst

EPSILON, BLANK, BACK_OFF, START, END = "<eps>", "<blk>", "#0", "<s>", "</s>"


@dataclass(frozen=True)
class LexiconTransducer:
    """A lexicon as a transducer whose arcs are sorted by word.

    Args:
        fst: from tokens to words; costs are −ln p.
        tokens: symbol of each input label: epsilon, the classes of the alphabet in their order (class c is label
            c + 1), then the disambiguation symbols from `#0`.
        words: symbol of each output label: epsilon, the sorted words, then `#0`, `<s>`, `</s>`.
        n_pronunciations: of all words together.
    """

    fst: StdVectorFst
    tokens: tuple[str, ...]
    words: tuple[str, ...]
    n_pronunciations: int


def lexicon_transducer(lexicon: Lexicon, alphabet: Alphabet, silence_probability: float) -> LexiconTransducer:
    """Build L with optional silence before the first word and after every word.

    Args:
        lexicon: pronunciations, with their probabilities where it has them; none is dropped.
        alphabet: its symbols spell the pronunciations.
        silence_probability: of the alphabet's silence at each such place; 0 allows none.

    Raises:
        ConfigError: the probability does not suit the alphabet, a word is spelt with other symbols than the
            alphabet's, or has the name of a special symbol; the message names the word.
    """
    _check_silence(alphabet, silence_probability)
    vocabulary = sorted(lexicon)
    reserved = [word for word in (EPSILON, BACK_OFF, START, END) if word in lexicon]
    if reserved:
        raise ConfigError(f"lexicon: '{reserved[0]}' is a special symbol and cannot be a word")
    spellings = [
        (word, spelling, -log_probability)
        for word in vocabulary
        for spelling, log_probability in dict(zip(lexicon[word], lexicon.log_probabilities(word), strict=True)).items()
    ]
    numbers = disambiguation([spelling for _, spelling, _ in spellings])
    # The highest symbol marks the silence between words.
    disambiguators = [f"#{number}" for number in range(max(numbers, default=0) + 2)]
    classes = [BLANK if index == alphabet.blank else symbol for index, symbol in enumerate(alphabet.symbols)]
    tokens = (EPSILON, *classes, *disambiguators)
    words = (EPSILON, *vocabulary, BACK_OFF, START, END)

    fst = _transducer(_labelled(spellings, numbers, alphabet, words), alphabet, silence_probability, len(tokens) - 1)
    kaldifst = import_kaldifst()
    kaldifst.add_self_loops(fst, [tokens.index(BACK_OFF)], [words.index(BACK_OFF)])
    kaldifst.arcsort(fst, "olabel")
    return LexiconTransducer(fst, tokens, words, len(spellings))


def disambiguation(pronunciations: Sequence[Pronunciation]) -> list[int]:
    """Number of the symbol that ends each pronunciation so that none equals or begins another; 0 where none is needed.

    Equal pronunciations are numbered from 1 in their order.
    """
    times = Counter(pronunciations)
    beginnings = {spelling[:length] for spelling in times for length in range(1, len(spelling))}
    used: Counter[Pronunciation] = Counter()
    numbers = []
    for spelling in pronunciations:
        if times[spelling] > 1 or spelling in beginnings:
            used[spelling] += 1
        numbers.append(used[spelling])
    return numbers


def import_kaldifst() -> Any:
    """The `kaldifst` module, an optional dependency.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import kaldifst
    except ImportError:
        raise ConfigError("building graphs needs 'pip install neurolect[graph]'") from None
    return kaldifst


def _check_silence(alphabet: Alphabet, probability: float) -> None:
    if not 0 <= probability < 1:
        raise ConfigError(f"silence_probability is {probability}, it must be at least 0 and below 1")
    if probability and alphabet.silence is None:
        raise ConfigError(f"silence_probability is {probability}, it must be 0: the alphabet has no silence")


def _labelled(
    spellings: Iterable[tuple[str, Pronunciation, float]],
    numbers: Iterable[int],
    alphabet: Alphabet,
    words: Sequence[str],
) -> list[tuple[int, list[int], float]]:
    """Each word, pronunciation and cost → the word's label, those of its phonemes and its ending, the cost."""
    word_labels = {word: label for label, word in enumerate(words)}
    labels = {symbol: index + 1 for index, symbol in enumerate(alphabet.symbols) if index != alphabet.blank}
    labelled = []
    for (word, spelling, cost), number in zip(spellings, numbers, strict=True):
        unknown = [symbol for symbol in spelling if symbol not in labels]
        if unknown:
            raise ConfigError(f"lexicon: '{word}' is spelt with '{unknown[0]}', which is not in the alphabet")
        ending = [len(alphabet) + 1 + number] if number else []
        labelled.append((word_labels[word], [labels[symbol] for symbol in spelling] + ending, cost))
    return labelled


def _transducer(
    entries: Iterable[tuple[int, list[int], float]], alphabet: Alphabet, silence_probability: float, silence_end: int
) -> StdVectorFst:
    kaldifst = import_kaldifst()
    arc, fst = kaldifst.StdArc, kaldifst.StdVectorFst()
    fst.start = between_words = fst.add_state()
    silence = None if alphabet.silence is None else alphabet.silence + 1
    ends = [(between_words, 0.0)]
    if silence_probability > 0:
        absent, present = -math.log(1 - silence_probability), -math.log(silence_probability)
        between_words, before_silence, after_silence = (fst.add_state() for _ in range(3))
        fst.add_arc(fst.start, arc(0, 0, absent, between_words))
        fst.add_arc(fst.start, arc(silence, 0, present, after_silence))
        fst.add_arc(before_silence, arc(silence, 0, 0.0, after_silence))
        fst.add_arc(after_silence, arc(silence_end, 0, 0.0, between_words))
        ends = [(between_words, absent), (before_silence, present)]
    fst.set_final(between_words, 0.0)

    for word, labels, cost in entries:
        state = between_words
        for label in labels[:-1]:
            following = fst.add_state()
            fst.add_arc(state, arc(label, word, cost, following))
            state, word, cost = following, 0, 0.0
        # No second silence after a word whose own last symbol is one.
        for target, ending in [(between_words, 0.0)] if labels[-1] == silence else ends:
            fst.add_arc(state, arc(labels[-1], word, cost + ending, target))
    return fst
