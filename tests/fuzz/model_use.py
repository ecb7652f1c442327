"""Everything that can be asked of an n-gram model, right or damaged."""

from __future__ import annotations

import numpy as np
from decoding_inputs import ALPHABET, Attempts, decode_in_pieces, some_guidance, some_logits, some_options
from mutations import pick, some_of
from numpy.random import Generator
from small_models import small_lexicon

from neurolect.decoding import Decoder, LexiconNetwork
from neurolect.language.ngram_listing import list_ngrams
from neurolect.language.ngram_model import NgramModel
from neurolect.text.lexicon import Lexicon


def use_model(model: NgramModel, rng: Generator, attempt: Attempts) -> None:
    """Everything that can be asked of a model, right or damaged."""
    attempt(lambda: model.vocabulary)
    for sentence in some_sentences(rng, model):
        attempt(lambda sentence=sentence: model.score_sentence(sentence))
    attempt(lambda: model.perplexity(some_sentences(rng, model)))
    contexts = rng.integers(0, pick(rng, (2, 10, 2**32)), 20)
    numbers = rng.integers(0, pick(rng, (2, 10, 2**32)), 20)
    attempt(lambda: model.score(contexts, numbers))
    attempt(lambda: model.finish(contexts[:3]))
    for order in range(1, model.order + 1):
        listed = attempt(lambda order=order: sum(len(some.log10) for some in list_ngrams(model, order)))
        assert listed is None or listed <= model.counts[order - 1], "more n-grams than the model has"
    decode_with(small_lexicon(), model, rng, attempt, strange=0.05)


def some_sentences(rng: Generator, model: NgramModel) -> list[str]:
    """Sentences of words that models of `arpa_text` know, and of others."""
    words = ["a", "b", "c", "A", "<unk>", "<s>", "</s>", "nowhere", "\u00e9"]
    return [" ".join(some_of(rng, words, 1, 7)) for _ in range(3)]


def decode_with(
    lexicon: Lexicon, model: NgramModel | None, rng: Generator, attempt: Attempts, strange: float = 0.2
) -> None:
    """Build a network and decode with it."""
    weights, silences = ([0.0, 1.0, 2.5], [0.0, 0.9, 1.0])
    if rng.random() < 0.1:
        weights, silences = [1e6, 3e38, 1e300, float("nan")], [1e-300, 1 - 1e-16]
    as_in_graph, absent = bool(rng.integers(2)), pick(rng, (-9.77, -99, -1e30, -np.inf, 0))
    weight, silence = pick(rng, weights), pick(rng, silences)
    network = attempt(lambda: LexiconNetwork(lexicon, model, ALPHABET, weight, silence, absent, as_in_graph))
    options = attempt(lambda: some_options(rng, strange))
    if network is None or options is None:
        return
    guidance = some_guidance(rng, network.words, strange)
    logits = some_logits(rng, len(ALPHABET), strange)
    decode_in_pieces(Decoder(network, options, ALPHABET), logits, guidance, attempt, rng)
