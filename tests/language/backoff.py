"""Back-off n-gram models as plain dictionaries: made at random, written as ARPA text, scored by the definition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

START, END, UNKNOWN = "<s>", "</s>", "<unk>"

Ngrams = dict[tuple[str, ...], tuple[float, float]]
"""Words of every n-gram listed, the shorter ones first → log10 of its probability and of its back-off weight."""


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


def order_of(ngrams: Ngrams) -> int:
    return max(map(len, ngrams))


def ngrams_of(ngrams: Ngrams, length: int) -> list[tuple[str, ...]]:
    return [words for words in ngrams if len(words) == length]


def arpa_text(ngrams: Ngrams) -> str:
    """ARPA text as a store is written: n-grams in the order of their words, back-offs of 0 left out."""
    place = {words[0]: number for number, words in enumerate(ngrams_of(ngrams, 1))}
    lengths = range(1, order_of(ngrams) + 1)
    lines = ["\\data\\", *(f"ngram {length}={len(ngrams_of(ngrams, length))}" for length in lengths)]
    for length in lengths:
        lines += ["", f"\\{length}-grams:"]
        for words in sorted(ngrams_of(ngrams, length), key=lambda words: [place[word] for word in words]):
            log10, back_off = ngrams[words]
            lines.append(f"{log10:.9g}\t{' '.join(words)}" + (f"\t{back_off:.9g}" if back_off else ""))
    return "\n".join([*lines, "", "\\end\\", ""])


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
