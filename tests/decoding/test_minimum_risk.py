from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.decoding.confusion_networks import NO_WORD, ConfusionNetwork
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.minimum_risk import minimum_bayes_risk, pool, posteriors
from neurolect.errors import ConfigError
from neurolect.text.error_rates import count_word_errors


def listed(**probabilities):
    """Hypotheses with these probabilities; `_` stands for a space."""
    return [
        Hypothesis(tuple(text.split("_")) if text != "_" else (), 0.0, 0.0, 0.0, 0.0, math.log(probability))
        for text, probability in probabilities.items()
    ]


sentences = st.lists(st.sampled_from("abc"), max_size=5).map(tuple)
lists = st.lists(st.tuples(sentences, st.floats(-20, 0)), min_size=1, max_size=8, unique_by=lambda entry: entry[0]).map(
    lambda entries: [Hypothesis(words, 0.0, 0.0, 0.0, 0.0, total) for words, total in entries]
)


def test_the_sentence_amid_the_others_is_chosen_over_the_likeliest():
    chosen = minimum_bayes_risk([listed(x_y_z=0.4, a_b_c=0.3, a_b_d=0.3)])
    assert [each.text for each in chosen] == ["a b c", "a b d", "x y z"]


@given(st.lists(lists, min_size=1, max_size=3))
def test_no_sentence_has_fewer_expected_errors_than_the_chosen_one(models):
    hypotheses, probabilities = pool(models)
    assert sum(probabilities) == pytest.approx(1)

    def risk(words):
        errors = count_word_errors([" ".join(words)] * len(hypotheses), [each.text for each in hypotheses]).errors
        return float(errors @ probabilities)

    chosen = minimum_bayes_risk(models)
    assert {each.words for each in chosen} == {each.words for each in hypotheses}
    assert risk(chosen[0].words) == pytest.approx(min(risk(each.words) for each in hypotheses), abs=1e-8)


@given(lists)
def test_a_large_scale_chooses_the_highest_total(hypotheses):
    best = max(hypotheses, key=lambda each: each.total)
    chosen = minimum_bayes_risk([hypotheses], scale=1e6)[0]
    assert chosen.total == pytest.approx(best.total, abs=1e-3)


def test_what_several_models_agree_on_wins():
    one, other = listed(a_b=0.6, c_d=0.4), listed(e_f=0.55, c_d=0.45)
    assert minimum_bayes_risk([one, other])[0].text == "c d"
    assert minimum_bayes_risk([one, other], weights=[10, 1])[0].text == "a b"


def test_lists_without_any_total_are_weighed_alike():
    nothing = Hypothesis((), 0.0, 0.0, 0.0, 0.0, -math.inf)
    assert posteriors([nothing, nothing]).tolist() == [0.5, 0.5]
    assert minimum_bayes_risk([[nothing]]) == [nothing]


@pytest.mark.parametrize(
    ("models", "weights"), [([], None), ([[]], None), ([listed(a=1.0)], [1, 2]), ([listed(a=1.0)], [0])]
)
def test_lists_and_weights_that_do_not_fit_are_refused(models, weights):
    with pytest.raises(ConfigError, match="minimum risk: "):
        minimum_bayes_risk(models, weights=weights)


def test_a_confusion_network_joins_the_best_parts_of_several_sentences():
    network = ConfusionNetwork.of([listed(the_cat_sat=0.4, the_cap_sat_down=0.35, a_cap_sat=0.25)])
    assert network.best() == (("the", "cap", "sat"), pytest.approx((0.75, 0.6, 1.0)))
    assert network.slots[3] == pytest.approx({NO_WORD: 0.65, "down": 0.35})


def test_several_models_vote_word_by_word():
    models = [listed(i_can_sea_you=1.0), listed(i_can_see_you=1.0), listed(eye_can_see_you=1.0)]
    assert ConfusionNetwork.of(models).best()[0] == ("i", "can", "see", "you")


@given(st.lists(lists, min_size=1, max_size=3))
def test_every_slot_is_a_distribution_and_every_sentence_a_path(models):
    network = ConfusionNetwork.of(models)
    for slot in network.slots:
        assert sum(slot.values()) == pytest.approx(1)
    for hypothesis in (each for model in models for each in model):
        position = 0
        for word in hypothesis.words:
            position = next(n for n in range(position, len(network.slots)) if word in network.slots[n]) + 1


@given(lists)
def test_a_list_of_one_sentence_is_its_own_network(hypotheses):
    words, confidence = ConfusionNetwork.of([hypotheses[:1]]).best()
    assert words == hypotheses[0].words
    assert confidence == pytest.approx([1.0] * len(words))
