from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("transformers")

from neurolect.errors import ConfigError, DataError
from neurolect.language import prefix_scores
from neurolect.language.causal_lm import CausalLM
from neurolect.language.prefix_scores import PrefixScores
from tiny_language_models import ARCHITECTURES, SENTENCES, tiny_model, tiny_tokenizer

CONTEXT = "we were going to the store , i said ."
ROUNDS = [
    ["i", "we", "i am"],
    ["i am going", "i am", "we were here", "we where", "i am going two"],
    ["i am going to the store", "i am going two the", "we were here last week", "that is not"],
    ["i", "i am going two the store", "a , b . c ?", "we were here last"],
]
"""Texts of which later ones go on from earlier ones, from their middle, or from nothing."""


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def assert_scored_as_whole_texts(model, tokenizer, context="", **settings):
    growing = PrefixScores(CausalLM(model, tokenizer, **settings), context)
    for sentences in ROUNDS:
        expected = CausalLM(model, tokenizer, length_penalty=settings.get("length_penalty", 0.0))
        np.testing.assert_allclose(growing.score(sentences), expected.score(sentences, context), atol=2e-4)
    return growing


@pytest.mark.parametrize("context", ["", CONTEXT])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_texts_that_grow_have_the_scores_of_whole_texts(architecture, context, tokenizer):
    model = tiny_model(architecture)
    for tokens_at_once in (4096, 1, 5):
        assert_scored_as_whole_texts(model, tokenizer, context, tokens_at_once=tokens_at_once)


@pytest.mark.parametrize("most", [1, 20, 40])
def test_what_was_forgotten_is_read_again(most, tokenizer, monkeypatch):
    monkeypatch.setattr(prefix_scores, "_MOST_KEPT", most)
    assert_scored_as_whole_texts(tiny_model(), tokenizer, CONTEXT)


def test_every_token_pays_the_length_penalty(tokenizer):
    assert_scored_as_whole_texts(tiny_model(), tokenizer, CONTEXT, length_penalty=0.5)


def test_a_token_is_read_once_and_again_only_where_texts_branch_off_it(tokenizer):
    model, read = tiny_model(), []
    growing = PrefixScores(CausalLM(model, tokenizer))
    model.register_forward_pre_hook(lambda _, tokens: read.append(tokens[0].numel()))
    growing.score(["we were"])
    growing.score(["we were here", "we were here last"])
    n_tokens = 1 + len(tokenizer("we were here last")["input_ids"])
    assert sum(read) == n_tokens - 1  # nothing goes on from the last one
    growing.score(["we were here last", "we were"])
    assert sum(read) == n_tokens - 1
    growing.score(["we were a"])
    # The space is a token of its own after `were`, or part of the next one.
    assert sum(read) <= n_tokens + 1


def test_a_context_does_not_fill_what_is_kept(tokenizer, monkeypatch):
    monkeypatch.setattr(prefix_scores, "_MOST_KEPT", 60)
    model, read = tiny_model(), []
    growing = PrefixScores(CausalLM(model, tokenizer), CONTEXT)
    growing.score(SENTENCES)
    model.register_forward_pre_hook(lambda _, tokens: read.append(tokens[0].numel()))
    growing.score(SENTENCES)
    assert sum(read) == 0


def test_what_is_kept_stays_bounded(tokenizer, monkeypatch):
    monkeypatch.setattr(prefix_scores, "_MOST_KEPT", 20)
    growing = PrefixScores(CausalLM(tiny_model(), tokenizer), CONTEXT)
    for sentence in SENTENCES:
        growing.score([sentence])
        assert len(growing._nodes) <= 20 + len(growing._given)


def test_no_sentence_has_no_score(tokenizer):
    assert PrefixScores(CausalLM(tiny_model(), tokenizer)).score([]).shape == (0,)


def test_the_oldest_part_of_a_context_that_is_too_long_is_cut(tokenizer):
    scores = [
        PrefixScores(CausalLM(tiny_model("opt"), tokenizer), "we were here last week " * n).score(SENTENCES[:4])
        for n in (100, 200)
    ]
    assert np.isfinite(scores[0]).all()
    np.testing.assert_allclose(*scores, atol=1e-4)


def test_a_sentence_that_is_too_long_is_refused_by_its_words(tokenizer):
    with pytest.raises(DataError, match="takes 64 tokens, too few for 'store store"):
        PrefixScores(CausalLM(tiny_model("opt"), tokenizer)).score(["i am", "store " * 100])


def test_a_score_that_is_not_a_number_is_refused(tokenizer):
    model = tiny_model()
    model.lm_head.weight.data[5] = np.nan
    with pytest.raises(DataError, match="is not a number; try float32"):
        PrefixScores(CausalLM(model, tokenizer)).score(SENTENCES)


def test_memory_that_does_not_suffice_is_an_error_and_no_score(tokenizer):
    model = tiny_model()
    growing = PrefixScores(CausalLM(model, tokenizer))

    def refuse(*_):
        raise MemoryError

    model.register_forward_pre_hook(refuse)
    with pytest.raises(ConfigError, match="do not fit into the memory of cpu"):
        growing.score(SENTENCES)
