"""Back-off n-gram models made at random, put into our store, and scored by the textbook."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from backoff_ngrams import END, START, UNKNOWN, Ngrams, arpa_text, order_of
from neurolect.language.ngram_conversion import convert
from neurolect.language.ngram_model import NgramModel


def random_ngrams(rng: np.random.Generator, words: list[str], order: int, unknown: bool = False) -> Ngrams:
    """Some n-grams of every order over all words; their endings need not be listed, their beginnings are."""
    unigrams = [START, END, *words, *([UNKNOWN] if unknown else [])]
    ngrams: Ngrams = {(word,): _weights(rng, (word,), order) for word in unigrams}
    for length in range(2, order + 1):
        histories = [each for each in ngrams if len(each) == length - 1 and not {END, UNKNOWN} & set(each)]
        for history in histories:
            for word in (*words, END):
                if rng.random() < 0.4:
                    ngrams[*history, word] = _weights(rng, (*history, word), order)
    return ngrams


def _weights(rng: np.random.Generator, words: tuple[str, ...], order: int) -> tuple[float, float]:
    has_back_off = len(words) < order and words[-1] != END
    log10 = -99.0 if words == (START,) else round(rng.uniform(-2.0, -0.1), 4)
    return log10, round(rng.uniform(-0.9, 0.2), 4) if has_back_off else 0.0


def stored(ngrams: Ngrams) -> NgramModel:
    """The same model as our store has it; the file is gone but for the memory it is mapped to."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "lm.arpa"
        source.write_text(arpa_text(ngrams), encoding="utf-8")
        model = convert(source, Path(folder) / "lm.nlm")
        assert model is not None
        return model


def log_probability(
    ngrams: Ngrams,
    words: tuple[str, ...],
    absent_log10: float = -9.77,
    as_in_graph: bool = False,
    ends: bool = True,
) -> float:
    """Natural log P of the words and, if it ends there, of the end of the sentence.

    The longest n-gram listed counts; in a graph whose back-off arcs are epsilons, the best of all ways to back off.
    """
    order = order_of(ngrams)

    def best(history: tuple[str, ...], rest: tuple[str, ...]) -> float:
        if not rest:
            return 0.0
        word = rest[0] if rest[:1] in ngrams else UNKNOWN
        ways, back_offs = [], 0.0
        for length in range(len(history), -1, -1):
            context = history[len(history) - length :]
            if (*context, word) in ngrams:
                after = (*context, word)[-(order - 1) :] if order > 1 else ()
                ways.append(back_offs + ngrams[*context, word][0] + best(after, rest[1:]))
                if not as_in_graph:
                    break
            back_offs += ngrams.get(context, (0.0, 0.0))[1]
        return max(ways) if ways else back_offs + absent_log10 + best((), rest[1:])

    return math.log(10) * best((START,) if order > 1 else (), (*words, END) if ends else words)
