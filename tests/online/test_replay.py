from __future__ import annotations

import json
import threading
import time

import numpy as np
import pytest

from neurolect.commands.main import main
from neurolect.data.dataset import SpeechData
from neurolect.errors import ConfigError, DataError
from neurolect.online.answers import Answers, beside, word_error_rate
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.live_answers import Sentence
from neurolect.online.live_input import Bins, Event, read_input
from neurolect.online.live_streams import LiveStreams
from neurolect.online.replay import Playback, PlayedTrial, play, trials_of
from neurolect.online.sender import Sender

STREAMS = LiveStreams("replay-test:")


@pytest.fixture(scope="module")
def server():
    with EmbeddedValkey() as valkey:
        yield valkey.server


@pytest.fixture
def client(server):
    client = server.client()
    yield client
    client.flushall()


def received(client, n_features=8):
    return [read_input(fields, n_features) for _, fields in client.xrange(STREAMS.input)]


def sentence(number, text, first_bin, n_bins, source):
    return Sentence(
        number, text, (), (), 0.0, "sim.2030.01.01", 1, "event", n_bins, n_bins // 4, first_bin, source, "1-1", "1-2",
        "", {}, (), 1.0,
    )  # fmt: skip


def answer(client, stop, texts):
    """Stand in for a decoder: one sentence an utterance, from `texts` by number of the trial."""
    last, start, bins, source, n = "0-0", 0, 0, "", 0
    while not stop.is_set():
        for _, entries in client.xread({STREAMS.input: last}, block=50) or ():
            last = entries[-1][0]
            for entry in (read_input(fields, 8) for _, fields in entries):
                if isinstance(entry, Bins):
                    bins, source = entry.first + len(entry.features), entry.source
                elif entry.kind == "utterance_start":
                    start, notes = bins, json.loads(entry.value)
                elif entry.kind == "utterance_end" and (text := texts(notes)) is not None:
                    n += 1
                    client.xadd(STREAMS.sentences, sentence(n, text, start, bins - start, source).to_fields())
        status = {"n_features": 8, "queue": 0, "in_utterance": False, "time": time.time()}
        client.set(STREAMS.status, json.dumps(status))


@pytest.fixture
def decoder(server):
    """Start the stand-in with what it should answer to the notes of a trial."""
    stop, threads = threading.Event(), []

    def begin(texts):
        threads.append(threading.Thread(target=answer, args=(server.client(), stop, texts)))
        threads[-1].start()

    yield begin
    stop.set()
    for thread in threads:
        thread.join()


def test_a_replay_sends_every_bin_with_sessions_blocks_and_both_ends_of_trials(client, dataset):
    trials = trials_of(SpeechData(dataset(n_sessions=2, n_val=2, n_features=8)), "val")
    played = list(play(trials, Sender(client, STREAMS), Playback(speed=0, block_bins=7)))
    entries = received(client)
    kinds = [each.kind for each in entries if isinstance(each, Event)]
    session = ["session", *["utterance_start", "utterance_end"] * 2]
    assert kinds == [*session[:1], "block", *session[1:], *session]
    sent = np.concatenate([each.features for each in entries if isinstance(each, Bins)])
    assert np.array_equal(sent, np.concatenate([trial.features for trial in trials]))
    for each in played:
        assert np.array_equal(sent[each.first_bin : each.end], each.trial.features)
    notes = [json.loads(each.value) for each in entries if isinstance(each, Event) and each.kind == "utterance_start"]
    assert [each["sentence"] for each in notes] == [trial.sentence for trial in trials]
    assert [each["trial"] for each in notes] == [0, 1, 0, 1]
    assert not any("simulated" in each for each in notes)
    assert max(len(each.features) for each in entries if isinstance(each, Bins)) == 7


def test_a_continuous_replay_tells_no_ends_and_puts_zeros_between_trials(client, dataset):
    trials = trials_of(SpeechData(dataset(n_sessions=1, n_val=2, n_features=8)), "val")
    played = list(play(trials, Sender(client, STREAMS), Playback(speed=0, continuous=True, pause=0.1)))
    entries = received(client)
    assert [each.kind for each in entries if isinstance(each, Event)] == ["session", "block"]
    sent = np.concatenate([each.features for each in entries if isinstance(each, Bins)])
    assert played[1].first_bin == played[0].end + 5
    assert not sent[played[0].end : played[1].first_bin].any()
    assert len(sent) == played[1].end + 5


def test_bins_are_sent_when_they_are_due_and_delays_do_not_add_up(client, dataset):
    trials = trials_of(SpeechData(dataset(n_sessions=1, n_val=1, n_features=8)), "val")

    class SlowSender(Sender):
        def send(self, features):
            time.sleep(0.012)
            super().send(features)

    begin = time.monotonic()
    list(play(trials, SlowSender(client, STREAMS), Playback()))
    due = trials[0].n_bins * 0.02
    assert due < time.monotonic() - begin < due + 0.3
    assert trials[0].n_bins * 0.012 > 0.35
    times = [each.sent for each in received(client) if isinstance(each, Bins)]
    assert np.median(np.diff(times)) == pytest.approx(0.02, abs=0.005)


def test_some_columns_are_sent_where_a_decoder_knows_only_those(client, dataset):
    data = SpeechData(dataset(n_sessions=1), feature_blocks=["55b spike power"])
    trials = trials_of(data, "val", limit=1)
    list(play(trials, Sender(client, STREAMS), Playback(speed=0, block_bins=1000), data.columns))
    bins = next(each for each in received(client, 64) if isinstance(each, Bins))
    assert np.array_equal(bins.features, trials[0].features[:, data.columns])


def test_sentences_are_laid_beside_the_trials_that_they_share_bins_with(dataset):
    trials = trials_of(SpeechData(dataset(n_sessions=1, n_val=3, n_features=8)), "val")
    first, second, third = (PlayedTrial(trial, 1000 * n) for n, trial in enumerate(trials))
    heard = [
        sentence(1, "good", 0, 20, "s"),
        sentence(2, "morning", 20, 500, "s"),
        sentence(3, "", 700, 100, "s"),
        sentence(4, "see you", 900, 120, "s"),
    ]
    answered = beside([first, second, third], heard)
    assert [each.decoded for each in answered] == ["good morning", "see you", None]
    assert [trial.sentence for trial in trials] == ["good morning", "see you soon", "thank you"]
    rate = word_error_rate(answered)
    assert (rate.deletions, rate.substitutions, rate.length) == (3, 0, 7)


def test_there_is_no_word_error_rate_without_sentences(dataset):
    [trial] = trials_of(SpeechData(dataset(n_sessions=1, n_val=1, n_features=8)), "val")
    unlabelled = PlayedTrial(type(trial)("s", 1, 1, trial.features), 0)
    assert word_error_rate(beside([unlabelled], [])) is None


def test_the_verb_prints_what_was_said_beside_what_was_decoded(server, client, dataset, decoder, capsys):
    root = dataset(n_sessions=2, n_val=2, n_features=8)
    (root / "SIMULATED.txt").write_text("made up\n")
    decoder(lambda notes: notes["sentence"].replace("morning", "mourning"))
    arguments = ["--speed", "0", "--prefix", STREAMS.prefix, "--unix_socket", str(server.unix_socket)]
    assert main(["replay", str(root), *arguments]) == 0
    shown = capsys.readouterr().out
    assert "good morning   good mourning" in shown
    # Two of the ten words of "good morning" and "see you soon", each in both sessions.
    assert "word error rate of simulated recordings: 20.00 %" in shown
    assert "10 words in 4 trials" in shown
    starts = [each for each in received(client) if isinstance(each, Event) and each.kind == "utterance_start"]
    assert all(json.loads(each.value)["simulated"] is True for each in starts)
    assert "not answered" not in shown


def test_one_session_is_played_by_name_and_a_trial_without_an_answer_is_said(server, client, dataset, decoder, capsys):
    root = dataset(n_sessions=2, n_val=2, n_features=8)
    decoder(lambda notes: None if notes["trial"] else notes["sentence"])
    arguments = ["--speed", "0", "--prefix", STREAMS.prefix, "--unix_socket", str(server.unix_socket)]
    assert main(["replay", str(root), "--session", "sim.2030.01.02", *arguments]) == 0
    shown = capsys.readouterr().out
    assert "(no answer)" in shown
    assert "note: 1 of 2 trials were not answered" in shown
    assert "3 words" not in shown
    assert "simulated" not in shown
    assert next(each.value for each in received(client) if isinstance(each, Event)) == "sim.2030.01.02"


def test_waiting_ends_where_no_decoder_is(server, client, dataset, capsys):
    root = dataset(n_sessions=1, n_val=2, n_features=8)
    client.set(STREAMS.status, json.dumps({"n_features": 512, "queue": 0, "in_utterance": False, "ended": True}))
    arguments = ["--speed", "0", "--prefix", STREAMS.prefix, "--unix_socket", str(server.unix_socket)]
    assert main(["replay", str(root), *arguments, "--patience", "0.3"]) == 2
    shown = capsys.readouterr()
    assert "no trial was answered: see that a decoder serves replay-test:" in shown.err
    assert "2 of 2 trials were not answered" in shown.out
    assert "no decoder is at replay-test: yet" in shown.err


def test_a_decoder_of_other_features_is_refused_before_anything_is_sent(server, client, dataset, capsys):
    client.set(STREAMS.status, json.dumps({"n_features": 512}))
    arguments = ["--speed", "0", "--prefix", STREAMS.prefix, "--unix_socket", str(server.unix_socket)]
    assert main(["replay", str(dataset(n_sessions=1, n_features=8)), *arguments]) == 2
    assert "there are 8 features, the decoder takes 512" in capsys.readouterr().err
    assert not client.exists(STREAMS.input)


def test_answers_from_before_and_to_others_are_not_taken(client):
    client.xadd(STREAMS.sentences, sentence(1, "before", 0, 10, "mine").to_fields())
    answers = Answers(client, STREAMS, "mine", print)
    client.xadd(STREAMS.sentences, {"sentence": "[" * 5000})
    client.set(STREAMS.status, "[" * 5000)
    client.xadd(STREAMS.sentences, sentence(2, "theirs", 0, 10, "theirs").to_fields())
    client.xadd(STREAMS.sentences, sentence(3, "mine", 0, 10, "mine").to_fields())
    answers.wait(1, patience=5)
    assert [each.text for each in answers.sentences] == ["mine"]


@pytest.mark.parametrize(
    ("settings", "said"), [({"speed": -1}, "speed"), ({"block_bins": 0}, "block_bins"), ({"pause": -0.1}, "pause")]
)
def test_a_playback_that_cannot_be_meant_is_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        Playback(**settings)


def test_a_split_that_was_not_recorded_is_said(dataset):
    with pytest.raises(DataError, match="data_test"):
        trials_of(SpeechData(dataset(n_sessions=1, n_features=8)), "test")
