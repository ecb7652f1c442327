from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from neurolect.errors import ConfigError, DataError
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.live_answers import Problem
from neurolect.online.live_input import MAX_ENTRY_BYTES, Bins, Event, read_input
from neurolect.online.live_numbers import admitted
from neurolect.online.live_streams import LiveStreams
from neurolect.online.redis_server import RedisServer
from neurolect.online.sender import Sender

STREAMS = LiveStreams("sender-test:")


@pytest.fixture
def valkey():
    with EmbeddedValkey() as valkey:
        yield valkey


@pytest.fixture
def client(valkey):
    return valkey.server.client()


def received(client, n_features=3):
    return [read_input(fields, n_features) for _, fields in client.xrange(STREAMS.input)]


def bins_of(entries):
    return np.concatenate([each.features for each in entries if isinstance(each, Bins)])


def numbered(start, stop):
    return np.repeat(np.arange(start, stop, dtype=np.float32)[:, None], 3, axis=1)


def wait_until(true, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(client):
    os.kill(client.info("server")["process_id"], signal.SIGKILL)


def test_an_event_of_no_kind_is_refused_where_it_is_told(client):
    with Sender(client, STREAMS) as sender, pytest.raises(DataError, match="event 'utterance_begin' is none of utter"):
        sender.tell("utterance_begin")
    assert not client.exists(STREAMS.input)


def test_bins_are_numbered_and_events_stand_between_them(client):
    with Sender(client, STREAMS, "one") as sender:
        sender.tell("utterance_start", '{"trial": 1}')
        sender.send(numbered(0, 2))
        sender.send(numbered(2, 3))
        sender.tell("utterance_end")
        assert sender.bins == 3
    start, first, second, end = received(client)
    assert isinstance(start, Event)
    assert (start.kind, start.value, end.kind) == ("utterance_start", '{"trial": 1}', "utterance_end")
    assert [(each.first, len(each.features)) for each in (first, second)] == [(0, 2), (2, 1)]
    assert first.source == second.source == sender.source
    assert sender.source.startswith("one-")
    assert np.array_equal(bins_of([first, second]), numbered(0, 3))
    assert client.keys("sender-test:*") == [b"sender-test:input"]


def test_every_sender_without_a_name_is_a_source_of_its_own(client):
    names = {Sender(client, STREAMS).source for _ in range(20)}
    assert len(names) == 20


def test_features_longer_than_an_entry_go_into_several(client):
    n_bins = MAX_ENTRY_BYTES // 2048 + 5
    features = np.arange(n_bins * 512, dtype=np.float32).reshape(n_bins, 512)
    Sender(client, STREAMS).send(features)
    first, second = received(client, 512)
    assert second.first == len(first.features) == n_bins - 5
    assert np.array_equal(bins_of([first, second]), features)


@pytest.mark.parametrize("features", [np.zeros(3, np.float32), np.zeros((2, 0), np.float32)])
def test_what_are_no_bins_is_refused(client, features):
    with pytest.raises(DataError, match="shape"):
        Sender(client, STREAMS).send(features)


def test_a_server_that_is_killed_again_and_again_has_everything_once_and_in_order(valkey, client):
    said = []
    sender = Sender(client, STREAMS, say=said.append)
    done = threading.Event()

    def send():
        for n in range(1500):
            sender.send(numbered(n, n + 1))
            if n % 100 == 0:
                sender.tell("block", str(n))
        done.set()

    sending = threading.Thread(target=send)
    sending.start()
    other = valkey.server.client()
    from redis.exceptions import RedisError

    killed = 0
    while not done.is_set() and killed < 4:
        try:
            if other.xlen(STREAMS.input) >= 300 * (killed + 1):
                kill(other)
                killed += 1
        except RedisError:
            time.sleep(0.01)
    sending.join(60)
    assert done.is_set()
    entries = received(client)
    assert killed >= 2
    assert np.array_equal(bins_of(entries), numbered(0, 1500))
    assert [each.value for each in entries if isinstance(each, Event)] == [str(n) for n in range(0, 1500, 100)]
    order = [each.first if isinstance(each, Bins) else int(each.value) for each in entries]
    assert order == sorted(order)
    assert sum("waiting for Redis" in line for line in said) == sum("answers again" in line for line in said) >= 1


def test_what_a_server_forgot_that_it_had_acknowledged_is_sent_again(client):
    sender = Sender(client, STREAMS, "forgotten")
    for n in range(10):
        sender.send(numbered(n, n + 1))
    # As after a power failure: the file that the server reads at its start ends a little earlier.
    for entry, _ in client.xrevrange(STREAMS.input, count=4):
        client.xdel(STREAMS.input, entry)
    client.set("sender-test:sent:forgotten", f"6 6 {sender.source}")
    kill(client)
    sender.send(numbered(10, 11))
    entries = received(client)
    assert [each.first for each in entries] == list(range(11))
    assert np.array_equal(bins_of(entries), numbered(0, 11))


def test_a_source_that_was_not_closed_is_gone_on_with(client):
    Sender(client, STREAMS, "lab").send(numbered(0, 4))
    again = Sender(client, STREAMS, "lab")
    assert again.bins == 4
    again.send(numbered(4, 6))
    assert [each.first for each in received(client)] == [0, 4]
    assert len({each.source for each in received(client)}) == 1


def test_a_name_whose_recording_was_closed_begins_another_which_no_decoder_takes_for_the_first(client):
    numbers, heard = {}, []
    for begin in (0, 10):
        with Sender(client, STREAMS, "my lab") as sender:
            assert sender.bins == 0
            sender.send(numbered(begin, begin + 4))
    for bins in received(client):
        first, numbers, said = admitted(numbers, bins)
        assert not said
        heard.append(first)
    assert heard == [0, 0]


def test_a_full_stream_is_said_and_waited_for_and_nothing_is_dropped(valkey, client):
    said = []
    sender = Sender(client, STREAMS, say=said.append, max_entries=20)
    taken = []

    def send():
        for n in range(60):
            sender.send(numbered(n, n + 1))

    sending = threading.Thread(target=send)
    sending.start()
    wait_until(lambda: said)
    assert client.xlen(STREAMS.input) == 21
    [(_, problem)] = client.xrange(STREAMS.problems)
    assert Problem.from_fields(problem).text == said[0]
    assert "21 entries" in said[0]
    reader = valkey.server.client()
    while sending.is_alive():
        entries = reader.xrange(STREAMS.input, count=8)
        taken += entries
        if entries:
            reader.xdel(STREAMS.input, *(entry for entry, _ in entries))
        assert len(entries) <= 21
    sending.join()
    taken += reader.xrange(STREAMS.input)
    assert [read_input(fields, 3).first for _, fields in taken] == list(range(60))
    assert "there is room in the input stream again" in said


def test_a_server_that_refuses_for_good_is_an_error_and_not_waited_for(client):
    sender = Sender(client, STREAMS)
    client.set(STREAMS.input, "no stream")
    with pytest.raises(ConfigError, match="WRONGTYPE"):
        sender.send(numbered(0, 1))


def test_a_server_whose_password_changes_is_an_error(valkey, client):
    sender = Sender(client, STREAMS)
    sender.send(numbered(0, 1))
    valkey.server.client().config_set("requirepass", "carp")
    client.connection_pool.disconnect()
    with pytest.raises(ConfigError, match=r"(?i)auth"):
        sender.send(numbered(1, 2))


def test_a_server_that_is_not_there_yet_is_waited_for(tmp_path):
    socket = tmp_path / "valkey.sock"
    said, senders = [], []

    def begin():
        senders.append(Sender(RedisServer(unix_socket=socket).client(), STREAMS, "early", said.append))

    beginning = threading.Thread(target=begin)
    beginning.start()
    wait_until(lambda: said)
    assert not senders
    with EmbeddedValkey(tmp_path) as valkey:
        beginning.join(30)
        senders[0].send(numbered(0, 1))
        assert len(received(valkey.server.client())) == 1
