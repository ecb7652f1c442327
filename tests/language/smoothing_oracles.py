"""Smoothing by the definitions, with dictionaries and recursion: slow, short, and made apart from the core."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

START, END, UNKNOWN = "<s>", "</s>", "<unk>"

Words = tuple[str, ...]
Probability = Callable[[Words, str], float]
"""P(word | history); a history begins with `<s>` where it reaches back to the sentence's beginning."""


def occurrences(sentences: Sequence[str], order: int) -> Counter[Words]:
    """How often each n-gram of 1 … order words occurs; `<s>` alone is none."""
    counts: Counter[Words] = Counter()
    for sentence in filter(None, map(str.split, sentences)):
        words = (START, *sentence, END)
        for length in range(1, order + 1):
            counts.update(words[i : i + length] for i in range(len(words) - length + 1))
    counts.pop((START,), None)
    return counts


def kneser_ney(sentences: Sequence[str], order: int, least_counts: Sequence[int] = ()) -> Probability:
    """Interpolated modified Kneser-Ney: Chen and Goodman (1998), section 3.5."""
    raw = occurrences(sentences, order)
    before = defaultdict(set)
    for ngram in occurrences(sentences, order):
        before[ngram[1:]].add(ngram[0])
    counts = {ngram: n if len(ngram) == order or ngram[0] == START else len(before[ngram]) for ngram, n in raw.items()}
    least = [*least_counts, *[0] * order]
    kept = {ngram for ngram, n in raw.items() if n >= least[len(ngram) - 1]}
    vocabulary = {ngram[0] for ngram in counts if len(ngram) == 1} | {UNKNOWN}
    discounts = {
        length: _discounts([n for g, n in counts.items() if len(g) == length]) for length in range(1, order + 1)
    }

    def probability(history: Words, word: str) -> float:
        history = history[max(0, len(history) - order + 1) :]
        after = {ngram: n for ngram, n in counts.items() if len(ngram) == len(history) + 1 and ngram[:-1] == history}
        shorter = probability(history[1:], word) if history else 1 / len(vocabulary)
        if not after or not any(ngram in kept for ngram in after):
            return shorter if history else 1 / len(vocabulary)
        discount = discounts[len(history) + 1]
        total = sum(after.values())
        own = sum(max(0.0, after[g] - discount[min(after[g], 3)]) for g in after if g in kept and g[-1] == word)
        left = sum(discount[min(n, 3)] if ngram in kept else n for ngram, n in after.items())
        return own / total + left / total * shorter

    return probability


def katz(sentences: Sequence[str], order: int) -> Probability:
    """Back-off with Good–Turing discounts, as SRILM makes it."""
    counts = occurrences(sentences, order)
    vocabulary = {ngram[0] for ngram in counts if len(ngram) == 1} | {UNKNOWN}
    listed: dict[Words, dict[str, float]] = defaultdict(dict)
    for length in range(1, order + 1):
        of_length = {ngram: n for ngram, n in counts.items() if len(ngram) == length}
        coefficients = _good_turing(Counter(of_length.values()), 1 if length == 1 else 7)
        groups: dict[Words, dict[str, int]] = defaultdict(dict)
        for ngram, n in of_length.items():
            groups[ngram[:-1]][ngram[-1]] = n
        for history, group in groups.items():
            total = sum(group.values())
            discounted = {word: coefficients.get(n, 1.0) * n for word, n in group.items()}
            while len(group) < len(vocabulary) and sum(discounted.values()) / total > 1 - 3e-6:
                total += 1
            listed[history] = {word: n / total for word, n in discounted.items()}
    unigrams = listed[()]
    unseen = vocabulary - unigrams.keys()
    unigrams.update({word: (1 - sum(unigrams.values())) / len(unseen) for word in unseen})

    def probability(history: Words, word: str) -> float:
        history = history[max(0, len(history) - order + 1) :]
        here = listed.get(history, {})
        if word in here:
            return here[word]
        if not here:
            return probability(history[1:], word)
        left_below = 1 - sum(probability(history[1:], each) for each in here)
        return (1 - sum(here.values())) / left_below * probability(history[1:], word)

    return probability


def _discounts(counts: Sequence[int]) -> list[float]:
    n = Counter(counts)
    usual = [0.0, 0.5, 1.0, 1.5]
    if not (n[1] and n[2] and n[3]):
        return usual
    y = n[1] / (n[1] + 2 * n[2])
    found = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
    return [0.0, *found] if all(0 <= each <= k for k, each in enumerate(found, 1)) else usual


def _good_turing(n: Counter[int], largest: int) -> dict[int, float]:
    while largest and not n[largest + 1]:
        largest -= 1
    coefficients = {}
    for count in range(1, largest + 1):
        if not n[1] or not n[count]:
            continue
        ratio = (count + 1) * n[count + 1] / (count * n[count])
        common = (largest + 1) * n[largest + 1] / n[1]
        if common == 1:
            continue
        coefficient = (ratio - common) / (1 - common)
        if math.isfinite(coefficient) and coefficient > 3e-6 and ratio <= 1:
            coefficients[count] = coefficient
    return coefficients
