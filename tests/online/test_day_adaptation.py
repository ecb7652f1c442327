from __future__ import annotations

import numpy as np
import pytest
import torch
from spelling_runs import SESSIONS, WORDS, search, spelled, spelling_run

from neurolect.decoding.hypotheses import Hypothesis
from neurolect.errors import ConfigError
from neurolect.online.day_adaptation import DayAdaptation
from neurolect.online.live_answers import Problem, Sentence
from neurolect.online.live_decoder import LiveDecoder
from neurolect.online.live_encoder import LiveEncoder
from neurolect.online.live_input import Bins, Event
from neurolect.online.live_settings import LiveSettings
from neurolect.online.live_state import Held, LiveState
from neurolect.online.utterance_keeper import Tools
from neurolect.text.alphabet import PHONEMES
from neurolect.text.error_rates import count_errors, error_rate

TALK = ["good morning", "see you soon", "you see good soon", "soon you see", "morning soon", "you soon see"]
OFFSET = np.where(np.isin(np.arange(41), PHONEMES.encode(["K", "T", "UH"])), 1.0, 0.0).astype(np.float32)
"""Three electrodes have become louder than they were on any day of the run."""
ADAPT = DayAdaptation(learning_rate=0.02, least_confidence=0.3)


def drifted(said: str, seed: int) -> np.ndarray:
    return 0.9 * spelled(said, seed, noise=0.2) + OFFSET


def phoneme_errors(encoder, layer):
    answers = []
    for seed, said in enumerate(TALK):
        stream = encoder.stream(layer)
        logits = np.concatenate([stream.push(drifted(said, 100 + seed)), stream.finish()])
        answers.append(PHONEMES.decode(PHONEMES.collapse(logits.argmax(axis=1))))
    spoken = [["SIL", *WORDS.phonemes(said)] for said in TALK]
    return error_rate(count_errors(spoken, answers), resamples=1).rate


def talked(decoder, rounds):
    outputs, entry = [], 0
    for seed, said in enumerate(TALK * rounds):
        features = drifted(said, seed)
        for message in (Event("utterance_start"), Bins(features, 1000 * seed, "a", 0.0), Event("utterance_end")):
            entry += 1
            name = f"{entry}-0"
            outputs += decoder.push([(name, message)]) if isinstance(message, Bins) else decoder.tell(name, message)
            decoder.settle()
    return outputs


def live(adapt, session="sim.2030.01.09"):
    encoder = LiveEncoder(spelling_run(), "int8")
    settings = LiveSettings(adapt=adapt)
    return LiveDecoder(Tools(encoder, search(), settings, phonemes=WORDS.phonemes), LiveState(Held(session)))


def test_a_drifted_day_is_followed_without_labels():
    decoder = live(ADAPT)
    encoder, session = decoder.tools.encoder, decoder.session
    before = phoneme_errors(encoder, encoder.day_layer(session))
    weights = {name: value.clone() for name, value in encoder.run.model.state_dict().items()}
    talked(decoder, 3)
    after = phoneme_errors(encoder, decoder.state.layers[session])
    assert before > 0.3
    assert after < before / 3
    assert all(torch.equal(value, weights[name]) for name, value in encoder.run.model.state_dict().items())
    assert list(decoder.state.layers) == [session]


def test_adaptation_is_the_same_each_time_and_off_by_default():
    one, other = live(ADAPT), live(ADAPT)
    talked(one, 1)
    talked(other, 1)
    for a, b in zip(one.state.layers[one.session], other.state.layers[one.session], strict=True):
        assert torch.equal(a, b)
    plain = live(None)
    talked(plain, 1)
    assert not plain.state.layers


def test_only_confident_sentences_of_some_length_teach():
    def heard(*confidence):
        words = ("see", "you", "soon")[: len(confidence)]
        return Hypothesis(words, 0, 0, 0, 0, 0, confidence=confidence)

    adapt = DayAdaptation(least_confidence=0.8, least_words=2)
    assert adapt.trusts(heard(0.9, 0.7))
    assert not adapt.trusts(heard(0.9, 0.6))
    assert not adapt.trusts(heard(1.0))
    assert not adapt.trusts(heard())


def test_an_utterance_too_short_for_its_phonemes_teaches_nothing():
    run = spelling_run()
    layer = LiveEncoder(run).day_layer(SESSIONS[0])
    same = ADAPT.adapted(run, layer, spelled("")[:6], WORDS.phonemes("good morning"))
    assert all(torch.equal(a, b) for a, b in zip(same, layer, strict=True))


def test_an_unknown_session_begins_with_the_latest_days_layer_and_says_so():
    decoder = live(None, SESSIONS[0])
    (problem,) = decoder.tell("1-0", Event("session", "sim.2030.01.09"))
    assert isinstance(problem, Problem)
    assert "does not know session sim.2030.01.09: it begins with the layer of sim.2030.01.02" in problem.text
    for a, b in zip(
        decoder.tools.encoder.day_layer("sim.2030.01.09"),
        decoder.tools.encoder.run.model.day_parameters(1),
        strict=True,
    ):
        assert torch.equal(a, b)
    (sentence,) = [each for each in talked(decoder, 1) if isinstance(each, Sentence)][:1]
    assert sentence.session == "sim.2030.01.09"


@pytest.mark.parametrize("settings", [{"steps": 0}, {"learning_rate": -1}, {"least_confidence": 1.5}])
def test_settings_that_cannot_be_meant_are_refused(settings):
    with pytest.raises(ConfigError, match=f"adapt.{next(iter(settings))}"):
        DayAdaptation(**settings)
