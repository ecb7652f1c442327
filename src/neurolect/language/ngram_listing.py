"""The n-grams of a model, one length after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurolect import _core
from neurolect.language.ngram_model import LogProbabilities, NgramModel, Words

_AT_A_TIME = 1 << 16


@dataclass(frozen=True)
class Ngrams:
    """Some n-grams of one length.

    Args:
        words: their numbers in the model's vocabulary (n, order).
        log10: log10 P(last word | words before it) (n,).
        back_off: log10 weight of shorter contexts after these words (n,).
        added: where nobody listed the n-gram and the store has it because longer ones need it (n,). Stores of 8 bits do
            not know, and pruning and mixing list them.
    """

    words: Words
    log10: LogProbabilities
    back_off: LogProbabilities
    added: npt.NDArray[np.bool_]


def list_ngrams(model: NgramModel, order: int) -> Iterator[Ngrams]:
    """N-grams of `order` words in the order of the words' numbers, some thousands at a time.

    Raises:
        DataError: the model has no n-grams of this length, or is damaged.
    """
    listing = _core.NgramListing(model.store, order)
    while True:
        words, log10, back_off, added = listing.next(_AT_A_TIME)
        if not len(log10):
            return
        yield Ngrams(words.reshape(-1, order), log10, back_off, added.astype(bool))
