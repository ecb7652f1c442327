"""N-gram models in neurolect's own file format: one memory-mapped file, opened at once whatever its size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect import _core
from neurolect.errors import DataError

Contexts = npt.NDArray[np.uint32]
Words = npt.NDArray[np.uint32]
LogProbabilities = npt.NDArray[np.float32]

UNKNOWN_WORD = 0xFFFFFFFF
"""Stands for any word that a model does not know."""

_NATS = math.log(10)


@dataclass(frozen=True)
class WordScore:
    """How a model scores one word of a sentence.

    Args:
        word: as given; `</s>` is the end of the sentence.
        log10: log10 P(word | words before it).
        order: words of the longest n-gram that was found, 0 for a word the model does not know. N-grams that were added
            because longer ones need them count, as in KenLM.
    """

    word: str
    log10: float
    order: int


@dataclass(frozen=True)
class Perplexity:
    """How well a model predicts a text.

    Args:
        sentences: lines with words.
        words: ends of sentences included.
        unknown: words that the model does not know.
        with_unknown: perplexity over all words; an unknown one counts as `<unk>`, or as 10^−100 without that.
        without_unknown: perplexity over the known words, in contexts as they are.
        orders: words found at each order, from 1.
    """

    sentences: int
    words: int
    unknown: int
    with_unknown: float
    without_unknown: float
    orders: tuple[int, ...]


class NgramModel:
    """A back-off n-gram model, memory-mapped: processes that open one file share its memory.

    A context is a number that stands for the last words as far as they still matter; see `start` and `score`.

    Args:
        path: a file that `neurolect lm build` or `lm convert` wrote.

    Raises:
        DataError: the file is missing, is something else, is of another version, cut short or damaged.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if str(path) == "english" and not self.path.exists():
            raise DataError("english: is a name here, not a file; 'neurolect lm convert english --out F' makes one")
        self.store = _core.NgramStore(str(path))
        facts = self.store.facts()
        self.order = self.store.order
        self.counts: tuple[int, ...] = tuple(facts["counts"])
        self.added: tuple[int, ...] = tuple(facts["added"])
        self.bits: int = facts["value_bits"]
        self.n_bytes: int = facts["file_bytes"]

    def __len__(self) -> int:
        """How many n-grams of all orders it holds."""
        return sum(self.counts)

    @cached_property
    def bytes_by_order(self) -> tuple[int, ...]:
        """What the n-grams of each order take of the file; its other bytes hold the words."""
        # The records of the core's RecordLayout: suffix, probability, back-off, first child; one more closes the level.
        sizes = []
        for level, count in enumerate(self.counts):
            value = self.bits if level else 32
            record = value + (self.counts[level - 1].bit_length() if level else 0)
            if level + 1 < self.order:
                record += value + self.counts[level + 1].bit_length()
            sizes.append(((count + 1) * record + 7) // 8)
        return tuple(sizes)

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Every word by its number, with `<s>`, `</s>` and `<unk>` where the model has them."""
        try:
            return tuple(self.store.vocabulary())
        except UnicodeDecodeError:
            raise DataError(f"{self.path}: the n-gram store is damaged: its words are not UTF-8 text") from None

    @cached_property
    def unigram(self) -> LogProbabilities:
        """Natural log P(word) without a context (words,)."""
        return self.store.unigrams() * np.float32(_NATS)

    def find(self, words: Sequence[str]) -> Words:
        """Numbers of words (n,), `UNKNOWN_WORD` for those it does not know."""
        return self.store.find_all(list(words))

    def start(self) -> int:
        """Context at the start of a sentence."""
        return self.store.start_context()

    def score(
        self, contexts: npt.NDArray[np.integer], words: npt.NDArray[np.integer]
    ) -> tuple[LogProbabilities, Contexts]:
        """Contexts (n,), words (n,) → natural log P(word | context) (n,) and the contexts after the words (n,)."""
        log10, after, _ = self.store.score(contexts.astype(np.uint32), words.astype(np.uint32))
        return log10 * np.float32(_NATS), after

    def finish(self, contexts: npt.NDArray[np.integer]) -> LogProbabilities:
        """Contexts (n,) → natural log P(end of the sentence | context) (n,)."""
        return self.score(contexts, np.repeat(self.find(["</s>"]), len(contexts)))[0]

    def score_sentence(self, sentence: str) -> list[WordScore]:
        """Every word of a sentence and its end; words are separated by spaces and compared as they stand.

        Raises:
            DataError: the sentence has what UTF-8 cannot hold, such as an undecoded byte.
        """
        try:
            sentence.encode()
        except UnicodeEncodeError:
            raise DataError("the sentence is not UTF-8 text") from None
        words = [*sentence.split(), "</s>"]
        log10, orders = self.store.score_sentences(self.find(words), np.array([len(words)], dtype=np.uint32))
        return [WordScore(*each) for each in zip(words, log10.tolist(), orders.tolist(), strict=True)]

    def perplexity(self, sentences: Iterable[str]) -> Perplexity:
        """Perplexity of sentences, one a string; those without words are passed over.

        Raises:
            DataError: there is no word at all.
        """
        n_sentences, total, known_total = 0, 0.0, 0.0
        orders = np.zeros(self.order + 1, dtype=np.int64)
        for sentence in sentences:
            words = sentence.split()
            if not words:
                continue
            n_sentences += 1
            ids = self.find([*words, "</s>"])
            log10, matched = self.store.score_sentences(ids, np.array([len(ids)], dtype=np.uint32))
            total += float(log10.sum(dtype=np.float64))
            known_total += float(log10[matched > 0].sum(dtype=np.float64))
            orders += np.bincount(matched, minlength=self.order + 1)
        words_seen, unknown = int(orders.sum()), int(orders[0])
        if words_seen == 0:
            raise DataError("the text has no words")
        return Perplexity(
            sentences=n_sentences,
            words=words_seen,
            unknown=unknown,
            with_unknown=perplexity_of(total, words_seen),
            without_unknown=perplexity_of(known_total, words_seen - unknown),
            orders=tuple(orders[1:].tolist()),
        )

    def verify(self) -> None:
        """Read the whole file and compare its checksums; DataError says what is damaged."""
        self.store.verify()


def perplexity_of(log10: float, words: int) -> float:
    """Perplexity of so many words with this log10 of their joint probability; infinite where no number holds it."""
    try:
        return float(10 ** (-log10 / max(1, words)))
    except OverflowError:
        return math.inf
