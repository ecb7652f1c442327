from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spelling_runs import SESSIONS, search, silence, spelled, spelling_run

from neurolect.data.normalisation import FeatureStatistics, RunningNormalisation
from neurolect.data.smoothing import GaussianSmoothing
from neurolect.decoding.delayed_fusion import DelayedFusion, FusedDecoder
from neurolect.decoding.second_pass import Rescoring, SecondPass
from neurolect.errors import ConfigError
from neurolect.models.gru import GRUDecoder
from neurolect.online.end_of_speech import EndOfSpeech
from neurolect.online.live_answers import Partial, PhonemeFrames, Problem, Sentence
from neurolect.online.live_decoder import LiveDecoder
from neurolect.online.live_encoder import LiveEncoder
from neurolect.online.live_input import Bins, Event
from neurolect.online.live_settings import LiveSettings
from neurolect.online.live_state import Held, LiveState
from neurolect.online.utterance_keeper import Tools
from neurolect.text.alphabet import PHONEMES
from neurolect.training.runs import Run

RUN = spelling_run(memory=0.2)
ENCODER = LiveEncoder(RUN, "float32")
SEARCH = search()
SENTENCES = ["good morning", "see you soon", "you see good soon"]


def decoder(**settings) -> LiveDecoder:
    return LiveDecoder(Tools(ENCODER, SEARCH, LiveSettings(**settings)), LiveState(Held(SESSIONS[0])))


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


@pytest.mark.parametrize("far", [2**40, 10**9])
def test_a_corrupt_bin_number_costs_its_entry_and_no_more(far):
    features = spelled("good morning")
    messages = trial(features, [10] * 20)
    messages.insert(4, Bins(features[:10], far, "a", 0.0))
    outputs = play(decoder(), [*messages, *trial(spelled("see you soon"), [9], first=len(features))])
    assert [each.text for each in only(Sentence, outputs)] == ["good morning", "see you soon"]
    (problem,) = only(Problem, outputs)
    assert problem.text == f"first is {far}, more than an hour after bin 30 of source 'a', and is left out"


def test_a_source_begins_where_it_likes_and_goes_on_after_hours():
    features, later = spelled("good morning"), spelled("see you soon")
    far = 2**40 + 10**7
    messages = [*trial(features, first=2**40), *cut(silence(1), [20], first=far), *trial(later, first=far + 50)]
    outputs = play(decoder(), messages)
    assert [each.text for each in only(Sentence, outputs)] == ["good morning", "see you soon"]
    refused, missing = only(Problem, outputs)
    assert "more than an hour after" in refused.text
    assert "bins are missing before" in missing.text


def test_a_source_whose_bins_all_come_again_is_told_of_now_and_then():
    features = np.concatenate([spelled("see")] * 100)[:1000]
    again = [Event("utterance_start"), *cut(features, [10] * 99), Event("utterance_end")]
    told = only(Problem, play(decoder(), [*again, *again, *again]))
    first, tenth = (f"bins from {number} of source 'a' come again and are left out" for number in (0, 500))
    assert [each.text for each in told] == [first, tenth, "an utterance without bins ended"] * 2


PAUSES = EndOfSpeech(silence_seconds=0.6, restart_seconds=2, lead_seconds=0.5)


def talk(seed=0):
    parts = [silence(5.3, seed)]
    for said in SENTENCES:
        parts += [spelled(said, seed), silence(1.5, seed, "BLANK")]
    return np.concatenate(parts)


@settings(deadline=None, max_examples=6)
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
    # Phonemes enough to begin, and no word among them.
    noise = np.repeat(1.5 * np.eye(41, dtype=np.float32)[PHONEMES.encode(["ZH", "OY", "ZH"])], 8, axis=0)
    live = decoder(boundaries="silence", end_of_speech=PAUSES)
    talk = [silence(3), noise, silence(3), 0 * noise, silence(1), spelled("see you soon"), silence(2)]
    outputs = play(live, cut(np.concatenate(talk), [10] * 99))
    assert [(each.utterance, each.text) for each in only(Sentence, outputs)] == [(1, "see you soon")]


@settings(deadline=None, max_examples=8)
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
    second = LiveDecoder(first.tools, type(first.state).from_fields(as_read(first.state)))
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


def lasting(said, first, notes=""):
    features = spelled(said)
    return [Event("utterance_start", notes), Bins(features, first, "a", 0.0), Event("utterance_end")]


def test_what_events_set_holds_from_the_next_utterance_on():
    messages = [
        Event("utterance_start"),
        Event("session", SESSIONS[1]),
        Event("block", "7"),
        Event("context", "how are  you"),
        *lasting("good morning", 0)[1:],
        *lasting("good morning", 1000),
    ]
    first, second = only(Sentence, play(decoder(), messages))
    assert (first.session, first.block, first.context) == (SESSIONS[0], None, "")
    assert (second.session, second.block, second.context) == (SESSIONS[1], 7, "how are you")


def test_settings_told_in_a_pause_hold_for_the_sentence_after_it():
    live = decoder(boundaries="silence", end_of_speech=PAUSES)
    quiet, speech = silence(4), np.concatenate([spelled("good morning"), silence(2)])
    pieces = cut(np.concatenate([quiet, speech]), [10] * 99)
    messages = [*pieces[:18], Event("session", SESSIONS[1]), *pieces[18:]]
    (sentence,) = only(Sentence, play(live, messages))
    assert (sentence.session, sentence.text) == (SESSIONS[1], "good morning")


def test_likely_phrases_change_what_is_heard():
    features = 0.5 * spelled("see you soon") + 0.5 * spelled("see you good soon")[: len(spelled("see you soon"))]
    messages = [Event("utterance_start"), Bins(features, 0, "a", 0.0), Event("utterance_end")]
    ((plain,), (hot,)) = (
        only(Sentence, play(decoder(), [*told, *messages])) for told in ([], [Event("phrases", '{"GOOD soon": 60}')])
    )
    assert "good soon" in hot.text
    assert "good soon" not in plain.text


def test_what_was_said_before_is_context_if_asked_for():
    messages = [
        Event("context", "Hello."),
        *lasting("good morning", 0),
        *lasting("see you soon", 1000),
        *lasting("see you", 2000),
        Event("context", ""),
        *lasting("see", 3000),
    ]
    contexts = [each.context for each in only(Sentence, play(decoder(context="said"), messages))]
    assert contexts == ["Hello.", "Hello. good morning.", "Hello. good morning. see you soon.", ""]
    assert [each.context for each in only(Sentence, play(decoder(), messages))] == ["Hello."] * 3 + [""]


def test_an_utterance_ends_with_its_source_and_when_it_is_too_long():
    one, other = spelled("good morning"), spelled("see you soon")
    messages = [
        Event("utterance_start"),
        Bins(one, 0, "a", 0.0),
        Bins(other[:50], 0, "b", 0.0),
        Event("utterance_end"),
        *lasting("see you soon", 50)[:1],
        Bins(other, 50, "b", 0.0),
        Event("utterance_end"),
    ]
    outputs = play(decoder(), messages)
    assert [(each.text, each.ended_by) for each in only(Sentence, outputs)] == [
        ("good morning", "source"), ("see you soon", "event"),
    ]  # fmt: skip
    assert ["without utterance_start" in each.text for each in only(Problem, outputs)] == [True]
    too_long = [Event("utterance_start"), *cut(silence(9), [30] * 12), Event("utterance_end"), Event("utterance_end")]
    endless = play(decoder(longest_seconds=2), too_long)
    said = "ended after 2 s; bins until the next utterance_start are ignored"
    assert [each.text for each in only(Problem, endless)] == [said, "utterance_end without utterance_start"]
    (sentence,) = only(Sentence, endless)
    assert (sentence.text, sentence.n_bins, sentence.ended_by) == ("", 100, "length")
    assert sentence.problems == (said,)
    noise = spelled("see you see you see you see you")
    outputs = play(decoder(boundaries="silence", longest_seconds=2), cut(noise, [30] * 12))
    assert {each.text for each in only(Problem, outputs)} == {"ended after 2 s"}


def test_an_utterance_too_short_for_a_frame_has_an_empty_sentence():
    (sentence,) = only(
        Sentence, play(decoder(), [Event("utterance_start"), *cut(silence(0.02), []), Event("utterance_end")])
    )
    assert (sentence.text, sentence.words, sentence.n_bins, sentence.n_frames) == ("", (), 1, 0)


def test_sources_that_come_together_are_heard_one_after_the_other():
    features = talk()
    other = np.concatenate([silence(1), spelled("good good morning"), silence(2)])
    live = decoder(boundaries="silence", end_of_speech=PAUSES)
    messages = [*cut(features[:-40], [50] * 99), *cut(other, [50] * 99, source="b")]
    states = []
    outputs = []
    for begin in range(0, len(messages), 7):
        outputs += live.push([(f"{begin + n + 1}-0", each) for n, each in enumerate(messages[begin : begin + 7])])
        states.append(live.state)
    sentences = only(Sentence, outputs)
    assert [each.text for each in sentences] == [*SENTENCES, "good good morning"]
    assert [each.source for each in sentences] == ["a", "a", "a", "b"]
    # From every state, what is still to come is heard as it was.
    for state in states:
        rest = play(LiveDecoder(live.tools, state), messages[int(state.position.split("-")[0]) :], together=7)
        assert [each.text for each in only(Sentence, rest)] == [each.text for each in sentences[state.utterances :]]


def test_only_the_features_that_the_run_was_trained_on_are_taken():
    run = Run(
        GRUDecoder(64, 16, 2, 41, n_layers=1).eval(), PHONEMES, SESSIONS, GaussianSmoothing(), ["55b spike power"]
    )
    features = np.random.default_rng(0).normal(size=(60, 512)).astype(np.float32)
    encoder = LiveEncoder(run, "float32")
    assert encoder.n_features == 512
    assert encoder.feature_arrays[6] == ("55b spike power", 384, 447)
    live = LiveDecoder(Tools(encoder, SEARCH))
    outputs = play(live, [Event("utterance_start"), *cut(features, [7, 11]), Event("utterance_end")])
    heard = np.concatenate([each.probabilities for each in only(PhonemeFrames, outputs)])
    logits = run.logits(features[:, 384:448], SESSIONS[1])
    assert np.allclose(heard, np.exp(logits) / np.exp(logits).sum(1, keepdims=True), atol=1e-5)


def test_a_model_that_needs_whole_trials_is_refused():
    with pytest.raises(ConfigError, match="a Linear needs whole trials; live decoding needs a GRUDecoder"):
        LiveEncoder(Run(torch.nn.Linear(3, 41), PHONEMES, SESSIONS, GaussianSmoothing()))


def test_weights_are_told_from_others_that_differ_in_a_day_layer_alone():
    other = spelling_run(memory=0.2)
    assert LiveEncoder(other).mark == ENCODER.mark
    other.model.day_biases[1].data += 0.01
    assert LiveEncoder(other).mark != ENCODER.mark


def test_phrases_of_an_earlier_search_are_forgotten_and_given_ones_refused():
    held = Held(SESSIONS[0], phrases={"xylophone": 2.0})
    live = LiveDecoder(Tools(ENCODER, SEARCH), LiveState(held, given=Held(SESSIONS[0])))
    (problem,) = live.unknown_phrases()
    assert "'xylophone'" in problem.text
    assert "phrases are forgotten" in problem.text
    (sentence,) = only(Sentence, play(live, lasting("see you soon", 0)))
    assert sentence.text == "see you soon"
    with pytest.raises(ConfigError, match="xylophone"):
        LiveDecoder(Tools(ENCODER, SEARCH), LiveState(held, given=held)).unknown_phrases()


def test_raw_features_are_normalised_with_the_block_so_far():
    gain, offset = np.float32(30), np.float32(200)
    first, second = spelled("good morning", 1), spelled("see you soon", 2)
    statistics = FeatureStatistics(np.full(41, 200.0), np.full(41, 30.0))
    normalisation = RunningNormalisation(start_bins=500)
    messages = [
        *(Event("utterance_start"), Bins(first * gain + offset, 0, "a", 0.0), Event("utterance_end")),
        *cut(np.full((40, 41), 9e4, np.float32), [10], first=500),
        *(Event("utterance_start"), Bins(second * gain + offset, 900, "a", 0.0), Event("utterance_end")),
    ]
    sentences = only(Sentence, play(decoder(normalisation=normalisation, start=statistics), messages))
    scores = normalisation(np.concatenate([first, second]) * gain + offset, statistics)
    for each, features in zip(sentences, np.split(scores, [len(first)]), strict=True):
        assert each.total == pytest.approx(SEARCH.decode(RUN.logits(features, SESSIONS[0]))[0].total, abs=1e-2)
    assert [each.text for each in sentences] == ["good morning", "see you soon"]


class Failing:
    """A large language model that needs more memory than there is, for lists of more than so many sentences."""

    def __init__(self, most):
        self.most = most

    def score(self, sentences, context=""):
        if len(sentences) > self.most:
            raise RuntimeError("out of memory")
        return np.array([-float("soon" in each) for each in sentences])


@pytest.mark.parametrize(("most", "done"), [(0, "went on without the large language model"), (1, "scored in 5 parts")])
def test_a_second_pass_that_runs_out_of_memory_falls_back_and_says_so(most, done):
    second_pass = SecondPass(Rescoring())
    second_pass.rescoring = second_pass._loaded = Rescoring(llm="failing")
    second_pass._llm = Failing(most)
    live = LiveDecoder(Tools(ENCODER, SEARCH, second_pass=second_pass), LiveState(Held(SESSIONS[0])))
    (sentence,) = only(Sentence, play(live, lasting("see you soon", 0)))
    assert sentence.text == "see you soon"
    (problem,) = sentence.problems
    assert "out of memory" in problem
    assert done in problem


def test_a_large_language_model_that_fails_in_the_search_is_left_out_of_it():
    fused = FusedDecoder(SEARCH, DelayedFusion(llm="failing", every=5), lambda context: Failing(0))
    live = LiveDecoder(Tools(ENCODER, fused, simpler_search=SEARCH), LiveState(Held(SESSIONS[0])))
    outputs = play(live, [*lasting("see you soon", 0), *lasting("good morning", 1000)])
    expected = SEARCH.decode(RUN.logits(spelled("see you soon"), SESSIONS[0]))[0]
    sentences = only(Sentence, outputs)
    assert [each.text for each in sentences] == ["see you soon", "good morning"]
    assert sentences[0].total == pytest.approx(expected.total, abs=1e-3)
    assert "went on without its large language model: out of memory" in sentences[0].problems[0]
