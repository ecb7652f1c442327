"""A large n-gram model that also knows what one person says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from neurolect.errors import ConfigError, DataError
from neurolect.language.ngram_estimation import NgramCounting, estimate_kneser_ney
from neurolect.language.ngram_mixing import Probabilities, best_weights, mix, word_probabilities
from neurolect.language.ngram_model import NgramModel, perplexity_of
from neurolect.language.ngram_pruning import prune
from neurolect.language.ngram_target import Bits

_FOLDS = 10


@dataclass(frozen=True)
class Gain:
    """How well sentences that took no part are predicted before and after.

    Args:
        words: ends of sentences included.
        unknown_before: words that the model does not know.
        unknown_after: words that the adapted model does not know.
        perplexity_before: over the words that the model knows.
        perplexity_after: over the same words.
    """

    words: int
    unknown_before: int
    unknown_after: int
    perplexity_before: float
    perplexity_after: float


@dataclass(frozen=True)
class Adapted:
    """An adapted model.

    Args:
        model: the mixture.
        weight: of the person's sentences in it; the rest is the base model's.
        gain: on sentences that took no part; None where there were none.
        new_words: words of the sentences that the base model does not know, in their order.
    """

    model: NgramModel
    weight: float
    gain: Gain | None
    new_words: tuple[str, ...]


def adapt(
    base: NgramModel,
    sentences: Sequence[str],
    out: Path,
    *,
    order: int = 3,
    weight: float | None = None,
    validation: Sequence[str] | None = None,
    prune_below: float = 0.0,
    bits: Bits = 32,
) -> Adapted:
    """Mix a person's own sentences into a model.

    The sentences become a model with modified Kneser-Ney smoothing, and the answer is the weighted mean of both as one
    back-off model, which lists every n-gram of either.

    Args:
        base: what to adapt.
        sentences: what the person said or wrote, in order of time, words between spaces.
        out: the store to write; it appears whole or not at all.
        order: words of the longest n-grams of the sentences.
        weight: of the sentences, above 0 and below 1. Without it, the weight is fitted: to `validation`, or by parting
            the sentences into ten blocks of time, each predicted from the nine others.
        validation: other sentences of the same person.
        prune_below: what `neurolect.language.ngram_pruning.prune` takes as its threshold; 0 prunes nothing.
        bits: of each stored value.

    Raises:
        ConfigError: the weight is not between 0 and 1, or another value is out of its range.
        DataError: there is no sentence, or only one and no validation.
    """
    if weight is not None and not 0 < weight < 1:
        raise ConfigError(f"weight is {weight}, it must be above 0 and below 1")
    spoken = [sentence for sentence in sentences if sentence.strip()]
    counting = NgramCounting(order)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".adapting-", dir=out.parent) as name:
        folder = Path(name)
        own, _ = estimate_kneser_ney(spoken, folder / "own", counting)
        held_out = (
            _probabilities_by_block(base, spoken, counting, folder)
            if validation is None
            else word_probabilities([base, own], validation)
        )
        fitted = _fitted(held_out) if weight is None else weight
        weights = [1 - fitted, fitted]
        if prune_below:
            model = prune(mix([base, own], weights, folder / "whole"), prune_below, out, bits)
        else:
            model = mix([base, own], weights, out, bits)
    return Adapted(model, fitted, _gain(held_out, fitted) if len(held_out) else None, _absent(base, spoken))


def _probabilities_by_block(
    base: NgramModel, sentences: Sequence[str], counting: NgramCounting, folder: Path
) -> Probabilities:
    """Of every word in the base model, and in a model of all sentences but those of its own block (words, 2)."""
    found = [np.empty((0, 2))]
    if len(sentences) < 2:
        return found[0]
    blocks = [block.tolist() for block in np.array_split(np.arange(len(sentences)), min(_FOLDS, len(sentences)))]
    for block in blocks:
        others = [*sentences[: block[0]], *sentences[block[-1] + 1 :]]
        model, _ = estimate_kneser_ney(others, folder / "others", counting)
        found.append(word_probabilities([base, model], [sentences[place] for place in block]))
    return np.concatenate(found)


def _fitted(held_out: Probabilities) -> float:
    if not len(held_out):
        raise DataError("one sentence is too little to fit a weight to; give a weight, or validation")
    # One more word that only one of the two knows: a text that is too short to need the base must not remove it.
    return best_weights(np.concatenate([held_out, np.eye(2)]))[1]


def _gain(probabilities: Probabilities, weight: float) -> Gain:
    before = probabilities[:, 0]
    after = (1 - weight) * before + weight * probabilities[:, 1]
    known = before > 0
    n_known = int(known.sum())
    return Gain(
        words=len(before),
        unknown_before=len(before) - n_known,
        unknown_after=int((after == 0).sum()),
        perplexity_before=perplexity_of(float(np.log10(before[known]).sum()), n_known),
        perplexity_after=perplexity_of(float(np.log10(after[known]).sum()), n_known),
    )


def _absent(base: NgramModel, sentences: Sequence[str]) -> tuple[str, ...]:
    known = set(base.vocabulary)
    return tuple(word for word in dict.fromkeys(" ".join(sentences).split()) if word not in known)
