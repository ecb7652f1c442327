from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.data.sampling import DayBalancedSampler
from neurolect.errors import ConfigError

# Drawn by the reference: seed 1, 45 days of 20 trials.
FIRST_BATCH = {
    3: [15, 10, 8, 7, 3, 6, 17, 3, 4, 17, 11, 12, 16, 13, 19, 9],
    2: [18, 15, 0, 4, 15, 2, 7, 8, 9, 3, 7, 4, 5, 19, 6, 8],
    30: [0, 2, 10, 15, 15, 7, 19, 10, 14, 0, 1, 17, 13, 3, 0, 13],
    21: [6, 6, 2, 12, 11, 7, 13, 8, 11, 12, 11, 4, 7, 7, 13, 4],
}


def grouped(plan):
    days: dict[int, list[int]] = {}
    for day, trial in plan:
        days.setdefault(day, []).append(trial)
    return days


def test_the_references_seed_gives_the_references_batches():
    first, second = islice(DayBalancedSampler([20] * 45, seed=1), 2)
    assert grouped(first) == FIRST_BATCH
    assert list(grouped(second)) == [42, 3, 8, 15]
    assert grouped(second)[42][:5] == [10, 0, 7, 0, 19]


def test_surplus_trials_are_dropped_as_the_reference_drops_them():
    plan = next(iter(DayBalancedSampler([20] * 45, batch_size=10, seed=1)))
    assert grouped(plan) == {3: [15, 10], 2: [7, 3, 6], 30: [17, 3], 21: [17, 11, 12]}


@given(
    trials=st.lists(st.integers(0, 9), min_size=4, max_size=8).filter(lambda counts: sum(map(bool, counts)) >= 3),
    first_step=st.integers(0, 5),
    every=st.integers(1, 3),
)
def test_a_later_start_continues_the_same_sequence(trials, first_step, every):
    def take(count, **settings):
        sampler = DayBalancedSampler(trials, batch_size=7, days_per_batch=3, seed=4, **settings)
        return list(islice(sampler, count))

    whole = take(20)
    assert take(3, first_step=first_step, every=every) == whole[first_step::every][:3]
    for plan in whole:
        assert len(plan) == 7
        assert len(grouped(plan)) == 3
        assert all(trial < trials[day] for day, trial in plan)


def test_impossible_requests_are_refused():
    with pytest.raises(ConfigError, match="days_per_batch is 3, but 2 days have training trials"):
        DayBalancedSampler([5, 0, 5], days_per_batch=3)
    with pytest.raises(ConfigError, match="batch_size 2 is smaller"):
        DayBalancedSampler([5] * 4, batch_size=2, days_per_batch=4)
