from __future__ import annotations

import numpy as np
import pytest

from neurolect.decoding.correctors import corrector_of
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.trained_correction import WEIGHTS, Corrector, fit_weight, with_weight
from neurolect.errors import ConfigError, DataError
from neurolect.language.correction_format import CorrectionFormat


def listed(*sentences, llm=None):
    return [
        Hypothesis(tuple(each.split()), 0.0, 0.0, 0.0, 0.0, -float(n), llm=llm and llm[n])
        for n, each in enumerate(sentences)
    ]


class Preferring:
    """Gives one sentence more than the others, and remembers what it was asked."""

    def __init__(self, sentence):
        self.sentence, self.asked = sentence, []

    def score(self, sentences, context=""):
        self.asked.append((list(sentences), context))
        return np.array([-1.0 if each == self.sentence else -9.0 for each in sentences])


CANDIDATES = listed("i can sea you now", "i can see you know")


def test_the_corrector_is_shown_the_list_and_may_choose_candidates_that_trade_a_word():
    scorer = Preferring("i can see you now.")
    corrected = Corrector(scorer, CorrectionFormat(n_best=1))(CANDIDATES)
    assert corrected[0].text == "i can see you now"
    assert (corrected[0].llm, corrected[1].llm) == (-1.0, -9.0)
    ((sentences, context),) = scorer.asked
    assert context == "- i can sea you now\nSaid:"
    assert {"i can sea you now.", "i can see you know."} < set(sentences)


def test_its_weight_decides_between_it_and_the_totals():
    for weight, best in ((0.01, "i can sea you now"), (1.0, "i can see you know")):
        corrector = Corrector(Preferring("i can see you know."), CorrectionFormat(weight=weight))
        assert corrector(CANDIDATES)[0].text == best


def test_without_a_word_nothing_is_asked():
    scorer = Preferring("")
    assert Corrector(scorer, CorrectionFormat())(listed("")) == listed("")
    assert scorer.asked == []


def test_a_list_with_scores_of_a_large_model_is_refused():
    with pytest.raises(DataError, match="has scored this n-best list before"):
        Corrector(Preferring(""), CorrectionFormat())(listed("a", llm=[-1.0]))


def test_the_weight_with_the_fewest_errors_is_fitted():
    # The corrector is right in the first list by little, and wrong in the second by less.
    lists = [listed("a", "b", llm=[-3.0, -1.0]), listed("a", "b", llm=[-1.1, -1.0])]
    weight, rates = fit_weight(lists, ["b", "a"])
    assert [each[0].text for each in (with_weight(lists[0], weight), with_weight(lists[1], weight))] == ["b", "a"]
    assert rates[0.0] == 0.5
    assert rates[weight] == 0.0
    good = [each for each in WEIGHTS if rates[each] == 0]
    assert good[0] < weight < good[-1]
    with pytest.raises(ConfigError, match="nothing was said"):
        fit_weight(lists, ["", ""])


@pytest.mark.parametrize(
    "unused", [{"context": "hello"}, {"n_best": 10}, {"most_changed": 0.5}, {"model": "it"}, {"key_variable": "KEY"}]
)
def test_a_trained_corrector_refuses_what_it_does_not_use(unused, tmp_path):
    CorrectionFormat().write(tmp_path)
    (name,) = unused
    with pytest.raises(ConfigError, match=f"a trained corrector takes no {name}"):
        corrector_of(**{"llm": str(tmp_path), "endpoint": None, "model": None, **unused})
