"""N-gram models estimated from text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from neurolect import _core
from neurolect.data.files import written_atomically
from neurolect.errors import ConfigError, DataError
from neurolect.language.ngram_model import NgramModel
from neurolect.language.ngram_target import SORTED_AT_ONCE, Bits, target

LARGEST_ORDER = 6
_LINES = 10_000
_MOST_THREADS = 8
_RESERVED = ("<unk>", "<s>", "</s>")


def usable_threads() -> int:
    """Processors that this process may run on, up to 8: with more, each has too little of the memory to sort in."""
    n_processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(n_processors, _MOST_THREADS)


@dataclass(frozen=True)
class Discounts:
    """What Kneser-Ney smoothing takes off the counts of one order.

    Args:
        one: off a count of 1.
        two: off a count of 2.
        more: off larger counts.
        estimated: from the text; where it is too small for that, 0.5, 1 and 1.5 stand in.
    """

    one: float
    two: float
    more: float
    estimated: bool


@dataclass(frozen=True)
class NgramCounting:
    """What is counted, and how.

    Args:
        order: words of the longest n-grams, 1 to 6.
        vocabulary: the words that the model is to know, others are counted as `<unk>`; without it, all words are known.
        least_counts: n-grams of 1, 2, … words that occur less often are left out; the last holds for all longer ones
            and none is smaller than the one before.
        buffer_bytes: memory for sorting, shared by all threads; what does not fit is sorted on disk, beside the model.
        threads: that count and estimate at a time; the model does not depend on them. Without it, `usable_threads`.

    Raises:
        ConfigError: a value is out of its range.
    """

    order: int = 3
    vocabulary: Sequence[str] | None = None
    least_counts: Sequence[int] = ()
    buffer_bytes: int = SORTED_AT_ONCE
    threads: int = field(default_factory=usable_threads)

    def __post_init__(self) -> None:
        if not 1 <= self.order <= LARGEST_ORDER:
            raise ConfigError(f"order is {self.order}, it must be 1 to {LARGEST_ORDER}")
        if len(self.least_counts) > self.order:
            raise ConfigError(
                f"least_counts has {len(self.least_counts)} values, a model of order {self.order} has fewer"
            )
        if list(self.least_counts) != sorted(self.least_counts) or min(self.least_counts, default=0) < 0:
            raise ConfigError(f"least_counts is {[*self.least_counts]}, it must not fall from one order to the next")
        if max(self.least_counts, default=0) >= 1 << 63:
            raise ConfigError(f"least_counts is {[*self.least_counts]}, no n-gram occurs so often")
        if not 1 << 16 <= self.buffer_bytes < 1 << 62:
            raise ConfigError(f"buffer_bytes is {self.buffer_bytes}, it must be at least {1 << 16} and fit the machine")
        if not 1 <= self.threads <= 1024:
            raise ConfigError(f"threads is {self.threads}, it must be 1 to 1024")
        if self.vocabulary is not None and not any(word not in _RESERVED for word in self.vocabulary):
            raise ConfigError("the vocabulary has no words")

    @property
    def least_count_of_each_order(self) -> list[int]:
        """`least_counts` for all orders (order,)."""
        given = list(self.least_counts)
        return given + (given or [0])[-1:] * (self.order - len(given))


def estimate_kneser_ney(
    lines: Iterable[str], out: Path, counting: NgramCounting, bits: Bits = 32
) -> tuple[NgramModel, list[Discounts]]:
    """Estimate a model with interpolated modified Kneser-Ney smoothing, the best for text without a limit.

    Chen and Goodman (1998), with the conventions of KenLM's `lmplz`.

    Args:
        lines: a sentence each, words between blanks; empty ones are passed over.
        out: the store to write; it appears whole or not at all.
        counting: orders and words.
        bits: of each stored value.

    Returns:
        The model, and the discounts of each order.

    Raises:
        DataError: there is no word, or `<s>` or `</s>` stand among the words.
    """
    with written_atomically(out) as partial:
        counter = _count(lines, partial.parent, counting)
        place = target(partial, bits, counting.buffer_bytes, counting.threads)
        discounts = _core.write_kneser_ney(counter, counting.least_count_of_each_order, place)
    return NgramModel(out), [Discounts(*each) for each in discounts]


def estimate_katz(lines: Iterable[str], out: Path, counting: NgramCounting, bits: Bits = 32) -> NgramModel:
    """Estimate a back-off model with Good–Turing discounts, as the brain-to-text reference does with SRILM.

    Katz (1987); counts above 7 stay as they are, and so do those of single words. Arguments and errors are those of
    `estimate_kneser_ney`.
    """
    with written_atomically(out) as partial:
        counter = _count(lines, partial.parent, counting)
        place = target(partial, bits, counting.buffer_bytes, counting.threads)
        _core.write_katz(counter, counting.least_count_of_each_order, place)
    return NgramModel(out)


def _count(lines: Iterable[str], folder: Path, counting: NgramCounting) -> _core.NgramCounter:
    words = [] if counting.vocabulary is None else list(counting.vocabulary)
    counter = _core.NgramCounter(counting.order, str(folder), counting.buffer_bytes, words, counting.threads)
    rest = iter(lines)
    while batch := list(islice(rest, _LINES)):
        text = "\n".join(line.rstrip("\n") for line in batch) + "\n"
        try:
            counter.push(text.encode())
        except UnicodeEncodeError:
            raise DataError("the text is not UTF-8") from None
    return counter
