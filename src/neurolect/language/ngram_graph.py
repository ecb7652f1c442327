"""A back-off n-gram model in an ARPA file as a weighted transducer of words: Kaldi's G."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from neurolect.errors import DataError
from neurolect.language.lexicon_graph import END, START, import_kaldifst
from neurolect.text.text_lines import read_lines

if TYPE_CHECKING:
    from kaldifst import StdVectorFst

_COUNT = re.compile(r"ngram\s+(\d+)\s*=\s*\d+")
_SECTION = re.compile(r"\\(\d+)-grams:")


@dataclass(frozen=True)
class Coverage:
    """What an n-gram model and a vocabulary have in common.

    Args:
        n_words: that both have.
        n_words_without_ngram: that only the vocabulary has.
        n_words_without_pronunciation: that only the model has.
        n_ngrams: of the model whose words both have.
        n_dropped_ngrams: all others.
    """

    n_words: int
    n_words_without_ngram: int
    n_words_without_pronunciation: int
    n_ngrams: int
    n_dropped_ngrams: int


def ngram_transducer(arpa: Path, vocabulary: Sequence[str]) -> tuple[StdVectorFst, Coverage]:
    """Build G, words in and the same words out, with arcs sorted by input and −ln p as costs.

    Each history is one state, the start of a sentence is `<s>`, its end a final cost. Backing off reads `#0` and
    writes nothing; it is open to words that the history lists, too, as in Kaldi's `arpa2fst`.

    Args:
        arpa: ARPA file, gzipped or not; case is ignored.
        vocabulary: lower-case words; word i gets label i + 1, and `#0` the label after them.

    Raises:
        DataError: the file is not an ARPA file, is cut short, or knows none of the words; the message names the line.
    """
    grammar = _Grammar(vocabulary)
    unigrams: set[str] = set()
    n_ngrams = n_dropped = 0
    for ngram in read_arpa(arpa):
        if ngram.order == 1 and ngram.words in unigrams:
            raise DataError(f"{arpa}: line {ngram.line}: '{ngram.words}' is listed twice (upper case is ignored)")
        if ngram.order == 1:
            unigrams.add(ngram.words)
        if grammar.add(ngram):
            n_ngrams += 1
        else:
            n_dropped += 1

    missing = [symbol for symbol in (START, END) if symbol not in unigrams]
    if missing:
        raise DataError(f"{arpa}: the model has no '{missing[0]}', so it does not say where sentences start and end")
    words = unigrams - {START, END}
    n_words = len(words.intersection(vocabulary))
    if not n_words:
        raise DataError(f"{arpa}: none of the model's {len(words)} words is in the lexicon")
    import_kaldifst().arcsort(grammar.fst, "ilabel")
    return grammar.fst, Coverage(n_words, len(vocabulary) - n_words, len(words) - n_words, n_ngrams, n_dropped)


class _Grammar:
    """G while it grows by one n-gram after the other, the lower orders first."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        kaldifst = import_kaldifst()
        self.fst = kaldifst.StdVectorFst()
        self._arc = kaldifst.StdArc
        self._labels = {word: label for label, word in enumerate(vocabulary, start=1)}
        self._back_off_label = len(vocabulary) + 1
        self._states: dict[str, int] = {"": self.fst.add_state()}

    def add(self, ngram: Ngram) -> bool:
        """Add an n-gram, or return False where one of its words is unknown."""
        history, _, word = ngram.words.rpartition(" ")
        source, label = self._states.get(history), self._labels.get(word)
        if source is None or (label is None and word != END and ngram.words != START):
            return False
        if word == END:
            self.fst.set_final(source, ngram.cost)
            return True
        # No longer history follows an n-gram of the highest order.
        target = self._state(_without_first(ngram.words) if ngram.highest else ngram.words, ngram.back_off_cost)
        if ngram.words == START:
            self.fst.start = target
        else:
            self.fst.add_arc(source, self._arc(label, label, ngram.cost, target))
        return True

    def _state(self, history: str, back_off_cost: float) -> int:
        """The state of a history, made with its way back if it is new."""
        if history in self._states:
            return self._states[history]
        self._states[history] = state = int(self.fst.add_state())
        shorter = _without_first(history)
        while shorter not in self._states:
            shorter = _without_first(shorter)
        self.fst.add_arc(state, self._arc(self._back_off_label, 0, back_off_cost, self._states[shorter]))
        return state


class Ngram(NamedTuple):
    """One line of an ARPA file: its number, its lower-case words between single spaces, −ln of its two weights."""

    line: int
    order: int
    highest: bool
    words: str
    cost: float
    back_off_cost: float


def read_arpa(path: Path) -> Iterator[Ngram]:
    r"""Read the n-grams of an ARPA file, gzipped or not, in their order.

    Raises:
        DataError: a line is not what it should be, or the file ends before `\end\`; the message names the line.
    """
    number = order = highest = 0
    for number, line in enumerate(read_lines(path, "n-gram model"), start=1):
        fields = line.lower().split()
        if not fields:
            continue
        if fields[0] == "\\end\\" and order:
            return
        if section := _SECTION.fullmatch(fields[0]):
            order = int(section[1])
            if not 1 <= order <= highest:
                raise DataError(f"{path}: line {number}: '{fields[0]}' is not among the orders that \\data\\ counts")
        elif order:
            try:
                yield _ngram(number, fields, order, order == highest)
            except ValueError:
                raise DataError(f"{path}: line {number}: '{line.strip()}' is not a {order}-gram") from None
        elif count := _COUNT.match(line.lower().strip()):
            highest = max(highest, int(count[1]))
    if not highest:
        raise DataError(f"{path}: not an ARPA file: it counts no n-grams under \\data\\")
    raise DataError(f"{path}: cut short: it ends at line {number} without \\end\\")


def _ngram(line: int, fields: list[str], order: int, highest: bool) -> Ngram:
    probability, words, back_off = float(fields[0]), fields[1 : order + 1], fields[order + 1 :]
    weights = (probability, float(back_off[0]) if back_off else 0.0)
    if len(words) < order or len(back_off) > 1 or not all(map(math.isfinite, weights)):
        raise ValueError
    cost, back_off_cost = (-math.log(10) * weight for weight in weights)
    return Ngram(line, order, highest, " ".join(words), cost, back_off_cost)


def _without_first(words: str) -> str:
    return words.partition(" ")[2]
