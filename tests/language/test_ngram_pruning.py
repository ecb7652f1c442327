from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from neurolect.errors import ConfigError
from neurolect.language.ngram_building import build
from neurolect.language.ngram_estimation import NgramCounting, estimate_katz, estimate_kneser_ney
from neurolect.language.ngram_model import NgramModel
from neurolect.language.ngram_pruning import prune

WORDS = ("a", "b", "c", "d")


def some_sentences(n=60):
    rng = np.random.default_rng(3)
    return [" ".join(rng.choice(WORDS, rng.integers(1, 6), p=(0.5, 0.25, 0.15, 0.1))) for _ in range(n)]


class BackoffModel:
    """A model as dictionaries, to take n-grams out of one at a time."""

    def __init__(self, model: NgramModel) -> None:
        self.events = tuple(word for word in model.vocabulary if word != "<s>")
        self.order = model.order
        self.listed = {}
        for length in range(1, model.order + 1):
            for first, rest in product(("<s>", *self.events), product(self.events, repeat=length - 1)):
                found, log10 = self._found(model, (first, *rest))
                if found:
                    self.listed[first, *rest] = 10**log10

    @staticmethod
    def _found(model, ngram):
        context = 0
        for word in ngram[:-1]:
            context = int(model.score(np.array([context]), model.find([word]))[1][0])
        log10, _, _ = model.store.score(np.array([context], dtype=np.uint32), model.find([ngram[-1]]))
        listed = model.store.listed_length(context, model.store.find(ngram[-1])) == len(ngram)
        return listed, float(log10[0])

    def probability(self, history, word, without=None):
        ngram = (*history, word)
        if ngram in self.listed and ngram != without:
            return self.listed[ngram]
        after = [each for each in self.events if (*history, each) in self.listed and (*history, each) != without]
        left = 1 - sum(self.listed[*history, each] for each in after)
        left_below = 1 - sum(self.probability(history[1:], each) for each in after)
        return left / left_below * self.probability(history[1:], word)

    def growth_without(self, ngram):
        """By which fraction perplexity grows without an n-gram: the sum over all words, as Stolcke (1998) begins."""
        history = ngram[:-1]
        weight = 1.0
        for place, word in enumerate(history):
            weight *= self.probability((), "</s>") if word == "<s>" else self.probability(history[:place], word)
        entropy = 0.0
        for word in self.events:
            here = self.probability(history, word)
            entropy += weight * here * (math.log(here) - math.log(self.probability(history, word, without=ngram)))
        return math.expm1(entropy)

    def pruned(self, threshold):
        """The n-grams that stay."""
        stay = {ngram for ngram in self.listed if len(ngram) == 1}
        for length in range(self.order, 1, -1):
            of_length = [ngram for ngram in self.listed if len(ngram) == length]
            contexts = {ngram[:-1] for ngram in stay}
            stay |= {ngram for ngram in of_length if ngram in contexts or self.growth_without(ngram) >= threshold}
        return stay


@pytest.mark.parametrize("estimate", [estimate_katz, lambda *given: estimate_kneser_ney(*given)[0]])
@pytest.mark.parametrize("threshold", [1e-4, 1e-3, 1e-2])
def test_what_goes_is_what_changes_perplexity_by_less_than_the_threshold(tmp_path, estimate, threshold):
    whole = estimate(some_sentences(), tmp_path / "lm.nlm", NgramCounting(3))
    expected = BackoffModel(whole).pruned(threshold)
    pruned = prune(whole, threshold, tmp_path / "pruned.nlm")
    left = BackoffModel(pruned)
    assert 6 < len(expected) < len(whole)
    assert len(left.listed) - sum(pruned.added) == len(expected)
    for ngram in expected:
        assert left.listed[ngram] == pytest.approx(BackoffModel(whole).listed[ngram], rel=1e-5)


def test_a_threshold_of_0_changes_no_probability(tmp_path):
    whole, _ = estimate_kneser_ney(some_sentences(), tmp_path / "lm.nlm", NgramCounting(3))
    same = prune(whole, 0, tmp_path / "same.nlm")
    assert same.counts == whole.counts
    for sentence in some_sentences(20):
        for before, after in zip(whole.score_sentence(sentence), same.score_sentence(sentence), strict=True):
            assert after.log10 == pytest.approx(before.log10, abs=1e-4)


def test_a_threshold_beyond_all_leaves_the_unigrams(tmp_path):
    whole, _ = estimate_kneser_ney(some_sentences(), tmp_path / "lm.nlm", NgramCounting(3))
    pruned = prune(whole, 1e9, tmp_path / "pruned.nlm")
    assert pruned.counts == (whole.counts[0], 0, 0)


def test_a_model_may_be_pruned_in_its_own_file(tmp_path):
    whole, _ = estimate_kneser_ney(some_sentences(), tmp_path / "lm.nlm", NgramCounting(3))
    before = len(whole)
    assert len(prune(whole, 1e-3, whole.path)) < before
    assert [path.name for path in tmp_path.iterdir()] == ["lm.nlm"]


def test_building_with_a_threshold_is_estimating_and_pruning(tmp_path):
    whole, _ = estimate_kneser_ney(some_sentences(), tmp_path / "whole.nlm", NgramCounting(3))
    prune(whole, 1e-3, tmp_path / "pruned.nlm")
    build(some_sentences(), tmp_path / "built.nlm", NgramCounting(3), prune_below=1e-3)
    assert (tmp_path / "built.nlm").read_bytes() == (tmp_path / "pruned.nlm").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["built.nlm", "pruned.nlm", "whole.nlm"]


@pytest.mark.parametrize("threshold", [-1e-9, math.nan])
def test_a_threshold_that_is_none_is_refused(tmp_path, threshold):
    whole, _ = estimate_kneser_ney(some_sentences(), tmp_path / "lm.nlm", NgramCounting(2))
    with pytest.raises(ConfigError, match="threshold"):
        prune(whole, threshold, tmp_path / "pruned.nlm")
