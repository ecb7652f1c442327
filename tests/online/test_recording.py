from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
from redis.exceptions import ConnectionError

from neurolect.commands.main import main
from neurolect.errors import ConfigError
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.live_answers import Correction, Problem, Sentence
from neurolect.online.live_input import Bins
from neurolect.online.live_service import recording
from neurolect.online.live_streams import RECORDER, LiveStreams
from neurolect.online.recorded_trials import read_recorded, recorded_files
from neurolect.online.recording import Recorder

STREAMS = LiveStreams("recording-test:")
N_FEATURES = 4


@pytest.fixture(scope="module")
def server():
    with EmbeddedValkey() as valkey:
        yield valkey.server


@pytest.fixture
def client(server):
    client = server.client()
    client.set(STREAMS.status, json.dumps({"n_features": N_FEATURES, "simulated": True}))
    yield client
    client.flushall()


class Speaker:
    """Sends utterances and the sentences that a decoder would answer, of any source."""

    def __init__(self, client, source="source"):
        self.client, self.source, self.bins, self.utterance = client, source, 0, 0
        self.rng = np.random.default_rng(0)

    def say(self, text, n_bins=30, block=4, before=0, after=0, **fields):
        """Entries of `block` bins; of the first and last, some bins are before and after the utterance."""
        features = self.rng.standard_normal((before + n_bins + after, N_FEATURES), dtype=np.float32)
        first_bin = self.bins + before
        entries = [
            self.client.xadd(
                STREAMS.input, Bins(features[at : at + block], self.bins + at, self.source, 0.0).to_fields()
            )
            for at in range(0, len(features), block)
        ]
        self.bins += len(features)
        self.utterance += 1
        sentence = Sentence(
            self.utterance, text, (), ((text, -1.0),), -1.0, "t99.2030.01.05", 3, "event", n_bins, n_bins // 4,
            first_bin, self.source, entries[0].decode(), entries[-1].decode(), "", {"trial": self.utterance}, (), 2.0,
        )  # fmt: skip
        sentence = Sentence(**{**sentence.__dict__, **fields})
        self.client.xadd(STREAMS.sentences, sentence.to_fields())
        return sentence, features[before : before + n_bins]


def correct(client, utterance, text):
    client.xadd(STREAMS.corrections, Correction(utterance, text, 5.0).to_fields())


def problems(client):
    return [Problem.from_fields(fields) for _, fields in client.xrange(STREAMS.problems)]


def unacknowledged(client):
    [group] = client.xinfo_groups(STREAMS.sentences)
    return group["pending"] + (group["lag"] or 0)


def recorded(folder):
    return [read_recorded(path) for path in recorded_files(folder)]


def wait_until(true, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for_files(folder, least):
    wait_until(lambda: len(recorded_files(folder)) >= least)


@pytest.mark.parametrize(("block", "before", "after"), [(1, 0, 0), (4, 3, 1), (100, 20, 7), (7, 5, 30)])
def test_an_utterance_is_kept_with_just_its_bins_however_they_were_sent(client, tmp_path, block, before, after):
    sentence, features = Speaker(client).say("good morning", 30, block, before, after)
    assert Recorder(client, STREAMS, tmp_path).step(0) == 1
    [kept] = recorded(tmp_path)
    assert kept.sentence == sentence
    assert np.array_equal(kept.features, features)
    assert kept.features.dtype == np.float32
    assert kept.simulated
    assert kept.complete
    assert not kept.corrections
    assert unacknowledged(client) == 0
    assert not problems(client)


@pytest.mark.parametrize(
    ("trained", "notes", "simulated"),
    [
        (False, {"simulated": True}, True),
        (True, {}, True),
        (False, {}, False),
        (False, {"simulated": "no"}, False),
        (False, [], False),
    ],
)
def test_what_the_decoder_or_the_sender_says_is_simulated_is_kept_as_such(client, tmp_path, trained, notes, simulated):
    client.set(STREAMS.status, json.dumps({"n_features": N_FEATURES, "simulated": trained}))
    Speaker(client).say("good morning", notes=notes)
    Recorder(client, STREAMS, tmp_path).step(0)
    assert [each.simulated for each in recorded(tmp_path)] == [simulated]


def test_what_was_sent_twice_what_others_sent_and_what_the_decoder_refused_is_not_kept(client, tmp_path):
    sent = np.arange(40, dtype=np.float32).reshape(10, N_FEATURES)
    spoiled = sent.copy()
    spoiled[5, 2] = np.nan
    entries = [
        client.xadd(STREAMS.input, fields)
        for fields in (
            Bins(sent[:3], 0, "mine", 0.0).to_fields(),
            Bins(sent[:3], 0, "mine", 0.0).to_fields(),
            Bins(sent[2:5] + 1000, 0, "theirs", 0.0).to_fields(),
            Bins(sent[2:5], 2, "mine", 0.0).to_fields(),
            Bins(spoiled[5:7], 5, "mine", 0.0).to_fields(),
            {"event": "block", "value": "3"},
            {"features": b"half", "first": "5", "source": "mine"},
            {"nothing": "of use"},
            Bins(sent[5:], 5, "mine", 0.0).to_fields(),
        )
    ]
    speaker = Speaker(client, "mine")
    speaker.bins = 100
    speaker.say(
        "x",
        n_bins=1,
        n_frames=2,
        **{"first_bin": 0, "first_input": entries[0].decode(), "last_input": entries[-1].decode()},
    )
    recorder = Recorder(client, STREAMS, tmp_path)
    recorder.step(0)
    [kept] = recorded(tmp_path)
    assert np.array_equal(kept.features, sent[:1])
    ten = Speaker(client, "mine")
    ten.utterance, ten.bins = 1, 200
    fields = {"first_bin": 0, "first_input": entries[0].decode(), "last_input": entries[-1].decode(), "n_bins": 10}
    client.xadd(STREAMS.sentences, Sentence(**{**kept.sentence.__dict__, "utterance": 2, **fields}).to_fields())
    recorder.step(0)
    assert np.array_equal(recorded(tmp_path)[1].features, sent)


def test_a_correction_is_stored_with_its_utterance_and_once(client, tmp_path):
    speaker = Speaker(client)
    speaker.say("god morning")
    speaker.say("see you")
    correct(client, 1, "good morning")
    recorder = Recorder(client, STREAMS, tmp_path)
    recorder.step(0)
    assert [each.label for each in recorded(tmp_path)] == ["good morning", None]
    correct(client, 1, "good mourning")
    correct(client, 2, "see you")
    recorder.step(0)
    assert [each.label for each in recorded(tmp_path)] == ["good mourning", "see you"]
    # As a recorder that was killed before it acknowledged: everything comes again.
    client.xgroup_setid(STREAMS.corrections, RECORDER, "0")
    Recorder(client, STREAMS, tmp_path).step(0)
    assert [[each.text for each in trial.corrections] for trial in recorded(tmp_path)] == [
        ["good morning", "good mourning"],
        ["see you"],
    ]
    assert not problems(client)


def test_utterances_of_other_servers_and_sources_with_the_same_number_are_kept_apart(client, tmp_path):
    for source in ("lab", "../../elsewhere", "x" * 300, "ü/\\\0"):
        client.delete(STREAMS.input, STREAMS.sentences, STREAMS.corrections)
        Speaker(client, source).say(source)
        correct(client, 1, "newest")
        assert Recorder(client, STREAMS, tmp_path / "recorded").step(0) == 1
    assert {each.sentence.source for each in recorded(tmp_path / "recorded")} == {
        "lab", "../../elsewhere", "x" * 300, "ü/\\\0"
    }  # fmt: skip
    assert [each.label for each in recorded(tmp_path / "recorded")] == ["newest"] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["recorded"]


def test_what_is_no_sentence_and_no_correction_is_said_and_passed_over(client, tmp_path):
    client.xadd(STREAMS.sentences, {"sentence": "{}"})
    client.xadd(STREAMS.sentences, {"other": b"\xff"})
    speaker = Speaker(client)
    speaker.say("evil", first_input="../../evil")
    speaker.say("evil", last_input="+ COUNT 1")
    speaker.say("evil", first_bin="many")
    client.xadd(STREAMS.corrections, {"utterance": "one", "text": "x", "sent": "0"})
    client.xadd(STREAMS.corrections, {"utterance": "1", "text": b"\xff" * 100_000, "sent": "0"})
    correct(client, 77, "of nothing")
    speaker.say("good")
    assert Recorder(client, STREAMS, tmp_path).step(0) == 1
    assert [each.sentence.text for each in recorded(tmp_path)] == ["good"]
    assert unacknowledged(client) == 0
    assert len(problems(client)) == 8
    assert max(len(each.text) for each in problems(client)) < 300
    assert {each.part for each in problems(client)} == {"recorder"}
    assert "utterance 77 was corrected" in problems(client)[-1].text


def test_utterances_whose_bins_are_gone_are_said_in_one_line(client, tmp_path):
    speaker = Speaker(client)
    for _ in range(5):
        speaker.say("too early")
    client.xtrim(STREAMS.input, maxlen=0)
    speaker.say("in time")
    assert Recorder(client, STREAMS, tmp_path).step(0) == 1
    [problem] = problems(client)
    assert "utterances 1 to 5, 5 in all, are not recorded" in problem.text
    assert unacknowledged(client) == 0


def test_an_utterance_that_lacks_bins_is_kept_and_said_to_be_incomplete(client, tmp_path):
    _, features = Speaker(client).say("cut", 30, block=10)
    client.xtrim(STREAMS.input, maxlen=2, approximate=False)
    Recorder(client, STREAMS, tmp_path).step(0)
    [kept] = recorded(tmp_path)
    assert not kept.complete
    assert np.array_equal(kept.features, features[10:])
    assert "20 of 30 bins" in problems(client)[0].text


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("command", ["xreadgroup", "xack"])
def test_a_connection_lost_at_any_point_leaves_no_utterance_behind(client, tmp_path, monkeypatch, command, answered):
    recorder = Recorder(client, STREAMS, tmp_path)
    recorder.step(0)
    speaker = Speaker(client)
    for _ in range(3):
        speaker.say("here")
    correct(client, 2, "there")
    done = getattr(client, command)

    def once(*arguments, **named):
        monkeypatch.undo()
        if answered:
            done(*arguments, **named)
        raise ConnectionError("lost")

    monkeypatch.setattr(client, command, once)
    with pytest.raises(ConnectionError):
        recorder.step(0)
    recorder.step(0)
    assert [each.label for each in recorded(tmp_path)] == [None, "there", None]
    assert unacknowledged(client) == 0
    assert not problems(client)


@pytest.mark.parametrize("status", ["no JSON", "[1]", '{"n_features": "many"}', '{"n_features": 0}'])
def test_a_status_that_tells_no_number_of_features_is_as_none(client, tmp_path, status):
    client.set(STREAMS.status, status)
    Speaker(client).say("early")
    recorder = Recorder(client, STREAMS, tmp_path)
    assert recorder.step(0) == 0
    assert "waits for a decoder" in problems(client)[0].text
    client.set(STREAMS.status, json.dumps({"n_features": N_FEATURES}))
    assert recorder.step(0) == 1


def test_a_correction_of_what_is_gone_is_not_stored_with_another_utterance_of_its_number(client, tmp_path):
    Speaker(client, "earlier").say("good morning")
    Recorder(client, STREAMS, tmp_path).step(0)
    client.delete(STREAMS.input, STREAMS.sentences)
    Speaker(client, "later").say("see you")
    client.xtrim(STREAMS.input, maxlen=0)
    correct(client, 1, "see you")
    Recorder(client, STREAMS, tmp_path).step(0)
    assert [(each.sentence.text, each.label) for each in recorded(tmp_path)] == [("good morning", None)]
    assert "utterance 1 was corrected, but is not recorded" in problems(client)[-1].text


def test_without_a_decoder_utterances_wait(client, tmp_path):
    client.delete(STREAMS.status)
    Speaker(client).say("early")
    recorder = Recorder(client, STREAMS, tmp_path)
    assert recorder.step(0) == recorder.step(0) == 0
    assert len(problems(client)) == 1
    client.set(STREAMS.status, json.dumps({"n_features": N_FEATURES}))
    assert recorder.step(0) == 1
    assert unacknowledged(client) == 0


def test_an_utterance_of_an_earlier_decoder_with_other_features_is_kept(client, tmp_path):
    _, features = Speaker(client).say("earlier", 30, block=7, before=3)
    client.set(STREAMS.status, json.dumps({"n_features": 512}))
    assert Recorder(client, STREAMS, tmp_path).step(0) == 1
    [kept] = recorded(tmp_path)
    assert np.array_equal(kept.features, features)


@pytest.fixture(params=["full disk", "no room for a file"])
def narrow(request, tmp_path):
    """A folder, and how to leave no room in it and to make some: a disk of its own, or a limit of this process."""
    if request.param == "full disk":
        if subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], capture_output=True
        ).returncode:
            pytest.skip("only root can mount a small disk")

        def fill(full):
            filler = tmp_path / "filler"
            filler.unlink(missing_ok=True)
            if full:
                with suppress(OSError), filler.open("wb", buffering=0) as file:
                    while file.write(bytes(4096)):
                        pass

        yield tmp_path / "recorded", fill
        subprocess.run(["umount", tmp_path], check=True)
    else:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        yield (
            tmp_path / "recorded",
            lambda full: resource.setrlimit(resource.RLIMIT_FSIZE, (100 if full else before[0], before[1])),
        )
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_once_and_utterances_and_corrections_wait_for_room(client, narrow):
    folder, fill = narrow
    said = []
    recorder = Recorder(client, STREAMS, folder, said.append)
    speaker = Speaker(client)
    speaker.say("before")
    assert recorder.step(0) == 1
    fill(True)
    kept = [speaker.say("during") for _ in range(3)]
    correct(client, 1, "corrected before")
    correct(client, 3, "corrected")
    for _ in range(3):
        assert recorder.step(0) == 0
    assert len(recorded(folder)) == 1
    assert not [path for path in folder.iterdir() if path.suffix != ".hdf5"]
    assert len(problems(client)) == len(said) == 1
    assert "waits in the stream" in said[0]
    assert unacknowledged(client) == 3
    fill(False)
    assert recorder.step(0) == 3
    assert unacknowledged(client) == 0
    assert [each.label for each in recorded(folder)] == ["corrected before", None, "corrected", None]
    assert all(
        np.array_equal(each.features, features) for each, (_, features) in zip(recorded(folder)[1:], kept, strict=True)
    )
    assert said[-1] == "recorder: goes on"


def test_recorders_that_are_killed_at_any_point_lose_nothing_and_keep_nothing_twice(server, client, tmp_path):
    program = """
import sys, threading
from pathlib import Path
from neurolect.online.live_streams import LiveStreams
from neurolect.online.recording import Recorder
from neurolect.online.redis_server import RedisServer
client = RedisServer(unix_socket=Path(sys.argv[1])).client()
Recorder(client, LiveStreams("recording-test:"), Path(sys.argv[2])).run(threading.Event())
"""
    command = [sys.executable, "-c", program, str(server.unix_socket), str(tmp_path)]
    speaker = Speaker(client)
    spoken = []
    for round_ in range(3):
        process = subprocess.Popen(command)
        wait_for_files(tmp_path, len(spoken))
        spoken += [speaker.say(f"sentence {n}", 20) for n in range(60)]
        correct(client, 60 * round_ + 1, f"corrected {round_}")
        wait_for_files(tmp_path, 60 * round_ + 5 + 20 * round_)
        process.send_signal(signal.SIGKILL)
        process.wait()
        Recorder(client, STREAMS, tmp_path).step(0)
    kept = recorded(tmp_path)
    assert [each.sentence for each in kept] == [sentence for sentence, _ in spoken]
    assert all(np.array_equal(each.features, features) for each, (_, features) in zip(kept, spoken, strict=True))
    assert [kept[60 * n].label for n in range(3)] == [f"corrected {n}" for n in range(3)]
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".hdf5"]
    assert unacknowledged(client) == 0


def test_a_recorder_outlives_the_server_and_ends_with_what_is_finished(tmp_path):
    said = []
    with EmbeddedValkey() as valkey:
        client = valkey.server.client()
        client.set(STREAMS.status, json.dumps({"n_features": N_FEATURES}))
        stop = threading.Event()
        recorder = Recorder(valkey.server.client(), STREAMS, tmp_path, said.append)
        running = threading.Thread(target=recorder.run, args=(stop,))
        running.start()
        speaker = Speaker(client)
        speaker.say("before")
        wait_until(lambda: len(recorded_files(tmp_path)) == 1)
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
        wait_until(valkey._answers)
        speaker.say("after")
        wait_until(lambda: len(recorded_files(tmp_path)) == 2)
        speaker.say("last")
        stop.set()
        running.join(30)
        assert not running.is_alive()
    assert [each.sentence.text for each in recorded(tmp_path)] == ["before", "after", "last"]
    waits = [line for line in said if "Redis" in line]
    assert not waits or (len(waits) == 2 and waits[0].startswith("recorder: waiting for Redis"))
    assert waits[1:] == ["recorder: Redis answers again"][: len(waits)]


def test_the_verb_records_until_it_is_interrupted(server, client, tmp_path):
    command = [sys.executable, "-m", "neurolect", "record", str(tmp_path / "recorded"), "--prefix", STREAMS.prefix]
    process = subprocess.Popen([*command, "--unix-socket", str(server.unix_socket)], stderr=subprocess.PIPE, text=True)
    with process:
        sentence, _ = Speaker(client).say("good morning")
        wait_until(lambda: (tmp_path / "recorded").is_dir() and recorded_files(tmp_path / "recorded"))
        process.send_signal(signal.SIGINT)
        assert f"recording to {tmp_path / 'recorded'}" in process.stderr.read()
        assert process.wait(30) == 130
    assert recorded(tmp_path / "recorded")[0].sentence == sentence


def test_a_second_recorder_is_refused_and_the_place_of_a_killed_one_is_taken(server, client, tmp_path, capsys):
    command = ["record", str(tmp_path), "--prefix", STREAMS.prefix, "--unix_socket", str(server.unix_socket)]
    first = subprocess.Popen([sys.executable, "-m", "neurolect", *command], stderr=subprocess.DEVNULL)
    wait_until(lambda: client.exists(STREAMS.recorder))
    assert main(command) == 2
    assert f"another recorder keeps the utterances of {STREAMS.prefix}" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="another recorder"), recording(client, STREAMS, tmp_path, print):
        pass
    first.kill()
    first.wait()
    said = []
    with recording(client, STREAMS, tmp_path, said.append):
        Speaker(client).say("good morning")
        wait_for_files(tmp_path, 1)
    assert not client.exists(STREAMS.recorder)
    with recording(client, STREAMS, tmp_path, said.append):
        pass
    assert not said
