"""A back-off n-gram model as a weighted transducer of words: Kaldi's G."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neurolect.errors import DataError
from neurolect.language.lexicon_graph import END, START, import_kaldifst
from neurolect.language.ngram_listing import list_ngrams
from neurolect.language.ngram_model import NgramModel
from neurolect.text.text_lines import lower_ascii

if TYPE_CHECKING:
    from kaldifst import StdVectorFst

_ID_BYTES = 4


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


def ngram_transducer(model: NgramModel, vocabulary: Sequence[str], source: Path) -> tuple[StdVectorFst, Coverage]:
    """Build G, words in and the same words out, with arcs sorted by input and −ln p as costs.

    Each history is one state, the start of a sentence is `<s>`, its end a final cost. Backing off reads `#0` and
    writes nothing; it is open to words that the history lists, too, as in Kaldi's `arpa2fst`. N-grams that were added
    to the store because longer ones need them are left out, as far as the store knows them.

    Args:
        model: the case of its words is ignored.
        vocabulary: lower-case words; word i gets label i + 1, and `#0` the label after them.
        source: the file that errors name.

    Raises:
        DataError: two words of the model differ in case alone, or it knows none of the vocabulary, or no `<s>`, `</s>`.
    """
    words = [lower_ascii(word) for word in model.vocabulary]
    known = set(words)
    if len(known) < len(words):
        twice = Counter(words).most_common(1)[0][0]
        raise DataError(f"{source}: '{twice}' is listed twice (upper case is ignored)")
    missing = [symbol for symbol in (START, END) if symbol not in known]
    if missing:
        raise DataError(f"{source}: the model has no '{missing[0]}', so it does not say where sentences start and end")
    known -= {START, END}
    n_words = len(known.intersection(vocabulary))
    if not n_words:
        raise DataError(f"{source}: none of the model's {len(known)} words is in the lexicon")

    grammar = _Grammar(words, vocabulary)
    n_ngrams = n_dropped = 0
    for order in range(1, model.order + 1):
        for ngrams in list_ngrams(model, order):
            listed = ~ngrams.added
            ids, n_bytes = ngrams.words[listed].tobytes(), order * _ID_BYTES
            costs = (-math.log(10) * ngrams.log10[listed].astype(np.float64)).tolist()
            back_off_costs = (-math.log(10) * ngrams.back_off[listed].astype(np.float64)).tolist()
            for place, (cost, back_off_cost) in enumerate(zip(costs, back_off_costs, strict=True)):
                ngram = ids[place * n_bytes : (place + 1) * n_bytes]
                if grammar.add(ngram, cost, back_off_cost, highest=order == model.order):
                    n_ngrams += 1
                else:
                    n_dropped += 1
    import_kaldifst().arcsort(grammar.fst, "ilabel")
    return grammar.fst, Coverage(n_words, len(vocabulary) - n_words, len(known) - n_words, n_ngrams, n_dropped)


class _Grammar:
    """G while it grows by one n-gram after the other, the lower orders first; an n-gram is the bytes of its ids."""

    def __init__(self, words: Sequence[str], vocabulary: Sequence[str]) -> None:
        kaldifst = import_kaldifst()
        self.fst = kaldifst.StdVectorFst()
        self._arc = kaldifst.StdArc
        labels = {word: label for label, word in enumerate(vocabulary, start=1)}
        ids = np.arange(len(words), dtype=np.uint32)
        self._labels = {
            number.tobytes(): labels[word] for number, word in zip(ids, words, strict=True) if word in labels
        }
        self._start, self._end = (ids[words.index(symbol)].tobytes() for symbol in (START, END))
        self._back_off_label = len(vocabulary) + 1
        self._states: dict[bytes, int] = {b"": self.fst.add_state()}

    def add(self, ngram: bytes, cost: float, back_off_cost: float, highest: bool) -> bool:
        """Add an n-gram, or return False where one of its words is unknown."""
        history, word = ngram[:-_ID_BYTES], ngram[-_ID_BYTES:]
        source, label = self._states.get(history), self._labels.get(word)
        if source is None or (label is None and word != self._end and ngram != self._start):
            return False
        if word == self._end:
            self.fst.set_final(source, cost)
            return True
        # No longer history follows an n-gram of the highest order.
        target = self._state(ngram[_ID_BYTES:] if highest else ngram, back_off_cost)
        if ngram == self._start:
            self.fst.start = target
        else:
            self.fst.add_arc(source, self._arc(label, label, cost, target))
        return True

    def _state(self, history: bytes, back_off_cost: float) -> int:
        """The state of a history, made with its way back if it is new."""
        if history in self._states:
            return self._states[history]
        self._states[history] = state = int(self.fst.add_state())
        shorter = history[_ID_BYTES:]
        while shorter not in self._states:
            shorter = shorter[_ID_BYTES:]
        self.fst.add_arc(state, self._arc(self._back_off_label, 0, back_off_cost, self._states[shorter]))
        return state
