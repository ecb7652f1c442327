"""An n-gram model of integer sequences with interpolated Kneser-Ney smoothing, as flat sorted arrays.

It lives beside grapheme-to-phoneme conversion, whose vocabulary is a few hundred graphones; n-grams of words have a
room of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_BEGIN, _END, _RESERVED = 0, 1, 2


@dataclass(frozen=True)
class GraphoneNGram:
    """Every n-gram of every length has a number, the empty one 0; a state is the longest known n-gram that led here.

    Args:
        keys: for n-grams 1, 2, …: number of the history · vocabulary + last symbol, ascending (n-grams,).
        log_probability: of the last symbol after its history (n-grams + 1,).
        log_backoff: what it costs to go on with a symbol that never followed (n-grams + 1,).
        suffix: number of the n-gram without its first symbol (n-grams + 1,).
        vocabulary: how many symbols there are, with the two that begin and end a sequence.
    """

    keys: Integers
    log_probability: Floats
    log_backoff: Floats
    suffix: Integers
    vocabulary: int

    @classmethod
    def estimate(cls, sequences: Sequence[Integers], symbols: int, order: int) -> GraphoneNGram:
        """Count and smooth (Chen & Goodman 1998, interpolated Kneser-Ney).

        Args:
            sequences: at least one, each of integers in 0 … symbols − 1, and each symbol occurs.
            symbols: how many there are.
            order: symbols of the longest n-gram.
        """
        vocabulary = symbols + _RESERVED
        levels = _count(sequences, vocabulary, order)
        first = np.cumsum([0, 1, *(len(level.keys) for level in levels)])
        # The empty n-gram's probability is that of a symbol of which nothing is known.
        probability, backoff = [np.full(1, 1 / (vocabulary - 1))], []
        for length, level in enumerate(levels, start=1):
            counts = level.counts.astype(np.float64)
            if length < order:
                preceding = np.bincount(levels[length].suffix - first[length], minlength=len(counts))
                counts = np.where(level.begins, counts, preceding)
            if length == 1:
                counts[_BEGIN] = 0
            once, twice = max(np.sum(counts == 1), 1), max(np.sum(counts == 2), 1)
            discounts = np.minimum(counts, once / (once + 2 * twice))
            history, histories = level.keys // vocabulary - first[length - 1], len(probability[-1])
            total = np.maximum(np.bincount(history, counts, histories), 1)
            freed = np.bincount(history, discounts, histories) / total
            # Nothing follows the end of a sequence.
            backoff.append(np.where(freed > 0, freed, 1.0))
            lower = probability[-1][level.suffix - first[length - 1]]
            probability.append((counts - discounts) / total[history] + freed[history] * lower)
        backoff.append(np.ones(len(probability[-1])))
        return cls(
            keys=np.concatenate([level.keys for level in levels]),
            log_probability=np.log(np.concatenate(probability)),
            log_backoff=np.log(np.concatenate(backoff)),
            suffix=np.concatenate([np.zeros(1, dtype=np.int64), *(level.suffix for level in levels)]),
            vocabulary=vocabulary,
        )

    @property
    def start(self) -> int:
        """The state in which every sequence begins."""
        return 1 + _BEGIN

    def advance(self, states: Integers, symbols: Integers) -> tuple[Floats, Integers]:
        """Log-probability of one more symbol in each state, and the states after it, all (rows,)."""
        return self._advance(states, symbols + _RESERVED)

    def end(self, states: Integers) -> Floats:
        """Log-probability that the sequence ends in each state (rows,)."""
        return self._advance(states, np.full(len(states), _END))[0]

    def _advance(self, states: Integers, tokens: Integers) -> tuple[Floats, Integers]:
        states, scores, waiting = states.copy(), np.zeros(len(states)), np.arange(len(states))
        while len(waiting):
            wanted = states[waiting] * self.vocabulary + tokens[waiting]
            row = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
            known = self.keys[row] == wanted
            scores[waiting[known]] += self.log_probability[row[known] + 1]
            states[waiting[known]] = row[known] + 1
            waiting = waiting[~known]
            scores[waiting] += self.log_backoff[states[waiting]]
            states[waiting] = self.suffix[states[waiting]]
        return scores, states


@dataclass(frozen=True)
class _Level:
    """The n-grams of one length: keys, suffixes, how often each occurs and whether it stands at the beginning."""

    keys: Integers
    suffix: Integers
    counts: Integers
    begins: npt.NDArray[np.bool_]


def _count(sequences: Sequence[Integers], vocabulary: int, order: int) -> list[_Level]:
    tokens = np.concatenate([np.concatenate(([_BEGIN], each + _RESERVED, [_END])) for each in sequences])
    lengths = np.array([len(each) + 2 for each in sequences])
    before = np.arange(len(tokens)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    # Number of the n-gram that ends at each token; first the empty one.
    numbers = np.zeros(len(tokens), dtype=np.int64)
    levels, known = [], 1
    for length in range(1, order + 1):
        ends = np.flatnonzero(before >= length - 1)
        keys, first, inverse, counts = np.unique(
            numbers[ends - 1] * vocabulary + tokens[ends], return_index=True, return_inverse=True, return_counts=True
        )
        first = ends[first]
        levels.append(_Level(keys, numbers[first], counts, before[first] == length - 1))
        numbers = np.zeros(len(tokens), dtype=np.int64)
        numbers[ends] = known + inverse
        known += len(keys)
    return levels
