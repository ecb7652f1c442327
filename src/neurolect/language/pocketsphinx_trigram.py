"""The English trigram of the `pocketsphinx` wheel, read from sphinxbase's binary "Trie Language Model" format.

The file holds a reversed trie: a word, under it the word before, under that the word before both.

    "Trie Language Model", uint8 order, uint32 counts[order]
    int32 quantiser type, float32 tables[order − 1 pairs of probability and back-off; the highest order has no back-off]
    (counts[0] + 1) × {float32 probability, float32 back-off, uint32 first child}
    bigrams, bit-packed: word, 16 bits back-off, 16 bits probability, first child
    trigrams, bit-packed: word, 16 bits probability
    uint32 length, NUL-terminated words in the order of their ids

Numbers are little-endian, probabilities are logarithms to the base 1.0001.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect.errors import DataError
from neurolect.text.lexicon import pocketsphinx_file

Keys = npt.NDArray[np.int64]
LogProbabilities = npt.NDArray[np.float32]

_MAGIC = b"Trie Language Model"
_NATS = math.log(1.0001)
_LEVELS = 1 << 16
_PADDING = 8
_UNIGRAM = np.dtype([("probability", "<f4"), ("back_off", "<f4"), ("first_child", "<u4")])

_WORD_BITS = 20
_WORD = (1 << _WORD_BITS) - 1

ABSENT_WORD_LOG10 = -9.77
"""log10 P of a dictionary word that the trigram lacks: below its rarest word, −9.47."""


@dataclass(frozen=True)
class Trigram:
    """A back-off trigram in sorted arrays; logarithms are natural.

    An n-gram's key holds its word ids at 20 bits each, the latest word highest.

    Args:
        vocabulary: words by id, with `<s>` and `</s>`.
        unigram: log P(word) (words,).
        unigram_back_off: (words,).
        bigram_keys: ascending (bigrams,).
        bigram: log P(word | previous) (bigrams,).
        bigram_back_off: (bigrams,).
        trigram_keys: ascending (trigrams,).
        trigram: log P(word | previous two) (trigrams,).
    """

    vocabulary: tuple[str, ...]
    unigram: LogProbabilities
    unigram_back_off: LogProbabilities
    bigram_keys: Keys
    bigram: LogProbabilities
    bigram_back_off: LogProbabilities
    trigram_keys: Keys
    trigram: LogProbabilities

    def ngrams(self) -> Iterator[tuple[npt.NDArray[np.uint32], LogProbabilities, LogProbabilities]]:
        """Bigrams and then trigrams: word ids (n, order), natural log P and back-off (n,)."""
        for order, keys, scores in ((2, self.bigram_keys, self.bigram), (3, self.trigram_keys, self.trigram)):
            shifts = _WORD_BITS * np.arange(order)
            words = np.ascontiguousarray((keys[:, None] >> shifts & _WORD).astype(np.uint32))
            yield words, scores, self.bigram_back_off if order == 2 else np.zeros_like(scores)


def read_pocketsphinx_trigram(
    path: Path | str | None = None,
    additions: Iterable[str] = (),
    addition_log10: float = ABSENT_WORD_LOG10,
) -> Trigram:
    """Read a trigram in sphinxbase's binary trie format.

    Args:
        path: the file; None takes the `en-us.lm.bin` of the installed pocketsphinx wheel (BSD; 72,547 words).
        additions: words that get a unigram of their own unless the model has them, such as a whole lexicon.
        addition_log10: log10 P of such a word.

    Raises:
        DataError: the file cannot be read, is not such a file, or is cut short.
    """
    path = pocketsphinx_file("en-us.lm.bin") if path is None else Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot read the language model: {error.strerror}") from None
    try:
        return _with_words(_parse(content), additions, addition_log10 * math.log(10))
    except _NotATrieError as error:
        raise DataError(f"{path}: {error}") from None
    except ValueError:
        # NumPy says so when a buffer ends before the array it should hold.
        raise DataError(f"{path}: the language model is cut short: it ends after {len(content)} bytes") from None


class _NotATrieError(Exception):
    pass


def _parse(content: bytes) -> Trigram:
    position = len(_MAGIC)
    if content[:position] != _MAGIC:
        raise _NotATrieError(f"not a sphinxbase binary language model: it does not begin with '{_MAGIC.decode()}'")
    if content[position : position + 1] != b"\x03":
        raise _NotATrieError("only trigrams are read, this language model has another order")
    counts = [int(count) for count in np.frombuffer(content, "<u4", 3, position + 1)]
    n_words, n_bigrams, n_trigrams = counts
    if n_words > _WORD:
        raise _NotATrieError(f"{n_words} words are more than the {_WORD} that are supported")
    position += 1 + 3 * 4 + 4

    tables = np.frombuffer(content, "<f4", 3 * _LEVELS, position).reshape(3, _LEVELS) * np.float32(_NATS)
    bigram_table, back_off_table, trigram_table = tables
    position += tables.nbytes
    unigrams = np.frombuffer(content, _UNIGRAM, n_words + 1, position)
    position += unigrams.nbytes

    word_bits, child_bits = n_words.bit_length(), n_trigrams.bit_length()
    bigrams = _Packed(content, position, n_bigrams, (word_bits, 16, 16, child_bits))
    trigrams = _Packed(content, bigrams.end, n_trigrams, (word_bits, 16))
    vocabulary = _words(content, trigrams.end, n_words)

    # The last of the declared bigrams may hang under no word: in the English model six do.
    first_bigram = unigrams["first_child"].astype(np.int64)
    reachable = int(first_bigram[-1])
    first_trigram = bigrams.field(3)[: reachable + 1]
    _check_children(first_bigram, n_bigrams, "bigrams")
    _check_children(first_trigram, n_trigrams, "trigrams")
    last_words = np.repeat(np.arange(n_words), np.diff(first_bigram))
    bigram_keys = last_words << _WORD_BITS | bigrams.field(0)[:reachable]
    listed = int(first_trigram[-1])
    trigram_keys = np.repeat(bigram_keys, np.diff(first_trigram)) << _WORD_BITS | trigrams.field(0)[:listed]
    if (np.diff(bigram_keys) <= 0).any():
        raise _NotATrieError("the language model is damaged: its bigrams are not in order")
    # Where a bigram is missing, its trigrams hang under the one before it: in the English model two are out of order.
    order = np.argsort(trigram_keys, kind="stable")
    return Trigram(
        vocabulary=vocabulary,
        unigram=unigrams["probability"][:-1] * np.float32(_NATS),
        unigram_back_off=unigrams["back_off"][:-1] * np.float32(_NATS),
        bigram_keys=bigram_keys,
        bigram=bigram_table[bigrams.field(2)[:reachable]],
        bigram_back_off=back_off_table[bigrams.field(1)[:reachable]],
        trigram_keys=trigram_keys[order],
        trigram=trigram_table[trigrams.field(1)[:listed][order]],
    )


@dataclass(frozen=True)
class _Packed:
    """Equally wide records without byte alignment, lowest bit first, and one more record that closes the last range."""

    content: bytes
    start: int
    count: int
    widths: tuple[int, ...]

    @property
    def end(self) -> int:
        return self.start + ((1 + self.count) * sum(self.widths) + 7) // 8 + _PADDING

    def field(self, number: int) -> npt.NDArray[np.int64]:
        """One field of every record (count + 1,)."""
        record, width = sum(self.widths), self.widths[number]
        period = 8 // math.gcd(record, 8)
        values = np.empty(self.count + 1, dtype=np.int64)
        # Every `period` records a record starts at the same bit of a byte, so each phase is one strided view.
        for phase in range(min(period, len(values))):
            byte, shift = divmod(phase * record + sum(self.widths[:number]), 8)
            values[phase::period] = (
                np.ndarray(
                    shape=len(values[phase::period]),
                    dtype="<u8",
                    buffer=self.content,
                    offset=self.start + byte,
                    strides=(period * record // 8,),
                )
                >> np.uint64(shift)
            ) & np.uint64((1 << width) - 1)
        return values


def _words(content: bytes, position: int, count: int) -> tuple[str, ...]:
    (length,) = np.frombuffer(content, "<u4", 1, position)
    block = content[position + 4 : position + 4 + int(length)]
    if len(block) < length:
        raise ValueError("the words end early")
    words = tuple(block.decode("utf-8", errors="replace").split("\0")[:-1])
    if len(words) != count:
        raise _NotATrieError(f"the language model is damaged: it declares {count} words and lists {len(words)}")
    return words


def _check_children(first: npt.NDArray[np.int64], available: int, name: str) -> None:
    if (np.diff(first) < 0).any() or first[-1] > available:
        raise _NotATrieError(f"the language model is damaged: its {name} are not where it says")


def _with_words(model: Trigram, additions: Iterable[str], log_probability: float) -> Trigram:
    known = set(model.vocabulary)
    new = tuple(word for word in dict.fromkeys(additions) if word not in known)
    if not new:
        return model
    return Trigram(
        vocabulary=model.vocabulary + new,
        unigram=np.concatenate([model.unigram, np.full(len(new), log_probability, dtype=np.float32)]),
        unigram_back_off=np.concatenate([model.unigram_back_off, np.zeros(len(new), dtype=np.float32)]),
        bigram_keys=model.bigram_keys,
        bigram=model.bigram,
        bigram_back_off=model.bigram_back_off,
        trigram_keys=model.trigram_keys,
        trigram=model.trigram,
    )
