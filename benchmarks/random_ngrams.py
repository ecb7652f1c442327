"""Random n-grams that branch like those of a real model, made in files so that memory does not grow with their number.

Every prefix and every suffix of an n-gram is an n-gram too, as in a model estimated from text. A bigram is two words
drawn by their frequency; an n-gram of n + 1 words goes on from one of n words as its suffix does. How often each was
"seen" decides how many go on from it, and its probability by absolute discounting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Frequencies = npt.NDArray[np.float64]
Block = tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32], npt.NDArray[np.float32]]

PROPORTIONS = (1_535_843, 4_142_686, 5_438_436, 5_451_989)
"""Bigrams … 5-grams of a 5-gram model that was estimated from 8.5 million words of English."""

_DISCOUNT = 0.75
_AT_ONCE = 1 << 20
_COLUMNS: dict[str, type[np.generic]] = {
    "word": np.uint32,  # the last one
    "first_child": np.uint32,  # in the next order; one more closes the last range
    "suffix": np.uint32,  # in the order below
    "seen": np.float32,
    "log10": np.float32,
    "back_off": np.float32,
}


@dataclass(frozen=True)
class RandomNgrams:
    """A folder with one file for each order and column; see `make`.

    Args:
        folder: where they are.
        vocabulary: words by number.
        counts: n-grams of each order.
    """

    folder: Path
    vocabulary: tuple[str, ...]
    counts: tuple[int, ...]

    def blocks(self, order: int) -> Iterator[Block]:
        """Word numbers (n, order), log10 P and back-offs (n,) of the n-grams, sorted by their numbers."""
        for words, first, n in self._blocks_of_words(order):
            column = _open(self.folder, "log10", order)[first : first + n]
            is_highest = order == len(self.counts)
            back_off = np.zeros(n) if is_highest else _open(self.folder, "back_off", order)[first : first + n]
            yield words, np.array(column), np.array(back_off, dtype=np.float32)

    def _blocks_of_words(self, order: int) -> Iterator[tuple[npt.NDArray[np.uint32], int, int]]:
        if order == 1:
            yield np.arange(self.counts[0], dtype=np.uint32)[:, None], 0, self.counts[0]
            return
        for parents, first, n in self._blocks_of_words(order - 1):
            child = _open(self.folder, "first_child", order - 1)[first : first + n + 1].astype(np.int64)
            for begin, end in _pieces(child):
                last = _open(self.folder, "word", order)[child[begin] : child[end]]
                before = np.repeat(parents[begin:end], np.diff(child[begin : end + 1]), axis=0)
                yield np.concatenate([before, last[:, None]], axis=1), int(child[begin]), len(last)


def make(
    folder: Path, n_ngrams: int, vocabulary: tuple[str, ...], leaving: Frequencies, arriving: Frequencies, seed: int = 0
) -> RandomNgrams:
    """Write about `n_ngrams` n-grams of 1 to 5 words.

    Args:
        folder: an empty one.
        n_ngrams: of all orders; each word is a unigram, the other orders stand in the proportions of a real model.
        vocabulary: the words.
        leaving: how often each word has a word after it, relative to the others (words,).
        arriving: how often it has one before it, which the end of a sentence has and the start has not (words,).
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    leaving, arriving = leaving / leaving.sum(), arriving / arriving.sum()
    _append(folder, 1, log10=np.log10(np.maximum(arriving, 1e-99)))
    shares = np.array(PROPORTIONS) / sum(PROPORTIONS) * (n_ngrams - len(vocabulary))
    counts = [len(vocabulary), _make_bigrams(folder, shares[0], leaving, arriving, rng)]
    counts += [_make_longer(folder, order, share, rng) for order, share in enumerate(shares[1:], start=3)]
    for path in (*folder.glob("suffix*"), *folder.glob("seen*")):
        path.unlink()
    return RandomNgrams(folder, vocabulary, tuple(counts))


def _make_bigrams(folder: Path, n: float, leaving: Frequencies, arriving: Frequencies, rng: np.random.Generator) -> int:
    def expected(tokens: float) -> float:
        chances = np.outer(tokens * left, arrived)
        return float(n_left @ -np.expm1(-chances) @ n_arrived)

    (left, n_left), (arrived, n_arrived) = _groups(leaving), _groups(arriving)
    drawn = np.round(_solve(expected, n) * leaving + rng.random(len(leaving)) - 0.5).astype(np.int64)
    cumulated = arriving.cumsum()
    before = np.concatenate([[0], drawn.cumsum()])
    for begin, end in _pieces(before):
        first = np.repeat(np.arange(begin, end), drawn[begin:end])
        second = np.searchsorted(cumulated, rng.random(len(first)) * cumulated[-1])
        pairs, seen = np.unique(first << 32 | second, return_counts=True)
        second = pairs & 0xFFFFFFFF
        _append(folder, 2, word=second, suffix=second, seen=seen)
        _append_children(folder, 1, (pairs >> 32) - begin, end - begin, seen)
    return len(_open(folder, "word", 2))


def _make_longer(folder: Path, order: int, n: float, rng: np.random.Generator) -> int:
    suffix, seen = _open(folder, "suffix", order - 1), _open(folder, "seen", order - 1)
    word = _open(folder, "word", order - 1)
    # What goes on from a suffix may go on from the n-gram as well.
    children = _open(folder, "first_child", order - 2)
    step = 1 + len(seen) // _AT_ONCE
    some_seen, some_choices = seen[::step], np.diff(children)[suffix[::step]]
    rate = _solve(lambda rate: step * float(_distinct(some_choices, 1 + rate * (some_seen - 1)).sum()), n)
    made = 0
    for begin in range(0, len(seen), _AT_ONCE):
        parents = suffix[begin : begin + _AT_ONCE]
        first = children[parents].astype(np.int64)
        choices = children[parents + 1] - first
        tokens = 1 + rate * (seen[begin : begin + _AT_ONCE] - 1)
        n_children = np.floor(_distinct(choices, tokens) + rng.random(len(parents))).astype(np.int64)
        n_children = np.minimum(n_children, choices)
        parent = np.repeat(np.arange(len(parents)), n_children)
        # One of every equal share of the choices: they are distinct and ascend.
        number = np.arange(len(parent)) - np.repeat(n_children.cumsum() - n_children, n_children)
        low = number * choices[parent] // n_children[parent]
        high = (number + 1) * choices[parent] // n_children[parent]
        chosen = first[parent] + low + (rng.random(len(parent)) * (high - low)).astype(np.int64)
        share = rng.pareto(1.0, len(parent))
        share /= np.bincount(parent, share, len(parents))[parent]
        child_seen = 1 + np.maximum(tokens - n_children, 0)[parent] * share
        _append(folder, order, word=word[chosen], suffix=chosen, seen=child_seen)
        _append_children(folder, order - 1, parent, len(parents), child_seen)
        made += len(parent)
    return made


def _append_children(folder: Path, order: int, parent: Array, n_parents: int, seen: Array) -> None:
    """Add to the columns that follow from n-grams' children: parents (children,), ascending, and seen (children,)."""
    n_children = np.bincount(parent, minlength=n_parents)
    all_seen = np.bincount(parent, seen, n_parents)
    path = folder / f"first_child{order}"
    so_far = int(_open(folder, "first_child", order)[-1]) if path.exists() else 0
    if not path.exists():
        _append(folder, order, first_child=np.zeros(1))
    left_over = np.where(n_children > 0, _DISCOUNT * n_children / np.maximum(all_seen, 1), 1.0)
    _append(folder, order, first_child=so_far + n_children.cumsum(), back_off=np.log10(left_over))
    _append(folder, order + 1, log10=np.log10((seen - _DISCOUNT) / all_seen[parent]))


def _distinct(choices: Array, draws: Array) -> npt.NDArray[np.float64]:
    """How many different ones are expected when one of so many choices is drawn so often."""
    most = np.maximum(choices, 1).astype(np.float64)
    with np.errstate(divide="ignore"):
        return np.where(choices > 0, -most * np.expm1(draws * np.log1p(-1 / most)), 0.0)


def _groups(values: Frequencies) -> tuple[Frequencies, npt.NDArray[np.int64]]:
    """Means and sizes of groups of similar values, the large values in groups of their own."""
    edges = np.unique(np.geomspace(1, len(values), 400).astype(np.int64)) - 1
    sizes = np.diff([*edges, len(values)])
    return np.add.reduceat(np.sort(values)[::-1], edges) / sizes, sizes


def _solve(expected: Callable[[float], float], wanted: float) -> float:
    """The argument, from 1e-6 to 1e12, at which a rising function comes to what is wanted."""
    low, high = 1e-6, 1e12
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if expected(middle) < wanted else (low, middle)
    return low


def _pieces(bounds: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut ascending bounds into stretches of not many more than a million: first and last position of each."""
    begin = 0
    while begin < len(bounds) - 1:
        end = max(begin + 1, int(np.searchsorted(bounds, bounds[begin] + _AT_ONCE, side="right")) - 1)
        yield begin, end
        begin = end


def _append(folder: Path, order: int, **columns: Array) -> None:
    for name, values in columns.items():
        with (folder / f"{name}{order}").open("ab") as file:
            values.astype(_COLUMNS[name]).tofile(file)


def _open(folder: Path, name: str, order: int) -> Array:
    return np.memmap(folder / f"{name}{order}", dtype=_COLUMNS[name], mode="r")
