from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.text.error_rates import (
    ErrorCounts,
    count_confusions,
    count_errors,
    count_word_errors,
    error_rate,
    error_rate_by,
)

sequences = st.lists(st.integers(0, 4), max_size=12)


def edit_distance(first, second):
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        row, diagonal = [i, *row[1:]], row[0]
        for j, b in enumerate(second, start=1):
            row[j], diagonal = min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b)), row[j]
    return row[-1]


@given(sequences, sequences)
def test_edits_add_up_to_the_edit_distance(reference, hypothesis):
    counts = count_errors([reference], [hypothesis])
    assert counts.errors[0] == edit_distance(reference, hypothesis)
    assert counts.insertions[0] - counts.deletions[0] == len(hypothesis) - len(reference)
    assert sum(count_confusions([list(map(str, reference))], [list(map(str, hypothesis))]).values()) == counts.errors[0]


def test_long_sequences_do_not_overflow():
    # The reference keeps its distances in eight bits.
    assert count_errors([[1] * 400], [[2] * 400]).errors[0] == 400


def test_rates_are_sums_of_errors_over_sums_of_lengths():
    counts = count_word_errors(["a b c d", "a", ""], ["a x c d", "", "y"])
    rate = error_rate(counts)
    assert (rate.substitutions, rate.deletions, rate.insertions, rate.length, rate.trials) == (1, 1, 1, 5, 3)
    assert rate.rate == pytest.approx(3 / 5)
    assert rate.low <= rate.rate <= rate.high


def test_no_reference_symbols_give_no_rate():
    rate = error_rate(count_word_errors(["", ""], ["a", ""]))
    assert np.isnan(rate.rate)
    assert np.isnan(rate.low)
    assert np.isnan(error_rate(count_word_errors([], [])).rate)


def test_the_interval_is_the_percentile_bootstrap_over_trials():
    rng = np.random.default_rng(3)
    errors, lengths = rng.integers(0, 4, 60), rng.integers(4, 12, 60)
    zeros = np.zeros(60, dtype=int)
    rate = error_rate(ErrorCounts(errors, zeros, zeros, lengths), seed=5)
    resampled = rng.integers(0, 60, (10_000, 60))
    expected = np.percentile(errors[resampled].sum(1) / lengths[resampled].sum(1), [2.5, 97.5])
    assert [rate.low, rate.high] == pytest.approx(expected, abs=0.006)
    assert rate == error_rate(ErrorCounts(errors, zeros, zeros, lengths), seed=5)


def test_ten_thousand_resamples_of_two_thousand_trials_take_under_a_second():
    rng = np.random.default_rng(0)
    zeros = np.zeros(2_000, dtype=int)
    counts = ErrorCounts(rng.integers(0, 3, 2_000), zeros, zeros, rng.integers(3, 15, 2_000))
    started = time.process_time()
    error_rate(counts)
    assert time.process_time() - started < 1.0


def test_groups_are_counted_apart_in_order_of_appearance():
    counts = count_word_errors(["a b", "a b", "a b", "a b"], ["a b", "x b", "x y", ""])
    rates = error_rate_by(counts, ["late", "early", "late", None])
    assert list(rates) == ["late", "early"]
    assert rates["late"].rate == pytest.approx(2 / 4)
    assert rates["early"].trials == 1


def test_confusions_say_what_was_taken_for_what():
    confusions = count_confusions([["P", "AH", "T"]], [["B", "AH", "T", "S"]])
    assert confusions == {("P", "B"): 1, ("", "S"): 1}


def test_unequal_numbers_are_refused():
    with pytest.raises(ValueError, match="zip"):
        count_errors([["a"]], [])
    with pytest.raises(ValueError, match="1 groups for 2 trials"):
        error_rate_by(count_word_errors(["a", "b"], ["a", "b"]), ["x"])
