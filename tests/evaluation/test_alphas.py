from __future__ import annotations

import pytest

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.rescoring import rescore_with_llm
from neurolect.errors import ConfigError
from neurolect.evaluation.alphas import best_with_alpha, word_error_rate_by_alpha

LISTS = [
    [Hypothesis(("a", "b"), 0.0, -4.0, 0.0, 0.0, -8.0), Hypothesis(("a", "c"), 0.0, -6.0, 0.0, 0.0, -12.0)],
    [Hypothesis((), 0.0, 0.0, 0.0, 0.0, float("-inf"))],
]


class Opposite:
    """Prefers what the n-grams do not."""

    def score(self, sentences, context=""):
        return [-9.0 if each == "a b" else -1.0 for each in sentences]


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_rates_are_those_that_rescoring_with_each_alpha_gives(alpha):
    rescored = [rescore_with_llm(each, Opposite(), alpha, language_model_weight=2.0) for each in LISTS]
    rates = word_error_rate_by_alpha(rescored, ["a c", ""], alpha, 2.0, alphas=(0.0, 0.1, 0.3, 1.0))
    for share, rate in rates.items():
        best = rescore_with_llm(LISTS[0], Opposite(), share, language_model_weight=2.0)[0]
        assert rate.substitutions == (best.text != "a c")
    assert [rate.substitutions for rate in rates.values()] == [1, 1, 0, 0]


@pytest.mark.parametrize("new_alpha", [0.0, 0.1, 0.3, 1.0])
def test_the_best_with_another_alpha_is_that_which_rescoring_with_it_puts_first(new_alpha):
    for each in LISTS:
        rescored = rescore_with_llm(each, Opposite(), 0.3, language_model_weight=2.0)
        anew = rescore_with_llm(each, Opposite(), new_alpha, language_model_weight=2.0)
        assert best_with_alpha(rescored, 0.3, new_alpha, 2.0).words == anew[0].words


def test_no_alpha_is_refused():
    with pytest.raises(ConfigError, match="no alpha to try"):
        word_error_rate_by_alpha([], [], 0.5, alphas=())
