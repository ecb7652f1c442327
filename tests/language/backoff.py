"""Back-off n-gram models made at random and scored by the definition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backoff_ngrams import END, START, UNKNOWN, Ngrams, order_of


def random_ngrams(
    rng: np.random.Generator, order: int, n_words: int = 8, unknown: bool = True, n_longest: int = 40
) -> Ngrams:
    """A model of some n-grams of the highest order, and of all that they begin with, end with and hold."""
    words = [f"w{number}" for number in range(n_words)] + [UNKNOWN] * unknown
    listed = {(word,) for word in (START, END, *words)}
    for _ in range(n_longest):
        longest = [str(word) for word in rng.choice(words, order)]
        longest[0] = START if rng.random() < 0.2 and order > 1 else longest[0]
        longest[-1] = END if rng.random() < 0.2 and order > 1 else longest[-1]
        for length in range(1, order + 1):
            listed |= {tuple(longest[first : first + length]) for first in range(order - length + 1)}
    return {each: _weights(rng, each, order) for each in sorted(listed, key=lambda each: (len(each), each))}


def _weights(rng: np.random.Generator, words: tuple[str, ...], order: int) -> tuple[float, float]:
    goes_on = len(words) < order and words[-1] != END
    # However often it backs off, no probability comes out above 1.
    log10 = -99.0 if words == (START,) else round(rng.uniform(-3, -1), 3)
    return log10, round(rng.uniform(-0.9, 0.2), 3) if goes_on else 0.0


def score(ngrams: Ngrams, sentence: Sequence[str]) -> list[tuple[float, int]]:
    """log10 P of every word and of the end of the sentence, and how many words the n-gram that gave it has."""
    start = [START] if (START,) in ngrams else []
    words = [*start, *sentence, END]
    return [_score_last(ngrams, words[: place + 1]) for place in range(len(start), len(words))]


def _score_last(ngrams: Ngrams, words: Sequence[str]) -> tuple[float, int]:
    known = tuple(word if (word,) in ngrams else UNKNOWN for word in words)[-order_of(ngrams) :]
    back_offs = 0.0
    for first in range(len(known)):
        if known[first:] in ngrams:
            return back_offs + ngrams[known[first:]][0], len(known) - first if known[-1] != UNKNOWN else 0
        back_offs += ngrams.get(known[first:-1], (0.0, 0.0))[1]
    return back_offs - 100, 0
