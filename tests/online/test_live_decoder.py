from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spelling_runs import SESSIONS, search, silence, spelled, spelling_run

from neurolect.data.normalisation import RunningNormalisation
from neurolect.online.end_of_speech import EndOfSpeech
from neurolect.online.live_decoder import LiveDecoder
from neurolect.online.live_encoder import LiveEncoder
from neurolect.online.live_settings import LiveSettings
from neurolect.online.live_state import Held, LiveState
from neurolect.online.live_streams import Bins, Event, Partial, PhonemeFrames, Sentence

RUN = spelling_run(memory=0.2)
ENCODER = LiveEncoder(RUN, "float32")
SEARCH = search()
SENTENCES = ["good morning", "see you soon", "you see good soon"]


def decoder(**settings) -> LiveDecoder:
    return LiveDecoder(ENCODER, SEARCH, LiveSettings(**settings), state=LiveState(Held(SESSIONS[0])))


def cut(features, chunks, first=0, source="a"):
    """Entries of so many bins each, and one of what is left."""
    ends = [*np.cumsum(chunks), len(features)]
    pieces = np.split(features, [min(end, len(features)) for end in ends[:-1]])
    numbers = first + np.cumsum([0, *map(len, pieces[:-1])])
    return [Bins(piece, int(number), source, 0.0) for number, piece in zip(numbers, pieces, strict=True) if len(piece)]


def play(live, messages, together=1):
    """Everything published for messages, which get entries 1-0, 2-0, …; bins are pushed so many entries at a time."""
    outputs, waiting = [], []
    for number, message in enumerate(messages, start=int(live.state.position.split("-")[0]) + 1):
        if isinstance(message, Bins):
            waiting.append((f"{number}-0", message))
        if waiting and (len(waiting) == together or isinstance(message, Event)):
            outputs += live.push(waiting)
            waiting = []
        if isinstance(message, Event):
            outputs += live.tell(f"{number}-0", message)
    return outputs + (live.push(waiting) if waiting else [])


def only(kind, outputs):
    return [each for each in outputs if isinstance(each, kind)]


def trial(features, chunks=(), **numbers):
    return [Event("utterance_start"), *cut(features, chunks, **numbers), Event("utterance_end")]


CHUNKS = st.lists(st.integers(1, 30), max_size=20)


@settings(deadline=None, max_examples=25)
@given(CHUNKS, st.sampled_from(SENTENCES), st.integers(1, 5))
def test_a_trial_in_any_chunks_gives_the_offline_answer(chunks, said, together):
    features = spelled(said)
    outputs = play(decoder(), trial(features, chunks), together)
    logits = RUN.logits(features, SESSIONS[0])
    frames = only(PhonemeFrames, outputs)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(np.concatenate([each.probabilities for each in frames]), probabilities, atol=1e-5)
    assert [each.first_frame for each in frames] == [0, *np.cumsum([len(each.probabilities) for each in frames])[:-1]]
    expected = SEARCH.decode(logits)
    (sentence,) = only(Sentence, outputs)
    assert sentence.text == expected[0].text == said
    assert [sentence.text, *(text for text, _ in sentence.alternatives)] == [each.text for each in expected]
    assert sentence.total == pytest.approx(expected[0].total, abs=1e-3)
    assert [word.start for word in sentence.words] == pytest.approx([0.08 * begin for begin, _ in expected[0].times])
    assert [word.end for word in sentence.words] == pytest.approx([0.08 * end for _, end in expected[0].times])
    assert [word.confidence for word in sentence.words] == pytest.approx(expected[0].confidence, abs=1e-4)
    assert (sentence.n_bins, sentence.n_frames, sentence.ended_by) == (len(features), len(logits), "event")


def test_partials_grow_to_the_sentence():
    outputs = play(decoder(), trial(spelled("see you soon"), [1] * 200))
    partials = only(Partial, outputs)
    texts = list(dict.fromkeys(each.text for each in partials))
    assert texts[-1] == "see you soon"
    assert "see" in texts
    assert [each.frames for each in partials] == list(range(1, len(partials) + 1))


def test_bins_outside_of_an_utterance_are_ignored():
    features = spelled("good morning")
    around = [*cut(silence(1), [7], source="a"), *trial(features, [5], first=50), *cut(silence(1), [], first=500)]
    outputs = play(decoder(), around)
    (sentence,) = only(Sentence, outputs)
    assert (sentence.text, sentence.first_bin, sentence.n_bins) == ("good morning", 50, len(features))


PAUSES = EndOfSpeech(silence_seconds=0.6, restart_seconds=2, lead_seconds=0.5)


def talk(seed=0):
    parts = [silence(5.3, seed)]
    for said in SENTENCES:
        parts += [spelled(said, seed), silence(1.5, seed, "BLANK")]
    return np.concatenate(parts)


@settings(deadline=None, max_examples=10)
@given(CHUNKS, st.integers(1, 5))
def test_silence_ends_the_same_utterances_however_bins_come(chunks, together):
    features = talk()
    live = decoder(boundaries="silence", end_of_speech=PAUSES)
    sentences = only(Sentence, play(live, cut(features, chunks), together))
    assert [each.text for each in sentences] == SENTENCES
    whole = decoder(boundaries="silence", end_of_speech=PAUSES)
    expected = only(Sentence, play(whole, cut(features, [])))
    for each, other in zip(sentences, expected, strict=True):
        assert replace(each, first_input="", last_input="") == replace(other, first_input="", last_input="")


def test_an_utterance_that_silence_ended_is_decoded_as_its_bins_are_offline():
    features = talk()
    outputs = play(decoder(boundaries="silence", end_of_speech=PAUSES), cut(features, [3] * 300))
    for sentence in only(Sentence, outputs):
        logits = RUN.logits(features[sentence.first_bin :][: sentence.n_bins], SESSIONS[0])
        best = SEARCH.decode(logits)[0]
        assert (sentence.text, sentence.n_frames, sentence.ended_by) == (best.text, len(logits), "silence")
        assert sentence.total == pytest.approx(best.total, abs=1e-3)


def test_noise_without_a_word_gives_no_sentence_and_takes_no_number():
    hiss = np.random.default_rng(0).normal(size=(600, 41)).astype(np.float32)
    live = decoder(boundaries="silence", end_of_speech=PAUSES)
    outputs = play(live, cut(np.concatenate([silence(8), 0 * hiss, spelled("see you soon"), silence(2)]), [10] * 99))
    assert [(each.utterance, each.text) for each in only(Sentence, outputs)] == [(1, "see you soon")]


@settings(deadline=None, max_examples=10)
@given(CHUNKS, st.integers(0, 60), st.booleans())
def test_a_decoder_that_goes_on_from_a_state_gives_the_sentences_of_one_that_was_not_interrupted(chunks, at, silent):
    how = {"boundaries": "silence", "end_of_speech": PAUSES} if silent else {}
    how["normalisation"] = RunningNormalisation(start_bins=100)
    pieces = cut(talk(), [*chunks, *[20] * 100])
    if silent:
        messages = [*pieces[:3], Event("block", "4"), *pieces[3:]]
    else:
        messages = [Event("block", "3")]
        for number, begin in enumerate(range(0, len(pieces), 9)):
            messages += [Event("utterance_start"), *pieces[begin : begin + 9], Event("utterance_end")]
            messages += [Event("context", f"number {number}"), Event("block", str(number))]
    whole = only(Sentence, play(decoder(**how), messages))
    at = min(at, len(messages))
    first = decoder(**how)
    before = only(Sentence, play(first, messages[:at]))
    second = LiveDecoder(ENCODER, SEARCH, first.settings, state=type(first.state).from_fields(as_read(first.state)))
    read = int(second.state.position.split("-")[0])
    after = only(Sentence, play(second, messages[read:]))
    assert [each.text for each in [*before, *after]] == [each.text for each in whole]
    for each, other in zip([*before, *after], whole, strict=True):
        assert replace(each, total=0, words=(), alternatives=()) == replace(other, total=0, words=(), alternatives=())
        assert each.total == pytest.approx(other.total, abs=1e-3)


def as_read(state):
    return {
        name.encode(): value if isinstance(value, bytes) else str(value).encode()
        for name, value in state.to_fields().items()
    }
