from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter

import numpy as np
import psutil
import pytest

pytest.importorskip("spelling_runs")

from spelling_runs import SESSIONS, spelled, spelling_run

from neurolect.data.t15 import write_split
from neurolect.data.trial import Trial
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.live_answers import Problem, Sentence
from neurolect.online.live_streams import LiveStreams
from neurolect.online.recorded_trials import read_recorded, recorded_files
from neurolect.training.runs import save_run

STREAMS = LiveStreams()
SENTENCES = ["see you", "good morning", "see you soon", "you see", "good good"]
SPEED = 20
MOST_SECONDS = 1500


def neurolect(*arguments):
    return [sys.executable, "-m", "neurolect", *map(str, arguments)]


@pytest.fixture
def valkey():
    with EmbeddedValkey() as running:
        yield running


@pytest.fixture
def start(tmp_path):
    """Start processes, which end with the test; what they print goes to files."""
    started = []

    def begin(name, command):
        with (tmp_path / f"{name}.log").open("wb") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
        return started[-1]

    yield begin
    for process in reversed(started):
        process.terminate()
        process.wait()


def write_recordings(root, n_trials):
    trials = []
    for number in range(n_trials):
        sentence = SENTENCES[number % len(SENTENCES)]
        features = spelled(sentence, seed=number)
        trials.append(Trial(SESSIONS[0], number // 50, number, features, None, sentence))
    write_split(root / SESSIONS[0] / "data_val.hdf5", trials)
    return trials


def watch(client, server, sending, n_trials):
    """Poll until all is answered; gives the server's memory by sentences so far, and the longest input stream.

    Pages of mapped files do not count: the language model's come in as its words are first met.
    """
    memory, longest, deadline = {}, 0, time.monotonic() + MOST_SECONDS
    while (done := client.xlen(STREAMS.sentences)) < n_trials:
        assert time.monotonic() < deadline
        assert server.is_running()
        assert sending.poll() in (None, 0)
        found = server.memory_info()
        memory.setdefault(done, (found.rss - found.shared) / 1e6)
        longest = max(longest, client.xlen(STREAMS.input))
        time.sleep(0.05)
    return memory, longest


def wait_until(true, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("n_trials", [2000])
def test_thousands_of_utterances_leave_memory_and_streams_as_they_were(valkey, start, tmp_path, n_trials):
    save_run(tmp_path / "run", spelling_run(memory=0.2))
    trials = write_recordings(tmp_path / "recordings", n_trials)
    client, at = valkey.server.client(), ("--unix_socket", valkey.socket)
    recording = start("record", neurolect("record", tmp_path / "recorded", *at))
    wait_until(lambda: client.exists(STREAMS.sentences))
    decoding = start("serve", neurolect("serve", "live", tmp_path / "run", "--lm", "english", *at))
    wait_until(lambda: client.exists(STREAMS.status))
    sending = start("replay", neurolect("replay", tmp_path / "recordings", "--speed", SPEED, "--wait", "false", *at))
    began = time.monotonic()
    memory, longest = watch(client, psutil.Process(decoding.pid), sending, n_trials)
    seconds = time.monotonic() - began
    wait_until(lambda: len(recorded_files(tmp_path / "recorded")) == n_trials)
    wait_until(lambda: sending.poll() is not None)

    sentences = [Sentence.from_fields(fields) for _, fields in client.xrange(STREAMS.sentences)]
    assert [each.utterance for each in sentences] == list(range(1, n_trials + 1))
    assert [each.notes["trial"] for each in sentences] == list(range(n_trials))
    assert [each.n_bins for each in sentences] == [trial.n_bins for trial in trials]
    assert np.mean([each.text == trial.sentence for each, trial in zip(sentences, trials, strict=True)]) > 0.9

    kept = [read_recorded(path) for path in recorded_files(tmp_path / "recorded")]
    assert Counter(each.sentence.utterance for each in kept) == Counter(range(1, n_trials + 1))
    assert all(np.array_equal(each.features, trials[each.sentence.utterance - 1].features) for each in kept)

    tenths = [
        round(float(np.mean([each for done, each in memory.items() if 10 * done // n_trials == tenth])), 1)
        for tenth in range(10)
    ]
    problems = [Problem.from_fields(fields).text for _, fields in client.xrange(STREAMS.problems)]
    speech = sum(trial.n_bins for trial in trials) * 0.02
    print(f"{n_trials} utterances, {speech:.0f} s of speech in {seconds:.0f} s")
    print(f"MB of the server in each tenth: {tenths}")
    print(f"longest input: {longest} entries; problems: {len(problems)}, the first: {problems[:1]}")
    # What grows is what the first utterances reach for the first time.
    assert tenths[9] < tenths[0] + 12
    assert tenths[9] < tenths[5] + 3
    # The server trims about once a second, and only what is recorded.
    wait_until(lambda: client.xlen(STREAMS.input) <= 200)
    assert client.xlen(STREAMS.partials) < 6000
    assert client.xlen(STREAMS.phonemes) < 6000
    names = {key.decode().removeprefix(STREAMS.prefix) for key in client.scan_iter()}
    assert names <= {"input", "phonemes", "partials", "sentences", "corrections", "problems", "status", "state"}
    assert recording.poll() is None
