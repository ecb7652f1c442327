"""Several n-gram models as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect import _core
from neurolect.data.files import written_atomically
from neurolect.errors import ConfigError, DataError
from neurolect.language.ngram_model import NgramModel
from neurolect.language.ngram_target import Bits, target

Probabilities = npt.NDArray[np.float64]

_MOST_STEPS = 1000


def mix(models: Sequence[NgramModel], weights: Sequence[float], out: Path, bits: Bits = 32) -> NgramModel:
    """Write the weighted mean of several models as one back-off model, as SRILM's static mixture.

    It lists every n-gram that one of the models lists, with its mean probability. A word that a model does not know has
    no probability there. Back-offs are fitted so that each context's probabilities sum to 1.

    Args:
        models: what to mix, one or more, of any orders.
        weights: of each model; they sum to 1.
        out: the store to write; it appears whole or not at all.
        bits: of each stored value.

    Raises:
        ConfigError: there are not as many weights as models, or they are no weights.
        DataError: a model is damaged.
    """
    if not models or len(weights) != len(models):
        raise ConfigError(f"{len(weights)} weights for {len(models)} models; each needs one")
    if min(weights) < 0 or not math.isclose(sum(weights), 1, abs_tol=1e-3):
        raise ConfigError(f"the weights {[*weights]} must not be below 0 and sum to 1")
    shares = [weight / sum(weights) for weight in weights]
    with written_atomically(out) as partial:
        _core.write_mixture([model.store for model in models], shares, target(partial, bits))
    return NgramModel(out)


def fit_weights(models: Sequence[NgramModel], sentences: Iterable[str]) -> list[float]:
    """Weights with which a mixture predicts a text best.

    Args:
        models: what to mix.
        sentences: text that none of the models was estimated from, a sentence each, words between spaces. Words that no
            model knows do not count.

    Raises:
        DataError: no model knows any word of the text.
    """
    return best_weights(word_probabilities(models, sentences))


def best_weights(probabilities: Probabilities) -> list[float]:
    """Weights under which words are likeliest, by expectation-maximisation (Jelinek and Mercer, 1980).

    Args:
        probabilities: of each word in each model (words, models); words without any do not count.

    Raises:
        DataError: no word has a probability.
    """
    known = np.compress(probabilities.sum(axis=1) > 0, probabilities, axis=0)
    if not len(known):
        raise DataError("no model knows any word of the text that the weights are fitted to")
    weights = np.full(known.shape[1], 1 / known.shape[1])
    for _ in range(_MOST_STEPS):
        shares = known * weights
        fitted = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        settled = np.abs(fitted - weights).max() < 1e-6
        weights = fitted
        if settled:
            break
    return [float(weight) for weight in weights]


def word_probabilities(models: Sequence[NgramModel], sentences: Iterable[str]) -> Probabilities:
    """Of each word and end of a sentence in each model (words, models); 0 where the model does not know the word."""
    words: list[str] = []
    lengths: list[int] = []
    for sentence in filter(None, map(str.split, sentences)):
        words += [*sentence, "</s>"]
        lengths.append(len(sentence) + 1)
    columns = []
    for model in models:
        log10, orders = model.store.score_sentences(model.find(words), np.array(lengths, dtype=np.uint32))
        # With back-offs above 1 a strange model may promise more.
        probabilities = 10.0 ** np.minimum(log10.astype(np.float64), 0)
        columns.append(np.where(orders > 0, probabilities, 0.0))
    found: Probabilities = np.stack(columns, axis=1)
    return found
