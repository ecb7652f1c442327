"""Back-off n-gram models as plain dictionaries, and as ARPA text."""

from __future__ import annotations

START, END, UNKNOWN = "<s>", "</s>", "<unk>"

Ngrams = dict[tuple[str, ...], tuple[float, float]]
"""Words of every n-gram listed, the shorter ones first → log10 of its probability and of its back-off weight."""


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
