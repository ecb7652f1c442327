from __future__ import annotations

import json
import os
import re
import signal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.exceptions import RedisError

from monitor_process import wait_until
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.live_answers import Correction
from neurolect.online.live_streams import LiveStreams
from neurolect.online.monitor.feed import Feed
from neurolect.online.monitor.hub import Hub
from neurolect.online.monitor.outbox import Outgoing
from stand_in_decoder import StandInDecoder


@pytest.fixture(scope="module")
def valkey():
    with EmbeddedValkey() as running:
        yield running


@pytest.fixture
def decoder(valkey, request):
    return StandInDecoder(valkey.server.client(), LiveStreams(f"{request.node.name}:"))


@pytest.fixture
def feed(valkey, decoder):
    return Feed(valkey.server.client(), decoder.streams, lambda said: None)


def told(said, kind):
    everything = [each for message in said for each in _inside(message)]
    return [each for each in everything if isinstance(each, dict) and each["type"] == kind]


def _inside(message):
    return message["messages"] if isinstance(message, dict) and message["type"] == "all" else [message]


def frames(said, kind):
    return [each.payload for each in said if isinstance(each, Outgoing) and each.kind == kind]


def test_what_is_said_is_told_once_and_in_its_order(feed, decoder):
    decoder.status()
    decoder.utter("good morning")
    before = feed.everything()
    decoder.utter("see you soon")
    after = feed.news()
    assert [each["text"] for each in told(before, "sentence")] == ["good morning"]
    assert [each["text"] for each in told(after, "sentence")] == ["see you soon"]
    assert frames(after, "features")
    assert frames(after, "phonemes")
    assert feed.news() == []


def test_more_sentences_than_are_read_at_once_are_all_told(feed, decoder):
    feed.everything()
    for number in range(450):
        decoder.client.xadd(decoder.streams.sentences, decoder.utter(f"{number}", finish=False).to_fields())
    read = [each["text"] for _ in range(3) for each in told(feed.news(), "sentence")]
    assert read == [f"{number}" for number in range(450)]


def test_entries_that_nobody_should_have_written_are_problems_and_the_others_are_told(feed, decoder):
    decoder.status()
    feed.everything()
    client, streams = decoder.client, decoder.streams
    client.xadd(streams.sentences, {"sentence": b'{"utterance": 1, "text"'})
    client.xadd(streams.sentences, {"nonsense": b"\xff\xfe"})
    client.xadd(streams.corrections, {"utterance": "one", "text": "a", "sent": "now"})
    client.xadd(streams.problems, {"text": b"\xff"})
    client.xadd(streams.phonemes, {"frames": 3, "classes": 41, "probabilities": b"12"})
    client.xadd(streams.partials, {"partial": "[]"})
    client.xadd(streams.input, {"features": b"123", "first": 0, "source": "x"})
    client.xadd(streams.input, {"event": "explode"})
    sentence = decoder.utter("good morning")
    said = feed.news()
    assert [each["text"] for each in told(said, "sentence")] == [sentence.text]
    problems = [each["text"] for each in told(said, "problem")]
    assert len(problems) == 5
    assert all(re.search(r"\d+-\d+: ", each) for each in problems)
    assert frames(said, "features")


@pytest.mark.parametrize("kind", ["status", "input", "phonemes", "partials", "sentences", "corrections", "problems"])
def test_a_key_of_another_type_hides_only_itself(feed, decoder, kind):
    decoder.status()
    decoder.utter("good morning")
    decoder.client.delete(getattr(decoder.streams, kind))
    decoder.client.sadd(getattr(decoder.streams, kind), "member")
    said = feed.everything()
    assert len(told(said, "sentence")) == (kind != "sentences")
    assert len(told(said, "status")) == (kind != "status")


@pytest.mark.parametrize("last", [f"5-{2**64 - 1}", f"{2**64 - 2}-{2**64 - 1}"])
def test_after_the_strangest_entry_id_the_reader_goes_on(feed, decoder, last):
    decoder.client.xadd(decoder.streams.sentences, decoder.utter("good morning", finish=False).to_fields(), id=last)
    assert len(told(feed.everything(), "sentence")) == 1
    decoder.client.xadd(decoder.streams.sentences, decoder.utter("good morning", finish=False).to_fields())
    assert len(told(feed.news(), "sentence")) == 1
    assert feed.news() == []


def test_behind_the_last_id_there_is_nothing_comes_and_the_other_streams_are_read(feed, decoder):
    last = f"{2**64 - 1}-{2**64 - 1}"
    decoder.client.xadd(decoder.streams.sentences, decoder.utter("good morning", finish=False).to_fields(), id=last)
    assert len(told(feed.everything(), "sentence")) == 1
    decoder.problem("something")
    assert [each["text"] for each in told(feed.news(), "problem")] == ["something"]


def test_a_status_that_is_no_json_is_a_problem_and_the_next_one_is_shown(feed, decoder):
    decoder.client.set(decoder.streams.status, b"{'")
    assert len(told(feed.everything(), "problem")) == 1
    assert told(feed.news(), "problem") == []
    decoder.status()
    assert len(told(feed.news(), "status")) == 1


FIELDS = "sentence partial utterance text part sent features event first frames classes probabilities first_frame"
ANY_FIELDS = st.dictionaries(
    st.sampled_from(FIELDS.split()),
    st.binary(max_size=40) | st.integers().map(lambda number: str(number).encode()),
    min_size=1,
)
STREAMS = ["input", "phonemes", "partials", "sentences", "corrections", "problems"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(st.tuples(st.sampled_from(STREAMS), ANY_FIELDS), max_size=8))
def test_no_entry_of_any_stream_ends_the_reader(feed, decoder, entries):
    decoder.status()
    feed.everything()
    for stream, fields in entries:
        decoder.client.xadd(getattr(decoder.streams, stream), fields)
    hub = Hub()
    hub.take(feed.news())
    hub.take(feed.everything())
    assert json.loads(hub.snapshot())["redis"]["connected"]


def test_after_the_server_died_everything_is_told_again(feed, decoder):
    decoder.utter("good morning")
    feed.everything()
    os.kill(decoder.client.info("server")["process_id"], signal.SIGKILL)
    with pytest.raises(RedisError):
        feed.news()
    wait_until(lambda: _answers(decoder.client))
    decoder.utter("see you soon")
    decoder.client.xadd(decoder.streams.corrections, Correction(1, "good evening", 0.0).to_fields())
    said = feed.everything()
    assert [each["text"] for each in told(said, "sentence")] == ["good morning", "see you soon"]
    assert [each["text"] for each in told(said, "correction")] == ["good evening"]


def _answers(client):
    try:
        return client.ping()
    except RedisError:
        return False
