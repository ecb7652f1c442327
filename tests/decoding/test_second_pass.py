from __future__ import annotations

import numpy as np
import pytest

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.hypothesis_files import read_hypotheses, read_models_hypotheses, write_hypotheses
from neurolect.decoding.second_pass import Rescoring, SecondPass
from neurolect.errors import ConfigError, DataError
from neurolect.language.ngram_conversion import convert

LISTS = [
    [
        Hypothesis(("x", "y"), -2.0, -1.0, -0.5, 0.0, -2.5, times=((0, 3), (3, 5)), confidence=(0.5, 0.25)),
        Hypothesis(("a", "b"), -3.0, -1.0, -0.5, 0.0, -2.6, times=((0, 3), (3, 5)), confidence=(0.5, 0.25)),
        Hypothesis(("a", "c"), -3.0, -1.0, -0.5, 0.0, -2.6, times=((0, 3), (3, 5)), confidence=(0.5, 0.25), llm=-4.0),
    ],
    [Hypothesis((), 0.0, 0.0, 0.0, 0.0, float("-inf"))],
]


def test_by_default_nothing_changes():
    assert SecondPass(Rescoring())(LISTS[0]) == LISTS[0]


def test_minimum_bayes_risk_chooses_over_one_list_and_over_several():
    second_pass = SecondPass(Rescoring(choose="mbr"))
    assert second_pass(LISTS[0])[0].text == "a b"
    other = [Hypothesis(("x", "y"), 0.0, 0.0, 0.0, 0.0, 0.0)]
    assert second_pass.of_models([LISTS[0], other])[0].text == "x y"
    with pytest.raises(ConfigError, match="set choose to mbr"):
        SecondPass(Rescoring()).of_models([LISTS[0], other])


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"alpha": 1.5}, "alpha is 1.5, it must be from 0 to 1"),
        ({"augment": -1}, "augment is -1"),
        ({"posterior_scale": 0}, "posterior_scale is 0"),
        ({"context": "hello"}, "context is for a large language model; name one"),
        ({"alpha": 0.3}, "alpha is for a large language model; name one"),
        ({"graph_lm": "old.nlm"}, "give lm too"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, complaint):
    with pytest.raises(ConfigError, match=complaint):
        Rescoring(**settings)


def searched(weight):
    """A list as the search makes it, with this weight of the n-gram model."""
    parts = np.random.default_rng(0).uniform(-9, -1, size=(6, 3)).round(4)
    return [
        Hypothesis((word,), acoustic, ngram, lexicon, 1.5, round(0.4 * acoustic + weight * ngram + lexicon + 1.5, 4))
        for word, (acoustic, ngram, lexicon) in zip("abcdef", parts.tolist(), strict=True)
    ]


def test_another_weight_than_the_searchs_is_noticed(tmp_path):
    (tmp_path / "lm.arpa").write_text("\\data\\\nngram 1=2\n\n\\1-grams:\n-1\t</s>\n-1\ta\n\n\\end\\\n")
    model = convert(tmp_path / "lm.arpa", tmp_path / "lm.nlm").path
    with pytest.raises(
        ConfigError, match=r"language_model_weight is 1, but the search multiplied n-gram scores by 2\.5"
    ):
        SecondPass(Rescoring(lm=model))(searched(2.5))
    assert len(SecondPass(Rescoring(lm=model, language_model_weight=2.5))(searched(2.5))) == 6
    # Three cannot tell.
    assert len(SecondPass(Rescoring(lm=model))(searched(2.5)[:3])) == 3


def test_lists_are_read_as_they_were_written(tmp_path):
    write_hypotheses(tmp_path / "lists.jsonl", LISTS)
    assert read_hypotheses(tmp_path / "lists.jsonl") == LISTS
    assert read_models_hypotheses([tmp_path / "lists.jsonl"] * 2) == [[each, each] for each in LISTS]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda lines: "", "has no utterance"),
        (lambda lines: lines[0][:40], "line 1 is no n-best list"),
        (lambda lines: lines[0] + lines[1].replace('"bonus"', '"bones"'), "line 2 is no n-best list"),
        (lambda lines: lines[1], "line 1 is utterance 1, not 0"),
        (lambda lines: '{"utterance": 0, "n_best": []}\n', "line 1 has no sentence"),
        (lambda lines: lines[0].replace("-2.5", '"low"'), "line 1 is no n-best list"),
        (lambda lines: "[1]\n", "line 1 is no n-best list"),
    ],
)
def test_damaged_lists_are_refused_by_their_line(damage, complaint, tmp_path):
    path = tmp_path / "lists.jsonl"
    write_hypotheses(path, LISTS)
    path.write_text(damage(path.read_text().splitlines(keepends=True)))
    with pytest.raises(DataError, match=complaint):
        read_hypotheses(path)


def test_lists_of_unlike_numbers_of_utterances_do_not_go_together(tmp_path):
    write_hypotheses(tmp_path / "two.jsonl", LISTS)
    write_hypotheses(tmp_path / "one.jsonl", LISTS[:1])
    with pytest.raises(DataError, match=r"one.jsonl: has 1 utterances, .*two.jsonl has 2"):
        read_models_hypotheses([tmp_path / "two.jsonl", tmp_path / "one.jsonl"])
