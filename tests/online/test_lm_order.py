from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from neurolect.online.lm_order import KINDS, Request, in_order

NOW = 10**13


def read(*ids: str) -> dict:
    """`input 5-0` … → requests of each stream, in their order."""
    found: dict = {}
    for each in ids:
        kind, entry = each.split()
        found.setdefault(kind, []).append(Request(kind, entry, {}))
    return found


def order(requests: list[Request]) -> list[str]:
    return [f"{each.kind} {each.id}" for each in requests]


def test_requests_are_taken_in_the_order_in_which_they_were_written():
    requests = read("reset 3-0", "reset 9-0", "input 1-0", "input 4-0", "input 10-0", "finalize 2-0", "update 9-1")
    assert order(in_order(requests, hears=False, now=NOW)) == [
        "input 1-0", "finalize 2-0", "reset 3-0", "input 4-0", "reset 9-0", "update 9-1", "input 10-0",
    ]  # fmt: skip


def test_within_a_millisecond_an_utterance_is_reset_heard_and_ended():
    requests = read("finalize 5-0", "input 5-0", "input 5-1", "update 5-0", "reset 5-0")
    expected = ["reset 5-0", "update 5-0", "input 5-0", "input 5-1", "finalize 5-0"]
    assert order(in_order(requests, hears=False, now=NOW)) == expected
    assert order(in_order(requests, hears=True, now=NOW)) == expected


def test_an_utterance_that_was_heard_is_ended_before_the_reset_of_the_same_millisecond():
    requests = read("finalize 5-0", "reset 5-0", "input 4-0")
    ended_first = ["input 4-0", "finalize 5-0", "reset 5-0"]
    assert order(in_order(requests, hears=False, now=NOW)) == ended_first
    heard_nothing = read("finalize 5-0", "reset 5-0")
    assert order(in_order(heard_nothing, hears=True, now=NOW)) == ended_first[1:]
    assert order(in_order(heard_nothing, hears=False, now=NOW)) == ["reset 5-0", "finalize 5-0"]


def test_what_may_be_behind_something_unread_waits():
    requests = read("input 1-0", "input 5-0", "finalize 3-0", "finalize 9-0", "reset 5-0")
    taken = in_order(requests, hears=False, now=NOW, has_more=["input"])
    assert order(taken) == ["input 1-0", "finalize 3-0", "reset 5-0", "input 5-0"]


def test_ids_ahead_of_the_clock_are_taken_as_of_one_moment():
    requests = read("input 900-0", "finalize 5-0")
    assert order(in_order(requests, hears=True, now=10)) == ["input 900-0", "finalize 5-0"]
    assert order(in_order(requests, hears=True, now=10, has_more=["input"])) == ["input 900-0"]


IDS = st.tuples(st.integers(1, 6), st.integers(0, 3))


@given(
    st.fixed_dictionaries({kind: st.lists(IDS, unique=True, max_size=5) for kind in KINDS}),
    st.booleans(),
    st.integers(0, 8),
    st.sets(st.sampled_from(KINDS)),
)
def test_each_stream_keeps_its_own_order_and_something_is_always_taken(streams, hears, now, more):
    requests = {
        kind: [Request(kind, f"{ms}-{number}", {}) for ms, number in sorted(ids)]
        for kind, ids in streams.items()
        if ids
    }
    taken = in_order(requests, hears, now, more & requests.keys())
    assert bool(taken) == bool(requests)
    for kind, all_of_it in requests.items():
        mine = [each for each in taken if each.kind == kind]
        assert mine == all_of_it[: len(mine)]
        assert more or mine == all_of_it
