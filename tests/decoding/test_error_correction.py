from __future__ import annotations

import pytest

from neurolect.decoding.error_correction import correct, correction_prompt
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.errors import ConfigError


def listed(*sentences):
    return [Hypothesis(tuple(each.split()), 0.0, 0.0, 0.0, 0.0, -float(n)) for n, each in enumerate(sentences)]


CANDIDATES = listed("i can sea you now", "i can see you know")


def test_the_first_line_of_the_answer_is_taken_as_the_decoder_writes_sentences():
    asked = []

    def ask(question):
        asked.append(question)
        return '  "I can see you now."  \nThat is because of ...'

    assert correct(CANDIDATES, ask, context="hello") == "i can see you now"
    assert asked == [correction_prompt(CANDIDATES, context="hello")]


def test_only_so_many_candidates_are_shown():
    prompt = correction_prompt(listed("one", "two", "three"), n_best=2)
    assert prompt.endswith("Candidates:\n1. one\n2. two")
    assert "said before" not in prompt
    assert "What was said before: hello there" in correction_prompt(CANDIDATES, context=" hello there ")


@pytest.mark.parametrize(
    "answer",
    ["", "\n\n", "As a language model I cannot know what the person said.", "i", "...", "no no no no no"],
)
def test_an_answer_that_wandered_off_is_not_taken(answer):
    assert correct(CANDIDATES, lambda question: answer) == CANDIDATES[0].text


def test_without_a_word_nothing_is_asked():
    def refuse(question):
        raise AssertionError(question)

    assert correct(listed(""), refuse) == ""


def test_how_far_an_answer_may_go_is_a_setting():
    assert correct(CANDIDATES, lambda question: "you can see me now", most_changed=0.5) == CANDIDATES[0].text
    assert correct(CANDIDATES, lambda question: "you can see me now", most_changed=0.6) == "you can see me now"
    with pytest.raises(ConfigError, match="n_best must be at least 1"):
        correct(CANDIDATES, str, n_best=0)
