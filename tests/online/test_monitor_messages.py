from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neurolect.errors import DataError
from neurolect.online.live_answers import PhonemeFrames, Sentence, Word
from neurolect.online.monitor import messages
from neurolect.online.monitor.display_frames import FeatureScale, phoneme_messages

SENTENCE = Sentence(
    3, "good morning", (Word("good", 0.0, 0.4, 0.9), Word("morning", 0.4, 1.0, 0.4)), (("good morning", -1.0),), -1.0,
    "day", None, "silence", 50, 12, 100, "test", "1-0", "9-0", "", {"sentence": "good evening"}, ("slow",), 40.0,
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def told_or_refused(read, *given):
    """None where it was refused in one line."""
    try:
        return read(*given)
    except DataError as error:
        if "\n" in str(error):
            raise
        return None


def test_a_sentence_is_told_with_its_cue_and_what_each_word_is_worth():
    said = messages.sentence("5-0", {b"sentence": SENTENCE.to_fields()["sentence"].encode()})
    assert (said["id"], said["utterance"], said["text"], said["cue"]) == ("5-0", 3, "good morning", "good evening")
    assert [(each["text"], each["confidence"]) for each in said["words"]] == [("good", 0.9), ("morning", 0.4)]
    assert said["correction"] is None


@given(st.data())
def test_a_sentence_of_which_anything_was_replaced_is_told_as_json_or_refused(data):
    said = json.loads(SENTENCE.to_fields()["sentence"])
    for key in data.draw(st.lists(st.sampled_from(sorted(said)), min_size=1, max_size=4)):
        said[key] = data.draw(ANYTHING)
    told = told_or_refused(messages.sentence, "1-0", {b"sentence": json.dumps(said).encode()})
    if told is None:
        return
    json.dumps(told, allow_nan=False)
    assert isinstance(told["text"], str)
    assert all(isinstance(word["text"], str) for word in told["words"])


@given(st.dictionaries(st.sampled_from([b"sentence", b"partial", b"utterance", b"text", b"part"]), st.binary()))
def test_entries_of_any_bytes_are_told_or_refused(fields):
    for read in (messages.sentence, messages.partial, messages.correction, messages.problem):
        json.dumps(told_or_refused(read, "1-0", fields), allow_nan=False)


@given(st.dictionaries(st.sampled_from(["symbols", "feature_arrays", "latency_ms", "queue", "blank", "run"]), ANYTHING))
def test_a_status_of_any_json_is_told_without_what_is_of_another_type(said):
    told = messages.status(json.dumps(said).encode())
    json.dumps(told, allow_nan=False)
    assert all(isinstance(each, str) for each in told["symbols"])
    assert all(isinstance(each[1], int) for each in told["feature_arrays"])


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[1]", b"[" * 100_000, b'"' + b"x" * 2_000_000 + b'"', b"9" * 9_999])
def test_a_status_that_is_no_json_object_is_refused(raw):
    with pytest.raises(DataError):
        messages.status(raw)


@pytest.mark.parametrize("raw", [b"", b"\xff", b"null", b"[" * 100_000, b"{}", b"9" * 9_999])
def test_a_sentence_that_is_no_json_object_is_refused(raw):
    with pytest.raises(DataError):
        messages.sentence("1-0", {b"sentence": raw})


def test_features_are_shown_by_how_unusual_they_are_in_any_unit():
    rng = np.random.default_rng(0)
    scale = FeatureScale(3)
    units = np.array([1e-9, 1.0, 1e12])
    for _ in range(20):
        scale.message((rng.normal(size=(50, 3)) * units + 100 * units).astype(np.float32))
    message = scale.message(np.array([[100, 100, 100], [103, 103, 103], [0, 100, 200]] * units, dtype=np.float32))
    assert message[:12] == b"\x01\0\0\0" + (3).to_bytes(4, "little") + (3).to_bytes(4, "little")
    mean, high, extreme = np.frombuffer(message[12:], dtype=np.uint8).reshape(3, 3).astype(int)
    assert np.abs(mean - 128).max() < 20
    assert high.min() > 225  # though an artefact of 100 deviations came with it
    assert extreme.tolist()[0] == 1
    assert extreme.tolist()[2] == 255


@given(arrays(np.float32, (7, 2), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_any_finite_features_can_be_shown(features):
    with np.errstate(over="raise", invalid="raise"):
        assert len(FeatureScale(2).message(features)) == 12 + 14


def test_frames_that_follow_are_one_message_and_others_are_not():
    part = np.full((2, 3), 1 / 3, dtype=np.float32)
    first, second, gap = PhonemeFrames(1, 0, part), PhonemeFrames(1, 2, part), PhonemeFrames(2, 0, part)
    joined, other = phoneme_messages([first, second, gap])
    assert (len(joined), len(other)) == (20 + 12, 20 + 6)
    assert set(joined[20:]) == {85}


def test_probabilities_that_are_none_are_shown_as_nothing():
    odd = np.array([[np.nan, np.inf, -np.inf, 2.0, -1.0]], dtype=np.float32)
    assert list(phoneme_messages([PhonemeFrames(1, 0, odd)])[0][20:]) == [0, 255, 0, 255, 0]
