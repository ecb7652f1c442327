from __future__ import annotations

import json
import os
import signal
import socket
import time
from dataclasses import replace

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.exceptions import RedisError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from monitor_process import running_monitor, wait_until
from neurolect.data.t15 import read_split
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.live_answers import Correction
from neurolect.online.live_input import Bins
from neurolect.online.live_streams import LiveStreams
from stand_in_decoder import StandInDecoder

SECRET = "correct horse battery"
OVER_THE_NETWORK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def valkey():
    with EmbeddedValkey() as running:
        yield running


@pytest.fixture(scope="module")
def decoder(valkey):
    decoder = StandInDecoder(valkey.server.client())
    decoder.status()
    return decoder


@pytest.fixture(scope="module")
def monitor(valkey, decoder):
    with running_monitor(valkey.socket) as running:
        yield running
        assert running.end(signal.SIGTERM) == 128 + signal.SIGTERM
        assert running.errors == ["neurolect: terminated\n"]


def browser(monitor, origin=None, **options):
    return connect(
        f"ws://{monitor.place}/live",
        origin=origin or f"http://{monitor.place}",
        max_size=None,
        compression=None,
        **options,
    )


def texts(connection, until, seconds=30.0):
    """JSON messages up to the first that `until` accepts."""
    received = []
    deadline = time.monotonic() + seconds
    while not received or not until(received[-1]):
        message = connection.recv(timeout=deadline - time.monotonic())
        if isinstance(message, str):
            received.append(json.loads(message))
    return received


def of_sentence(utterance):
    return lambda message: message["type"] == "sentence" and message["utterance"] == utterance


def post(monitor, path, body, **headers):
    headers = {"Origin": f"http://{monitor.place}", "Content-Type": "application/json", **headers}
    data = body if isinstance(body, bytes) else json.dumps(body)
    return requests.post(f"{monitor.url}{path}", data=data, headers=headers, timeout=30)


def test_a_browser_that_comes_late_is_told_what_was_said_and_corrected(monitor, decoder):
    sentence = decoder.utter("good morning", notes={"sentence": "the cue"})
    decoder.client.xadd(decoder.streams.corrections, Correction(sentence.utterance, "good evening", 0.0).to_fields())
    decoder.problem("something")

    def joined():
        with browser(monitor) as connection:
            return texts(connection, lambda message: message["type"] == "snapshot")[-1]

    told = wait_until(lambda: (told := joined())["problems"] and told)
    last = told["sentences"][-1]
    assert (last["text"], last["cue"], last["correction"]) == (sentence.text, "the cue", "good evening")
    assert told["status"]["session"] == "t15.2024.03.08"
    assert told["redis"]["connected"]


def test_a_sentence_goes_to_every_browser_and_its_correction_too(monitor, decoder):
    with browser(monitor) as one, browser(monitor) as other:
        sentence = decoder.utter("see you soon")
        for each in (one, other):
            assert texts(each, of_sentence(sentence.utterance))[-1]["text"] == sentence.text
        assert post(monitor, "corrections", {"utterance": sentence.utterance, "text": " see you  later\n"}).ok
        for each in (one, other):
            told = texts(each, lambda message: message["type"] == "correction")[-1]
            assert (told["utterance"], told["text"]) == (sentence.utterance, "see you later")
    _, fields = decoder.client.xrevrange(decoder.streams.corrections, count=1)[0]
    stored = Correction.from_fields(fields)
    assert (stored.utterance, stored.text) == (sentence.utterance, "see you later")
    assert abs(stored.sent - time.time()) < 60


def test_a_browser_that_does_not_read_loses_heat_maps_but_no_sentence(monitor, decoder):
    small = socket.create_connection(monitor.place.split(":"))
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    bins = np.zeros((500, 512), dtype=np.float32)
    sentence = decoder.utter("come in")
    settings = {"sock": small, "max_queue": 1, "ping_interval": None, "close_timeout": 0.1}
    with browser(monitor, **settings) as slow, browser(monitor) as quick:
        for number in range(30):
            decoder.client.xadd(decoder.streams.input, Bins(bins, number, "slow", 0.0).to_fields(), maxlen=50)
            for _ in range(12):
                decoder.utterance += 1
                fields = replace(sentence, utterance=decoder.utterance).to_fields()
                decoder.client.xadd(decoder.streams.sentences, fields)
            decoder.problem(f"problem {number}")
            while not isinstance(quick.recv(timeout=30), bytes):
                pass
        told, n_frames = [], 0
        while not any(each.get("text") == "problem 29" for each in told):
            message = slow.recv(timeout=30)
            n_frames += isinstance(message, bytes)
            told += [] if isinstance(message, bytes) else flat(json.loads(message))
    known = {each["utterance"] for each in told if each["type"] == "sentence"}
    assert {*range(decoder.utterance - 199, decoder.utterance + 1)} <= known
    assert {f"problem {number}" for number in range(30)} <= {each.get("text") for each in told}
    assert n_frames < 30


def flat(message):
    """A snapshot as the messages that it stands for."""
    return [*message["sentences"], *message["problems"]] if message["type"] == "snapshot" else [message]


def test_a_redis_that_dies_and_comes_back_is_told_and_nothing_is_missed(monitor, decoder):
    with browser(monitor) as connection:
        texts(connection, lambda message: message["type"] == "snapshot")
        os.kill(decoder.client.info("server")["process_id"], signal.SIGKILL)
        away = texts(connection, lambda message: message["type"] == "redis")[-1]
        assert not away["connected"]
        wait_until(lambda: _answers(decoder.client))
        sentence = decoder.utter("come in")
        back = texts(connection, lambda message: message["type"] == "snapshot" and message["redis"]["connected"])
        known = [each["utterance"] for each in back[-1]["sentences"]]
        if sentence.utterance not in known:
            texts(connection, of_sentence(sentence.utterance))
    assert post(monitor, "corrections", {"utterance": sentence.utterance, "text": "come in"}).ok


def _answers(client):
    try:
        return client.ping()
    except RedisError:
        return False


def test_only_the_pages_own_files_are_served_and_it_may_run_no_script_of_others(monitor):
    page = requests.get(monitor.url, timeout=30)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    for path in ("page.js", "style.css", "icon.svg"):
        assert requests.get(f"{monitor.url}{path}", timeout=30).ok
    for path in ("../application.py", "%2e%2e/application.py", "..%2fapplication.py", "application.py", "/etc/passwd"):
        assert requests.get(f"{monitor.url}{path}", timeout=30).status_code in (400, 404)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1", ""])
def test_a_page_from_elsewhere_is_refused(monitor, decoder, origin):
    with pytest.raises(InvalidStatus), connect(f"ws://{monitor.place}/live", origin=origin or None):
        pass
    before = decoder.client.xlen(decoder.streams.corrections)
    headers = {"Origin": origin} if origin else {"Origin": None}
    assert post(monitor, "corrections", {"utterance": 1, "text": "evil"}, **headers).status_code == 403
    assert decoder.client.xlen(decoder.streams.corrections) == before


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8050", "127.0.0.1.evil.example", "", "a b", "[::1"])
def test_a_name_that_was_pointed_here_is_refused(monitor, host):
    request = f"GET /session HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(monitor.place.split(":")) as raw:
        raw.sendall(request.encode())
        assert raw.makefile("rb").readline().split()[1] in (b"400", b"403")


def test_a_name_that_was_pointed_here_gets_no_websocket_though_its_page_has_the_same_name(monitor):
    port = monitor.place.split(":")[1]
    with (
        socket.create_connection(monitor.place.split(":")) as raw,
        pytest.raises(InvalidStatus),
        connect(f"ws://evil.example:{port}/live", origin=f"http://evil.example:{port}", sock=raw),
    ):
        pass


def test_a_correction_of_nothing_or_by_no_page_is_refused(monitor, decoder):
    decoder.utter("good morning")
    for body, status in [
        ({"utterance": 999_999, "text": "a"}, 404),
        ({"utterance": True, "text": "a"}, 404),
        ({"utterance": decoder.utterance, "text": None}, 422),
        ({"utterance": decoder.utterance, "text": "a\0b"}, 422),
        ({"utterance": decoder.utterance, "text": "x" * 2001}, 422),
        ({"utterance": decoder.utterance, "text": 1}, 422),
        ({"utterance": decoder.utterance, "text": "\ud800"}, 422),
        (b"{", 400),
        (b"[]", 400),
        (b"[" * 60_000, 400),
        (b"x" * 100_000, 413),
    ]:
        wait_until(lambda: _knows(monitor, decoder.utterance))
        assert post(monitor, "corrections", body).status_code == status
    form = {"Content-Type": "text/plain"}
    assert post(monitor, "corrections", {"utterance": decoder.utterance, "text": "a"}, **form).status_code == 415


def _knows(monitor, utterance):
    with browser(monitor) as connection:
        told = texts(connection, lambda message: message["type"] == "snapshot")[-1]
        return utterance in [each["utterance"] for each in told["sentences"]]


def test_without_recordings_there_is_no_export(monitor):
    assert post(monitor, "export", {}).status_code == 404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["utterance", "text", "token"]), inner),
)


@OVER_THE_NETWORK
@given(body=JSON | st.binary(max_size=300), path=st.sampled_from(["corrections", "sign-in", "export"]))
def test_no_request_is_answered_by_a_fault(monitor, body, path):
    assert post(monitor, path, body).status_code in (200, 400, 404, 422)


@OVER_THE_NETWORK
@given(messages=st.lists(st.text(max_size=200) | st.binary(max_size=200) | st.sampled_from(["x" * 70_000]), max_size=5))
def test_no_websocket_message_does_anything(monitor, messages):
    try:
        with browser(monitor) as connection:
            for message in messages:
                connection.send(message)
    except ConnectionClosed:
        assert any(len(message) > 65_536 for message in messages)
    assert requests.get(f"{monitor.url}session", timeout=30).json() == {"signed_in": True}


@OVER_THE_NETWORK
@given(garbage=st.binary(min_size=1, max_size=200))
def test_no_bytes_instead_of_websocket_frames_end_it(monitor, garbage):
    request = (
        f"GET /live HTTP/1.1\r\nHost: {monitor.place}\r\nOrigin: http://{monitor.place}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(monitor.place.split(":")) as raw:
        raw.sendall(request.encode())
        assert raw.recv(20).startswith(b"HTTP/1.1 101")
        raw.sendall(garbage)
    assert requests.get(f"{monitor.url}session", timeout=30).ok


def test_with_a_token_nothing_is_seen_before_it_is_given(valkey, decoder):
    with running_monitor(valkey.socket, "--token_env", "SECRET", environment={"SECRET": SECRET}) as monitor:
        assert requests.get(f"{monitor.url}session", timeout=30).json() == {"signed_in": False}
        with pytest.raises(InvalidStatus), browser(monitor):
            pass
        assert post(monitor, "corrections", {"utterance": 1, "text": "a"}).status_code == 403
        assert post(monitor, "sign-in", {"token": SECRET[:-1]}).status_code == 403
        assert post(monitor, "sign-in", {"token": "\ud800"}).status_code == 403
        given_token = post(monitor, "sign-in", {"token": SECRET})
        cookie = given_token.headers["Set-Cookie"]
        assert given_token.ok
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert SECRET not in cookie
        cookie = cookie.partition(";")[0]
        with browser(monitor, additional_headers={"Cookie": cookie}) as connection:
            assert texts(connection, lambda message: message["type"] == "snapshot")
        with pytest.raises(InvalidStatus), browser(monitor, additional_headers={"Cookie": cookie[:-1]}):
            pass


@pytest.mark.parametrize("recordings", ["", "."])
def test_the_page_exports_what_was_recorded_and_corrected(valkey, tmp_path, monkeypatch, recordings):
    recording = pytest.importorskip("neurolect.online.recording")
    client = valkey.server.client()
    decoder = StandInDecoder(client, LiveStreams(f"export{recordings}:"))
    decoder.status()
    recorder = recording.Recorder(client, decoder.streams, tmp_path / "kept")
    kept = tmp_path / "kept"
    monkeypatch.chdir(kept)
    with running_monitor(
        valkey.socket, "--prefix", decoder.streams.prefix, "--recordings", recordings or str(kept)
    ) as monitor:
        utterance = decoder.utter("good morning").utterance
        wait_until(lambda: _knows(monitor, utterance))
        recorder.step(0)
        nothing_yet = post(monitor, "export", {})
        assert nothing_yet.status_code == 422
        assert "no utterance that a person corrected" in nothing_yet.json()["said"]
        assert post(monitor, "corrections", {"utterance": utterance, "text": "good evening"}).ok
        recorder.step(0)
        assert post(monitor, "export", {}).json() == {"trials": 1, "folder": f"{kept}-t15"}
    (path,) = (tmp_path / "kept-t15").glob("*/data_train.hdf5")
    assert [trial.sentence for trial in read_split(path)] == ["good evening"]
