from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.decoding.greedy import greedy_decode
from neurolect.decoding.pseudo_posteriors import PhonemeErrors, confusion_network, rebuild_logits
from neurolect.errors import ConfigError
from neurolect.text.alphabet import PHONEMES, Alphabet

ALPHABET = Alphabet(("BLANK", "A", "B", "C", "SIL"), blank=0, silence=4)
NO_ERRORS = PhonemeErrors.estimate([], [], ALPHABET)
strings = st.lists(st.integers(1, 4), max_size=6)


def test_strings_of_equal_length_vote_slot_by_slot():
    network = confusion_network([(3.0, [1, 2, 3]), (1.0, [1, 4, 3])], ALPHABET)
    np.testing.assert_allclose(
        network, np.eye(5)[[1, 2, 3]] * [[1], [0.75], [1]] + np.eye(5)[[1, 4, 3]] * [[0], [0.25], [0]]
    )


def test_a_missing_and_an_added_phoneme_share_their_slot_with_the_blank():
    network = confusion_network([(2.0, [1, 2]), (1.0, [1]), (1.0, [1, 2, 3])], ALPHABET)
    np.testing.assert_allclose(network, [[0, 1, 0, 0, 0], [0.25, 0, 0.75, 0, 0], [0.75, 0, 0, 0.25, 0]])


def test_insertions_at_one_place_meet_in_one_slot():
    network = confusion_network([(2.0, [1, 2]), (1.0, [1, 3, 2]), (1.0, [1, 4, 2])], ALPHABET)
    np.testing.assert_allclose(network, [[0, 1, 0, 0, 0], [0.5, 0, 0, 0.25, 0.25], [0, 0, 1, 0, 0]])


@given(st.lists(st.tuples(st.floats(0.01, 1), strings), min_size=1, max_size=4))
def test_every_slot_is_a_distribution_and_no_string_is_longer_than_the_network(votes):
    network = confusion_network(votes, ALPHABET)
    assert network.shape[1] == 5
    assert len(network) >= max(len(string) for _, string in votes)
    np.testing.assert_allclose(network.sum(axis=1), 1)
    assert (network > -1e-9).all()


def test_errors_are_counted_from_aligned_strings():
    errors = PhonemeErrors.estimate(
        spoken=[[1, 2, 3], [1, 2], [1, 1]], heard=[[1, 3, 3], [1, 2, 4], [1]], alphabet=ALPHABET, pseudo_count=1e-9
    )
    np.testing.assert_allclose(errors.spoken_given_heard[3], [0, 0, 0.5, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(errors.spoken_given_heard[4], [1, 0, 0, 0, 0], atol=1e-6)
    # Ten gaps, one of which hid a phoneme.
    np.testing.assert_allclose(errors.spoken_given_nothing, [10 / 11, 1 / 11, 0, 0, 0], atol=1e-6)


def test_with_a_pseudo_count_every_row_is_a_distribution_without_zeros():
    errors = PhonemeErrors.estimate([[1]], [[2]], ALPHABET)
    np.testing.assert_allclose(errors.spoken_given_heard.sum(axis=1), 1)
    assert (errors.spoken_given_heard > 0).all()


@given(strings, strings, st.floats(-3, 0))
def test_a_frame_per_slot_stands_between_blank_frames_and_all_are_log_distributions(greedy, listed, score):
    logits = rebuild_logits(greedy, [(score, listed)], NO_ERRORS, ALPHABET)
    assert logits.dtype == np.float32
    assert len(logits) % 2 == 1
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, atol=1e-3)


def test_greedy_decoding_of_certain_strings_gives_them_back_with_doubled_phonemes():
    string = PHONEMES.encode(["S", "IH", "T", "IY", "SIL", "SIL"])
    errors = PhonemeErrors.estimate([string], [string])
    assert greedy_decode(rebuild_logits(string, [(0.0, string)], errors)) == string


def test_a_pseudo_count_of_zero_is_refused():
    with pytest.raises(ConfigError, match="pseudo_count"):
        PhonemeErrors.estimate([[1]], [[1]], ALPHABET, pseudo_count=0)


def test_the_likelier_string_wins_and_temperature_levels_the_others():
    n_best = [(math.log(0.7), [1, 2]), (math.log(0.2), [1, 3])]
    sharp, flat = (
        np.exp(rebuild_logits([1, 2], n_best, NO_ERRORS, ALPHABET, temperature=t, greedy_weight=0)) for t in (1, 10)
    )
    assert sharp[3, 2] > sharp[3, 3] > 0
    assert sharp[3, 2] / sharp[3, 3] > flat[3, 2] / flat[3, 3] > 1


def test_confusions_weigh_more_where_the_listed_strings_are_unlikely():
    errors = PhonemeErrors.estimate([[3, 2]], [[2, 2]], ALPHABET, pseudo_count=1e-9)
    certain, unsure = (rebuild_logits([2], [(math.log(p), [2])], errors, ALPHABET) for p in (1.0, 0.4))
    np.testing.assert_allclose(np.exp(certain[1]), [0, 0, 0.95, 0.05, 0], atol=1e-4)
    np.testing.assert_allclose(np.exp(unsure[1]), [0, 0, 0.7, 0.3, 0], atol=1e-4)


def test_a_trial_without_n_best_strings_uses_the_greedy_one():
    string = PHONEMES.encode(["HH", "AY", "SIL"])
    errors = PhonemeErrors.estimate([string], [string], pseudo_count=0.01)
    assert greedy_decode(rebuild_logits(string, [], errors)) == string
    assert rebuild_logits([], [], errors).shape == (1, 41)
